"""Turn a store of an older schema into the current one, in place.

A store of schema 4 has no checksums, and its cells say of the scores of every epoch only that there are some.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer_bench.errors import MerBenchError
from mer_bench.store.files import digest, read_json, read_record, write_record
from mer_bench.store.marker import stated_schema, write_marker
from mer_bench.store.schema import SCHEMA
from mer_bench.store.store import Store

OLDEST = 4
"""The oldest schema that can be upgraded."""

_RECORDS = (
    *("runs/*/manifest.json", "runs/*/plan.json", "cells/*/*/*/row.json", "cells/*/*/*/network.json"),
    *("cells/*/*/*/seed-*/[!.]*.json", "cells/*/*/*/verified.json"),
)
"""In the order in which they are upgraded: what was verified is hashed with its row and cells."""
_NO_FILE = "0" * 64
"""Stands for scores that a cell has lost: no file has this SHA-256, so they still count as lost."""


@dataclass(frozen=True)
class Upgraded:
    """What an upgrade did.

    Parameters
    ----------
    before : int
        The schema that the store had.
    records : int
        Number of files that were written.
    damaged : tuple of str
        A sentence for each file that cannot be read; it was left as it is.
    """

    before: int
    records: int
    damaged: tuple[str, ...]


def upgrade(path: Path, *, dry_run: bool = False) -> Upgraded:
    """Make a store one of the current schema; nothing is done to a current one.

    Each file is replaced atomically, and ``store.json`` last: an upgrade that was stopped can be repeated. No run may
    write to the store meanwhile.

    Parameters
    ----------
    path : Path
        The results folder.
    dry_run : bool
        Only count the files.

    Raises
    ------
    MerBenchError
        There is no store, its schema cannot be upgraded, or it cannot be written.
    """
    before = stated_schema(path)
    if before > SCHEMA:
        raise MerBenchError(f"{path} was made by a newer mer-bench (store schema {before}); upgrade mer-bench")
    if before < OLDEST:
        raise MerBenchError(
            f"{path} has the store schema {before}; {OLDEST} is the oldest that can be upgraded, so compute it again "
            "in another folder with --results"
        )
    store, records, damaged = Store(path), 0, []
    for file in [] if before == SCHEMA else [file for pattern in _RECORDS for file in sorted(path.glob(pattern))]:
        if _is_current(file):
            continue
        try:
            content = _upgraded(store, file)
        except MerBenchError as error:
            damaged.append(str(error))
            continue
        records += 1
        if not dry_run:
            write_record(file, content)
    if before != SCHEMA and not dry_run:
        write_marker(path)
    return Upgraded(before, records, tuple(damaged))


def _is_current(file: Path) -> bool:
    try:
        return bool(read_record(file)["schema"] == SCHEMA)
    except (MerBenchError, TypeError, KeyError):
        return False


def _upgraded(store: Store, file: Path) -> dict[str, Any]:
    content = read_json(file)
    if not isinstance(content, dict) or content.get("schema", OLDEST) != OLDEST:
        raise MerBenchError(f"{file} does not have the schema {OLDEST} of its store; it is left as it is")
    try:
        if "epoch_scores" in content:
            content["epoch_scores"] = _epochs_checksum(store, content["key"]) if content["epoch_scores"] else ""
        if file.name == "verified.json":
            content["cells"] = [_verified(store, file.parent, entry) for entry in content["cells"]]
    except (KeyError, TypeError) as error:
        raise MerBenchError(f"{file} lacks a field ({error}); it is left as it is, and counts as absent") from error
    return {**content, "schema": SCHEMA}


def _epochs_checksum(store: Store, key: str) -> str:
    return store.epoch_scores_digest(key) or _NO_FILE


def _verified(store: Store, folder: Path, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with the hash that its row and cell have now, unless it did not apply before either."""
    try:
        row = read_record(folder / "row.json")
        cell = read_record(folder / f"seed-{entry['seed']}" / f"{entry['fold']}.json")
    except MerBenchError:
        return dict(entry)
    epochs = store.epoch_scores_digest(cell["key"]) if cell["epoch_scores"] else None
    parts = [cell["predictions"], cell["selected_epoch"], epochs]
    if digest([{**row, "schema": OLDEST}, *parts]) != entry["cell_digest"]:
        return dict(entry)
    return {**entry, "cell_digest": digest([row, *parts])}
