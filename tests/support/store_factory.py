"""Small stores with chosen predictions, written through the real `Store`: no method runs, nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mer_bench.store import Store, cell_key
from mer_bench.store.files import digest
from mer_bench.store.schema import (
    SCHEMA,
    CellRecord,
    FoldRecord,
    Prediction,
    ProtocolRecord,
    ProtocolWords,
    RowRecord,
    Training,
)

CLASSES = ("negative", "positive", "surprise")
CDE_SLICES = {"full": ("smic", "samm", "casme2"), "smic": ("smic",), "samm": ("samm",), "casme2": ("casme2",)}
SUBJECTS = ("smic/s1", "smic/s2", "samm/006", "samm/007", "casme2/sub01", "casme2/sub02")
N_EPOCHS = 3

Predictor = Callable[[str, int], int]
"""From a sample's id and true label to the predicted label."""


def samples_of(subjects: Sequence[str] = SUBJECTS, per_class: int = 2) -> dict[str, int]:
    """Return sample ids with their labels: ``per_class`` of each class and subject."""
    return {
        f"{subject}/{CLASSES[label]}_{i}": label
        for subject in subjects
        for label in range(len(CLASSES))
        for i in range(per_class)
    }


def make_row(
    name: str = "majority",
    *,
    title: str | None = None,
    version: str = "3",
    family: str = "baseline",
    params: Mapping[str, object] | None = None,
    epochs: bool = False,
    training: Training = "full",
    protocol: str = "cde",
    slices: Mapping[str, Sequence[str]] | None = None,
    samples: Mapping[str, int] | None = None,
    data: str = "real",
    caveats: Sequence[str] = (),
    absent_class: str = "exclude",
    classes: Sequence[str] = CLASSES,
    words: ProtocolWords | None = None,
    preset: str = "",
    changed: Mapping[str, object] | None = None,
    reference: str = "",
    differs: Mapping[str, object] | None = None,
    deterministic: bool = False,
    input_name: str = "Named maps",
    scale: str = "per-map-8bit",
    third_channel: str = "os",
    arithmetic: str = "avx2",
    representation: Mapping[str, object] | None = None,
) -> RowRecord:
    """Return a row.

    ``data`` names the content of the data: another name gives other fingerprints. ``representation`` holds the settings
    of the face flow that the method gets.
    """
    labels = dict(samples if samples is not None else samples_of())
    slices = slices or CDE_SLICES
    databases = sorted({sample_id.split("/")[0] for sample_id in labels})
    record: ProtocolRecord = {
        "name": protocol,
        "version": 1,
        "title": f"Protocol {protocol}",
        "hash": digest([protocol, absent_class, {key: list(value) for key, value in slices.items()}]),
        "classes": list(classes),
        "slices": {key: list(value) for key, value in slices.items()},
        "absent_class": absent_class,
        **(words or {}),
    }
    row: RowRecord = {
        "schema": SCHEMA,
        "row_key": "",
        "method": {
            "name": name,
            "version": version,
            "title": title if title is not None else name.title(),
            "family": family,
            "citation": "",
        },
        "params": dict(params or {}),
        "settings": {
            "preset": preset,
            "changed": dict(changed or {}),
            "reference": reference,
            "differs": dict(differs or {}),
        },
        "protocol": record,
        "training": training,
        "trains_by_epoch": epochs,
        "deterministic": deterministic,
        "arithmetic": arithmetic,
        "input": {
            "name": input_name,
            "source": f"example.org/{data}",
            "citation": "Someone 2020",
            "licence": "MIT",
            "flow": "tv-l1",
            "channels": ["u", "v", third_channel],
            "scale": scale,
            "digest": "",
        },
        "representation": {
            "name": "face-flow",
            "params": dict(representation or {}),
            "hash": digest(["face-flow", dict(representation or {})]),
        },
        "fingerprints": {database: digest([data, database, labels]) for database in databases},
        "caveats": sorted(caveats),
        "folds": _folds(labels),
    }
    row["input"]["digest"] = digest(row["fingerprints"])
    row["row_key"] = digest(row)
    return row


def manifest(**changes: object) -> dict[str, object]:
    """Return a run's manifest as a run writes it."""
    return {
        "schema": SCHEMA,
        "argv": ["/opt/env/bin/mer-bench", "run", "--method", "majority", "--protocol", "cde"],
        "mer_bench": "0.1.0",
        "selection": "last",
        "count_problems": [],
        "device": "cpu",
        "jobs": 2,
        "python": "3.11.9",
        "platform": "Linux",
        "processor": "A Processor",
        "stack": 0,
        "packages": {"numpy": "1.26.4", "torch": "2.6.0"},
        "gpu": None,
        "git": None,
        **changes,
    }


