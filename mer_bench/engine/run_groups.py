"""Compute groups of folds, and hand on the result of each fold as soon as it is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from mer_bench.engine.groups import group_place, lost_group
from mer_bench.engine.listener import Part
from mer_bench.engine.pool import run_tasks
from mer_bench.engine.resources import Resources
from mer_bench.errors import MethodError
from mer_bench.evaluation.cells import Cell, FoldResult, FoldTask
from mer_bench.evaluation.groups import FinishedFolds, GroupTask, compute_group
from mer_bench.evaluation.rows import Row
from mer_bench.training.progress import EpochValues, TrainingNotice, TrainingProgress


def run_groups(
    groups: Sequence[GroupTask],
    resources: Resources,
    *,
    keep: Callable[[FoldTask, FoldResult], None],
    message: Callable[[GroupTask, TrainingProgress | TrainingNotice | EpochValues], None],
    is_stored: Callable[[FoldTask], bool] = lambda fold: False,
    any_order: Callable[[], bool] = lambda: False,
) -> None:
    """Compute groups, those on a GPU one at a time.

    Parameters
    ----------
    groups : sequence of GroupTask
    resources : Resources
    keep : callable
        Receives each fold once with its result, also while other folds of its group are still computed.
    message : callable
        Receives what else a group sends.
    is_stored : callable, optional
        Asked of each fold just before its group starts: whether another run has stored its result meanwhile.
    any_order : callable, optional
        As of `mer_bench.engine.pool.run_tasks`.

    Raises
    ------
    MerBenchError
        As `mer_bench.engine.pool.run_tasks`.
    """
    kept: set[Cell] = set()

    def take(group: GroupTask, results: Mapping[Cell, FoldResult]) -> None:
        for fold in group.folds:
            if fold.cell in results and fold.cell not in kept:
                kept.add(fold.cell)
                keep(fold, results[fold.cell])

    def hear(group: GroupTask, said: FinishedFolds | TrainingProgress | TrainingNotice | EpochValues) -> None:
        if isinstance(said, FinishedFolds):
            take(group, said.results)
        else:
            message(group, said)

    def rest(group: GroupTask) -> GroupTask | None:
        kept.update(fold.cell for fold in group.folds if fold.cell not in kept and is_stored(fold))
        left = tuple(fold for fold in group.folds if fold.cell not in kept)
        return replace(group, folds=left) if left else None

    for on_cpu in (True, False):
        own = [group for group in groups if _on_cpu(group) == on_cpu]
        tasks = run_tasks(
            compute_group,
            own,
            group_place,
            lost=lost_group,
            jobs=_jobs(resources, on_cpu=on_cpu),
            timeout=resources.timeout,
            size=lambda group: len(group.folds),
            message=hear,
            rest=rest,
            any_order=any_order,
        )
        with closing(tasks) as computed:
            for group, results in computed:
                take(group, results)
                # A message that cannot be read is passed over: its folds are in no result.
                take(group, lost_group(group, MethodError("its result cannot be read"), 0.0))


def parts_of(
    cells: Sequence[Cell], groups: Sequence[GroupTask], rows: Sequence[Row], resources: Resources
) -> dict[str, Part]:
    """Return the pending cells of each method, and how many of them are computed side by side."""
    own: dict[str, list[GroupTask]] = {}
    for group in groups:
        own.setdefault(rows[group.folds[0].cell.row].name, []).append(group)
    return {
        name: Part(
            count,
            group=max((len(group.folds) for group in own.get(name, ())), default=1),
            jobs=_jobs(resources, on_cpu=all(map(_on_cpu, own.get(name, ())))),
        )
        for name, count in Counter(rows[cell.row].name for cell in cells).items()
    }


def _on_cpu(group: GroupTask) -> bool:
    return group.folds[0].device == "cpu"


def _jobs(resources: Resources, *, on_cpu: bool) -> int:
    """Return how many groups are computed at a time: one on a GPU has all of its memory."""
    return resources.jobs if on_cpu else 1
