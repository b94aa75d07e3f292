"""A method's scores of a test set, and their check."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.errors import MethodError


@dataclass(frozen=True)
class FoldScores:
    """A method's scores of a test set.

    Parameters
    ----------
    scores : ndarray of shape (n, n_classes)
    epoch_scores : ndarray of shape (epochs, n, n_classes), float32, or None
        A network's scores after every epoch.
    selected_epoch : int or None
        The epoch that ``scores`` are of, counted from 0.
    stack : int
        How many folds a network was trained with as one stack, itself included; 0 if it was in none.
    """

    scores: FloatArray
    epoch_scores: FloatArray | None = None
    selected_epoch: int | None = None
    stack: int = 0


def checked_scores(scores: FloatArray, n: int, n_classes: int) -> FloatArray:
    """Return a checked copy of scores: a method may return the same array each time.

    Raises
    ------
    MethodError
        They are not of shape (n, n_classes), or not all finite real numbers.
    """
    given = np.array(scores)
    if given.dtype.kind not in "fiu":
        raise MethodError(f"scores are of type {given.dtype}, not real numbers")
    # JSON keeps no more than a float64: the largest score must be the same before and after. And an array of our own
    # has nothing of the method's, whose dtype may carry objects that run code where they are unpickled.
    scores = np.empty(given.shape, np.float32 if given.dtype == np.float32 else np.float64)
    with np.errstate(over="ignore"):
        scores[...] = given
    if scores.shape != (n, n_classes):
        raise MethodError(f"scores have shape {scores.shape}, not ({n}, {n_classes})")
    if not np.isfinite(scores).all():
        raise MethodError("scores hold NaN or infinite values")
    return scores
