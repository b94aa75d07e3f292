"""The file ``store.json``, which makes a folder a store and states its schema."""

from __future__ import annotations

import shlex
from pathlib import Path

from mer_bench.errors import MerBenchError
from mer_bench.store.files import read_json, write_json
from mer_bench.store.schema import SCHEMA


def marker(path: Path) -> Path:
    """Return the marker of the store at ``path``, whether there is one or not."""
    return path / "store.json"


def write_marker(path: Path) -> None:
    """Make a folder a store of the current schema, or state that an older one is of it now; raises as `write_json`."""
    write_json(marker(path), {"schema": SCHEMA})


def stated_schema(path: Path) -> int:
    """Return the schema that a store states.

    Raises
    ------
    MerBenchError
        There is no store at ``path``.
    """
    file = marker(path)
    if not file.exists():
        raise MerBenchError(f"{path} holds no results (no store.json); name the folder with --results")
    content = read_json(file)
    schema = content.get("schema") if isinstance(content, dict) else None
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise MerBenchError(f"{file} does not state its schema; it was not written by mer-bench")
    return schema


def check_schema(path: Path) -> None:
    """Check that a store is of the current schema.

    Raises
    ------
    MerBenchError
        There is none at ``path``, or a mer-bench with another schema made it.
    """
    schema = stated_schema(path)
    if schema != SCHEMA:
        age, cure = ("a newer", "upgrade mer-bench") if schema > SCHEMA else ("an older", _upgrade_cure(path))
        raise MerBenchError(
            f"{path} was made by {age} mer-bench (store schema {schema}, this one reads {SCHEMA}); "
            f"{cure}, or choose another folder with --results"
        )


def refuse_others(path: Path) -> None:
    """Refuse a folder with other content; look for the marker last, as another process may just have written it.

    Raises
    ------
    MerBenchError
    """
    existing = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
    if not existing.is_dir():
        raise MerBenchError(f"cannot create {path}: {existing} is not a folder; choose another folder with --results")
    if path.is_dir() and not _may_become_store(path) and not marker(path).exists():
        raise MerBenchError(f"{path} is not empty and is not a mer-bench store; choose another folder with --results")


def _upgrade_cure(path: Path) -> str:
    return f"run `{shlex.join(['mer-bench', 'store', 'upgrade', '--results', str(path)])}`"


def _may_become_store(path: Path) -> bool:
    """Return whether a folder without ``store.json`` is empty, or an interrupted or damaged store."""
    names = [child.name for child in path.iterdir()]
    # NFS gives a file another name that is removed while somebody has it open.
    return "cells" in names or all(name.startswith((".store.json.", ".nfs")) for name in names)
