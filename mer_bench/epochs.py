"""What the stored scores of every epoch show: the oracle's predictions, and the test scores after each epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from mer_bench.arrays import DoubleArray, IntArray
from mer_bench.scoring.metrics import class_means
from mer_bench.store import Store
from mer_bench.store.schema import CellRecord, RowRecord

Predictions = Mapping[str, tuple[int, int]]
"""Sample id to truth and prediction."""

_ArrayT = TypeVar("_ArrayT", IntArray, DoubleArray)


@dataclass(frozen=True, eq=False)
class Epochs:
    """What is kept of a row's scores of every epoch, which are far larger.

    Parameters
    ----------
    chosen : mapping of (int, str) to Predictions
        Seed and fold to the predictions of the epoch that is best on the test subject.
    curves : mapping of int to ndarray of shape (n_epochs, 2), float64
        For each seed with the scores of all folds: UF1 and UAR of all folds' predictions together, after each epoch.
        A fold that stopped early keeps its last epoch.
    most, fewest : int
        How many epochs a fold has; 0 for a row without any.
    """

    chosen: Mapping[tuple[int, str], Predictions] = field(default_factory=dict)
    curves: Mapping[int, DoubleArray] = field(default_factory=dict)
    most: int = 0
    fewest: int = 0

    @classmethod
    def read(cls, store: Store, record: RowRecord, cells: Iterable[CellRecord]) -> Epochs:
        """Read the scores of every epoch of some cells, each file once.

        Parameters
        ----------
        store : Store
        record : RowRecord
        cells : iterable of CellRecord
            Those of the row that have predictions.
        """
        chosen: dict[tuple[int, str], Predictions] = {}
        counts: dict[int, IntArray] = {}
        numbers = []
        for cell in cells:
            stored = store.read_epoch_scores(cell["key"], record, cell) if cell["epoch_scores"] else None
            if stored is None:
                continue
            ids, scores = stored
            seed, truth = cell["seed"], record["folds"][cell["fold"]]["samples"]
            labels = np.array([truth[key] for key in ids])
            predicted = scores.argmax(axis=2)
            best = predicted[best_epoch(predicted, labels)].tolist()
            chosen[seed, cell["fold"]] = dict(zip(ids, zip(labels.tolist(), best, strict=True), strict=True))
            own = _counts(predicted, labels, scores.shape[2])
            counts[seed] = _sum(counts[seed], own) if seed in counts else own
            numbers.append(len(scores))
        n_read = {seed: sum(own == seed for own, _ in chosen) for seed in counts}
        absent_class = record["protocol"]["absent_class"]
        curves = {
            seed: np.stack(class_means(own, absent_class=absent_class), axis=-1)
            for seed, own in counts.items()
            if n_read[seed] == len(record["folds"])
        }
        return cls(chosen, curves, max(numbers, default=0), min(numbers, default=0))

    @property
    def curve(self) -> DoubleArray | None:
        """UF1 and UAR after each epoch, averaged over the complete seeds; None if there is none.

        Returns
        -------
        ndarray of shape (n_epochs, 2), float64, or None
        """
        longest = max(map(len, self.curves.values()), default=0)
        if not longest:
            return None
        mean: DoubleArray = np.mean([_continued(own, longest) for own in self.curves.values()], axis=0)
        return mean


def best_epoch(predicted: IntArray, labels: IntArray) -> int:
    """Return the epoch with the most correct samples, and of equals the latest (as published test-epoch code does).

    Parameters
    ----------
    predicted : ndarray of shape (n_epochs, n_samples), int64
        Classes.
    labels : ndarray of shape (n_samples,), int64
        The true ones.
    """
    correct = (predicted == labels).sum(axis=1)
    return int(len(correct) - 1 - np.argmax(correct[::-1]))


def _counts(predicted: IntArray, labels: IntArray, n_classes: int) -> IntArray:
    """Return the confusion matrix of each epoch: shape (n_epochs, n_classes, n_classes)."""
    n_epochs = len(predicted)
    places = labels * n_classes + predicted + n_classes**2 * np.arange(n_epochs)[:, None]
    flat = np.bincount(places.ravel(), minlength=n_epochs * n_classes**2)
    return flat.reshape(n_epochs, n_classes, n_classes)


def _sum(first: IntArray, second: IntArray) -> IntArray:
    longest = max(len(first), len(second))
    total: IntArray = _continued(first, longest) + _continued(second, longest)
    return total


def _continued(values: _ArrayT, n_epochs: int) -> _ArrayT:
    """Repeat the last epoch until there are so many."""
    longer: _ArrayT = np.concatenate([values, np.repeat(values[-1:], n_epochs - len(values), axis=0)])
    return longer
