"""What the trainer gets of each fold, what it gives back, and the fold's data on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from mer_bench.arrays import FloatArray, IntArray
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.training.batches import EpochOrder, class_weights
from mer_bench.training.normalisation import Normaliser

SCORED = 64
"""Held-out samples of each fold of a stack that are scored at a time; always so many, filled up with copies."""


@dataclass(frozen=True)
class TrainingFold:
    """A fold to train: its own method, and its samples as places in an array that folds share.

    Parameters
    ----------
    method : TorchMethod
        Those of a stack have the same settings, but for `mer_bench.methods.training_config.STACKABLE_NUMBERS`.
    inputs : ndarray of shape (samples, ..., channels), float32
        Of all folds of a stack: the same object.
    train : ndarray of shape (n,), int64
        Places of the training set.
    labels : ndarray of shape (n,), int64
        Of the training set.
    held_out : tuple of ndarray of int64
        Places of sets that are scored after every epoch. Each goes through the network separately: a network that
        normalises over a batch must not carry anything from the test set to the validation set.
    seed : int
        What every random number of the fold comes from.
    stop : EarlyStop, optional
        When to stop before the last epoch.
    peers : tuple of int
        As of `mer_bench.training.batches.EpochOrder`.
    tracked : int, optional
        By which number `EpochValues` names the fold; None if no values of its epochs are wanted.
    """

    method: TorchMethod
    inputs: FloatArray
    train: IntArray
    labels: IntArray
    held_out: tuple[IntArray, ...]
    seed: int
    stop: EarlyStop | None = None
    peers: tuple[int, ...] = ()
    tracked: int | None = None

    @property
    def order(self) -> EpochOrder:
        """The order of the samples in each epoch."""
        config = self.method.training
        return EpochOrder(self.labels, self.seed, config.batch_size, config.sampling == "balanced", self.peers)


class EarlyStop(Protocol):
    """Decides after each epoch whether a fold's training stops."""

    def __call__(self, probabilities: FloatArray) -> bool:
        """Return whether to stop.

        Parameters
        ----------
        probabilities : ndarray of shape (epochs, m, n_classes)
            Of the first held-out set, after each epoch so far.
        """


@dataclass(frozen=True)
class TrainedFold:
    """The class probabilities of a fold's held-out sets after every epoch, or why there are none.

    Parameters
    ----------
    probabilities : tuple of ndarray of shape (epochs, m, n_classes), float32
        One for each held-out set.
    error : str
        Empty if there is none.
    stack : int
        How many folds it was trained with as one stack, itself included; 0 if in none.
    """

    probabilities: tuple[FloatArray, ...] = ()
    error: str = ""
    stack: int = 0


@dataclass(frozen=True)
class FoldSet:
    """The data of a stack's folds on the device.

    The samples are there once; each fold has an index into them.
    """

    samples: Tensor
    """Channels first."""
    train: Tensor
    """Shape (folds, longest training set): places in ``samples``."""
    labels: Tensor
    """Of the same shape."""
    class_weights: Tensor | None
    """Shape (folds, classes)."""
    held_out: tuple[Tensor, ...]
    """Each of shape (folds, n), filled up with copies."""
    mean: Tensor
    deviation: Tensor
    factor: Tensor
    """Of each fold's normaliser; they go with inputs (folds, n, channels, ...)."""

    @classmethod
    def of(cls, folds: Sequence[TrainingFold], device: torch.device) -> FoldSet:
        """Put the data of folds on a device.

        Raises
        ------
        MerBenchError
            The normalisation is not one for these inputs.
        """
        used = np.unique(np.concatenate([places for fold in folds for places in (fold.train, *fold.held_out)]))
        samples = np.asarray(folds[0].inputs[used])
        normalisers = [_normaliser(fold) for fold in folds]
        rank = samples.ndim - 1
        sets = tuple(zip(*(fold.held_out for fold in folds), strict=True))
        weights = None
        if folds[0].method.training.class_weights == "balanced":
            own = [class_weights(fold.labels, fold.method.n_classes) for fold in folds]
            weights = torch.from_numpy(np.stack(own)).to(device)
        return cls(
            samples=torch.from_numpy(np.ascontiguousarray(np.moveaxis(samples, -1, 1))).to(device),
            train=_padded([np.searchsorted(used, fold.train) for fold in folds]).to(device),
            labels=_padded([fold.labels for fold in folds]).to(device),
            class_weights=weights,
            held_out=tuple(
                _padded([np.searchsorted(used, part) for part in parts], SCORED if len(folds) > 1 else 1).to(device)
                for parts in sets
            ),
            mean=_constant([own.mean for own in normalisers], rank).to(device),
            deviation=_constant([own.deviation for own in normalisers], rank).to(device),
            factor=_constant([own.factor.reshape(1) for own in normalisers], rank).to(device),
        )

    def take(self, places: Tensor) -> Tensor:
        """Return samples (folds, n, channels, ...) of places (folds, n), as the data has them."""
        return self.samples[places]

    def normalised(self, inputs: Tensor) -> Tensor:
        """Return (inputs - mean) / deviation × factor, each fold with its own."""
        return (inputs - self.mean).div_(self.deviation).mul_(self.factor)

    def choose(self, folds: Tensor) -> FoldSet:
        """Return the data of some folds."""
        return replace(
            self,
            train=self.train[folds],
            labels=self.labels[folds],
            class_weights=None if self.class_weights is None else self.class_weights[folds],
            held_out=tuple(part[folds] for part in self.held_out),
            mean=self.mean[folds],
            deviation=self.deviation[folds],
            factor=self.factor[folds],
        )


def _normaliser(fold: TrainingFold) -> Normaliser:
    """Measure on the training set, and check that the held-out sets fit, too."""
    normalise = Normaliser.fit(np.asarray(fold.inputs[fold.train]), fold.method.training.normalisation)
    for places in fold.held_out:
        if len(places):
            normalise.check(np.asarray(fold.inputs[places]))
    return normalise


def _padded(arrays: Sequence[IntArray], multiple: int = 1) -> Tensor:
    """Stack arrays, each filled up with its first item to a multiple of a length."""
    longest = max(map(len, arrays))
    longest += -longest % multiple
    rows = [np.concatenate([own, np.full(longest - len(own), own[0] if len(own) else 0)]) for own in arrays]
    return torch.from_numpy(np.stack(rows).astype(np.int64))


def _constant(values: Sequence[FloatArray], rank: int) -> Tensor:
    """Stack values of shape (channels,) or of a sample, for inputs (folds, n, channels, ...)."""
    full = [np.moveaxis(own, -1, 0).reshape(own.shape[-1], *(own.shape[:-1] or (1,) * (rank - 1))) for own in values]
    return torch.from_numpy(np.ascontiguousarray(np.stack(full)))[:, None]
