"""The kit's synthetic samples, of the shapes that methods get in a run and with a signal to learn; and its folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.parameters import ParameterValue
from mer_bench.representations.preprocessing import sample_shape
from mer_bench.strain import stack_strain

PATTERNS = 7
"""The number of patterns; sample ``i`` shows pattern ``i % 7``."""
_TEST = 5
_WIDE_TEST = 30
_SHIFT = 12
"""The offset of the second fold's samples: its classes then have other shares."""


def make_sample(representation: str, shaped_by: Mapping[str, ParameterValue], index: int) -> FloatArray:
    """Return a new copy of one of the kit's samples in a representation, with the same values at every call.

    Each pattern is a bump of motion at its own place and in its own direction, with noise.

    Parameters
    ----------
    representation : str
    shaped_by : mapping
        Its settings, of which ``length`` of ``frames`` is used.
    index : int

    Returns
    -------
    ndarray, float32
        ``face-flow`` and ``region-flow``: (28, 28, 3); ``flow``: (192, 192, 3), both with channels (u, v, os) in
        pixels; ``frames``: (length, 192, 192, 1), grey levels from 0 to 255.
    """
    length, side, *_ = sample_shape(representation, shaped_by).shape
    return _clip(length, side, index) if representation == "frames" else _map(side, index).copy()


@lru_cache(maxsize=200)
def _map(side: int, index: int) -> FloatArray:
    made = np.empty((side, side, 2), dtype=np.float32)
    draws = np.random.default_rng(index)
    angle = 2 * np.pi * (index % PATTERNS) / PATTERNS
    motion = draws.uniform(1.0, 2.0) * _bump(index % PATTERNS, side)
    for channel, share in enumerate((np.cos(angle), np.sin(angle))):
        made[..., channel] = share * motion + draws.normal(scale=0.1, size=(side, side))
    return stack_strain(made)


def _clip(length: int, side: int, index: int) -> FloatArray:
    draws = np.random.default_rng(index)
    coarse = draws.uniform(60, 180, size=(side // 8, side // 8))
    face = np.kron(coarse, np.ones((8, 8))).astype(np.float32)
    motion = (draws.uniform(30, 60) * _bump(index % PATTERNS, side)).astype(np.float32)
    grain = 2 * draws.standard_normal(size=(length, side, side), dtype=np.float32)
    rise = np.linspace(0, 1, length, dtype=np.float32)[:, None, None]
    clip: FloatArray = np.clip(face + rise * motion + grain, 0, 255)[..., None]
    return clip


@lru_cache(maxsize=2 * PATTERNS)
def _bump(pattern: int, side: int) -> FloatArray:
    """Return a Gaussian bump of height 1 on a circle around the middle."""
    angle = 2 * np.pi * pattern / PATTERNS
    y, x = np.mgrid[:side, :side] / (side - 1)
    distance = (x - 0.5 - 0.3 * np.cos(angle)) ** 2 + (y - 0.5 - 0.3 * np.sin(angle)) ** 2
    bump: FloatArray = np.exp(-distance / 0.02)
    return bump


@dataclass(frozen=True)
class KitFold:
    """A fold of the kit's samples, by their index.

    Parameters
    ----------
    train, test : tuple of int
    n_classes : int
        A sample's label is its pattern plus ``turn``, modulo this.
    representation : str
        The spec's approximation, where the fold is to use that instead.
    turn : int
        Added to each label: what was learned with another turn gives each sample a wrong class.
    """

    train: tuple[int, ...]
    test: tuple[int, ...]
    n_classes: int = 3
    representation: str = ""
    turn: int = 0

    def labels(self, indices: tuple[int, ...]) -> list[int]:
        """Return the labels of samples."""
        return [(index % PATTERNS + self.turn) % self.n_classes for index in indices]

    def without(self, label: int) -> KitFold:
        """Return the fold with all samples of a class removed from its training set."""
        kept = zip(self.train, self.labels(self.train), strict=True)
        return replace(self, train=tuple(index for index, own in kept if own != label))

    def only(self, label: int) -> KitFold:
        """Return the fold with a training set of one class only."""
        pool = tuple(range(2 * len(self.train)))
        kept = zip(pool, self.labels(pool), strict=True)
        return replace(self, train=tuple(index for index, own in kept if own == label))


@dataclass(frozen=True)
class KitFolds:
    """Two folds of equal sizes, so that a cache keyed by size is noticed too, and other test sets of the first fold."""

    n_train: int

    @property
    def first(self) -> KitFold:
        """The fold that most checks use."""
        return KitFold(tuple(range(self.n_train)), tuple(range(self.n_train, self.n_train + _TEST)))

    @property
    def second(self) -> KitFold:
        """Another fold, in which every pattern has another label than in the first."""
        return KitFold(tuple(range(_SHIFT, _SHIFT + self.n_train)), tuple(range(_TEST)), turn=1)

    @property
    def wide(self) -> KitFold:
        """The first fold with a larger test set, which starts with the same samples."""
        return replace(self.first, test=tuple(range(self.n_train, self.n_train + _WIDE_TEST)))

    @property
    def elsewhere(self) -> KitFold:
        """The first fold with test samples that are in no other fold."""
        start = self.n_train + _WIDE_TEST
        return replace(self.first, test=(start, start + 1, start + 2))


FEW = KitFolds(24)
"""For methods that train by epochs, where each sample takes time."""
MANY = KitFolds(120)
"""Enough for 50 components, for 25 neighbours, or for five parts with all of 7 classes in each."""
