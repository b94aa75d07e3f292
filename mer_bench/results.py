"""From stored predictions to figures: the one place where a row becomes numbers.

Metrics are never stored: a mistake in a metric must not cost a rerun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.scoring.metrics import Scores, score
from mer_bench.store import Store
from mer_bench.store.schema import CellRecord, RowRecord

Predictions = dict[str, tuple[int, int]]
"""Sample id to (truth, prediction)."""

NO_EPOCHS = "none"
"""The selection rule of a method without epochs: there is nothing to select."""


@dataclass(frozen=True)
class Result:
    """One row at one seed under one selection rule.

    Parameters
    ----------
    row : RowRecord
    selection : str
        ``last``, ``inner``, ``oracle``, or `NO_EPOCHS`.
    seed : int
    done, failed, total : int
        Folds stored, folds whose cell failed, and folds that the protocol asks for.
    slices : mapping of str to Scores
        Empty unless every fold is done: an incomplete run has no mean.
    predictions : mapping of str to (int, int)
        Sample id to truth and prediction, of the folds that are done.
    run_ids : tuple of str
        The runs that the cells came from.
    seconds : float
        Computing time of the cells, added up.
    """

    row: RowRecord
    selection: str
    seed: int
    done: int
    failed: int
    total: int
    slices: Mapping[str, Scores]
    predictions: Mapping[str, tuple[int, int]]
    run_ids: tuple[str, ...]
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether every fold is done."""
        return self.done == self.total


def read_results(store: Store) -> Iterator[Result]:
    """Yield every result of a store: per row and seed, and for networks the oracle diagnostic too."""
    for row in store.rows():
        for seed in store.seeds(row):
            yield from row_results(store, row, seed)


def row_results(store: Store, row: RowRecord, seed: int) -> Iterator[Result]:
    """Yield the results of one row at one seed."""
    cells = {fold: store.read_cell(row, seed, fold) for fold in row["folds"]}
    yield _result(row, seed, selection_of(row), cells, _last_predictions)
    if row["trains_by_epoch"] and row["training"] == "full":
        yield _result(row, seed, "oracle", cells, lambda row, cell: _oracle_predictions(store, row, cell))


def selection_of(row: RowRecord) -> str:
    """Return the selection rule that a row's own predictions follow."""
    if not row["trains_by_epoch"]:
        return NO_EPOCHS
    return "inner" if row["training"] == "inner" else "last"


def best_epoch(scores: FloatArray, labels: list[int]) -> int:
    """Return the epoch with the most correct samples, the latest among equals (as published test-epoch code does).

    Parameters
    ----------
    scores : ndarray of shape (n_epochs, n_samples, n_classes), float32
    labels : list of int
        The n_samples true labels.
    """
    correct = (scores.argmax(axis=2) == np.asarray(labels)).sum(axis=1)
    return int(len(correct) - 1 - np.argmax(correct[::-1]))


def _result(
    row: RowRecord,
    seed: int,
    selection: str,
    cells: Mapping[str, CellRecord | None],
    predict: Callable[[RowRecord, CellRecord], Predictions | None],
) -> Result:
    predictions: Predictions = {}
    done = 0
    for cell in cells.values():
        if cell is None or cell["status"] != "ok":
            continue
        found = predict(row, cell)
        if found is not None:
            predictions.update(found)
            done += 1
    stored = [cell for cell in cells.values() if cell is not None]
    return Result(
        row=row,
        selection=selection,
        seed=seed,
        done=done,
        failed=sum(cell["status"] == "failed" for cell in stored),
        total=len(cells),
        slices=_slices(row, predictions) if done == len(cells) else {},
        predictions=predictions,
        run_ids=tuple(sorted({cell["run_id"] for cell in stored})),
        seconds=sum(cell["seconds"] for cell in stored),
    )


def _last_predictions(row: RowRecord, cell: CellRecord) -> Predictions:
    return {p["sample_id"]: (p["y_true"], p["y_pred"]) for p in cell["predictions"]}


def _oracle_predictions(store: Store, row: RowRecord, cell: CellRecord) -> Predictions | None:
    stored = store.read_epoch_scores(cell["key"], row, cell["fold"]) if cell["epoch_scores"] else None
    if stored is None:
        return None
    sample_ids, scores = stored
    truth = row["folds"][cell["fold"]]["samples"]
    labels = [truth[key] for key in sample_ids]
    predicted = scores[best_epoch(scores, labels)].argmax(axis=1)
    return {key: (label, int(p)) for key, label, p in zip(sample_ids, labels, predicted, strict=True)}


def _slices(row: RowRecord, predictions: Predictions) -> dict[str, Scores]:
    protocol = row["protocol"]
    scored = {}
    for name, databases in protocol["slices"].items():
        pairs = [pair for key, pair in predictions.items() if key.split("/", 1)[0] in databases]
        if pairs:
            truth, predicted = zip(*pairs, strict=True)
            scored[name] = score(
                np.array(truth), np.array(predicted), len(protocol["classes"]), absent_class=protocol["absent_class"]
            )
    return scored
