"""Compute groups of folds, and hand on the result of each fold as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from mer_bench.engine.executors import run_tasks
from mer_bench.engine.groups import group_place, lost_group
from mer_bench.engine.resources import Resources
from mer_bench.errors import MethodError
from mer_bench.evaluation.cells import Cell, FoldResult, FoldTask
from mer_bench.evaluation.groups import FinishedFolds, GroupTask, compute_group
from mer_bench.training.progress import TrainingNotice, TrainingProgress


def run_groups(
    groups: Sequence[GroupTask],
    resources: Resources,
    *,
    keep: Callable[[FoldTask, FoldResult], None],
    message: Callable[[GroupTask, TrainingProgress | TrainingNotice], None],
) -> None:
    """Compute groups, those on a GPU one at a time: each has all of its memory.

    Parameters
    ----------
    groups : sequence of GroupTask
    resources : Resources
    keep : callable
        Receives each fold once with its result, also while other folds of its group are still computed.
    message : callable
        Receives what else a group sends.

    Raises
    ------
    MerBenchError
        As `mer_bench.engine.executors.run_tasks`.
    """
    kept: set[Cell] = set()

    def take(group: GroupTask, results: Mapping[Cell, FoldResult]) -> None:
        for fold in group.folds:
            if fold.cell in results and fold.cell not in kept:
                kept.add(fold.cell)
                keep(fold, results[fold.cell])

    def hear(group: GroupTask, said: FinishedFolds | TrainingProgress | TrainingNotice) -> None:
        if isinstance(said, FinishedFolds):
            take(group, said.results)
        else:
            message(group, said)

    def rest(group: GroupTask) -> GroupTask:
        return replace(group, folds=tuple(fold for fold in group.folds if fold.cell not in kept))

    for on_cpu in (True, False):
        own = [group for group in groups if (group.folds[0].device == "cpu") == on_cpu]
        tasks = run_tasks(
            compute_group,
            own,
            group_place,
            lost=lost_group,
            jobs=resources.jobs if on_cpu else 1,
            timeout=resources.timeout,
            size=lambda group: len(group.folds),
            message=hear,
            rest=rest,
        )
        with closing(tasks) as computed:
            for group, results in computed:
                take(group, results)
                # A message that cannot be read is passed over: its folds are in no result.
                take(group, lost_group(group, MethodError("its result cannot be read"), 0.0))
