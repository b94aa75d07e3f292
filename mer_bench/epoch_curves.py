"""The test scores of a row after each epoch: a diagnostic, which no choice may rest on."""

from __future__ import annotations

import numpy as np

from mer_bench.arrays import DoubleArray, IntArray
from mer_bench.results import RowResults
from mer_bench.scoring.metrics import class_means


def epoch_curve(row: RowResults) -> DoubleArray | None:
    """Return UF1 and UAR of the pooled predictions of all folds after each epoch, averaged over complete seeds.

    Parameters
    ----------
    row : RowResults

    Returns
    -------
    ndarray of shape (n_epochs, 2), float64, or None
        None if no seed has the scores of every epoch in all folds.
    """
    protocol = row.record["protocol"]
    found = []
    for seed in row.oracle:
        counts = _counts(row, seed.seed) if seed.complete else None
        if counts is not None:
            found.append(np.stack(class_means(counts, absent_class=protocol["absent_class"]), axis=-1))
    if not found:
        return None
    curve: DoubleArray = np.mean(found, axis=0)
    return curve


def _counts(row: RowResults, seed: int) -> IntArray | None:
    """Return the confusion matrix of all folds after each epoch: shape (n_epochs, n_classes, n_classes)."""
    total: IntArray | None = None
    for fold, labels in ((name, fold["samples"]) for name, fold in row.record["folds"].items()):
        cell = row.cells[seed, fold]
        stored = row.store.read_epoch_scores(cell["key"], row.record, cell) if cell and cell["epoch_scores"] else None
        if stored is None:
            return None
        ids, scores = stored
        n_epochs, _, n_classes = scores.shape
        cells = np.array([labels[key] for key in ids]) * n_classes + scores.argmax(axis=2)
        places = cells + n_classes**2 * np.arange(n_epochs)[:, None]
        counts = np.bincount(places.ravel(), minlength=n_epochs * n_classes**2).reshape(n_epochs, n_classes, n_classes)
        if total is not None and counts.shape != total.shape:
            return None
        total = counts if total is None else total + counts
    return total
