"""The search for a confusion matrix with given scores, and for the nearest possible scores.

Candidates are found in float64 with a margin far above its error and far below a printed digit, and confirmed with exact
fractions. So "found" is exact, and so is "not found" of a complete search: see `docs/audit.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
_SAMPLES = 100_000

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
    low, high = float(first.low) - MARGIN, float(first.high) + MARGIN
    columns = Columns(measure)
    hits, complete = _hits(measure, second)
    least, most = columns.bounds(hits)
    hits = hits[(least <= high) & (most >= low)]
    n_rows = 0
    for rows in _batches(columns, hits, complete=complete):
        n_rows += len(rows)
        places, wrong, scores = columns.near(rows, float(first.middle))
        for n in np.flatnonzero((scores >= low) & (scores <= high)):
            found = Found.of(measure, rows.hits[places[n]], wrong[n])
            if found.scores is not None and found.scores[0] in first and found.scores[1] in second:
                return found
        if n_rows > most_rows:
            return GAVE_UP
    return NOTHING if complete else GAVE_UP


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
    least, largest = columns.bounds(hits)
    hits = hits[(least <= high) & (largest >= low)]
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
    half, middle, y = float(first.half) + MARGIN, float(first.middle), float(second)

    def distance(uf1: DoubleArray, uar: DoubleArray) -> DoubleArray:
        return np.where(abs(uf1 - middle) <= half, abs(uar - y), np.inf)

    return _grow(measure, middle, second, distance, half)


def nearest_with_second(measure: Measure, first: Fraction, second: Window) -> Found:
    """Return a matrix whose second score is in an interval, and whose first is nearest to a number."""
    x = float(first)
    hits, complete = _hits(measure, second)
    return _closest(Columns(measure), hits, x, lambda uf1, uar: abs(uf1 - x), complete=complete)


def _grow(measure: Measure, wanted: float, second: Fraction, distance: Distance, slack: float = 0.0) -> Found:
    """Search ever more diagonals around a second score, until none that is left out can be nearer."""
    columns = Columns(measure)
    best = GAVE_UP
    for exponent in (-4, -3, -2, -1, 0):
        width = Fraction(10) ** exponent
        hits, complete = _hits(measure, Window(second - width, second + width))
        if not complete and best.matrix is not None:
            return Found(best.matrix, best.scores, complete=False)
        best = _closest(columns, hits, wanted, distance, complete=complete, slack=slack)
        if best.scores is not None and best.complete and _at(best, distance) <= float(width):
            return best
    return best


def _at(found: Found, distance: Distance) -> float:
    assert found.scores is not None
    return float(distance(*(np.array([float(score)]) for score in found.scores))[0])


def _closest(
    columns: Columns, hits: IntArray, wanted: float, distance: Distance, *, complete: bool, slack: float = 0.0
) -> Found:
    """Return the matrix of least distance on some diagonals; the most promising diagonals come first."""
    if not len(hits):
        return NOTHING if complete else GAVE_UP
    least, most = columns.bounds(hits)
    # What the first score can be at best: the wanted one, or the nearer end of its range.
    bound = distance(np.clip(wanted, least - MARGIN - slack, most + MARGIN + slack), weighted(columns.measure, hits))
    order = np.argsort(bound, kind="stable")
    hits, bound = hits[order], bound[order]
    best, best_at, n_rows = None, np.inf, 0
    begin, size = 0, 16
    while begin < len(hits) and bound[begin] < best_at and np.isfinite(bound[begin]):
        some = hits[begin : begin + size]
        for rows in _batches(columns, some, complete=complete):
            n_rows += len(rows)
            places, wrong, scores = columns.near(rows, wanted)
            distances = distance(scores, weighted(columns.measure, rows.hits[places]))
            n = int(np.argmin(distances)) if len(distances) else 0
            if len(distances) and distances[n] < best_at:
                best, best_at = (rows.hits[places[n]], wrong[n]), float(distances[n])
            if n_rows > MOST_ROWS:
                complete = False
                break
        if n_rows > MOST_ROWS:
            break
        begin, size = begin + size, min(2 * size, 4096)
    if best is None:
        return NOTHING if complete else GAVE_UP
    return Found.of(columns.measure, *best, complete=complete)


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
    if len(columns.before) > 1 or not complete:
        yield columns.sampled(hits, BATCH)
    if complete:
        yield from columns.rows(hits)
