"""Two rows on the same subjects: their difference, how certain it is, and whether chance explains it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mer_bench.arrays import DoubleArray
from mer_bench.errors import MerBenchError
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench.statistics.resampling import RESAMPLES, Interval, draw_subjects, has_intervals, limits, resampled_scores
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
        The difference, and the limits of the differences on resampled subjects and seeds; None for too few subjects.
    probability : float
        Share of the resamples in which A is better; a tie counts half.
    p : float
        Share of all ways to swap the rows' predictions, subject by subject, that give at least this difference in
        either direction. If the rows do not differ, p is at most x with probability x at most.
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


def compare(a: SubjectCounts, b: SubjectCounts, *, resamples: int = RESAMPLES, seed: int = 0) -> Pair:
    """Compare two rows on the subjects that both predict.

    Parameters
    ----------
    a, b : SubjectCounts
        With the same subjects, and as many samples of each class of each subject.
    resamples : int
        Of subjects, and of swaps unless there are fewer ways to swap.
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
    resampled = resampled_scores(a, times, seed=(seed, 1)) - resampled_scores(b, times, seed=(seed, 2))
    value, (low, high) = a.scores() - b.scores(), limits(resampled, a)
    around = [Interval.around(value[i], low[i], high[i]) if has_intervals(a) else None for i in range(2)]
    ahead = (resampled > _ROUNDING).mean(axis=0) + (np.abs(resampled) <= _ROUNDING).mean(axis=0) / 2
    p, smallest = swap_test(a, b, resamples=resamples, seed=seed)
    lead = a.correct - b.correct
    return Pair(
        differences={
            metric: Difference(float(value[i]), around[i], float(ahead[i]), float(p[i]))
            for i, metric in enumerate(TABLE_METRICS)
        },
        better=int((lead > _ROUNDING).sum()),
        worse=int((lead < -_ROUNDING).sum()),
        equal=int((np.abs(lead) <= _ROUNDING).sum()),
        differing=len(_changes(a, b)),
        smallest_p=smallest,
    )


def swap_test(
    a: SubjectCounts, b: SubjectCounts, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[DoubleArray, float]:
    """Return how often chance alone would give such a difference of two rows.

    If a subject's predictions might as well be the other row's, each way to swap them was equally likely (a permutation
    test; Good 2005, doi:10.1007/b138696). Seeds are averaged in the counts, so that a subject's predictions are swapped
    for all seeds at once.

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
    differing = _changes(a, b)
    swapped = _swaps(len(differing), resamples, seed)
    moved = np.tensordot(swapped, differing, axes=1)
    own, other = a.mean_counts.sum(axis=0), b.mean_counts.sum(axis=0)
    statistic = pooled_scores(own + moved, a.absent_class) - pooled_scores(other - moved, a.absent_class)
    # The first way swaps nobody: it is what was observed, and belongs to the ways that chance may give.
    extreme = np.abs(statistic) >= np.abs(statistic[0]) - _ROUNDING
    # All ways come in pairs of opposite differences.
    smallest = 2 if _is_exact(len(differing), resamples) and len(swapped) > 1 else 1
    return extreme.mean(axis=0), smallest / len(swapped)


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number (Holm 1979, Scandinavian Journal of Statistics 6, 65-70).

    Parameters
    ----------
    p : sequence of float
        Of one family of tests. If none of the rows differ, the smallest adjusted one is at most x with probability x at
        most.
    """
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(np.asarray(p)[order] * factors), 1.0)
    return [float(value) for value in adjusted]


def _changes(a: SubjectCounts, b: SubjectCounts) -> DoubleArray:
    """Return the counts of B less those of A, of each subject where they differ."""
    change = b.mean_counts - a.mean_counts
    differing: DoubleArray = change[np.abs(change).sum(axis=(1, 2)) > _ROUNDING]
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
