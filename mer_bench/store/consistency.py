"""Checks that a stored file agrees with its row; one that does not is reported and never scored."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.rules import ABSENT_CLASS_RULES
from mer_bench.store.schema import CellRecord, Prediction, RowRecord

_MAX_SECONDS = 1e12


def row_problem(row: RowRecord) -> str | None:
    """Return what makes a row unusable, or None."""
    protocol, folds = row["protocol"], row["folds"]
    classes, slices = protocol["classes"], protocol["slices"]
    if len(classes) < 2 or len(set(classes)) < len(classes):
        return f"its protocol needs two or more different classes, and has {classes}"
    if protocol["absent_class"] not in ABSENT_CLASS_RULES:
        return f"its absent_class {protocol['absent_class']!r} is not one of: {', '.join(ABSENT_CLASS_RULES)}"
    if next(iter(slices), None) != "full":
        return "the first slice of its protocol is not 'full'"
    if not folds or not all(fold["samples"] for fold in folds.values()):
        return "it has no fold, or a fold without samples"
    if bad := [name for name in folds if "/" in name or not name.isprintable()]:
        return f"the fold {bad[0]!r} is not usable as a file name"
    if duplicates := _duplicates([key for fold in folds.values() for key in fold["samples"]]):
        return f"{duplicates[0]} is in two folds"
    for fold in folds.values():
        for key, label in fold["samples"].items():
            if not 0 <= label < len(classes):
                return f"{key} has the label {label}, outside the {len(classes)} classes"
    return None


def cell_problem(cell: CellRecord, row: RowRecord, seed: int, fold: str) -> str | None:
    """Return how a cell contradicts its place or its row, or None."""
    if (cell["seed"], cell["fold"], cell["row_key"]) != (seed, fold, row["row_key"]):
        return "it is the record of another cell"
    if not 0 <= cell["seconds"] <= _MAX_SECONDS:
        return f"its seconds = {cell['seconds']} is not a duration"
    return _predictions_problem(cell, row, fold) if cell["status"] == "ok" else None


def epochs_problem(sample_ids: object, scores: FloatArray, row: RowRecord, cell: CellRecord) -> str | None:
    """Return how the scores of every epoch contradict their row or their cell's predictions, or None."""
    if not isinstance(sample_ids, list) or not all(isinstance(key, str) for key in sample_ids):
        return "its sample_ids are not a list of ids"
    if problem := _ids_problem(sample_ids, row["folds"][cell["fold"]]["samples"]):
        return problem
    wanted = (len(sample_ids), len(row["protocol"]["classes"]))
    if scores.ndim != 3 or not len(scores) or scores.shape[1:] != wanted:
        return f"its scores have the shape {scores.shape}, not (epochs, {wanted[0]}, {wanted[1]})"
    if scores.dtype.kind != "f" or not np.isfinite(scores).all():
        return "its scores are not all finite numbers"
    epoch = cell["selected_epoch"]
    if epoch is None or not 0 <= epoch < len(scores):
        return f"it holds {len(scores)} epochs, and its cell's selected_epoch is {epoch}"
    predicted = {prediction["sample_id"]: prediction["scores"] for prediction in cell["predictions"]}
    if not np.array_equal(scores[epoch], np.array([predicted[key] for key in sample_ids], dtype=scores.dtype)):
        return f"its scores of epoch {epoch} are not those of its cell's predictions"
    return None


def _predictions_problem(cell: CellRecord, row: RowRecord, fold: str) -> str | None:
    truth, n_classes = row["folds"][fold]["samples"], len(row["protocol"]["classes"])
    if problem := _ids_problem([prediction["sample_id"] for prediction in cell["predictions"]], truth):
        return problem
    if _are_sound(cell["predictions"], n_classes):
        return None
    for prediction in cell["predictions"]:
        key, scores = prediction["sample_id"], prediction["scores"]
        if not 0 <= prediction["y_pred"] < n_classes:
            return f"it predicts the label {prediction['y_pred']} for {key}, outside the {n_classes} classes"
        if len(scores) != n_classes or not _are_finite(scores):
            return f"the scores of {key} are not {n_classes} finite numbers"
        if prediction["y_pred"] != scores.index(max(scores)):
            return f"it predicts the label {prediction['y_pred']} for {key}, which does not have the largest score"
    return None


def _are_sound(predictions: Sequence[Prediction], n_classes: int) -> bool:
    """Return whether each prediction has ``n_classes`` finite scores, and the label of the first largest.

    All are looked at together, because every cell that is read gets here.
    """
    scores = [prediction["scores"] for prediction in predictions]
    return (
        set(map(len, scores)) == {n_classes}
        and _are_finite(chain.from_iterable(scores))
        and [own.index(max(own)) for own in scores] == [prediction["y_pred"] for prediction in predictions]
    )


def _ids_problem(ids: Sequence[str], truth: Mapping[str, int]) -> str | None:
    if len(ids) == len(truth) and truth.keys() == set(ids):
        return None
    if duplicates := _duplicates(ids):
        return f"it holds two predictions for {duplicates[0]}"
    if missing := sorted(set(truth) - set(ids)):
        return f"it holds no prediction for {missing[0]}"
    if unknown := sorted(set(ids) - set(truth)):
        return f"it holds a prediction for {unknown[0]}, which is not in its fold"
    return None


def _duplicates(ids: Sequence[str]) -> list[str]:
    return sorted(key for key, n in Counter(ids).items() if n > 1)


def _are_finite(numbers: Iterable[float]) -> bool:
    try:
        return all(map(math.isfinite, numbers))
    except OverflowError:  # JSON allows integers of any length, also those that no float can represent
        return False
