"""The folder of real flow maps that a machine may have, and the marks of tests that need it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("MER_BENCH_REAL_DATA", ""))
NEEDS_MAPS = [
    pytest.mark.real_data,
    pytest.mark.skipif(
        not (FOLDER / "labels.csv").is_file(), reason="MER_BENCH_REAL_DATA names no folder of real maps"
    ),
]
