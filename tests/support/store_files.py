"""Edit stored records, and keep their checksums right: the harness must see what is wrong by other means.

And the plan of a run, as it is stored.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mer_bench.store.run_plan import PlanRecord
from mer_bench.store.schema import SCHEMA
from support.store_factory import STORED_ROW as ROW


def read_plain(file: Path) -> dict[str, Any]:
    """Return a record without its checksum, which is not checked."""
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    del content["sha256"]
    return content


def edit_record(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a stored record in place."""
    content = read_plain(file)
    change(content)
    write_sealed(file, content)


def write_sealed(file: Path, content: object) -> None:
    """Write any JSON with a checksum that fits."""
    text = json.dumps(content, indent=1)[: -len("\n}")]
    checksum = hashlib.sha256(text.encode()).hexdigest()
    file.write_text(f'{text},\n "sha256": "{checksum}"\n}}', encoding="utf-8")


def plan(run_id: str, cells: list[tuple[int, str]]) -> PlanRecord:
    """Return the plan of a run of `STORED_ROW`."""
    task = {"kind": "gpu", "seconds": 7.5, "rows": [], "samples": []}
    content = {"schema": SCHEMA, "run_id": run_id, "data": {"name": "synthetic", "options": {}}, "protocol": "cde"}
    rest = {"selection": "last", "device": "cpu", "timeout": None, "stack": None, "rows": [ROW["row_key"]]}
    tasks = [{**task, "cells": [{"row": 0, "seed": seed, "fold": fold} for seed, fold in cells]}]
    whole: PlanRecord = {**content, **rest, "tasks": tasks}  # type: ignore[typeddict-item]
    return whole
