"""The scores of a cell, stored or computed again, and how two of them compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mer_bench.arrays import FloatArray
from mer_bench.evaluation.cells import FoldResult, FoldTask
from mer_bench.evaluation.records import predictions_of
from mer_bench.evaluation.rows import Row
from mer_bench.store import Store
from mer_bench.store.schema import CellRecord, Prediction, RowRecord
from mer_bench.store.verification import Outcome


@dataclass(frozen=True)
class CellScores:
    """All scores of a cell, its samples in the order of their ids.

    Parameters
    ----------
    layers : ndarray of shape (1 + n_epochs, n_samples, n_classes), float64
        The scores of the predictions; then those after every epoch, which the oracle chooses from.
    selected_epoch : int or None
    """

    layers: NDArray[np.float64]
    selected_epoch: int | None


def stored_scores(store: Store, row: RowRecord, cell: CellRecord) -> CellScores | None:
    """Return the stored scores of a finished cell; None if those of every epoch are missing or damaged."""
    epochs = store.read_epoch_scores(cell["key"], row, cell) if cell["epoch_scores"] else None
    if cell["epoch_scores"] and epochs is None:
        return None
    return CellScores(_layers(cell["predictions"], epochs), cell["selected_epoch"])


def computed_scores(row: Row, task: FoldTask, result: FoldResult) -> CellScores | None:
    """Return the scores that were computed for a cell; None if it failed."""
    if result.scores is None:
        return None
    predictions, epochs = predictions_of(row, task, result), result.scores.epoch_scores
    ids = [prediction["sample_id"] for prediction in predictions]
    return CellScores(_layers(predictions, None if epochs is None else (ids, epochs)), result.scores.selected_epoch)


def compare(
    again: CellScores | None, stored: CellScores | None, seeds: Callable[[], Sequence[CellScores]] | None
) -> tuple[Outcome, str, float]:
    """Compare the scores of a cell.

    Parameters
    ----------
    again, stored : CellScores or None
    seeds : callable or None
        Returns the stored scores of each seed, where equal bits cannot be expected: then as many labels may differ as
        between two seeds, of the predictions, and of any epoch.

    Returns
    -------
    outcome : Outcome
    reason : str
        Why they differ; empty unless they do.
    largest : float
        The largest difference of two scores; infinite if there is nothing to compare.
    """
    if again is None:
        return "differs", "it failed", float("inf")
    if stored is None:
        return "differs", "its stored scores of every epoch are missing or damaged", float("inf")
    if again.layers.shape != stored.layers.shape:
        return "differs", "it has another number of epochs", float("inf")
    differences = np.abs(again.layers - stored.layers).max(axis=(1, 2))
    largest = float(differences.max())
    if largest == 0 and again.selected_epoch == stored.selected_epoch:
        return "same", "", largest
    if seeds is not None and _within_spread(again, stored, seeds()):
        return "within-spread", "", largest
    if differences[0]:
        return "differs", "other predictions", largest
    if largest:
        return "differs", f"other scores of epoch {int(differences.argmax()) - 1}", largest
    return "differs", f"epoch {again.selected_epoch} is selected, and not {stored.selected_epoch}", largest


def _within_spread(again: CellScores, stored: CellScores, seeds: Sequence[CellScores]) -> bool:
    ours = _changed_labels(again, stored)
    pairs = [_changed_labels(a, b) for a in seeds for b in seeds if a.layers.shape == b.layers.shape]
    return all(own <= max(pair[i] for pair in pairs) for i, own in enumerate(ours))


def _changed_labels(a: CellScores, b: CellScores) -> tuple[int, int]:
    """Return how many labels of the predictions differ, and in any epoch at most."""
    changed = (a.layers.argmax(axis=2) != b.layers.argmax(axis=2)).sum(axis=1)
    return int(changed[0]), int(changed.max())


def _layers(predictions: Sequence[Prediction], epochs: tuple[list[str], FloatArray] | None) -> NDArray[np.float64]:
    ordered = sorted(predictions, key=lambda prediction: prediction["sample_id"])
    own = np.array([[prediction["scores"] for prediction in ordered]], dtype=np.float64)
    if epochs is None:
        return own
    ids, scores = epochs
    each: NDArray[np.float64] = scores[:, sorted(range(len(ids)), key=ids.__getitem__)].astype(np.float64)
    return np.concatenate([own, each])
