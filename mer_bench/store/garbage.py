"""Find and remove what nothing in a store refers to."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer_bench.errors import MerBenchError
from mer_bench.locks import remove_leftover
from mer_bench.store.files import read_record
from mer_bench.store.run_plan import SAMPLE_PLAN, planned_runs, read_plan
from mer_bench.store.store import KEY_LENGTH, RUN_ID, Store

KEPT_DAYS = 7
"""What a run has just begun to write: a training may take days before its first cell is stored."""

_CELL_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Garbage:
    """What can be removed.

    Parameters
    ----------
    path : Path
        A file or a folder.
    reason : str
    size : int
        Bytes.
    """

    path: Path
    reason: str
    size: int


def find_garbage(store: Store, *, young: bool = False) -> list[Garbage]:
    """Return what nothing refers to: temporary files, artifacts of no cell, and runs without a cell.

    Artifacts are kept while a cell cannot be read, because its key is not known; the store's notice says so. A file or
    folder that mer-bench does not name so is never touched.

    Parameters
    ----------
    store : Store
    young : bool
        Also what is younger than `KEPT_DAYS`: then no run may be going on.
    """
    found = [Garbage(file, "a temporary file", _size(file)) for file in store.temporary_files()]
    used = _Used.of(store)
    if used.unreadable:
        store.notice(
            f"{len(used.unreadable)} cells cannot be read, so artifacts and runs that may be theirs are kept; "
            "`mer-bench store verify` names them"
        )
        return found
    orphans = (
        (store.path / "artifacts", _CELL_KEY, used.keys, "the artifact of no stored cell"),
        (store.path / "runs", RUN_ID, used.run_ids, "a run of which nothing is stored or planned"),
    )
    for home, pattern, needed, reason in orphans:
        for folder in sorted(home.iterdir()) if home.is_dir() else []:
            orphan = pattern.fullmatch(folder.name) and folder.name not in needed
            if orphan and folder.is_dir() and not folder.is_symlink() and (young or _is_old(folder)):
                found.append(Garbage(folder, reason, _size(folder)))
    return found


def remove_garbage(found: list[Garbage]) -> Iterator[Garbage]:
    """Remove what `find_garbage` found, and yield what was removed; temporary files that are in use stay.

    Raises
    ------
    MerBenchError
        A folder cannot be removed.
    """
    for garbage in found:
        try:
            if garbage.path.is_dir():
                shutil.rmtree(garbage.path)
            elif not remove_leftover(garbage.path):
                continue
        except FileNotFoundError:
            continue  # another process was faster
        except OSError as error:
            cure = "check its permissions and call `mer-bench store gc` again"
            raise MerBenchError(f"cannot remove {error.filename} ({error.strerror}); {cure}") from error
        yield garbage


@dataclass(frozen=True)
class _Used:
    """What the cells and plans of a store refer to."""

    keys: frozenset[str]
    run_ids: frozenset[str]
    unreadable: tuple[Path, ...]

    @classmethod
    def of(cls, store: Store) -> _Used:
        keys: set[str] = set()
        run_ids: set[str] = set()
        unreadable = []
        for file in store.path.glob("cells/*/*/*/seed-*/[!.]*.json"):
            cell = _read(file)
            if isinstance(cell.get("key"), str) and isinstance(cell.get("run_id"), str):
                keys.add(cell["key"])
                run_ids.add(cell["run_id"])
            else:
                unreadable.append(file)
        return cls(frozenset(keys), frozenset(_linked(store, run_ids)), tuple(unreadable))


def _linked(store: Store, run_ids: set[str]) -> set[str]:
    """Return these runs, those that they are part of, and those whose plan is not done, with their tasks' runs."""
    manifests = {file.parent.name: _read(file) for file in store.path.glob("runs/*/manifest.json")}
    parents = {run_id: manifest.get("part_of") for run_id, manifest in manifests.items()}
    # Of a run whose manifest is damaged, nothing is known.
    kept = {*run_ids, *(run_id for run_id, manifest in manifests.items() if not manifest)}
    waiting = {run_id for run_id in planned_runs(store) if _is_waiting(store, run_id)}
    of_tasks = {run_id for run_id, parent in parents.items() if parent in waiting}
    # Whether its samples are in a cache is not known here.
    preprocessing = {file.parent.name for file in store.path.glob(f"runs/*/{SAMPLE_PLAN}")}
    return kept | waiting | of_tasks | preprocessing | {str(parents.get(run_id)) for run_id in kept}


def _read(file: Path) -> dict[str, Any]:
    """Return a record; nothing if it cannot be read."""
    with suppress(MerBenchError):
        content = read_record(file)
        return content if isinstance(content, dict) else {}
    return {}


def _is_waiting(store: Store, run_id: str) -> bool:
    """Return whether cells of a plan are missing that can still be computed; of a damaged plan, nothing is known."""
    try:
        plan = read_plan(store, run_id)
    except MerBenchError:
        return True
    folders = [_row_folder(store, key) for key in plan["rows"]]
    cells = [(folders[cell["row"]], cell) for task in plan["tasks"] for cell in task["cells"]]
    return any(
        folder is not None and not (folder / f"seed-{cell['seed']}" / f"{cell['fold']}.json").exists()
        for folder, cell in cells
    )


def _row_folder(store: Store, row_key: str) -> Path | None:
    return next((file.parent for file in store.path.glob(f"cells/*/*/{row_key[:KEY_LENGTH]}/row.json")), None)


def _is_old(folder: Path) -> bool:
    try:
        newest = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
    except FileNotFoundError:
        return False  # somebody works there
    return time.time() - newest > KEPT_DAYS * 24 * 3600


def _size(path: Path) -> int:
    size = 0
    for file in path.rglob("*") if path.is_dir() else [path]:
        with suppress(FileNotFoundError):  # another process has written or removed it
            size += 0 if file.is_dir() else file.lstat().st_size
    return size
