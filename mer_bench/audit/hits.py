"""The diagonals of confusion matrices (true positives of each class) whose weighted sum is in an interval."""

from __future__ import annotations

import numpy as np

from mer_bench.arrays import DoubleArray, IntArray
from mer_bench.audit.matrices import Measure

_LARGEST_HALF = 4_000_000
"""Diagonals of half of the classes that are held in memory."""


def hits_between(measure: Measure, low: float, high: float, most: int) -> IntArray | None:
    """Return all true positives whose second score is between two limits.

    The sums of one half of the classes are looked up among the sorted sums of the other half.

    Returns
    -------
    ndarray of shape (n, n_classes), int64, or None
        None if there are more than ``most``, or too many to look for.
    """
    cut = _cut(measure.counts)
    if cut is None:
        return None
    first, second = _grid(measure.counts[:cut]), _grid(measure.counts[cut:])
    weights = np.array([float(weight) for weight in measure.hit_weights])
    left, right = first @ weights[:cut], second @ weights[cut:]
    order = np.argsort(right, kind="stable")
    second, right = second[order], right[order]
    starts = np.searchsorted(right, low - left, side="left")
    lengths = np.searchsorted(right, high - left, side="right") - starts
    total = int(lengths.sum())
    if total > most:
        return None
    rows = np.repeat(np.arange(len(left)), lengths)
    places = np.arange(total) - np.repeat(np.cumsum(lengths) - lengths, lengths) + starts[rows]
    return np.hstack([first[rows], second[places]])


def sampled_hits(measure: Measure, low: float, high: float, n: int, seed: int = 0) -> IntArray:
    """Return some true positives whose second score is between two limits, of counts that are too many to go through.

    All classes but one are drawn near the wanted score; the last one follows.
    """
    draws = np.random.default_rng(seed)
    counts = np.array(measure.counts)
    weights = np.array([float(weight) for weight in measure.hit_weights])
    last = int(np.argmax(counts))
    share = np.clip((low + high) / 2 + draws.normal(0, 0.15, (n, len(counts))), 0, 1)
    hits = np.rint(share * counts).astype(np.int64)
    hits[:, last] = 0
    wanted = (low + high) / 2 - hits @ weights
    hits[:, last] = np.clip(np.rint(wanted / weights[last]), 0, counts[last])
    sums = hits @ weights
    found: IntArray = np.unique(hits[(sums >= low) & (sums <= high)], axis=0)
    return found


def weighted(measure: Measure, hits: IntArray) -> DoubleArray:
    """Return the second score of true positives, of shape (n, n_classes), as float64."""
    scores: DoubleArray = hits @ np.array([float(weight) for weight in measure.hit_weights])
    return scores


def _cut(counts: tuple[int, ...]) -> int | None:
    """Return where to split the classes so that the larger half is smallest; None if it is too large even so."""
    sizes = [n + 1 for n in counts]
    halves = {max(_product(sizes[:cut]), _product(sizes[cut:])): cut for cut in range(1, len(sizes))}
    smallest = min(halves)
    return halves[smallest] if smallest <= _LARGEST_HALF else None


def _product(sizes: list[int]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product


def _grid(counts: tuple[int, ...]) -> IntArray:
    axes = np.meshgrid(*[np.arange(n + 1) for n in counts], indexing="ij")
    return np.stack([axis.ravel() for axis in axes], axis=1)
