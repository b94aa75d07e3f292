"""Intervals of pooled scores, from resampled subjects.

The samples of one person resemble each other, and a method is good or bad at a person. So persons are drawn again, not
samples: intervals from resampled samples are too narrow (docs/statistics.md shows by how much).

Of n persons n - 1 are drawn: the mean of n draws has only (n - 1) / n of the variance (Rao and Wu 1988,
doi:10.1080/01621459.1988.10478591).

Seeds are not drawn. Under leave-one-subject-out each person has a training of its own: what seeds change is independent
between persons, and resampled persons vary by it already.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, stdtrit

from mer_bench.arrays import BoolArray, DoubleArray
from mer_bench.statistics.subjects import SubjectCounts, database_of, pooled_scores

RESAMPLES = 10_000
LEVEL = 0.95
MIN_DEGREES = 4
"""Subjects, less one for each database, that an interval needs: with fewer it holds the true score too rarely."""


@dataclass(frozen=True)
class Interval:
    """A score and how far it may be off.

    Parameters
    ----------
    value, low, high : float
        The score, and the limits that hold the true score in `LEVEL` of all studies: see `limits`.
    """

    value: float
    low: float
    high: float

    @classmethod
    def around(cls, value: float, low: float, high: float) -> Interval:
        """Return an interval that holds its own score, which of two or three subjects resamples may all miss."""
        return cls(float(value), float(min(low, value)), float(max(high, value)))


@lru_cache(maxsize=8)
def draw_subjects(subjects: tuple[str, ...], *, resamples: int = RESAMPLES, seed: int = 0) -> DoubleArray:
    """Draw subjects with replacement, from each database one less than it has.

    Parameters
    ----------
    subjects : tuple of str
        Such as ``casme2/sub01``.
    resamples, seed : int
        The same seed gives the same draws.

    Returns
    -------
    ndarray of shape (resamples, n_subjects), float64, not writable
        How often each subject counts. The sum is that of the database's subjects.
    """
    draws = np.random.default_rng((seed, 0))
    times = np.zeros((resamples, len(subjects)), dtype=np.float64)
    databases = np.array([database_of(subject) for subject in subjects])
    for database in sorted(set(databases)):
        members = np.flatnonzero(databases == database)
        times[:, members] = len(members) * _shares(draws, len(members), resamples)
    times.flags.writeable = False
    return times


def resampled_scores(row: SubjectCounts, times: DoubleArray) -> DoubleArray:
    """Score a row on resampled subjects.

    Parameters
    ----------
    row : SubjectCounts
    times : ndarray of shape (resamples, n_subjects), float64
        As `draw_subjects` returns; pass the same for rows that are compared.

    Returns
    -------
    ndarray of shape (resamples, 2), float64
        UF1 and UAR, averaged over seeds.
    """
    n_seeds, n_subjects, n_classes, _ = row.counts.shape
    pooled = times @ row.counts.astype(np.float64).transpose(1, 0, 2, 3).reshape(n_subjects, -1)
    scores = pooled_scores(pooled.reshape(-1, n_seeds, n_classes, n_classes), row.absent_class)
    averaged: DoubleArray = scores.mean(axis=1)
    return averaged


def _shares(draws: np.random.Generator, n: int, resamples: int) -> DoubleArray:
    """Return the share that each of n things has among n - 1 draws with replacement; a single one has all."""
    drawn = max(n - 1, 1)
    places = draws.integers(n, size=(resamples, drawn)) + n * np.arange(resamples)[:, None]
    shares: DoubleArray = np.bincount(places.ravel(), minlength=resamples * n).reshape(resamples, n) / drawn
    return shares


def has_every_class(row: SubjectCounts, times: DoubleArray) -> BoolArray:
    """Return which resamples have each class that the row's subjects have."""
    truth = row.counts[0].sum(axis=-1)
    drawn = times @ truth[:, truth.any(axis=0)].astype(np.float64)
    whole: BoolArray = (drawn > 0).all(axis=-1)
    return whole


def limits(values: DoubleArray, row: SubjectCounts) -> DoubleArray:
    """Return the lower and the upper limit of resampled values along their first axis: shape (2, ...).

    Percentiles, a little further out than those of `LEVEL`: as far as Student's distribution is wider than the normal
    one (the expanded percentile interval; Hesterberg 2015, doi:10.1080/00031305.2015.1089789). Its degrees of freedom
    are the number of equally large subjects that would weigh as much as these, less one for each database.
    """
    tail = 100 * _tail(row)
    found: DoubleArray = np.percentile(values, [tail, 100 - tail], axis=0)
    return found


def intervals(row: SubjectCounts, *, resamples: int = RESAMPLES, seed: int = 0) -> tuple[Interval, Interval] | None:
    """Return the intervals of a row's UF1 and UAR; None where `intervals_around` has none.

    Parameters
    ----------
    row : SubjectCounts
    resamples, seed : int
        As of `draw_subjects`.
    """
    times = draw_subjects(row.subjects, resamples=resamples, seed=seed)
    return intervals_around(row.scores(), resampled_scores(row, times), row, times)


def intervals_around(
    value: DoubleArray, resampled: DoubleArray, row: SubjectCounts, times: DoubleArray
) -> tuple[Interval, Interval] | None:
    """Return the intervals of two values from their resamples.

    The resamples that lack a class stay in: without them, the few subjects who have it would never be missing, and the
    intervals of a few subjects would hold the true score too rarely. They are means over fewer classes, so they must be
    too few to reach a limit.

    Parameters
    ----------
    value : ndarray of shape (2,), float64
    resampled : ndarray of shape (resamples, 2), float64
    row : SubjectCounts
        Whose subjects were drawn.
    times : ndarray of shape (resamples, n_subjects), float64
        As `draw_subjects` returns.

    Returns
    -------
    (Interval, Interval) or None
        None for fewer subjects than `MIN_DEGREES` asks for, or if a class is so rare that many resamples lack it.
    """
    too_few = len(row.subjects) - _n_databases(row) < MIN_DEGREES
    if too_few or 1 - has_every_class(row, times).mean() > _tail(row):
        return None
    low, high = limits(resampled, row)
    first, second = (Interval.around(value[i], low[i], high[i]) for i in range(2))
    return first, second


def _tail(row: SubjectCounts) -> float:
    """Return the share of resamples below the lower limit, and above the upper one: see `limits`."""
    sizes = row.n_samples
    degrees = max(sizes.sum() ** 2 / (sizes**2).sum() - _n_databases(row), 1)
    return float(ndtr(stdtrit(degrees, (1 - LEVEL) / 2)))


def _n_databases(row: SubjectCounts) -> int:
    return len({database_of(subject) for subject in row.subjects})
