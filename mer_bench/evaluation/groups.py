"""Folds that are computed in one process: one fold, or a stack of networks, of one row or of rows that fit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mer_bench.arithmetic import arithmetic, cell_processor
from mer_bench.arrays import FloatArray
from mer_bench.errors import MethodError
from mer_bench.evaluation.cells import FoldResult, FoldTask, compute_fold, failed_fold, fenced, load_method
from mer_bench.evaluation.fold_scores import FoldScores
from mer_bench.evaluation.network_scores import NetworkFold, train_networks
from mer_bench.evaluation.state import State, changed_state, read_state
from mer_bench.foreign import ForeignError, trace_of
from mer_bench.isolation import isolated
from mer_bench.methods.instances import make_instance
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.store.files import digest
from mer_bench.training.progress import Tell, TrainingNotice

if TYPE_CHECKING:
    from mer_bench.training.checkpoint import Checkpoint


@dataclass(frozen=True)
class GroupTask:
    """Folds for one process.

    Parameters
    ----------
    folds : tuple of FoldTask
        More than one only of a network.
    stacked : bool
        Whether networks are trained as one stack; otherwise one after the other.
    peers : tuple of int
        As of `mer_bench.training.batches.EpochOrder`.
    checkpoints : Path or None
        The folder in which an unfinished training is saved; None for nowhere.
    key : str
        What the checkpoint's name comes from, beside the folds: the method, its code and that of mer-bench.
    """

    folds: tuple[FoldTask, ...]
    stacked: bool = False
    peers: tuple[int, ...] = ()
    checkpoints: Path | None = None
    key: str = ""


def compute_group(task: GroupTask, tell: Tell) -> list[FoldResult]:
    """Compute the folds of a group, and return their results in order; what the method raises is among them.

    Parameters
    ----------
    task : GroupTask
    tell : callable
        Receives how far a training is.

    Raises
    ------
    MerBenchError
        The method refuses a setting: every other cell would fail too.
    """
    first = task.folds[0]
    if not first.setting.spec.trains_by_epoch:
        return [compute_fold(fold) for fold in task.folds]
    started, processor = time.perf_counter(), cell_processor(arithmetic(), first.setting.precision)
    done: dict[int, FoldResult] = {}
    load_method(first.setting)
    what = f"fold {first.cell.fold}" if len(task.folds) == 1 else f"{len(task.folds)} folds"
    try:
        with fenced(first.setting, what):
            before = read_state(first.setting.spec.target) if len(task.folds) > 1 else None
            for number, scores in _trained(task, tell, processor):
                done[number] = _result(scores, processor)
            _check_state(first.setting.spec.target, before)
    except ForeignError as failure:
        if isinstance(failure.error, _LeftBehindError):
            done = {}
        failed = failed_fold(failure.error, 0.0, trace_of(failure.error))
        done = {number: done.get(number, failed) for number in range(len(task.folds))}
    # Folds of a stack have no time of their own.
    seconds = (time.perf_counter() - started) / len(task.folds)
    return [replace(done[number], seconds=seconds) for number in range(len(task.folds))]


class _LeftBehindError(MethodError):
    """Folds have changed modules or classes of the plugin."""


def _trained(task: GroupTask, tell: Tell, processor: str) -> Iterator[tuple[int, FoldScores | MethodError]]:
    device = task.folds[0].device
    inputs: FloatArray = np.load(task.folds[0].stack, mmap_mode="r")
    folds = [_network_fold(fold, inputs, task.peers) for fold in task.folds]
    checkpoint = partial(_checkpoint, task, processor)
    with isolated(task.folds[0].seed):
        stacked = task.stacked and _stacks(task.folds[0].setting, inputs, tell)
        yield from train_networks(folds, device=device, stacked=stacked, tell=tell, checkpoint=checkpoint)


def _checkpoint(task: GroupTask, processor: str, numbers: Sequence[int]) -> Checkpoint | None:
    """Return where the training of some of the folds is saved; its name comes from all that its numbers come from."""
    from mer_bench.training.checkpoint import Checkpoint

    if task.checkpoints is None:
        return None
    folds = [_facts(task.folds[number]) for number in numbers]
    machine = [task.folds[0].device, processor, version("torch")]
    name = digest([task.key, task.stacked, task.peers, machine, folds])
    return Checkpoint(task.checkpoints / f"{name}.safetensors")


def _stacks(setting: MethodSetting, inputs: FloatArray, tell: Tell) -> bool:
    """Return whether a network can be trained in a stack, which is tried on the CPU; if not, tell why."""
    from mer_bench.training.stackable import why_not_stackable

    *shape, channels = inputs.shape[1:]
    reason = why_not_stackable(_instance(setting, "cpu"), (channels, *shape))
    if reason:
        tell(TrainingNotice(f"its folds are trained one after the other, not as one stack, because {reason}"))
    return not reason


def _facts(fold: FoldTask) -> list[object]:
    """Return everything that a fold's numbers depend on; the name of its stack is a hash of the data."""
    setting = [dict(fold.setting.params), fold.setting.n_classes, fold.seed, fold.inner]
    return [setting, fold.stack.name, fold.train, fold.labels, fold.subjects, fold.test]


def _network_fold(task: FoldTask, inputs: FloatArray, peers: tuple[int, ...]) -> NetworkFold:
    with isolated(task.seed):
        method = _instance(task.setting, task.device)
    return NetworkFold(
        method=method,
        inputs=inputs,
        train=np.array(task.train, dtype=np.int64),
        labels=np.array(task.labels, dtype=np.int64),
        subjects=np.array(task.subjects),
        test=np.array(task.test, dtype=np.int64),
        seed=task.seed,
        inner=task.inner,
        peers=peers,
    )


def _instance(setting: MethodSetting, device: str) -> TorchMethod:
    method = make_instance(setting, device)
    assert isinstance(method, TorchMethod)
    return method


def _result(scores: FoldScores | MethodError, processor: str) -> FoldResult:
    return failed_fold(scores, 0.0) if isinstance(scores, MethodError) else FoldResult(scores, None, 0.0, processor)


def _check_state(target: str, before: State | None) -> None:
    """Refuse folds that share a process and leave anything for each other.

    Raises
    ------
    MethodError
        Modules or classes of the plugin have changed.
    """
    if before is not None and (changed := changed_state(before, read_state(target))):
        raise _LeftBehindError(
            f"folds left something behind in {', '.join(changed)}, where other folds of this process would find it; "
            "keep what is learned on the instance, and build constants when the module is imported"
        )
