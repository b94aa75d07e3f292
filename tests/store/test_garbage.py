"""What nothing refers to is removed; what a run needs is kept."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from support.bench import Bench
from support.store_factory import STORED_ROW as ROW
from support.store_factory import always, manifest, new_store, right, write_seed
from support.store_files import plan

from mer_bench.store import Store, cell_key
from mer_bench.store.check import check_store
from mer_bench.store.garbage import find_garbage
from mer_bench.store.run_plan import SAMPLE_PLAN, write_plan

ORPHAN = "ab" * 32
RUNS = {
    "done": "20260101T000000-aaaaaa",
    "empty": "20260102T000000-bbbbbb",
    "waiting": "20260103T000000-cccccc",
    "computed": "20260104T000000-dddddd",
    "samples": "20260105T000000-eeeeee",
}
WORKERS = {"idle": f"{RUNS['waiting']}-111111", "of computed": f"{RUNS['computed']}-222222"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An old store: one orphan of each kind, and all that must stay."""
    store = new_store(tmp_path)
    for name in ("done", "empty"):
        store.start_run(manifest(), RUNS[name])
    write_seed(store, ROW, right, oracle=always(0), run_id=RUNS["done"])
    write_plan(store, plan(RUNS["waiting"], [(0, "smic-s1"), (5, "smic-s1")]))
    write_plan(store, plan(RUNS["computed"], [(2, "samm-006")]))
    store.start_run(manifest(part_of=RUNS["waiting"]), WORKERS["idle"])
    store.start_run(manifest(), RUNS["samples"])
    (store.run_folder(RUNS["samples"]) / SAMPLE_PLAN).write_text("{}")
    store.start_run(manifest(part_of=RUNS["computed"]), WORKERS["of computed"])
    write_seed(store, ROW, always(1), seed=2, run_id=WORKERS["of computed"])
    (store.run_folder(RUNS["empty"]) / "slurm-0-0.log").write_text("12345")
    store.write_epoch_scores(ORPHAN, [], np.zeros((1, 0, 3), dtype=np.float32))
    (store.path / "artifacts" / "mine").mkdir()
    (store.path / "runs" / "notes").mkdir()
    (store.path / f".store.json.{'0' * 24}.tmp").write_text("123")
    age(store.path, days=8)
    return store


def age(folder: Path, *, days: float) -> None:
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (time.time() - days * 24 * 3600,) * 2)


def orphans(store: Store) -> list[Path]:
    return [
        store.path / f".store.json.{'0' * 24}.tmp",
        store.path / "artifacts" / ORPHAN,
        store.run_folder(RUNS["empty"]),
    ]


def all_files(store: Store) -> set[Path]:
    return {path for path in store.path.rglob("*") if path.is_file()}


def test_only_orphans_are_removed(bench: Bench, store: Store) -> None:
    before = all_files(store)
    lost = {path for path in before if any(orphan in (path, *path.parents) for orphan in orphans(store))}
    size = sum(path.stat().st_size for path in lost)
    planned = bench("store", "gc", "--results", store.path, "--dry-run")
    assert all_files(store) == before
    done = bench("store", "gc", "--results", store.path)
    (again,) = bench("store", "gc", "--results", store.path, "--json").objects

    assert len(lost) == 4
    assert all_files(store) == before - lost
    assert (store.path / "artifacts" / "mine").exists()
    assert planned.out.splitlines()[-1] == f"3 files and folders would be removed, {size} bytes"
    assert done.out.splitlines()[-1] == f"3 files and folders removed, {size} bytes"
    assert [Path(line.split(":")[0]) for line in done.out.splitlines()[:-1]] == orphans(store)
    assert again == {"removed": [], "bytes": 0}
    assert not check_store(store.path).problems


def test_what_is_younger_than_a_week_is_kept_unless_asked_for(bench: Bench, store: Store) -> None:
    temporary, artifact, run = orphans(store)
    age(artifact, days=6)
    # One new file in it is enough: a log, to which a job still writes.
    os.utime(run / "slurm-0-0.log", (time.time() - 6 * 24 * 3600,) * 2)

    assert [garbage.path for garbage in find_garbage(store)] == [temporary]
    assert [garbage.path for garbage in find_garbage(store, young=True)] == [temporary, artifact, run]
    (answer,) = bench("store", "gc", "--results", store.path, "--all", "--json").objects
    assert [Path(each["path"]) for each in answer["removed"]] == [temporary, artifact, run]


def test_a_temporary_file_that_may_be_in_use_stays(bench: Bench, store: Store) -> None:
    temporary = orphans(store)[0]
    os.utime(temporary)
    done = bench("store", "gc", "--results", store.path, "--json")

    assert temporary.exists()
    assert len(done.objects[0]["removed"]) == 2


@pytest.mark.parametrize("young", [False, True])
def test_a_plan_that_is_computed_without_cells_of_its_own_is_removed(store: Store, young: bool) -> None:
    """Its cells were computed by another run."""
    write_seed(store, ROW, right, seed=5, run_id=RUNS["done"])
    age(store.path, days=8)
    found = [garbage.path for garbage in find_garbage(store, young=young)]

    assert found[-2:] == [store.run_folder(RUNS["waiting"]), store.run_folder(WORKERS["idle"])]


def test_while_a_cell_cannot_be_read_artifacts_and_runs_are_kept(bench: Bench, store: Store) -> None:
    store.cell_file(ROW, 0, "smic-s1").write_text("{")
    done = bench("store", "gc", "--results", store.path, "--all")

    assert done.out.splitlines()[-1].startswith("1 files and folders removed, 3 bytes")
    assert "1 cells cannot be read, so artifacts and runs that may be theirs are kept" in " ".join(done.err.split())
    assert store.epoch_scores_file(cell_key(ROW["row_key"], 0, "smic-s1")).exists()


def test_damaged_rows_manifests_and_plans_lose_nothing(store: Store) -> None:
    (row,) = store.path.glob("cells/*/*/*/row.json")
    files = [row, store.run_folder(RUNS["empty"]) / "manifest.json", store.run_folder(RUNS["waiting"]) / "plan.json"]
    for file in files:
        file.write_text("{")
        os.utime(file, (0, 0))

    assert [garbage.path for garbage in find_garbage(store)] == orphans(store)[:2]
