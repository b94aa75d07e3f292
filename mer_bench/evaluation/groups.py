"""Folds that are computed in one process: one fold, or a stack of networks, of one row or of rows that fit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mer_bench.arithmetic import arithmetic, cell_processor
from mer_bench.arrays import FloatArray
from mer_bench.cache import InputGoneError, open_stack
from mer_bench.errors import MethodError
from mer_bench.evaluation.cells import (
    Cell,
    FoldResult,
    FoldTask,
    compute_fold,
    failed_fold,
    fenced,
    inputless_fold,
    load_method,
)
from mer_bench.evaluation.fold_scores import FoldScores
from mer_bench.evaluation.network_scores import NetworkFold, train_networks
from mer_bench.evaluation.state import State, changed_state, read_state
from mer_bench.evaluation.watch import check_refused
from mer_bench.foreign import ForeignError, trace_of
from mer_bench.isolation import isolated
from mer_bench.methods.instances import make_instance
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.store.files import digest
from mer_bench.training.progress import EpochValues, Tell, TrainingNotice, TrainingProgress

if TYPE_CHECKING:
    from mer_bench.training.checkpoint import Checkpoint


_LIBRARIES = ("torch", "timm", "numpy")
"""What networks are made of, and trained with."""


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
        What the checkpoint's name comes from, beside the folds and the machine: the method, its code and that of
        mer-bench. The method's code is that of its own top-level package: a network that is imported from another one
        may change without being noticed.
    tracked : bool
        Whether the values of epochs are sent. No number depends on it, and the name of a checkpoint does not either.
    """

    folds: tuple[FoldTask, ...]
    stacked: bool = False
    peers: tuple[int, ...] = ()
    checkpoints: Path | None = None
    key: str = ""
    tracked: bool = False


@dataclass(frozen=True)
class FinishedFolds:
    """Results of folds of a group, sent while others are still to be trained."""

    results: Mapping[Cell, FoldResult]


def compute_group(
    task: GroupTask, tell: Callable[[FinishedFolds | TrainingProgress | TrainingNotice | EpochValues], None]
) -> dict[Cell, FoldResult]:
    """Compute the folds of a group; what the method raises is among their results.

    Parameters
    ----------
    task : GroupTask
    tell : callable
        Receives the results of each stack, or of each fold that is trained by itself, as soon as they are there: the
        process may be killed before the last is done. Besides, how far a training is.

    Returns
    -------
    dict of Cell to FoldResult
        Those that were not sent.

    Raises
    ------
    MerBenchError
        The method refuses a setting: every other cell would fail too.
    """
    first = task.folds[0]
    if not first.setting.spec.trains_by_epoch:
        return {fold.cell: compute_fold(fold) for fold in task.folds}
    load_method(first.setting)
    unsent = [fold.cell for fold in task.folds]
    results: dict[Cell, FoldResult] = {}
    started = time.perf_counter()
    try:
        inputs = open_stack(first.stack)
        with fenced(first.setting, f"fold {first.cell.fold}" if len(unsent) == 1 else f"{len(unsent)} folds"):
            for results in _finished(task, inputs, tell):
                if len(results) < len(unsent):
                    tell(FinishedFolds(results))
                    unsent = [cell for cell in unsent if cell not in results]
                    started = time.perf_counter()
    except InputGoneError as gone:
        return dict.fromkeys(unsent, inputless_fold(gone))
    except ForeignError as failure:
        seconds = (time.perf_counter() - started) / len(unsent)
        return dict.fromkeys(unsent, failed_fold(failure.error, seconds, trace_of(failure.error)))
    return results


def _finished(task: GroupTask, inputs: FloatArray, tell: Tell) -> Iterator[dict[Cell, FoldResult]]:
    """Train the networks of a group, and yield the results of those that were trained together.

    Nothing is yielded of a process in which the method did what it must not.
    """
    target, processor = task.folds[0].setting.spec.target, cell_processor(arithmetic(), task.folds[0].setting.precision)
    before = read_state(target) if len(task.folds) > 1 else None
    together: set[int] = set()
    done: dict[int, FoldScores | MethodError] = {}

    def checkpoint(numbers: Sequence[int]) -> Checkpoint | None:
        # Asked for as a training starts: from here on, these are trained together.
        together.clear()
        together.update(numbers)
        return _checkpoint(task, processor, numbers)

    started = time.perf_counter()
    for number, scores in _trained(task, inputs, tell, checkpoint):
        together.discard(number)
        done[number] = scores
        if not together:
            check_refused()
            _check_state(target, before)
            # Folds of a stack have no time of their own.
            seconds = (time.perf_counter() - started) / len(done)
            yield {task.folds[own].cell: _result(scores, processor, seconds) for own, scores in done.items()}
            done, started = {}, time.perf_counter()


def _trained(
    task: GroupTask,
    inputs: FloatArray,
    tell: Tell,
    checkpoint: Callable[[Sequence[int]], Checkpoint | None],
) -> Iterator[tuple[int, FoldScores | MethodError]]:
    device = task.folds[0].device
    folds = [
        replace(_network_fold(fold, inputs, task.peers), tracked=number if task.tracked else None)
        for number, fold in enumerate(task.folds)
    ]
    with isolated(task.folds[0].seed):
        stacked = task.stacked and _stacks(task.folds[0].setting, inputs, tell)
        yield from train_networks(folds, device=device, stacked=stacked, tell=tell, checkpoint=checkpoint)


def _checkpoint(task: GroupTask, processor: str, numbers: Sequence[int]) -> Checkpoint | None:
    """Return where the training of some of the folds is saved; its name comes from all that its numbers come from."""
    from mer_bench.training.checkpoint import Checkpoint

    if task.checkpoints is None:
        return None
    folds = [_facts(task.folds[number]) for number in numbers]
    name = digest([task.key, task.stacked, task.peers, _machine(task.folds[0].device, processor), folds])
    return Checkpoint(task.checkpoints / f"{name}.checkpoint")


def _machine(device: str, processor: str) -> list[str]:
    """Return what else a training's numbers depend on: the processor, the GPU, and the libraries that compute."""
    import torch

    gpu = torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else ""
    return [device, gpu, processor, *(f"{name} {version(name)}" for name in _LIBRARIES)]


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


def _result(scores: FoldScores | MethodError, processor: str, seconds: float) -> FoldResult:
    if isinstance(scores, MethodError):
        return failed_fold(scores, seconds)
    return FoldResult(scores, None, seconds, processor)


def _check_state(target: str, before: State | None) -> None:
    """Refuse folds that share a process and leave anything for each other.

    Raises
    ------
    MethodError
        Modules or classes of the plugin have changed.
    """
    if before is not None and (changed := changed_state(before, read_state(target))):
        raise MethodError(
            f"folds left something behind in {', '.join(changed)}, where other folds of this process would find it; "
            "keep what is learned on the instance, and build constants when the module is imported"
        )
