"""Tasks that others have done meanwhile are left out, whole or in part, just before they start."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.group_case import small_plan, tasks_of
from support.worker_tasks import act

from mer_bench.engine.groups import group_tasks
from mer_bench.engine.place import Place
from mer_bench.engine.pool import run_tasks
from mer_bench.engine.resources import Resources
from mer_bench.engine.run_groups import run_groups
from mer_bench.errors import MethodError
from mer_bench.evaluation.cells import Cell, FoldResult, FoldTask

ALONE = Place((), "alone", imports=act.__module__, alone=True)


def lost(task: str, error: MethodError, seconds: float) -> tuple[str, object]:
    return f"{task}: {error}", seconds


@pytest.mark.parametrize("done", [{"a", "b", "c"}, {"b"}, {"c"}, {"a"}])
def test_a_task_of_which_nothing_is_left_is_not_run(done: set[str]) -> None:
    tasks = ["a", "b", "c"]
    left = [task for task in tasks if task not in done]
    ran = run_tasks(
        act, tasks, lambda _: ALONE, lost=lost, jobs=1, rest=lambda task: None if task in done else f"write {task}"
    )

    assert [task for task, _ in ran] == [f"write {task}" for task in left]


@pytest.mark.parametrize("stack", [1, 4])
def test_folds_that_others_have_stored_are_left_out_of_their_group(tmp_path: Path, stack: int) -> None:
    plan = small_plan("majority", {})
    resources = Resources(1, "cpu", stack=stack)
    folds = tasks_of(plan, tmp_path)
    elsewhere = {folds[1].cell, folds[4].cell}
    kept: list[Cell] = []
    asked: list[Cell] = []

    def keep(task: FoldTask, result: FoldResult) -> None:
        kept.append(task.cell)

    def is_stored(task: FoldTask) -> bool:
        asked.append(task.cell)
        return task.cell in elsewhere

    groups = group_tasks(folds, plan.rows, resources)
    run_groups(groups, resources, keep=keep, message=lambda group, said: None, is_stored=is_stored)

    assert asked == [fold.cell for fold in folds]
    assert kept == [fold.cell for fold in folds if fold.cell not in elsewhere]
    asked.clear()
    run_groups(groups, resources, keep=keep, message=lambda group, said: None, is_stored=lambda fold: True)
    assert len(kept) == 4
