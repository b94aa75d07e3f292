"""Two rows on the same subjects: their difference, how certain it is, and whether chance explains it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mer_bench.arrays import DoubleArray
from mer_bench.errors import MerBenchError
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench.statistics.resampling import RESAMPLES, Interval, draw_subjects, intervals_around, resampled_scores
from mer_bench.statistics.subjects import SubjectCounts, pooled_scores

_ROUNDING = 1e-12
"""Differences this close are equal: sums of the same counts in another order differ by less."""


@dataclass(frozen=True)
class Difference:
    """One score of a row A less that of a row B.

    Parameters
    ----------
    value : float
    interval : Interval or None
        The difference, and the limits of the differences on resampled subjects; None for too few of them.
    probability : float
        Share of the resamples in which A is better; a tie counts half.
    p : float
        Share of all ways to swap the rows' predictions, subject by subject, that give at least this difference in
        either direction. See `swap_test` for when it can be relied on.
    """

    value: float
    interval: Interval | None
    probability: float
    p: float


@dataclass(frozen=True)
class Pair:
    """A row A beside a row B.

    Parameters
    ----------
    differences : mapping of str to Difference
        For each of `TABLE_METRICS`.
    better, worse, equal : int
        The number of subjects of whom A predicts more samples correctly than B, fewer, and as many, averaged over
        seeds.
    differing : int
        The number of subjects whom the rows predict differently.
    smallest_p : float
        The smallest p that these subjects and swaps could give: if the rows differ on few subjects, nothing is
        significant.
    """

    differences: dict[str, Difference]
    better: int
    worse: int
    equal: int
    differing: int
    smallest_p: float


def compare(
    a: SubjectCounts, b: SubjectCounts, *, resamples: int = RESAMPLES, swaps: int | None = None, seed: int = 0
) -> Pair:
    """Compare two rows on the subjects that both predict.

    Parameters
    ----------
    a, b : SubjectCounts
        With the same subjects, and as many samples of each class of each subject.
    resamples : int
        Of subjects.
    swaps : int, optional
        Unless there are fewer ways to swap; as many as resamples by default.
    seed : int
        The same seed gives the same draws.

    Raises
    ------
    MerBenchError
        The rows have other subjects or labels.
    """
    if a.subjects != b.subjects or not np.array_equal(a.counts[0].sum(axis=-1), b.counts[0].sum(axis=-1)):
        raise MerBenchError("the rows have other subjects or labels; only rows of the same samples can be compared")
    times = draw_subjects(a.subjects, resamples=resamples, seed=seed)
    resampled, value = resampled_scores(a, times) - resampled_scores(b, times), a.scores() - b.scores()
    around = intervals_around(value, resampled, a, times) or (None, None)
    ahead = (resampled > _ROUNDING).mean(axis=0) + (np.abs(resampled) <= _ROUNDING).mean(axis=0) / 2
    p, smallest = swap_test(a, b, resamples=swaps or resamples, seed=seed)
    lead = a.correct - b.correct
    return Pair(
        differences={
            metric: Difference(float(value[i]), around[i], float(ahead[i]), float(p[i]))
            for i, metric in enumerate(TABLE_METRICS)
        },
        better=int((lead > _ROUNDING).sum()),
        worse=int((lead < -_ROUNDING).sum()),
        equal=int((np.abs(lead) <= _ROUNDING).sum()),
        differing=_changes(*_same_seeds(a, b)).shape[1],
        smallest_p=smallest,
    )


def swap_test(
    a: SubjectCounts, b: SubjectCounts, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[DoubleArray, float]:
    """Return how often chance alone would give such a difference of two rows.

    If a subject's predictions might as well be the other row's, each way to swap them was equally likely (a permutation
    test; Good 2005, doi:10.1007/b138696). Then p is at most x with probability x at most. That is no promise for rows
    which are equally good but otherwise unlike, such as one seed beside five: there it holds about.

    A subject's predictions are swapped for all seeds at once. The statistic is the difference of the mean scores over
    seeds; rows with other numbers of seeds are repeated to their least common multiple, which changes no mean.

    Parameters
    ----------
    a, b : SubjectCounts
        Of the same samples.
    resamples, seed : int
        As of `compare`.

    Returns
    -------
    p : ndarray of shape (2,), float64
        For UF1 and UAR.
    smallest : float
        The smallest p that these subjects and swaps could give.
    """
    own, other = _same_seeds(a, b)
    changes = _changes(own, other)
    n_differing = changes.shape[1]
    swapped = _swaps(n_differing, resamples, seed)
    statistic = np.zeros((len(swapped), len(TABLE_METRICS)))
    for of_a, of_b, change in zip(own.sum(axis=1), other.sum(axis=1), changes, strict=True):
        moved = np.tensordot(swapped, change, axes=1)
        statistic += pooled_scores(of_a + moved, a.absent_class) - pooled_scores(of_b - moved, a.absent_class)
    # It is summed over seeds, which orders the ways as the mean does. The first way swaps nobody: it is what was
    # observed, and belongs to the ways that chance may give.
    extreme = np.abs(statistic) >= np.abs(statistic[0]) - _ROUNDING * len(changes)
    # All ways come in pairs of opposite differences.
    smallest = 2 if _is_exact(n_differing, resamples) and len(swapped) > 1 else 1
    return extreme.mean(axis=0), smallest / len(swapped)


def holm(p: Sequence[float], *, among: int | None = None) -> list[float]:
    """Return p-values adjusted for the number of tests (Holm 1979, Scandinavian Journal of Statistics 6, 65-70).

    Parameters
    ----------
    p : sequence of float
        Of some tests of a family, which may be chosen by their outcome: among all tests of the family, the rank of each
        p is at least that among these.
    among : int, optional
        How many tests the family has; by default no others. If there is no difference in any of them, an adjusted p is
        x or less with probability x at most.
    """
    order = np.argsort(p, kind="stable")
    factors = (len(p) if among is None else among) - np.arange(len(p))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(np.asarray(p)[order] * factors), 1.0)
    return [float(value) for value in adjusted]


def _same_seeds(a: SubjectCounts, b: SubjectCounts) -> tuple[DoubleArray, DoubleArray]:
    """Return the counts of both rows, their seeds repeated until there are as many in each."""
    n_seeds = math.lcm(len(a.counts), len(b.counts))
    own, other = (np.tile(row.counts.astype(np.float64), (n_seeds // len(row.counts), 1, 1, 1)) for row in (a, b))
    return own, other


def _changes(own: DoubleArray, other: DoubleArray) -> DoubleArray:
    """Return the other counts less the own, of each seed, and of each subject where they differ in any seed."""
    change = other - own
    differing: DoubleArray = change[:, np.abs(change).sum(axis=(0, 2, 3)) > 0]
    return differing


def _swaps(n: int, resamples: int, seed: int) -> DoubleArray:
    """Return which subjects are swapped: all ways if there are few, otherwise none and then random ones."""
    if _is_exact(n, resamples):
        ways: DoubleArray = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(np.float64)
        return ways
    drawn = np.random.default_rng((seed, 3)).integers(0, 2, size=(resamples, n)).astype(np.float64)
    return np.concatenate((np.zeros((1, n)), drawn))


def _is_exact(n: int, resamples: int) -> bool:
    return 2.0**n <= resamples
