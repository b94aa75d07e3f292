"""CITATION.cff, validated by cffconvert."""

from __future__ import annotations

import json
from pathlib import Path

from cffconvert import Citation

from mer_bench.version import __version__

FILE = Path(__file__).parents[1] / "CITATION.cff"


def test_the_file_is_valid_and_names_this_version() -> None:
    citation = Citation(FILE.read_text(encoding="utf-8"))
    citation.validate()
    converted = json.loads(citation.as_codemeta())

    assert converted["version"] == __version__
    assert converted["license"] == "https://spdx.org/licenses/Apache-2.0"
