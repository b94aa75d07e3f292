"""Two runs on one folder share the work: each looks again before it starts a cell, and they part when they meet."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from support.bench import Bench
from support.worker_tasks import act

from mer_bench.engine.listener import Listener, Step
from mer_bench.engine.place import Place
from mer_bench.engine.pool import run_tasks
from mer_bench.engine.run import open_session
from mer_bench.errors import MethodError
from mer_bench.evaluation.request import Request
from mer_bench.store import Store

REQUEST = Request(
    ("majority",),
    data="synthetic-maps",
    data_options={"size": "tiny"},
    baselines=False,
    jobs=1,
    device="cpu",
)


class Other(Listener):
    """Stores what another run has computed, all of it after the first cell of this one; counts the steps."""

    def __init__(self, theirs: Path, ours: Path) -> None:
        self.theirs, self.ours, self.steps_done = theirs, ours, 0

    def steps(self, *_: object, **__: object) -> AbstractContextManager[Step]:
        def step(succeeded: bool, part: str = "", seconds: float | None = None) -> None:
            self.steps_done += 1
            if self.steps_done == 1:
                shutil.copytree(self.theirs, self.ours, dirs_exist_ok=True)

        return nullcontext(step)


def run_ids(results: Path) -> Counter[str]:
    store = Store(results)
    cells = [store.read_cell(row, 0, fold) for row in store.rows() for fold in row["folds"]]
    return Counter(cell["run_id"] for cell in cells if cell)


def lost(task: str, error: MethodError, seconds: float) -> tuple[str, object]:
    return f"{task}: {error}", seconds


@pytest.mark.slow
def test_what_another_run_has_stored_meanwhile_is_not_computed_again(bench: Bench, tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    bench.results = theirs
    assert bench.run("--method", "majority").code == 0
    (their_run,) = run_ids(theirs)
    # The cells of the other run only: its rows and manifests are there from the beginning.
    shutil.copytree(theirs, ours, ignore=lambda folder, names: [name for name in names if name.startswith("seed-")])
    listener = Other(theirs, ours)
    session = open_session(replace(REQUEST, results=str(ours)), listener)
    assert len(session.pending) == 6
    session.run()

    assert not session.missing
    assert listener.steps_done == 6
    # The first was computed here, and then overwritten by the copy of theirs; nothing was computed after it.
    assert run_ids(ours) == {their_run: 6}


@pytest.mark.parametrize("met", [False, True])
def test_tasks_are_taken_in_any_order_once_another_run_was_met(met: bool) -> None:
    tasks = [f"task {number:02}" for number in range(12)]
    done = [
        task
        for task, _ in run_tasks(
            act, tasks, lambda task: Place((), "sharing"), lost=lost, jobs=1, any_order=lambda: met
        )
    ]

    assert sorted(done) == tasks
    assert (done == tasks) is not met


def test_a_task_of_which_nothing_is_left_does_not_start() -> None:
    done = run_tasks(
        act,
        ["a", "b", "c"],
        lambda task: Place((), "sharing"),
        lost=lost,
        jobs=1,
        rest=lambda task: None if task == "b" else task.upper(),
    )

    assert [task for task, _ in done] == ["A", "C"]
