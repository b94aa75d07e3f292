"""The search for a confusion matrix with given scores, and for the nearest possible scores.

Candidates are found in float64, with a margin far above its error and far below a printed digit, and confirmed with
exact fractions. So "found" is exact, and so is "not found" of a complete search: see `docs/audit.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from mer_bench.arrays import DoubleArray, IntArray
from mer_bench.audit.columns import BATCH, Columns, Rows
from mer_bench.audit.hits import hits_between, sampled_hits, weighted
from mer_bench.audit.matrices import Matrix, Measure, matrix_of
from mer_bench.audit.printed import Window

MARGIN = 1e-10
MOST_HITS = 3_000_000
"""Diagonals that are gone through before a search gives up."""
MOST_ROWS = 20_000_000
"""Rows of false positives that are gone through before a search gives up."""
MOST_NEAREST_ROWS = 3_000_000
"""Rows that are gone through for the nearest matrix: with three classes some ten thousand are enough."""
_SAMPLES = 100_000
_FEW_BATCHES = 10

Distance = Callable[[DoubleArray, DoubleArray], DoubleArray]


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Parameters
    ----------
    matrix : Matrix or None
    scores : tuple of Fraction, or None
        The exact ones of ``matrix``.
    complete : bool
        Whether the search has gone through everything, or did not need to. A matrix that was looked for by its distance
        is the nearest one only if this is true.
    """

    matrix: Matrix | None
    scores: tuple[Fraction, Fraction] | None
    complete: bool

    @classmethod
    def of(cls, measure: Measure, hits: IntArray, wrong: IntArray, *, complete: bool = True) -> Found:
        true = [int(t) for t in hits]
        predicted = [t + int(q) for t, q in zip(true, wrong, strict=True)]
        return cls(matrix_of(measure.counts, true, predicted), measure.exact(true, predicted), complete)


NOTHING, GAVE_UP = Found(None, None, True), Found(None, None, False)


def find(measure: Measure, first: Window, second: Window, most_rows: int = MOST_ROWS) -> Found:
    """Look for a confusion matrix whose scores are in two intervals."""
    hits, complete = _hits(measure, second)
    return find_among(measure, first, second, hits, complete=complete, most_rows=most_rows)


def find_among(
    measure: Measure,
    first: Window,
    second: Window,
    hits: IntArray,
    *,
    complete: bool = True,
    most_rows: int = MOST_ROWS,
) -> Found:
    """Look for such a matrix with one of these diagonals; ``complete`` says whether no other has to be looked at."""
    low, high = float(first.low) - MARGIN, float(first.high) + MARGIN
    columns = Columns(measure)
    n_rows = 0
    for rows in _batches(columns, columns.reaching(hits, low, high), complete=complete):
        n_rows += len(rows)
        places, wrong, scores = columns.near(rows, float(first.middle))
        for n in np.flatnonzero((scores >= low) & (scores <= high)):
            found = Found.of(measure, rows.hits[places[n]], wrong[n])
            if found.scores is not None and found.scores[0] in first and found.scores[1] in second:
                return found
        if n_rows > most_rows:
            return GAVE_UP
    return NOTHING if complete else GAVE_UP


def range_among(measure: Measure, hits: IntArray) -> tuple[float, float] | None:
    """Return the least and the largest first score of matrices with these diagonals; None if not all were looked at."""
    ends = []
    for wanted in (0.0, 1.0):
        best = _Nearest(Columns(measure), wanted, lambda first, _, at=wanted: abs(first - at))  # type: ignore[misc]
        best.look(hits, complete=True)
        found = best.found()
        if found.scores is None or not found.complete:
            return None
        ends.append(float(found.scores[0]))
    return ends[0], ends[1]


def every(measure: Measure, first: Window, second: Window, most: int) -> tuple[IntArray, IntArray] | None:
    """Return true positives and column sums of all matrices whose scores are in two intervals.

    Returns
    -------
    hits, predicted : ndarray of shape (n, n_classes), int64
        Without repetition; or None if there are more than ``most``, or too many to look for.
    """
    low, high = float(first.low) - MARGIN, float(first.high) + MARGIN
    columns = Columns(measure)
    hits, complete = _hits(measure, second)
    if not complete:
        return None
    hits = columns.reaching(hits, low, high)
    found: list[IntArray] = [np.zeros((0, 2 * len(measure.counts)), dtype=np.int64)]
    n_found = n_rows = 0
    for rows in columns.rows(hits):
        places, wrong = columns.between(rows, low, high)
        found.append(np.hstack([rows.hits[places], rows.hits[places] + wrong]))
        n_found, n_rows = n_found + len(places), n_rows + len(rows)
        if n_found > most or n_rows > MOST_ROWS:
            return None
    together = np.concatenate(found)
    exact = [measure.exact(line[: len(measure.counts)], line[len(measure.counts) :]) for line in together.tolist()]
    kept = together[[a in first and b in second for a, b in exact]]
    return kept[:, : len(measure.counts)], kept[:, len(measure.counts) :]


def nearest(measure: Measure, first: Fraction, second: Fraction) -> Found:
    """Return the matrix whose scores are nearest to two numbers: the larger of both differences is smallest."""
    x, y = float(first), float(second)

    def distance(uf1: DoubleArray, uar: DoubleArray) -> DoubleArray:
        return np.maximum(abs(uf1 - x), abs(uar - y))

    return _grow(measure, x, second, distance)


