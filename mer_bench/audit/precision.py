"""The reason "precision": a matrix whose UF1 and mean precision are the published pair."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from mer_bench.audit.columns import Columns
from mer_bench.audit.hits import hits_between, sampled_hits
from mer_bench.audit.matrices import Matrix, Measure, matrix_of
from mer_bench.audit.printed import Window
from mer_bench.audit.search import MARGIN, MOST_HITS

_MOST_DIAGONALS = 4_000
_MOST_ROWS = 1_000_000


def find_precision(measure: Measure, uf1: Window, precision: Window, seed: int = 0) -> Matrix | None:
    """Look for a matrix whose UF1 and mean precision are in two intervals.

    It is looked for among random diagonals with about the recall that the two numbers suggest (F1 is the harmonic mean
    of precision and recall), so that None does not exclude that there is one.

    Parameters
    ----------
    measure : Measure
        Of UF1 and UAR: both are means over the same classes.
    """
    x, y = float(uf1.middle), float(precision.middle)
    recall = min(1.0, max(0.0, x * y / (2 * y - x))) if 2 * y > x else 1.0
    low, high = recall - 0.03, recall + 0.03
    hits = hits_between(measure, low, high, MOST_HITS)
    if hits is None:
        hits = sampled_hits(measure, low, high, 100_000, seed)
    columns = Columns(measure)
    floats = float(uf1.low) - MARGIN, float(uf1.high) + MARGIN
    hits = columns.reaching(hits, *floats)
    chosen = np.random.default_rng(seed).permutation(len(hits))[:_MOST_DIAGONALS]
    n_rows = 0
    for rows in columns.rows(hits[chosen]):
        n_rows += len(rows)
        places, wrong, _ = columns.near(rows, x)
        true = rows.hits[places]
        shares = true / np.maximum(true + wrong, 1)
        means = (shares * columns.weights).sum(axis=1)
        for n in np.flatnonzero(abs(means - y) <= float(precision.half) + MARGIN)[:100]:
            predicted = [int(t) + int(q) for t, q in zip(true[n], wrong[n], strict=True)]
            own = [int(t) for t in true[n]]
            if mean_precision(measure, own, predicted) in precision and measure.exact(own, predicted)[0] in uf1:
                return matrix_of(measure.counts, own, predicted)
        if n_rows > _MOST_ROWS:
            return None
    return None


def mean_precision(measure: Measure, hits: list[int], predicted: list[int]) -> Fraction:
    """Return the mean precision; that of a class that is never predicted is 0."""
    return sum(
        (w * Fraction(t, p) for w, t, p in zip(measure.f1_weights, hits, predicted, strict=True) if t), Fraction(0)
    )
