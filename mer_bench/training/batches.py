"""Which samples each fold of a stack sees in each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mer_bench.arrays import FloatArray, IntArray

_EPOCH = 0x9E3779B97F4A7C15


@dataclass(frozen=True)
class EpochOrder:
    """The order of a fold's training set in each epoch: it depends on the fold's seed and the epoch only.

    Parameters
    ----------
    labels : ndarray of shape (n,), int64
    seed : int
    size : int
        Samples in a batch.
    balanced : bool
        Draw with replacement, each class as often as any other.
    peers : tuple of int
        The sizes of the training sets of all folds that may be in one stack with this one.
    """

    labels: IntArray
    seed: int
    size: int
    balanced: bool = False
    peers: tuple[int, ...] = ()

    def indices(self, epoch: int) -> Tensor:
        """Return an epoch's indices into the training set, one batch after the other."""
        generator = torch.Generator().manual_seed((self.seed * _EPOCH + epoch) % 2**63)
        if not self.balanced:
            return torch.randperm(len(self.labels), generator=generator)
        chances = torch.from_numpy(class_weights(self.labels, int(self.labels.max()) + 1)[self.labels])
        return torch.multinomial(chances, len(self.labels), replacement=True, generator=generator)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of an epoch's batches."""
        return batch_sizes(len(self.labels), self.size)

    @property
    def filled_sizes(self) -> tuple[int, ...]:
        """The sizes that the batches have in a stack: each the largest of all peers with equally many batches.

        They must not depend on which of them are in the stack: libraries compute a product in other ways for another
        number of rows.
        """
        of_peers = [batch_sizes(n, self.size) for n in (len(self.labels), *self.peers)]
        alike = [sizes for sizes in of_peers if len(sizes) == len(self.sizes)]
        return tuple(max(batch) for batch in zip(*alike, strict=True))


def batch_sizes(n: int, size: int) -> tuple[int, ...]:
    """Return the sizes of the batches of n samples.

    Batch normalisation fails on one sample: a single one left over joins the batch before.
    """
    sizes = [size] * (n // size) + ([n % size] if n % size else [])
    if size > 1 and len(sizes) > 1 and sizes[-1] == 1:
        sizes[-2:] = [sizes[-2] + 1]
    return tuple(sizes)


@dataclass(frozen=True)
class Batch:
    """One step's samples of each fold; a fold with fewer than others repeats its first, with weight 0.

    Parameters
    ----------
    indices : Tensor of shape (folds, n), int64
        Into each fold's training set.
    present : Tensor of shape (folds, n), float32, or None
        1 for a sample of the batch, 0 for one that fills it; None for a single fold.
    """

    indices: Tensor
    present: Tensor | None


def epoch_batches(orders: Sequence[EpochOrder], epoch: int) -> list[Batch]:
    """Return the batches of an epoch; all folds must have the same number of them."""
    parts = [torch.split(order.indices(epoch), list(order.sizes)) for order in orders]
    sizes = orders[0].filled_sizes if len(orders) > 1 else orders[0].sizes
    return [_joined(batch, size) for batch, size in zip(zip(*parts, strict=True), sizes, strict=True)]


def class_weights(labels: IntArray, n_classes: int) -> FloatArray:
    """Return weights that give each present class the same sum, and have the mean 1 over the labels; 0 if absent."""
    counts = np.bincount(labels, minlength=n_classes)
    weights = np.where(counts > 0, len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)), 0.0)
    return weights.astype(np.float32)


def _joined(parts: Sequence[Tensor], size: int) -> Batch:
    indices = torch.stack([torch.cat((part, part[:1].expand(size - len(part)))) for part in parts])
    # Whether there is a mask must not depend on the company of a fold either.
    if len(parts) == 1:
        return Batch(indices, None)
    places = torch.arange(size)
    return Batch(indices, torch.stack([(places < len(part)).to(torch.float32) for part in parts]))
