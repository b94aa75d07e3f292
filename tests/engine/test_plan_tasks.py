"""The tasks of a run: which cells are computed together, in which kind of task, and what comes first."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mer_bench.databases.open import open_source
from mer_bench.engine import plan_tasks
from mer_bench.engine.plan_tasks import missing_samples, plan_run
from mer_bench.engine.resources import Resources
from mer_bench.engine.session import Session
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.cells import Cell
from mer_bench.evaluation.plan import make_plan
from mer_bench.evaluation.request import Request
from mer_bench.plugin_manager import load_catalogue
from mer_bench.store import Store
from mer_bench.store.run_plan import PlanRecord, TaskRecord, read_plan, write_plan


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "results")


def session_of(
    store: Store, *methods: str, data: str = "synthetic-maps", seeds: int = 1, device: str = "auto"
) -> Session:
    """Return a session that has computed nothing yet."""
    catalogue = load_catalogue()
    source = open_source(data, {"size": "tiny"}, catalogue)
    plan = make_plan(Request(methods, baselines=False, seeds=seeds, allow_partial=True), source, catalogue)
    return Session(plan, store, catalogue, Resources(1, device))


def cells_of(task: TaskRecord) -> list[Cell]:
    return [Cell(**cell) for cell in task["cells"]]


def sizes(plan: PlanRecord) -> list[int]:
    return [len(task["cells"]) for task in plan["tasks"]]


def test_cells_are_grouped_by_the_time_that_stored_ones_took(store: Store) -> None:
    session = session_of(store, "random", seeds=10)
    assert sizes(plan_run(session, missing_samples(session), gpus=False)) == [60]
    done, session.pending = session.pending[:10], session.pending[10:]
    for number, cell in enumerate(done):
        session.records[cell] = {"seconds": 90.0 + 20 * (number % 2)}  # type: ignore[typeddict-item]
    plan = plan_run(session, missing_samples(session), gpus=False)

    assert sizes(plan) == [6] * 8 + [2]
    assert [task["seconds"] for task in plan["tasks"]] == [600.0] * 8 + [200.0]
    assert [cell for task in plan["tasks"] for cell in cells_of(task)] == session.pending


def test_no_run_has_more_tasks_than_a_queue_takes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    session = session_of(store, "random", seeds=10)
    session.records[session.pending.pop()] = {"seconds": 6000.0}  # type: ignore[typeddict-item]
    assert sizes(plan_run(session, missing_samples(session), gpus=False)) == [1] * 59
    monkeypatch.setattr(plan_tasks, "MOST_TASKS", 5)

    assert sizes(plan_run(session, missing_samples(session), gpus=False)) == [11] * 5 + [4]


def test_networks_have_tasks_of_their_own_kind_where_there_is_a_gpu(store: Store) -> None:
    session = session_of(store, "ststnet", "random", seeds=2)
    kinds = {
        gpus: [task["kind"] for task in plan_run(session, missing_samples(session), gpus=gpus)["tasks"]]
        for gpus in (True, False)
    }
    own = [task for task in plan_run(session, missing_samples(session), gpus=True)["tasks"] if task["kind"] == "gpu"]

    assert kinds == {True: ["cpu", "gpu"], False: ["cpu"] * len(kinds[False])}
    assert [{cell.row for cell in cells_of(task)} for task in own] == [{0}]
    assert len(own[0]["cells"]) == 12
    on_cpu = session_of(store, "ststnet", "random", seeds=2, device="cpu")
    assert {task["kind"] for task in plan_run(on_cpu, {}, gpus=True)["tasks"]} == {"cpu"}
    first = plan_run(session, missing_samples(session), gpus=False)["tasks"][0]
    assert {session.plan.rows[cell.row].name for cell in cells_of(first)} == {"random"}


def test_features_are_extracted_in_one_task_however_long_it_takes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_tasks, "TASK_SECONDS", 3.0)
    session = session_of(store, "bi-woof", "majority")
    plan = plan_run(session, missing_samples(session), gpus=False)
    found = {session.plan.rows[cells_of(task)[0].row].name: [] for task in plan["tasks"] if task["cells"]}
    for task in plan["tasks"]:
        if task["cells"]:
            found[session.plan.rows[cells_of(task)[0].row].name].append(len(task["cells"]))

    assert found == {"bi-woof": [6], "majority": [1] * 6}


@pytest.mark.slow
def test_samples_that_are_not_in_the_cache_are_preprocessed_first(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(plan_tasks, "_SAMPLES", 5)
    session = session_of(store, "svm-flow", "majority", data="synthetic")
    plan = plan_run(session, missing_samples(session), gpus=False)
    kinds = [task["kind"] for task in plan["tasks"]]
    first = [task for task in plan["tasks"] if task["kind"] == "preprocess"]
    samples = Counter(sample for task in first for sample in task["samples"])

    assert kinds == sorted(kinds, key=["preprocess", "cpu"].index)
    assert samples == Counter(session.plan.rows[0].table.sample_ids)
    assert [len(task["samples"]) for task in first[:-1]] == [5] * (len(first) - 1)
    assert all(task["rows"] and not task["cells"] for task in first)
    assert sorted(cell for task in plan["tasks"] for cell in map(str, cells_of(task))) == sorted(
        map(str, session.pending)
    )


def test_a_plan_is_read_as_it_was_written(store: Store) -> None:
    plan = plan_run(session_of(store, "random", seeds=2), {}, gpus=False)
    write_plan(store, plan)

    assert read_plan(store, plan["run_id"]) == plan
    assert plan["data"] == {"name": "synthetic-maps", "options": plan["data"]["options"]}
    assert plan["data"]["options"]["size"] == "tiny"


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ({"row": 1}, "task 0 has a cell of a row or seed that there is not"),
        ({"row": -1}, "task 0 has a cell of a row or seed that there is not"),
        ({"seed": -1}, "task 0 has a cell of a row or seed that there is not"),
        ({}, "its selection 'first' is not one of"),
    ],
)
def test_a_plan_that_does_not_fit_together_is_refused(store: Store, damage: dict[str, int], problem: str) -> None:
    plan = plan_run(session_of(store, "random"), {}, gpus=False)
    plan["tasks"][0]["cells"][-1].update(damage)  # type: ignore[typeddict-item]
    if not damage:
        plan["selection"] = "first"
    write_plan(store, plan)

    with pytest.raises(MerBenchError, match=problem):
        read_plan(store, plan["run_id"])
