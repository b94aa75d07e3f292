"""Folds trained as stacks: which can share their steps, and how many the memory holds."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from mer_bench.isolation import isolated
from mer_bench.methods.torch_method import TRAINING_HOOKS, TorchMethod
from mer_bench.methods.training_config import STACKABLE_NUMBERS
from mer_bench.training.build import build_training
from mer_bench.training.checkpoint import Checkpoint
from mer_bench.training.folds import TrainedFold, TrainingFold
from mer_bench.training.graphs import is_out_of_memory
from mer_bench.training.progress import Tell

_TRIED = (2, 4)
"""Folds of the two stacks from which the memory of larger ones is predicted."""
_SHARE_OF_MEMORY = 0.85
"""Of the free memory, for stacks: an allocator loses some to gaps, and captured steps keep theirs."""


def train_stacked(
    folds: Sequence[TrainingFold],
    device: torch.device,
    *,
    tell: Tell,
    checkpoint: Callable[[Sequence[int]], Checkpoint | None],
) -> Iterator[tuple[int, TrainedFold]]:
    """Train folds in as few stacks as their batches and the memory allow, and yield each with its number.

    The parameters are those of `mer_bench.training.trainer.train_folds`.
    """
    for numbers in (part for group in _groups(folds) for part in _fitting(folds, group, device)):
        yield from _train(folds, numbers, device, tell=tell, checkpoint=checkpoint)


def _groups(folds: Sequence[TrainingFold]) -> list[list[int]]:
    """Return the numbers of folds that can share their steps.

    They have equally many batches in an epoch. A method with hooks of its own may read its learning rate there, and
    only one method of a stack is asked: its folds have the same numbers, too.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for number, fold in enumerate(folds):
        config = fold.method.training
        numbers = tuple(getattr(config, name) for name in STACKABLE_NUMBERS) if _has_hooks(fold.method) else ()
        groups.setdefault((len(fold.order.sizes), numbers), []).append(number)
    return list(groups.values())


def _has_hooks(method: TorchMethod) -> bool:
    return any(getattr(type(method), name) is not getattr(TorchMethod, name) for name in TRAINING_HOOKS)


def _fitting(folds: Sequence[TrainingFold], numbers: Sequence[int], device: torch.device) -> list[Sequence[int]]:
    """Return a group in parts of about equal size that the device's memory holds."""
    if device.type != "cuda" or len(numbers) <= _TRIED[-1]:
        return [numbers]
    try:
        size = folds_that_fit(device, predicted_bytes([folds[number] for number in numbers], device))
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        size = _TRIED[0]
    n_parts = -(-len(numbers) // size)
    return [numbers[start::n_parts] for start in range(n_parts)]


def predicted_bytes(folds: Sequence[TrainingFold], device: torch.device) -> tuple[float, float]:
    """Return the memory that any stack takes on a GPU, and that each fold adds, from a step of two small stacks."""
    few, more = _TRIED
    peaks = []
    # The first is not counted: libraries allocate what they keep at their first call.
    for count in (few, few, more):
        _free_memory()
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        training = build_training(folds[:count], device, stacked=True, tell=lambda progress: None, checkpoint=None)
        training.try_step()
        peaks.append(torch.cuda.max_memory_allocated(device) - before)
        del training
    _free_memory()
    each = (peaks[-1] - peaks[-2]) / (more - few)
    return peaks[-2] - few * each, each


def _free_memory() -> None:
    """Give back a GPU's memory. A training refers to itself, by the steps that it has captured."""
    gc.collect()
    torch.cuda.empty_cache()


def folds_that_fit(device: torch.device, predicted: tuple[float, float]) -> int:
    """Return how many folds the free memory of a GPU holds, of what `predicted_bytes` returns; at least 2."""
    free, _ = torch.cuda.mem_get_info(device)
    base, each = predicted
    return max(2, int((_SHARE_OF_MEMORY * free - base) / max(each, 1.0)))


def _train(
    folds: Sequence[TrainingFold],
    numbers: Sequence[int],
    device: torch.device,
    *,
    tell: Tell,
    checkpoint: Callable[[Sequence[int]], Checkpoint | None],
) -> Iterator[tuple[int, TrainedFold]]:
    """Train folds as one stack; where the device lacks the memory, as two stacks of half the folds."""
    own = [folds[number] for number in numbers]
    try:
        with isolated(own[0].seed):
            trained = build_training(own, device, stacked=True, tell=tell, checkpoint=checkpoint(numbers)).run()
    except RuntimeError as error:
        if len(numbers) == 1 or not is_out_of_memory(error):
            raise
        trained = None
    if trained is not None:
        for number, one in zip(numbers, trained, strict=False):
            yield number, replace(one, stack=len(numbers))
        return
    _free_memory()
    middle = len(numbers) // 2
    for half in (numbers[:middle], numbers[middle:]):
        yield from _train(folds, half, device, tell=tell, checkpoint=checkpoint)
