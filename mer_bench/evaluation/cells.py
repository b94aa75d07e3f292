"""One cell: train a method on a fold's training set, and store its scores of the test set."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer_bench.arithmetic import processor
from mer_bench.arrays import FloatArray
from mer_bench.errors import error_text
from mer_bench.evaluation.fold_scores import FoldScores
from mer_bench.evaluation.predict import predict_fold
from mer_bench.evaluation.rows import Row
from mer_bench.foreign import ForeignError, foreign_code, trace_of
from mer_bench.methods.method import LabelledSamples, UnlabelledSamples
from mer_bench.plugin_manager import load_target
from mer_bench.store import Store, cell_key
from mer_bench.store.schema import SCHEMA, CellError, CellRecord, failure_text


@dataclass(frozen=True)
class Task:
    """A cell, with everything that a worker needs to compute and store it.

    Parameters
    ----------
    row : Row
    seed : int
    fold : str
    stack : Path
        The row's stacked features or representation, a ``.npy`` file.
    results : Path
        The store.
    run_id : str
    device : str
        A torch device.
    """

    row: Row
    seed: int
    fold: str
    stack: Path
    results: Path
    run_id: str
    device: str


@dataclass(frozen=True)
class Outcome:
    """Whether a cell failed; its predictions are in the store."""

    method: str
    seed: int
    fold: str
    failure: str
    """Why it failed; empty if it did not."""


def run_cell(task: Task) -> Outcome:
    """Compute one cell and store it, even if it fails.

    Raises
    ------
    MerBenchError
        The method refuses a setting, or the store cannot be written: every other cell would fail too.
    """
    started = time.perf_counter()
    store = Store(task.results)
    seed = seed_value(task.row.record["protocol"]["name"], task.fold, task.seed)
    spec = task.row.setting.spec
    load_target(spec.target)
    try:
        with foreign_code(f"method {spec.name}", f"fold {task.fold}", recorded=True):
            sample_ids, prediction = _predict(task, seed)
    except ForeignError as failure:
        return store_failure(task, failure.error, time.perf_counter() - started)
    record = _blank_record(task, time.perf_counter() - started)
    if prediction.epoch_scores is not None:
        store.write_epoch_scores(record["key"], sample_ids, prediction.epoch_scores)
        record["epoch_scores"] = True
        record["selected_epoch"] = prediction.selected_epoch
    record["predictions"] = [
        {
            "sample_id": sample_id,
            "y_pred": int(scores.argmax()),
            "scores": [float(value) for value in scores],
        }
        for sample_id, scores in zip(sample_ids, prediction.scores, strict=True)
    ]
    store.write_cell(task.row.record, record)
    return Outcome(task.row.record["method"]["name"], task.seed, task.fold, "")


def store_failure(task: Task, error: BaseException, seconds: float, trace: str = "") -> Outcome:
    """Store a failed cell with the reason, unless the store already holds the finished cell.

    Another run on the same store may have finished it, or the time-out may have expired after the worker stored it.
    """
    name = task.row.record["method"]["name"]
    stored = Store(task.results).read_cell(task.row.record, task.seed, task.fold)
    if stored is not None and stored["status"] == "ok":
        return Outcome(name, task.seed, task.fold, "")
    record = _blank_record(task, seconds)
    record["status"] = "failed"
    failure: CellError = {
        "type": type(error).__name__,
        "message": error_text(error),
        "traceback": trace or trace_of(error),
    }
    record["error"] = failure
    Store(task.results).write_cell(task.row.record, record)
    return Outcome(name, task.seed, task.fold, failure_text(failure))


def seed_value(protocol: str, fold: str, seed: int) -> int:
    """Return the number that seeds a fold's generators: a hash, so that no fold depends on another."""
    return int.from_bytes(hashlib.sha256(f"{protocol}/{fold}/{seed}".encode()).digest()[:4], "big")


def _predict(task: Task, seed: int) -> tuple[list[str], FoldScores]:
    """Return the test set's sample ids, and scores in the same order."""
    row = task.row
    fold = row.folds[task.fold]
    inputs: FloatArray = np.load(task.stack, mmap_mode="r")
    train = LabelledSamples(
        np.asarray(inputs[list(fold.train)]),
        np.array([row.table.labels[i] for i in fold.train], dtype=np.int64),
        np.array([row.table.subjects[i] for i in fold.train]),
    )
    test = UnlabelledSamples(np.asarray(inputs[list(fold.test)]))
    inner = row.record["protocol"]["absent_class"] if row.record["training"] == "inner" else None
    scores = predict_fold(row.setting, train, test, seed=seed, device=task.device, inner=inner)
    return [row.table.sample_ids[i] for i in fold.test], scores


def _blank_record(task: Task, seconds: float) -> CellRecord:
    row_key = task.row.record["row_key"]
    return {
        "schema": SCHEMA,
        "key": cell_key(row_key, task.seed, task.fold),
        "row_key": row_key,
        "seed": task.seed,
        "fold": task.fold,
        "status": "ok",
        "predictions": [],
        "selected_epoch": None,
        "epoch_scores": False,
        "error": None,
        "run_id": task.run_id,
        "device": task.device,
        "processor": processor(),
        "seconds": round(seconds, 3),
    }
