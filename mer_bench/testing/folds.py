"""The folds of the kit's samples that a method is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mer_bench.testing.samples import PATTERNS

_TEST = 5
_WIDE_TEST = 30
_SHIFT = 12
"""How many samples the other fold starts later: its classes then have other shares."""


@dataclass(frozen=True)
class KitFold:
    """A fold of the kit's samples, by their index.

    Parameters
    ----------
    train, test : tuple of int
    n_classes : int
        A sample's label is its pattern, modulo this.
    representation : str
        Another than the spec's own: its approximation.
    """

    train: tuple[int, ...]
    test: tuple[int, ...]
    n_classes: int = 3
    representation: str = ""

    def labels(self, indices: tuple[int, ...]) -> list[int]:
        """Return the labels of samples."""
        return [index % PATTERNS % self.n_classes for index in indices]

    def without(self, label: int) -> KitFold:
        """Return the fold without a class on its training side."""
        kept = zip(self.train, self.labels(self.train), strict=True)
        return replace(self, train=tuple(index for index, own in kept if own != label))

    def only(self, label: int) -> KitFold:
        """Return the fold with another training side, of one class."""
        pool = tuple(range(2 * len(self.train)))
        kept = zip(pool, self.labels(pool), strict=True)
        return replace(self, train=tuple(index for index, own in kept if own == label))


@dataclass(frozen=True)
class KitFolds:
    """Two folds of equal sizes, so that what is kept by size is mistaken too, and other test sides of the first.

    Parameters
    ----------
    n_train : int
    """

    n_train: int

    @property
    def first(self) -> KitFold:
        """The fold that most checks are about."""
        return KitFold(tuple(range(self.n_train)), tuple(range(self.n_train, self.n_train + _TEST)))

    @property
    def second(self) -> KitFold:
        """The other one."""
        return KitFold(tuple(range(_SHIFT, _SHIFT + self.n_train)), tuple(range(_TEST)))

    @property
    def wide(self) -> KitFold:
        """The first, with more to test; it starts with the same samples."""
        return replace(self.first, test=tuple(range(self.n_train, self.n_train + _WIDE_TEST)))

    @property
    def elsewhere(self) -> KitFold:
        """The first, with samples to test that none of the others holds."""
        start = self.n_train + _WIDE_TEST
        return replace(self.first, test=(start, start + 1, start + 2))


FEW = KitFolds(24)
"""For what is trained by epochs: each takes its time."""
MANY = KitFolds(120)
"""Enough for 50 components, 25 neighbours, or five parts with all of 7 classes in each."""
