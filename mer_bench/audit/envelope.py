"""The convex hull of all possible pairs: outside of it lies no mean of any number of runs."""

from __future__ import annotations

from itertools import product

import numpy as np

from mer_bench.arrays import DoubleArray
from mer_bench.audit.columns import Columns
from mer_bench.audit.hits import hits_between, weighted
from mer_bench.audit.matrices import Measure
from mer_bench.audit.printed import Window
from mer_bench.audit.search import MARGIN, MOST_HITS

_BINS = 2000


def is_outside_every_mean(measure: Measure, first: Window, second: Window) -> bool:
    """Return whether it is certain that no mean of possible pairs is in two intervals.

    The hull that is compared is a little larger than the true one: it is made of bounds, in bins of the second score.
    Where there are too many diagonals to go through, nothing is certain.
    """
    from scipy.spatial import ConvexHull

    corners = _outer_points(measure)
    if corners is None:
        return False
    sides = ConvexHull(corners).equations
    box = np.array([[float(x), float(y)] for x, y in product((second.low, second.high), (first.low, first.high))])
    beyond = sides[:, :2] @ box.T + sides[:, 2:]
    return bool((beyond.min(axis=1) > 1e-9).any())


def _outer_points(measure: Measure) -> DoubleArray | None:
    """Return points (second score, first score) whose hull has all possible pairs in it."""
    hits = hits_between(measure, -1.0, 1.0 + MARGIN, MOST_HITS)
    if hits is None:
        return None
    columns = Columns(measure)
    least, most = columns.least(hits), columns.most(hits)
    bins = np.clip((weighted(measure, hits) * _BINS).astype(np.int64), 0, _BINS - 1)
    lowest, highest = np.full(_BINS, np.inf), np.full(_BINS, -np.inf)
    np.minimum.at(lowest, bins, least)
    np.maximum.at(highest, bins, most)
    used = np.flatnonzero(np.isfinite(lowest))
    ends = np.concatenate([used, used + 1]) / _BINS
    points: DoubleArray = np.column_stack(
        [np.tile(ends, 2), np.concatenate([np.tile(lowest[used], 2), np.tile(highest[used], 2)])]
    )
    return points
