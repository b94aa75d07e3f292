"""The false positives of confusion matrices with given diagonals: which give an F1 score near a wanted one.

With fixed true positives the first score is a sum of functions ``a / (b + q_c)`` of the false positives q_c, which
are convex. False positives of all classes but two are gone through; along the last two, whose sum is then fixed, the
score falls to a minimum and rises again, so that where it crosses a value is found by halving.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from mer_bench.arrays import BoolArray, DoubleArray, IntArray
from mer_bench.audit.matrices import Measure

BATCH = 200_000
"""Rows that are worked on at once."""
_CHUNK = 20_000
"""Diagonals whose bounds are computed at once: more do not fit into a processor's cache."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Matrices whose false positives are fixed for all classes but two.

    Parameters
    ----------
    hits : ndarray of shape (n, n_classes), int64
    wrong : ndarray of shape (n, n_classes), int64
        False positives; of the last two classes still 0.
    fixed : ndarray of shape (n,), float64
        What the classes other than the last two add to the first score.
    rest : ndarray of shape (n,), int64
        False positives of the last two classes together.
    """

    hits: IntArray
    wrong: IntArray
    fixed: DoubleArray
    rest: IntArray

    def __len__(self) -> int:
        return len(self.rest)

    def take(self, places: IntArray | BoolArray | slice) -> Rows:
        return Rows(self.hits[places], self.wrong[places], self.fixed[places], self.rest[places])


@dataclass(frozen=True, eq=False)
class _Side:
    """The last two classes from the side of one, with x false positives: from ``start`` to ``stop`` the score falls.

    The score is ``a / (b + x) + other_a / (other_b + rest - x)``.
    """

    a: DoubleArray
    b: IntArray
    other_a: DoubleArray
    other_b: IntArray
    rest: IntArray
    start: IntArray
    stop: IntArray

    def take(self, places: IntArray) -> _Side:
        return _Side(**{field.name: getattr(self, field.name)[places] for field in fields(self)})

    def value(self, x: IntArray) -> DoubleArray:
        values: DoubleArray = np.divide(self.a, self.b + x) + np.divide(self.other_a, self.other_b + self.rest - x)
        return values

    def falls(self, x: IntArray) -> BoolArray:
        """Return whether the score at x + 1 is below that at x."""
        here, there = self.b + x, self.other_b + self.rest - x
        falls: BoolArray = np.greater(self.a * (there * (there - 1.0)), self.other_a * (here * (here + 1.0)))
        return falls

    def last_at_least(self, wanted: DoubleArray) -> IntArray:
        """Return the largest x from ``start`` to ``stop`` whose score is at least a wanted one; else ``start - 1``."""
        low, high = self.start - 1, self.stop
        while np.any(low < high):
            x = (low + high + 1) // 2
            enough: BoolArray = self.value(np.maximum(x, 0)) >= wanted
            open_ = low < high
            low, high = np.where(open_ & enough, x, low), np.where(open_ & ~enough, x - 1, high)
        return low

    def up_to_minimum(self) -> tuple[_Side, _Side]:
        """Return the part where the score falls, and the part behind it, seen from the other class."""
        low, high = self.start, self.stop
        while np.any(low < high):
            x = (low + high) // 2
            less, open_ = self.falls(x), low < high
            low, high = np.where(open_ & less, x + 1, low), np.where(open_ & ~less, x, high)
        falling = replace(self, stop=low)
        rising = _Side(
            a=self.other_a,
            b=self.other_b,
            other_a=self.a,
            other_b=self.b,
            rest=self.rest,
            start=self.rest - self.stop,
            stop=self.rest - low - 1,
        )
        return falling, rising


class Columns:
    """False positives under one measure.

    Parameters
    ----------
    measure : Measure
    """

    def __init__(self, measure: Measure) -> None:
        self.measure = measure
        self.counts = np.array(measure.counts)
        self.weights = np.array([float(weight) for weight in measure.f1_weights])
        # A class without samples has no F1 score, so it cannot be one of the last two.
        order = sorted(range(len(self.counts)), key=lambda c: (measure.counts[c] > 0, -measure.counts[c]))
        self.before, (self.one, self.other) = order[:-2], order[-2:]

    def least(self, hits: IntArray) -> DoubleArray:
        """Return a lower bound of the first score for each diagonal: by Cauchy, as the n_c + p_c add up to 2N."""
        bound: DoubleArray = np.sqrt(self.weights * hits).sum(axis=1) ** 2 / self.measure.n_samples
        return bound

    def most(self, hits: IntArray) -> DoubleArray:
        """Return the maximum of the first score for each diagonal.

        A convex function is largest at a corner: there all errors but those of one class are put into it, and its own
        into one other.
        """
        most = np.empty(len(hits))
        for begin in range(0, len(hits), _CHUNK):
            most[begin : begin + _CHUNK] = self._most(hits[begin : begin + _CHUNK].T.astype(np.float64))
        return most

    def _most(self, hits: DoubleArray) -> DoubleArray:
        """Return the maximum of the first score for true positives of shape (n_classes, n)."""
        counts = self.counts[:, np.newaxis].astype(np.float64)
        missed, whole = counts - hits, np.maximum(counts + hits, 1)
        errors = missed.sum(axis=0)
        doubled = 2 * self.weights[:, np.newaxis] * hits
        alone = doubled / whole
        # What the score loses where all errors of others are predicted as c.
        lost = alone - doubled / (whole + errors - missed)
        least_lost: DoubleArray = np.full(hits.shape[1], np.inf)
        for c in range(len(hits)):
            for d in range(len(hits)):
                if d != c:
                    least_lost = np.minimum(least_lost, lost[c] + alone[d] - doubled[d] / (whole[d] + missed[c]))
        most: DoubleArray = alone.sum(axis=0) - least_lost
        return most

    def reaching(self, hits: IntArray, low: float, high: float) -> IntArray:
        """Return the diagonals whose first score may be between two limits."""
        hits = hits[self.least(hits) <= high]
        return hits[self.most(hits) >= low]

    def most_rows(self, hits: IntArray) -> float:
        """Return an upper bound of the number of rows of some diagonals."""
        missed = (self.counts - hits)[:, self.before]
        errors = (self.counts - hits).sum(axis=1, keepdims=True)
        return float(np.prod(errors - missed + 1.0, axis=1).sum())

    def rows(self, hits: IntArray) -> Iterator[Rows]:
        """Go through all false positives of all classes but two, in batches."""
        start = Rows(hits, np.zeros_like(hits), np.zeros(len(hits)), (self.counts - hits).sum(axis=1))
        yield from self._expand(start, 0)

    def _expand(self, rows: Rows, level: int) -> Iterator[Rows]:
        if level == len(self.before):
            yield rows
            return
        c, later = self.before[level], [*self.before[level + 1 :], self.one, self.other]
        largest = self._largest(rows)
        first = np.maximum(rows.rest - largest[:, later].sum(axis=1), 0)
        lengths = np.minimum(largest[:, c], rows.rest) - first + 1
        ends = np.cumsum(lengths)
        begin = 0
        while begin < len(rows):
            done = int(ends[begin - 1]) if begin else 0
            end = max(begin + 1, int(np.searchsorted(ends, done + BATCH, side="right")))
            some = np.repeat(np.arange(begin, end), lengths[begin:end])
            offset = np.arange(len(some)) - (ends[some] - lengths[some] - done)
            yield from self._expand(self._put(rows.take(some), c, first[some] + offset), level + 1)
            begin = end

    def _put(self, rows: Rows, c: int, wrong: IntArray) -> Rows:
        into = rows.wrong.copy()
        into[:, c] = wrong
        added = self.weights[c] * 2 * rows.hits[:, c] / np.maximum(self.counts[c] + rows.hits[:, c] + wrong, 1)
        return Rows(rows.hits, into, rows.fixed + added, rows.rest - wrong)

    def _largest(self, rows: Rows) -> IntArray:
        """Return how many false positives each class can have: all errors that are not its own samples."""
        missed = self.counts - rows.hits
        most: IntArray = missed.sum(axis=1, keepdims=True) - missed
        return most

    def sampled(self, hits: IntArray, n: int, seed: int = 0) -> Rows:
        """Return random false positives of all classes but two, for random ones of the diagonals."""
        draws = np.random.default_rng(seed)
        chosen = hits[draws.integers(len(hits), size=n)]
        rows = Rows(chosen, np.zeros_like(chosen), np.zeros(n), (self.counts - chosen).sum(axis=1))
        largest = self._largest(rows)
        for place, c in enumerate(self.before):
            later = [*self.before[place + 1 :], self.one, self.other]
            first = np.maximum(rows.rest - largest[:, later].sum(axis=1), 0)
            last = np.minimum(largest[:, c], rows.rest)
            share = draws.beta(1.0, max(1.0, float(len(later))), size=n)
            rows = self._put(rows, c, first + np.rint(share * (last - first)).astype(np.int64))
        return rows

    def near(self, rows: Rows, wanted: float) -> tuple[IntArray, IntArray, DoubleArray]:
        """Return for each row the matrices whose first score is next to a wanted one, from above and below.

        Returns
        -------
        places : ndarray of shape (m,), int64
            The row of each.
        wrong : ndarray of shape (m, n_classes), int64
            False positives.
        scores : ndarray of shape (m,), float64
        """
        found = [self._near_of(side, turned, rows, wanted) for side, turned in self._sides(rows)]
        places, wrong, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return places, wrong, scores

    def between(self, rows: Rows, low: float, high: float) -> tuple[IntArray, IntArray]:
        """Return row and false positives of all matrices whose first score is between two limits."""
        found = []
        for side, turned in self._sides(rows):
            first = side.last_at_least(np.nextafter(high - rows.fixed, np.inf)) + 1
            lengths = np.maximum(side.last_at_least(low - rows.fixed) - first + 1, 0)
            places = np.repeat(np.arange(len(rows)), lengths)
            offset = np.arange(len(places)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            found.append((places, self._complete(rows, places, first[places] + offset, turned=turned)))
        return np.concatenate([places for places, _ in found]), np.concatenate([wrong for _, wrong in found])

    def _sides(self, rows: Rows) -> list[tuple[_Side, bool]]:
        largest = self._largest(rows)
        whole = self.counts + rows.hits
        a: DoubleArray = self.weights * (2.0 * rows.hits)
        one, other = self.one, self.other
        start: IntArray = np.maximum(rows.rest - largest[:, other], 0)
        stop: IntArray = np.minimum(largest[:, one], rows.rest)
        both = _Side(
            a=a[:, one],
            b=whole[:, one],
            other_a=a[:, other],
            other_b=whole[:, other],
            rest=rows.rest,
            start=start,
            stop=stop,
        )
        falling, rising = both.up_to_minimum()
        return [(falling, False), (rising, True)]

    def _near_of(self, side: _Side, turned: bool, rows: Rows, wanted: float) -> tuple[IntArray, IntArray, DoubleArray]:
        above = side.last_at_least(wanted - rows.fixed)
        every = np.arange(len(rows))
        places = np.concatenate([every, every])
        x = np.concatenate([above, above + 1])
        inside = (x >= side.start[places]) & (x <= side.stop[places])
        places, x = places[inside], x[inside]
        values = side.take(places).value(x) + rows.fixed[places]
        return places, self._complete(rows, places, x, turned=turned), values

    def _complete(self, rows: Rows, places: IntArray, x: IntArray, *, turned: bool) -> IntArray:
        wrong = rows.wrong[places]
        mine, its = (self.other, self.one) if turned else (self.one, self.other)
        wrong[:, mine] = x
        wrong[:, its] = rows.rest[places] - x
        return wrong
