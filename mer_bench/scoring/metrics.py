"""UF1, UAR and accuracy over a fixed set of classes, from predictions pooled over all folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mer_bench.arrays import DoubleArray, IntArray
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.rules import ABSENT_CLASS_RULES

TABLE_METRICS = ("uf1", "uar")
"""The scores of this field's tables, which have intervals: the order of `class_means`."""


@dataclass(frozen=True)
class Scores:
    """The scores of one set of predictions.

    Parameters
    ----------
    uf1 : float
        Unweighted F1-score, the mean of the classes' F1, in [0, 1].
    uar : float
        Unweighted average recall, the mean of the classes' recall, in [0, 1].
    accuracy : float
        Share of correctly predicted samples, in [0, 1].
    n_samples : int
        Number of scored samples.
    confusion : tuple of tuple of int
        Rows are the truth, columns the prediction.
    absent : tuple of int
        Labels of the fixed class set without a true sample.
    """

    uf1: float
    uar: float
    accuracy: float
    n_samples: int
    confusion: tuple[tuple[int, ...], ...]
    absent: tuple[int, ...]


def score(y_true: ArrayLike, y_pred: ArrayLike, n_classes: int, *, absent_class: str = "exclude") -> Scores:
    """Score predictions pooled over all folds; folds are never scored one by one.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,), integer
        True and predicted labels, 0 to ``n_classes - 1``, in the same order.
    n_classes : int
        Size of the fixed class set; it does not depend on which labels occur.
    absent_class : {"exclude", "zero"}
        How a class without a true sample enters both means: see `mer_bench.rules.ABSENT_CLASS_RULES`.

    Raises
    ------
    MerBenchError
        The lengths differ, there is no sample, a label is not an integer or not a class, or the rule is unknown.

    References
    ----------
    AHMSA-Net, eq. 6 (UF1) and eq. 7 (UAR), which are MEGC2019's.
    """
    (scores,) = score_counts(confusion(y_true, y_pred, n_classes)[np.newaxis], absent_class=absent_class)
    return scores


def score_counts(counts: IntArray, *, absent_class: str = "exclude") -> list[Scores]:
    """Score confusion matrices, each pooled over all folds.

    Parameters
    ----------
    counts : ndarray of shape (n, n_classes, n_classes), int64
        Each of one sample or more; rows are the truth, columns the prediction.
    absent_class : {"exclude", "zero"}
        As in `score`.

    Raises
    ------
    MerBenchError
        The rule is unknown.
    """
    if absent_class not in ABSENT_CLASS_RULES:
        hint = did_you_mean(absent_class, ABSENT_CLASS_RULES) if isinstance(absent_class, str) else ""
        raise MerBenchError(f"absent_class={absent_class!r} is not one of: {', '.join(ABSENT_CLASS_RULES)}{hint}")
    uf1, uar = class_means(counts, absent_class=absent_class)
    n_true = counts.sum(axis=2)
    n_samples = n_true.sum(axis=1)
    accuracy = np.trace(counts, axis1=1, axis2=2) / n_samples
    columns = (uf1, uar, accuracy, n_samples, counts, n_true)
    return [
        Scores(
            uf1=own_uf1,
            uar=own_uar,
            accuracy=own_accuracy,
            n_samples=own_n,
            confusion=tuple(map(tuple, own_counts)),
            absent=tuple(label for label, n in enumerate(own_true) if n == 0),
        )
        for own_uf1, own_uar, own_accuracy, own_n, own_counts, own_true in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def class_means(counts: DoubleArray | IntArray, *, absent_class: str = "exclude") -> tuple[DoubleArray, DoubleArray]:
    """Return UF1 and UAR of confusion matrices.

    Parameters
    ----------
    counts : ndarray of shape (..., n_classes, n_classes), integer or float64
        Pooled counts, not negative; rows are the truth, columns the prediction.
    absent_class : {"exclude", "zero"}
        See `mer_bench.rules.ABSENT_CLASS_RULES`.

    Returns
    -------
    uf1, uar : ndarray of shape (...), float64
        In [0, 1]; 0 for a matrix without samples.
    """
    exact: DoubleArray = counts.astype(np.float64, copy=False)
    true_positives = np.diagonal(exact, axis1=-2, axis2=-1)
    n_true = exact.sum(axis=-1)
    # 2TP + FP + FN = (times predicted) + (true samples) of the class; it is 0 only for an absent class.
    f1, recall = _share(2 * true_positives, n_true + exact.sum(axis=-2)), _share(true_positives, n_true)
    averaged = n_true > 0 if absent_class == "exclude" else np.ones_like(n_true, dtype=np.bool_)
    n_averaged = np.maximum(averaged.sum(axis=-1), 1)
    return (f1 * averaged).sum(axis=-1) / n_averaged, (recall * averaged).sum(axis=-1) / n_averaged


def _share(part: DoubleArray, whole: DoubleArray) -> DoubleArray:
    shares: DoubleArray = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return shares


def confusion(y_true: ArrayLike, y_pred: ArrayLike, n_classes: int) -> IntArray:
    """Count pairs of truth (rows) and prediction (columns); parameters and errors are those of `score`.

    Returns
    -------
    ndarray of shape (n_classes, n_classes), int64
    """
    truth = _labels("y_true", y_true, n_classes)
    prediction = _labels("y_pred", y_pred, n_classes)
    if len(truth) != len(prediction):
        raise MerBenchError(
            f"y_true has {len(truth)} labels and y_pred {len(prediction)}; give one prediction for each sample"
        )
    counts: IntArray = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (truth, prediction), 1)
    return counts


def _labels(name: str, values: ArrayLike, n_classes: int) -> IntArray:
    try:
        array = np.asarray(values)
    except ValueError:
        raise MerBenchError(f"{name} is a ragged list; give integer class labels") from None
    if array.size and array.dtype.kind not in "iu":
        raise MerBenchError(f"{name} holds {array.dtype} values such as {array.flat[0]!s}; give integer class labels")
    if array.ndim != 1:
        raise MerBenchError(f"{name} has shape {array.shape}; give a flat sequence with one label for each sample")
    if not len(array):
        raise MerBenchError(f"{name} holds no samples; there is nothing to score")
    outside = array[(array < 0) | (array >= n_classes)]
    if len(outside):
        raise MerBenchError(f"{name} holds label {outside[0]}; labels go from 0 to {n_classes - 1}")
    return array.astype(np.int64)