def nearest_with_first(measure: Measure, first: Window, second: Fraction) -> Found:
    """Return a matrix whose first score is in an interval, and whose second is nearest to a number."""
    found = _with_first(measure, first, second, MARGIN)
    if found.scores is None or found.scores[0] in first:
        return found
    # It is outside by less than the margin: look for one that is inside by more.
    return replace(_with_first(measure, first, second, -MARGIN), complete=False)


def _with_first(measure: Measure, first: Window, second: Fraction, margin: float) -> Found:
    half, middle, y = float(first.half) + margin, float(first.middle), float(second)

    def distance(uf1: DoubleArray, uar: DoubleArray) -> DoubleArray:
        return np.where(abs(uf1 - middle) <= half, abs(uar - y), np.inf)

    return _grow(measure, middle, second, distance, half)


def nearest_with_second(measure: Measure, first: Fraction, second: Window) -> Found:
    """Return a matrix whose second score is in an interval, and whose first is nearest to a number."""
    x = float(first)
    hits, complete = _hits(measure, second)
    # A diagonal just outside the interval, within the margin, is none of them.
    inside = abs(weighted(measure, hits) - float(second.middle)) < float(second.half) - MARGIN
    for n in np.flatnonzero(~inside):
        inside[n] = measure.exact(hits[n].tolist(), hits[n].tolist())[1] in second
    best = _Nearest(Columns(measure), x, lambda uf1, uar: abs(uf1 - x))
    best.look(hits[inside], complete=complete)
    return best.found()


_WIDTHS = (1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.2, 0.4, 1.0)


def _grow(measure: Measure, wanted: float, second: Fraction, distance: Distance, slack: float = 0.0) -> Found:
    """Search ever more diagonals around a second score, until none that is left out can be nearer."""
    best, inner = _Nearest(Columns(measure), wanted, distance, slack), Fraction(0)
    for width in _WIDTHS:
        outer = Fraction(min(width, best.at))
        for ring in (Window(second - outer, second - inner), Window(second + inner, second + outer)):
            hits, complete = _hits(measure, ring)
            best.look(hits, complete=complete)
        if best.at <= outer or not complete:
            break
        inner = outer
    return best.found()


class _Nearest:
    """The matrix of least distance among the diagonals looked at so far.

    Parameters
    ----------
    columns : Columns
    wanted : float
        The first score that the distance grows from.
    distance : Distance
        Of first and second scores.
    slack : float
        How far from ``wanted`` the distance does not count the first score.
    """

    def __init__(self, columns: Columns, wanted: float, distance: Distance, slack: float = 0.0) -> None:
        self._columns, self._wanted, self._distance, self._slack = columns, wanted, distance, slack
        self._best: tuple[IntArray, IntArray] | None = None
        self._complete = True
        self._n_rows = 0
        self.at = float("inf")

    def found(self) -> Found:
        if self._best is None:
            return NOTHING if self._complete else GAVE_UP
        return Found.of(self._columns.measure, *self._best, complete=self._complete)

    def look(self, hits: IntArray, *, complete: bool) -> None:
        """Look at diagonals, the most promising first, until no other can be nearer."""
        self._complete = self._complete and complete
        hits, bound = self._promising(hits)
        begin, size = 0, 16
        while begin < len(hits) and bound[begin] < self.at and self._n_rows <= MOST_NEAREST_ROWS:
            for rows in _batches(self._columns, hits[begin : begin + size], complete=complete):
                self._keep(rows)
                if self._n_rows > MOST_NEAREST_ROWS:
                    self._complete = False
                    break
            begin, size = begin + size, min(2 * size, 4096)

    def _promising(self, hits: IntArray) -> tuple[IntArray, DoubleArray]:
        """Return the diagonals that may be nearer than the best one, in the order of a bound of their distance.

        At best the first score is the wanted one, or the nearer end of its range.
        """
        wanted, margin = self._wanted, MARGIN + self._slack
        at_least = np.maximum(wanted, self._columns.least(hits) - margin)
        second = weighted(self._columns.measure, hits)
        near = self._distance(at_least, second) < self.at
        hits, at_least, second = hits[near], at_least[near], second[near]
        below = at_least <= wanted  # else the range is above the wanted score, and its upper end does not matter
        at_best = at_least.copy()
        at_best[below] = np.minimum(wanted, self._columns.most(hits[below]) + margin)
        bound = self._distance(at_best, second)
        order = np.argsort(bound, kind="stable")
        return hits[order], bound[order]

    def _keep(self, rows: Rows) -> None:
        self._n_rows += len(rows)
        places, wrong, scores = self._columns.near(rows, self._wanted)
        distances = self._distance(scores, weighted(self._columns.measure, rows.hits[places]))
        if len(distances) and distances.min() < self.at:
            n = int(np.argmin(distances))
            self._best, self.at = (rows.hits[places[n]], wrong[n]), float(distances[n])


def _hits(measure: Measure, second: Window) -> tuple[IntArray, bool]:
    """Return the diagonals whose second score is in an interval, and whether these are all."""
    low, high = float(second.low) - MARGIN, float(second.high) + MARGIN
    hits = hits_between(measure, low, high, MOST_HITS)
    if hits is not None:
        return hits, True
    return sampled_hits(measure, low, high, _SAMPLES), False


def _batches(columns: Columns, hits: IntArray, *, complete: bool) -> Iterator[Rows]:
    """Go through random false positives first, where there are many, so that a matrix is found soon if there is one."""
    if not len(hits):
        return
    if not complete or columns.most_rows(hits) > _FEW_BATCHES * BATCH:
        yield columns.sampled(hits, BATCH)
    if complete:
        yield from columns.rows(hits)
