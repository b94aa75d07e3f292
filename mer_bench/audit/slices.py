"""Scores of databases against those of all together: whether one set of confusion matrices has all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np

from mer_bench.arrays import DoubleArray, IntArray
from mer_bench.audit.hits import weighted
from mer_bench.audit.matrices import Matrix, Measure, macro, matrix_of
from mer_bench.audit.printed import Printed, Window
from mer_bench.audit.search import MARGIN, every
from mer_bench.audit.verdict import Kind

MOST_SOLUTIONS = 500_000
"""Matrices of one database, by diagonal and column sums, that are kept."""
_MOST_LEFT = 1_000_000
_MOST_PAIRS = 50_000_000
_BATCH = 500_000


@dataclass(frozen=True)
class Part:
    """A printed pair and the class counts that it is of."""

    counts: tuple[int, ...]
    uf1: Printed
    uar: Printed

    def windows(self, *, truncated: bool) -> tuple[Window, Window]:
        """Return the intervals of both scores: rounded; or rounded or truncated."""
        if truncated:
            return rounded_or_truncated(self.uf1), rounded_or_truncated(self.uar)
        return self.uf1.window("rounded"), self.uar.window("rounded")


@dataclass(frozen=True)
class Joint:
    """Whether pairs are possible together.

    Parameters
    ----------
    kind : Kind
    matrices : tuple of Matrix
        One for each database, whose sum has the scores of the whole; empty if none were found.
    nearest : tuple of float, or None
        Where the pairs are impossible together: the UF1 and UAR of the whole, nearest to the printed ones, that the
        rounded scores of the databases allow. None if there are too many combinations to say.
    """

    kind: Kind
    matrices: tuple[Matrix, ...] = ()
    nearest: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class _Solutions:
    """Sums of matrices: true positives and column sums, and from which matrix of each database they are."""

    hits: IntArray
    predicted: IntArray
    origins: IntArray

    def take(self, places: IntArray) -> _Solutions:
        return _Solutions(self.hits[places], self.predicted[places], self.origins[places])

    def plus(self, other: _Solutions) -> _Solutions:
        """Return the sums, place by place."""
        origins = np.hstack([self.origins, other.origins])
        return _Solutions(self.hits + other.hits, self.predicted + other.predicted, origins)


def rounded_or_truncated(printed: Printed) -> Window:
    """Return all numbers that are printed so, rounded or truncated."""
    return Window(printed.window("rounded").low, printed.window("truncated").high)


def judge_together(parts: Sequence[Part], whole: Part) -> Joint:
    """Return whether matrices of databases exist that have their scores, and whose sum has the scores of the whole.

    Parameters
    ----------
    parts : sequence of Part
        One for each database of the whole, and their counts add up to the whole's.
    whole : Part
    """
    measures = [macro(part.counts) for part in parts]
    decided, near = True, None
    for truncated in (False, True):
        windows = [part.windows(truncated=truncated) for part in parts]
        found = [every(m, *own, MOST_SOLUTIONS) for m, own in zip(measures, windows, strict=True)]
        solutions = [_of(*each) for each in found if each is not None]
        if len(solutions) < len(parts):
            return Joint("undecided")
        if not truncated:
            near = _nearest(solutions, whole)
        origins, complete = _matching(solutions, macro(whole.counts), whole.windows(truncated=truncated))
        if origins is not None:
            matrices = tuple(
                matrix_of(part.counts, own.hits[n].tolist(), own.predicted[n].tolist())
                for part, own, n in zip(parts, solutions, origins, strict=True)
            )
            kind: Kind = "possible if truncated" if truncated else "possible"
            return Joint(kind if decided else "undecided", matrices)
        decided = decided and complete
    return Joint("impossible", nearest=near) if decided else Joint("undecided")


def _of(hits: IntArray, predicted: IntArray) -> _Solutions:
    return _Solutions(hits, predicted, np.arange(len(hits))[:, np.newaxis])


def _matching(
    solutions: Sequence[_Solutions], measure: Measure, windows: tuple[Window, Window]
) -> tuple[list[int] | None, bool]:
    """Return which matrix of each database to take, or None; and whether all combinations were looked at.

    The largest database's matrices are sorted by what they add to the UAR of the whole; those that fit each combination
    of the others are then a range.
    """
    largest = max(range(len(solutions)), key=lambda n: len(solutions[n].hits))
    right = solutions[largest]
    others = [each for n, each in enumerate(solutions) if n != largest]
    if any(not len(each.hits) for each in solutions):
        return None, True
    left, complete = _combined(others)
    order = np.argsort(weighted(measure, right.hits), kind="stable")
    right = right.take(order)
    low, high = float(windows[1].low) - MARGIN, float(windows[1].high) + MARGIN
    added, base = weighted(measure, right.hits), weighted(measure, left.hits)
    starts = np.searchsorted(added, low - base, side="left")
    lengths = np.searchsorted(added, high - base, side="right") - starts
    ends = np.cumsum(lengths)
    begin = 0
    while begin < len(lengths):
        done = int(ends[begin - 1]) if begin else 0
        if done > _MOST_PAIRS:
            return None, False
        end = max(begin + 1, int(np.searchsorted(ends, done + _BATCH, side="right")))
        some = np.repeat(np.arange(begin, end), lengths[begin:end])
        places = np.arange(len(some)) - (ends[some] - lengths[some] - done) + starts[some]
        found = _first_exact(left.take(some).plus(right.take(places)), measure, windows)
        if found is not None:
            *of_others, of_largest = found
            return [*of_others[:largest], of_largest, *of_others[largest:]], complete
        begin = end
    return None, complete


def _nearest(solutions: Sequence[_Solutions], whole: Part) -> tuple[float, float] | None:
    """Return the scores of the sum of one matrix of each database that are nearest to those of the whole."""
    if not 0 < prod(len(each.hits) for each in solutions) <= _MOST_LEFT:
        return None
    sums, _ = _combined(solutions)
    measure = macro(whole.counts)
    uf1, uar = _float_uf1(sums, measure), weighted(measure, sums.hits)
    n = int(np.argmin(np.maximum(abs(uf1 - float(whole.uf1.value)), abs(uar - float(whole.uar.value)))))
    return float(uf1[n]), float(uar[n])


def _combined(parts: Sequence[_Solutions]) -> tuple[_Solutions, bool]:
    """Return all sums of one matrix of each database, in random order; or some, if they are too many."""
    sizes = [len(part.hits) for part in parts]
    total = prod(sizes)
    draws = np.random.default_rng(0)
    complete = total <= _MOST_LEFT
    if complete:
        chosen = np.array(np.unravel_index(draws.permutation(total), sizes))
    else:
        chosen = np.array([draws.integers(size, size=_MOST_LEFT) for size in sizes])
    first, *rest = (part.take(places) for part, places in zip(parts, chosen, strict=True))
    for part in rest:
        first = first.plus(part)
    return first, complete


def _first_exact(sums: _Solutions, measure: Measure, windows: tuple[Window, Window]) -> list[int] | None:
    uf1 = _float_uf1(sums, measure)
    low, high = float(windows[0].low) - MARGIN, float(windows[0].high) + MARGIN
    for n in np.flatnonzero((uf1 >= low) & (uf1 <= high)):
        scores: tuple[Fraction, Fraction] = measure.exact(sums.hits[n].tolist(), sums.predicted[n].tolist())
        if scores[0] in windows[0] and scores[1] in windows[1]:
            return [int(place) for place in sums.origins[n]]
    return None


def _float_uf1(sums: _Solutions, measure: Measure) -> DoubleArray:
    weights = np.array([float(weight) for weight in measure.f1_weights])
    whole = np.maximum(np.array(measure.counts) + sums.predicted, 1)
    uf1: DoubleArray = (weights * 2 * sums.hits / whole).sum(axis=1)
    return uf1
