"""Which folds are computed together, and in which process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache

import numpy as np

from mer_bench.arithmetic import settings_of
from mer_bench.cache import TRAINING, cache_folder
from mer_bench.engine.place import Place
from mer_bench.engine.resources import Resources
from mer_bench.errors import MethodError
from mer_bench.evaluation.cells import Cell, FoldResult, FoldTask, failed_fold, seed_value
from mer_bench.evaluation.groups import GroupTask, compute_group
from mer_bench.evaluation.network_scores import learning_size
from mer_bench.evaluation.rows import Row
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.training_config import STACKABLE_NUMBERS
from mer_bench.plugin_manager import code_digest
from mer_bench.store.files import digest


def group_tasks(tasks: Sequence[FoldTask], rows: Sequence[Row], resources: Resources) -> list[GroupTask]:
    """Return groups of folds, each for a process of its own.

    On the CPU a group is one fold: a stack is no faster there. On a GPU, it is all folds of a row, and of rows beside
    it that differ in learning rate or weight decay only, and all seeds, unless the seed decides how many samples are
    held out for validation. ``resources.stack`` limits the number of folds, and stacks those of a row on the CPU too.

    Parameters
    ----------
    tasks : sequence of FoldTask
        In the order in which they are to be computed.
    rows : sequence of Row
        Those of the plan.
    resources : Resources
    """
    groups: list[GroupTask] = []
    together: dict[str, list[FoldTask]] = {}
    for task in tasks:
        row = rows[task.cell.row]
        if row.trains_by_epoch and (task.device != "cpu" or (resources.stack or 1) > 1):
            together.setdefault(_shared(row, task), []).append(task)
        else:
            groups.append(alone(task, row, stacked=False))
    for own in together.values():
        row, size = rows[own[0].cell.row], resources.stack or len(own)
        groups += [_group(row, own[i : i + size], stacked=True) for i in range(0, len(own), size)]
    return groups


def alone(task: FoldTask, row: Row, *, stacked: bool) -> GroupTask:
    """Return the group of one fold, trained in the same way as in a stack if it was in one."""
    return _group(row, [task], stacked=stacked)


def group_place(task: GroupTask, home: str = "") -> Place:
    """Return where a group is computed: in a process of its own.

    Parameters
    ----------
    task : GroupTask
    home : str
        The name of the home; by default, all groups of a method have the same.
    """
    setting = task.folds[0].setting
    return Place.of_method(
        setting.spec,
        home or f"folds of {setting.spec.target}",
        module=compute_group.__module__,
        settings=network_settings(setting, task.folds[0].device),
    )


def network_settings(setting: MethodSetting, device: str) -> tuple[tuple[str, str], ...]:
    """Return the variables that a worker needs to train with a method's precision."""
    return settings_of(setting.precision) if device == "cpu" else ()


def lost_group(task: GroupTask, error: MethodError, seconds: float) -> dict[Cell, FoldResult]:
    """Return the results of folds whose process died or ran past the time-out."""
    return {fold.cell: failed_fold(error, seconds / len(task.folds)) for fold in task.folds}


def _group(row: Row, tasks: Sequence[FoldTask], *, stacked: bool) -> GroupTask:
    if not row.trains_by_epoch:
        return GroupTask(tuple(tasks))
    spec = row.setting.spec
    peers = _peers(row, tasks[0].cell.seed) if stacked else ()
    return GroupTask(
        folds=tuple(tasks),
        stacked=stacked,
        peers=peers,
        checkpoints=cache_folder() / TRAINING,
        key=digest([spec.name, spec.version, row.code, _own_code()]),
    )


@cache
def _own_code() -> str:
    """Return the digest of mer-bench's own code, read once: the trainer is part of it."""
    return code_digest(__name__)


def _shared(row: Row, task: FoldTask) -> str:
    """Return a text that is the same for folds of networks that may be in one stack."""
    record = row.record
    # On the CPU the bits of a fold must not depend on its company: the optimiser takes each learning rate's part of a
    # stack by itself, and torch computes what fills no vector register by other functions than the rest.
    may_differ = () if task.device == "cpu" else STACKABLE_NUMBERS
    params = {name: value for name, value in record["params"].items() if name not in may_differ}
    seed = task.cell.seed if record["training"] == "inner" else 0
    return digest([row.name, params, row.stack_key, record["protocol"]["hash"], record["training"], seed])


def _peers(row: Row, seed: int) -> tuple[int, ...]:
    """Return how many samples the networks of a row learn from, in each fold."""
    protocol, is_inner = row.record["protocol"]["name"], row.record["training"] == "inner"
    sizes = set()
    for name, fold in row.folds.items():
        subjects = np.array([row.table.subjects[i] for i in fold.train])
        # A fold without subjects to validate on fails in its own process.
        with suppress(MethodError):
            sizes.add(learning_size(subjects, seed=seed_value(protocol, name, seed), inner=is_inner))
    return tuple(sorted(sizes))
