"""The convex hull of all possible pairs: outside of it lies no mean of any number of runs."""

from __future__ import annotations

import numpy as np

from mer_bench.arrays import DoubleArray
from mer_bench.audit.columns import Columns
from mer_bench.audit.hits import hits_between, weighted
from mer_bench.audit.matrices import Measure
from mer_bench.audit.printed import Window
from mer_bench.audit.search import MARGIN, MOST_HITS

_BINS = 2000


def is_outside_every_mean(measure: Measure, first: Window, second: Window, *, above: bool) -> bool:
    """Return whether it is certain that no mean of possible pairs is in two intervals.

    The hull that is compared is a little larger than the true one: it is made of bounds, in bins of the second score.
    Where there are too many diagonals to go through, nothing is certain.

    Parameters
    ----------
    measure : Measure
        Of scores from 0 to 1.
    first, second : Window
    above : bool
        Whether to compare with the upper side of the hull, or with the lower side.
    """
    hits = hits_between(measure, -1.0, 1.0 + MARGIN, MOST_HITS)
    if hits is None:
        return False
    columns = Columns(measure)
    # The lower side is the upper one of the negative scores.
    ends = columns.most(hits) if above else -columns.least(hits)
    bins = np.clip((weighted(measure, hits) * _BINS).astype(np.int64), 0, _BINS - 1)
    highest = np.full(_BINS, -np.inf)
    np.maximum.at(highest, bins, ends)
    used = np.flatnonzero(np.isfinite(highest))
    x = np.concatenate([used, used + 1]) / _BINS
    corners = _upper_hull(x, np.concatenate([highest[used], highest[used]]))
    nearest_to_hull = float(first.low) if above else -float(first.high)
    return nearest_to_hull > _largest(corners, float(second.low), float(second.high)) + MARGIN


def _upper_hull(x: DoubleArray, y: DoubleArray) -> DoubleArray:
    """Return the corners of the upper side of the convex hull of points, from left to right.

    scipy's ConvexHull takes a second to import.
    """
    order = np.lexsort((y, x))
    corners: list[tuple[float, float]] = []
    for right, height in zip(x[order].tolist(), y[order].tolist(), strict=True):
        while corners and corners[-1][0] == right:
            corners.pop()
        while len(corners) > 1 and not _turns_down(corners[-2], corners[-1], (right, height)):
            corners.pop()
        corners.append((right, height))
    return np.array(corners)


def _turns_down(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) < (b[1] - a[1]) * (c[0] - a[0])


def _largest(corners: DoubleArray, low: float, high: float) -> float:
    """Return the largest height of a hull between two places; minus infinity where it does not reach."""
    x, y = corners.T
    if high < x[0] or low > x[-1]:
        return -np.inf
    inside = y[(x >= low) & (x <= high)]
    ends = np.interp([max(low, x[0]), min(high, x[-1])], x, y)
    return float(np.concatenate([inside, ends]).max())
