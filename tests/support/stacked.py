"""Folds for the trainer, and trainings of them in a worker: only there libraries compute as in a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from mer_bench import TorchMethod, training_parameters
from mer_bench.engine.place import Place
from mer_bench.engine.pool import run_tasks
from mer_bench.errors import MethodError
from mer_bench.testing import make_method
from mer_bench.training.folds import TrainedFold, TrainingFold
from mer_bench.training.trainer import train_folds
from support.method_instances import BUILT_IN, instance_of

R = TypeVar("R")

SAMPLES = 26
HELD_OUT = (3, 5, 4)
"""Held-out samples of the folds in turn, so that their batches are ragged."""
PEERS = tuple(SAMPLES - n for n in HELD_OUT)


class Small(nn.Module):
    """A little of everything whose rules under ``torch.vmap`` mer-bench replaces."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        # A bias before a batch normalisation has a gradient of rounding only, which Adam makes steps of the length lr.
        convolution = nn.Conv2d(3, 4, 3, 2, 1, bias=False)
        self.maps = nn.Sequential(convolution, nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout2d(0.2))
        self.attention = nn.Linear(4, 12)
        self.head = nn.Sequential(nn.LayerNorm(4), nn.Dropout(0.3), nn.Linear(4, n_classes))

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.maps(x).flatten(2).transpose(1, 2)
        query, key, value = self.attention(tokens).chunk(3, dim=2)
        tokens = tokens + nn.functional.scaled_dot_product_attention(query, key, value)
        logits: Tensor = self.head(tokens.mean(1))
        return logits


class SmallMethod(TorchMethod):
    def build_network(self) -> nn.Module:
        return Small(self.n_classes)


def own_method(kind: type[TorchMethod] = SmallMethod, **params: object) -> TorchMethod:
    """Return a method of a class, with few epochs and small batches."""
    values = {"epochs": 2, "lr": 0.01, "batch_size": 12, "normalisation": "none", **params}
    return instance_of(kind, parameters=training_parameters(), **values)


def folds_of(method: Callable[[], TorchMethod], n: int, *, side: int = 8, ragged: bool = True) -> list[TrainingFold]:
    """Return folds with held-out samples and seeds of their own, of samples that a network can learn."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, SAMPLES)
    inputs = rng.random((SAMPLES, side, side, 3), dtype=np.float32)
    inputs[np.arange(SAMPLES), labels * 2] += 0.5
    inputs /= inputs.max()
    folds = []
    for number in range(n):
        count = HELD_OUT[number % len(HELD_OUT)] if ragged else HELD_OUT[0]
        test = (np.arange(count) + number) % SAMPLES
        train = np.setdiff1d(np.arange(SAMPLES), test)
        folds.append(
            TrainingFold(method(), inputs, train, labels[train], (test,), 1000 + number, peers=PEERS if ragged else ())
        )
    return folds


def trained(folds: Sequence[TrainingFold], *, stacked: bool, **options: Any) -> list[TrainedFold]:
    """Train folds on the CPU, and return them in their order."""
    done = dict(train_folds(folds, device="cpu", stacked=stacked, **options))
    return [done[number] for number in range(len(folds))]


def same(one: TrainedFold, other: TrainedFold) -> bool:
    """Whether two trainings gave the same bits."""
    return one.error == other.error and all(
        np.array_equal(a, b) for a, b in zip(one.probabilities, other.probabilities, strict=True)
    )


def stacks_that_differ(
    method: Callable[[], TorchMethod], n: int, parts: Mapping[str, Sequence[int]], *, side: int = 8
) -> list[str]:
    """Train a stack of folds, and stacks of some of them; return the names of those in which a fold differs."""
    folds = folds_of(method, n, side=side)
    whole = trained(folds, stacked=True)
    assert not any(fold.error for fold in whole)
    assert len({fold.probabilities[0].tobytes() for fold in whole}) == n
    differing = []
    for name, numbers in parts.items():
        part = trained([folds[number] for number in numbers], stacked=True)
        if not all(same(one, whole[number]) for one, number in zip(part, numbers, strict=True)):
            differing.append(name)
    return differing


def built_in(name: str, values: Mapping[str, object]) -> tuple[bool, float]:
    """Compare two folds of a method of mer-bench in a stack of 17, as a stack of 2 in another order, and alone.

    Returns
    -------
    bool
        Whether both stacks gave the same bits.
    float
        The largest difference of probabilities between a stack and a training alone.
    """
    folds = folds_of(partial(built_in_method, name, values), 17, side=28)
    whole = trained(folds, stacked=True)
    chosen = [folds[11], folds[4]]
    pair, alone = trained(chosen, stacked=True), trained(chosen, stacked=False)
    assert not any(fold.error for fold in (*whole, *alone))
    differences = [np.abs(a.probabilities[0] - b.probabilities[0]).max() for a, b in zip(pair, alone, strict=True)]
    return same(pair[0], whole[11]) and same(pair[1], whole[4]), float(max(differences))


def built_in_stacks(name: str, values: Mapping[str, object], n: int, parts: Mapping[str, Sequence[int]]) -> list[str]:
    """Return in which stacks a fold of a method of mer-bench differs, as `stacks_that_differ` does."""
    return stacks_that_differ(partial(built_in_method, name, values), n, parts, side=28)


def built_in_method(name: str, values: Mapping[str, object]) -> TorchMethod:
    """Return a network of mer-bench, to be trained for one epoch."""
    made = make_method(BUILT_IN[name], preset="quick", epochs=1, batch_size=12, **values)
    assert isinstance(made, TorchMethod)
    return made


def in_worker(work: Callable[..., R], *arguments: Any) -> R:
    """Return what a function of a module returns in a worker, whose libraries are held to one arithmetic."""
    place = Place(("mer_bench.training.trainer",), "trainings of tests")
    ((_, (outcome, reason)),) = run_tasks(_call, [(work, arguments)], lambda _: place, lost=_lost, jobs=1)
    assert not reason, reason
    return outcome  # type: ignore[no-any-return]


def _call(task: tuple[Callable[..., Any], tuple[Any, ...]]) -> tuple[Any, str]:
    work, arguments = task
    torch.set_num_threads(1)
    return work(*arguments), ""


def _lost(task: object, error: MethodError, seconds: float) -> tuple[Any, str]:
    return None, str(error)


def with_nan(fold: TrainingFold) -> TrainingFold:
    """Return a fold that trains on samples of its own, one of which is NaN."""
    inputs = np.concatenate([fold.inputs, np.full_like(fold.inputs[:1], np.nan)])
    return replace(fold, inputs=inputs, train=np.append(fold.train[:-1], len(inputs) - 1))
