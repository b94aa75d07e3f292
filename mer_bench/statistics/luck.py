"""What a guesser that sees no input reaches if the best of many epochs is chosen on the test subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mer_bench.arrays import DoubleArray, IntArray
from mer_bench.statistics.resampling import Interval
from mer_bench.statistics.subjects import pooled_scores

GUESSERS = 200


@dataclass(frozen=True, eq=False)
class LuckCurve:
    """The scores of a guesser by the number of epochs to choose from.

    Parameters
    ----------
    epochs : tuple of int
        Ascending.
    mean, low, high : ndarray of shape (n_epochs, 2), float64
        UF1 and UAR over repetitions: the mean, and the limits between which 95 % lie.
    """

    epochs: tuple[int, ...]
    mean: DoubleArray
    low: DoubleArray
    high: DoubleArray

    def at(self, epochs: int) -> tuple[Interval, Interval]:
        """Return UF1 and UAR of a guesser with as many epochs to choose from, which must be one of the curve's."""
        place = self.epochs.index(epochs)
        limits = zip(self.mean[place], self.low[place], self.high[place], strict=True)
        first, second = (Interval(float(mean), float(low), float(high)) for mean, low, high in limits)
        return first, second

    def needed(self, uf1: float) -> int | None:
        """Return the fewest of the curve's epochs with which a guesser has this UF1 on average; None if none do."""
        return next((n for n, mean in zip(self.epochs, self.mean, strict=True) if mean[0] >= uf1), None)


def luck_curve(
    folds: Sequence[IntArray],
    n_classes: int,
    epochs: Sequence[int],
    *,
    absent_class: str = "exclude",
    repetitions: int = GUESSERS,
    seed: int = 0,
) -> LuckCurve:
    """Return how well a guesser does if each fold keeps the epoch with the most correct guesses.

    It guesses each class as often as all folds together have it, and knows nothing else. Its epochs are independent;
    those of a network are not, so this illustrates what such a choice can do and is no model of a network.

    Parameters
    ----------
    folds : sequence of ndarray of shape (n,), int64
        The true labels of each fold.
    n_classes : int
    epochs : sequence of int
        Numbers of epochs to choose from, at least 1.
    absent_class : {"exclude", "zero"}
        The protocol's rule.
    repetitions, seed : int
        How many guessers, and their random numbers.
    """
    truth = np.concatenate([np.asarray(labels, dtype=np.int64) for labels in folds])
    starts = np.concatenate(([0], np.cumsum([len(labels) for labels in folds])[:-1]))
    shares = np.bincount(truth, minlength=n_classes) / len(truth)
    # A draw below the share of the true class is a hit; `_guesses` says which class another draw is.
    hit_below = shares[truth]
    draws = np.random.default_rng(seed)
    kept = np.zeros((repetitions, len(truth)))
    most = np.full((repetitions, len(folds)), -1)
    wanted, scores = sorted(set(epochs)), []
    sizes = [len(labels) for labels in folds]
    for epoch in range(1, wanted[-1] + 1):
        drawn = draws.random(kept.shape)
        correct = np.add.reduceat(drawn < hit_below, starts, axis=1)
        better = correct > most
        most = np.maximum(most, correct)
        np.copyto(kept, drawn, where=np.repeat(better, sizes, axis=1))
        if epoch in wanted:
            scores.append(_scores(truth, _guesses(truth, kept, shares), n_classes, absent_class))
    found = np.stack(scores, axis=1)
    low, high = np.percentile(found, [2.5, 97.5], axis=0)
    return LuckCurve(tuple(wanted), found.mean(axis=0), low, high)


def _guesses(truth: IntArray, drawn: DoubleArray, shares: DoubleArray) -> IntArray:
    """Return the guessed classes: the true one below its share, and the others above, each as often as its share."""
    limits = np.cumsum(shares)
    from_true_class = (drawn + (limits - shares)[truth]) % 1.0
    guesses: IntArray = np.searchsorted(limits[:-1], from_true_class, side="right")
    return guesses


def _scores(truth: IntArray, predicted: IntArray, n_classes: int, absent_class: str) -> DoubleArray:
    """Return UF1 and UAR of each repetition: shape (repetitions, 2)."""
    cells = truth * n_classes + predicted
    counts = np.stack([np.bincount(own, minlength=n_classes**2) for own in cells])
    return pooled_scores(counts.reshape(-1, n_classes, n_classes), absent_class)