def write_seed(
    store: Store,
    row: RowRecord,
    predict: Predictor,
    *,
    seed: int = 0,
    run_id: str = "",
    missing: Sequence[str] = (),
    failed: Mapping[str, str] | None = None,
    oracle: Predictor | None = None,
    processor: str = "A Processor",
    device: str = "cpu",
    n_epochs: int = N_EPOCHS,
    seconds: float = 0.5,
) -> None:
    """Store every cell of one seed, but nothing for the ``missing`` folds, and the messages of the ``failed`` ones.

    The first of ``n_epochs`` epochs predicts as the ``oracle`` does, if there is one, and the others as ``predict``.
    """
    run_id = run_id or store.start_run(manifest())
    store.write_row(row)
    for fold in row["folds"]:
        if fold in missing:
            continue
        cell = _blank_cell(row, seed, fold, run_id)
        cell["processor"], cell["device"], cell["seconds"] = processor, device, seconds
        message = (failed or {}).get(fold)
        if message is not None:
            cell["status"] = "failed"
            cell["error"] = {"type": "ValueError", "message": message, "traceback": ""}
        else:
            _fill(store, cell, row, predict, oracle, n_epochs)
        store.write_cell(row, cell)


def filled_cell(row: RowRecord, seed: int, fold: str, run_id: str, predict: Predictor) -> CellRecord:
    """Return a finished cell of a method without epochs."""
    cell = _blank_cell(row, seed, fold, run_id)
    cell["predictions"] = _predictions(row, fold, predict)
    return cell


def _predictions(row: RowRecord, fold: str, predict: Predictor) -> list[Prediction]:
    one_hot = np.eye(len(row["protocol"]["classes"]), dtype=np.float32)
    predicted = {key: predict(key, label) for key, label in row["folds"][fold]["samples"].items()}
    return [{"sample_id": key, "y_pred": y, "scores": one_hot[y].tolist()} for key, y in predicted.items()]


def new_store(folder: Path) -> Store:
    """Make a store under ``folder``."""
    return Store.create(folder / "results")


def right(sample_id: str, label: int) -> int:
    """Predict the truth."""
    return label


def always(label: int) -> Predictor:
    """Predict one class."""
    return lambda sample_id, truth: label


def wrong_for(*subjects: str) -> Predictor:
    """Predict the truth, but the next class for every sample of these subjects."""
    return lambda sample_id, truth: (truth + 1) % len(CLASSES) if sample_id.startswith(subjects) else truth


def scattered(salt: str, n_right: int) -> Predictor:
    """Predict the truth of ``n_right`` in ``n_right + 3`` samples, and any class for the others."""
    return lambda key, truth: [*[truth] * n_right, 0, 1, 2][int(digest([salt, key]), 16) % (n_right + 3)]


def _folds(labels: Mapping[str, int]) -> dict[str, FoldRecord]:
    folds: dict[str, FoldRecord] = {}
    for sample_id, label in labels.items():
        subject = sample_id.rpartition("/")[0]
        fold = folds.setdefault(subject.replace("/", "-"), {"subject": subject, "samples": {}})
        fold["samples"][sample_id] = label
    return folds


def _blank_cell(row: RowRecord, seed: int, fold: str, run_id: str) -> CellRecord:
    return {
        "schema": SCHEMA,
        "key": cell_key(row["row_key"], seed, fold),
        "row_key": row["row_key"],
        "seed": seed,
        "fold": fold,
        "status": "ok",
        "predictions": [],
        "selected_epoch": None,
        "epoch_scores": "",
        "error": None,
        "run_id": run_id,
        "device": "",
        "processor": "",
        "stack": 0,
        "seconds": 0.5,
    }


def _fill(
    store: Store, cell: CellRecord, row: RowRecord, predict: Predictor, oracle: Predictor | None, n_epochs: int
) -> None:
    samples = row["folds"][cell["fold"]]["samples"]
    ids = list(samples)
    predicted = [predict(sample_id, samples[sample_id]) for sample_id in ids]
    one_hot = np.eye(len(row["protocol"]["classes"]), dtype=np.float32)
    cell["predictions"] = _predictions(row, cell["fold"], predict)
    if oracle is not None:
        best = [oracle(sample_id, samples[sample_id]) for sample_id in ids]
        scores = one_hot[[best, *[predicted] * (n_epochs - 1)]]
        cell["epoch_scores"] = store.write_epoch_scores(cell["key"], ids, scores)
        cell["selected_epoch"] = n_epochs - 1


STORED_ROW = make_row("net", params={"lr": 0.1, "blocks": [1, 2]}, epochs=True)
"""The row of the store that the tests of `mer_bench.store` begin with."""
