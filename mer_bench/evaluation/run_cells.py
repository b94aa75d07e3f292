"""One cell at work: hand a method its training side, take its scores of the held-out subject."""

from __future__ import annotations

import hashlib
import random
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError, MethodError
from mer_bench.evaluation.plan import Row
from mer_bench.evaluation.selection import best_inner_epoch, validation_subjects
from mer_bench.methods.method import LabelledSamples, Method, UnlabelledSamples
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.plugin_manager import load_target
from mer_bench.store import Store, cell_key
from mer_bench.store.schema import SCHEMA, CellRecord


@dataclass(frozen=True)
class Task:
    """A cell with all that a worker needs to compute and store it.

    Parameters
    ----------
    row : Row
    seed : int
    fold : str
    stack : Path
        The row's stacked representation, a ``.npy`` file.
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
    """How a cell ended; its predictions are in the store."""

    method: str
    seed: int
    fold: str
    failure: str
    """Empty where it went well."""


def run_cell(task: Task) -> Outcome:
    """Compute one cell and store it, also when it fails.

    On the CPU it uses one thread: a sum split over other threads would round differently, and a fold's predictions
    must be the same with any number of workers. What the method prints goes to stderr: stdout is for ``--json``.

    Raises
    ------
    MerBenchError
        A setting that the method refuses, or a store that cannot be written: no other cell would fare better.
    """
    started = time.perf_counter()
    store = Store(task.results)
    seed = seed_value(task.row.record["protocol"]["name"], task.fold, task.seed)
    try:
        with threadpool_limits(1), redirect_stdout(sys.stderr), _global_generators(seed):
            prediction = _predict(task, seed)
    except MerBenchError as error:
        # A plain one: a subclass of the method's own may not survive the way back from a worker.
        raise MerBenchError(str(error)) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too, and whatever else a method's libraries may raise
        return store_failure(task, error, traceback.format_exc(), time.perf_counter() - started)
    record = _blank_record(task, time.perf_counter() - started)
    if prediction.epoch_scores is not None:
        store.write_epoch_scores(record["key"], prediction.sample_ids, prediction.epoch_scores)
        record["epoch_scores"] = True
        record["selected_epoch"] = prediction.selected_epoch
    truth = task.row.record["folds"][task.fold]["samples"]
    record["predictions"] = [
        {
            "sample_id": sample_id,
            "y_true": truth[sample_id],
            "y_pred": int(scores.argmax()),
            "scores": [float(value) for value in scores],
        }
        for sample_id, scores in zip(prediction.sample_ids, prediction.scores, strict=True)
    ]
    store.write_cell(task.row.record, record)
    return Outcome(task.row.record["method"]["name"], task.seed, task.fold, "")


def store_failure(task: Task, error: BaseException, trace: str, seconds: float) -> Outcome:
    """Store a failed cell, so that the reason outlives the run; one that is done already stays as it is.

    It may be: another run on the same store was faster, or a time-out fell between the cell's end and its report.
    """
    name = task.row.record["method"]["name"]
    stored = Store(task.results).read_cell(task.row.record, task.seed, task.fold)
    if stored is not None and stored["status"] == "ok":
        return Outcome(name, task.seed, task.fold, "")
    record = _blank_record(task, seconds)
    record["status"] = "failed"
    record["error"] = {"type": type(error).__name__, "message": _text(error), "traceback": trace}
    Store(task.results).write_cell(task.row.record, record)
    return Outcome(name, task.seed, task.fold, f"{type(error).__name__}: {_text(error)}")


def seed_value(protocol: str, fold: str, seed: int) -> int:
    """Return the number that a fold's generators start from: a hash, so that no fold depends on another."""
    return int.from_bytes(hashlib.sha256(f"{protocol}/{fold}/{seed}".encode()).digest()[:4], "big")


@dataclass(frozen=True)
class _Prediction:
    sample_ids: list[str]
    scores: FloatArray
    epoch_scores: FloatArray | None = None
    selected_epoch: int | None = None


@contextmanager
def _global_generators(seed: int) -> Iterator[None]:
    """Seed Python's and numpy's global generators for a method that draws from them, and restore them after."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (the global one is what a method may draw from)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def _predict(task: Task, seed: int) -> _Prediction:
    row, record = task.row, task.row.record
    fold = row.folds[task.fold]
    inputs: FloatArray = np.load(task.stack, mmap_mode="r")
    train = LabelledSamples(
        np.asarray(inputs[list(fold.train)]),
        np.array([row.table.labels[i] for i in fold.train], dtype=np.int64),
        np.array([row.table.subjects[i] for i in fold.train]),
    )
    test = UnlabelledSamples(np.asarray(inputs[list(fold.test)]))
    n_classes = len(record["protocol"]["classes"])
    # A copy: what one fold's method does to its parameters must not reach the next fold's.
    method = load_target(row.target)(dict(row.params), n_classes)
    if isinstance(method, TorchMethod) != record["trains_by_epoch"]:
        raise MethodError(f"{row.target}: its spec's trains_by_epoch does not fit its class")
    sample_ids = [row.table.sample_ids[i] for i in fold.test]
    if isinstance(method, TorchMethod):
        epochs, chosen = _train_network(method, train, test, task, seed)
        return _Prediction(sample_ids, epochs[chosen], epochs, chosen)
    if not isinstance(method, Method):
        raise MethodError(f"{row.target} is neither a Method nor a TorchMethod")
    method.fit(train, seed=seed)
    return _Prediction(sample_ids, _checked(method.predict(test), len(test), n_classes))


def _train_network(
    method: TorchMethod, train: LabelledSamples, test: UnlabelledSamples, task: Task, seed: int
) -> tuple[FloatArray, int]:
    """Return the test scores of every epoch, and the epoch that counts."""
    from mer_bench.training.trainer import train_fold

    if task.row.record["training"] == "full":
        (epochs,) = train_fold(method, train, [test], seed=seed, device=task.device)
        return _checked_epochs(epochs, len(test), method.n_classes), len(epochs) - 1
    inner, validation = _split(train, validation_subjects(train.subjects, seed=seed))
    held_out = [UnlabelledSamples(validation.inputs), test]
    validated, tested = train_fold(method, inner, held_out, seed=seed, device=task.device)
    _checked_epochs(validated, len(validation), method.n_classes)
    _checked_epochs(tested, len(test), method.n_classes)
    rule = task.row.record["protocol"]["absent_class"]
    return tested, best_inner_epoch(validated, validation.labels, method.n_classes, absent_class=rule)


def _split(train: LabelledSamples, held_out: set[str]) -> tuple[LabelledSamples, LabelledSamples]:
    out = np.isin(train.subjects, sorted(held_out))
    inside, outside = (
        LabelledSamples(train.inputs[part], train.labels[part], train.subjects[part]) for part in (~out, out)
    )
    return inside, outside


def _checked_epochs(epochs: FloatArray, n: int, n_classes: int) -> FloatArray:
    for scores in epochs:
        _checked(scores, n, n_classes)
    return epochs


def _checked(scores: FloatArray, n: int, n_classes: int) -> FloatArray:
    scores = np.asarray(scores)
    if scores.shape != (n, n_classes):
        raise MethodError(f"scores have shape {scores.shape}, not ({n}, {n_classes})")
    if scores.dtype.kind not in "fiu" or not np.isfinite(scores).all():
        raise MethodError("scores hold NaN, infinite or other values that are no real numbers")
    return scores


def _text(error: BaseException) -> str:
    """Return an error's message on one line; a foreign error may fail even at that."""
    try:
        return " ".join(str(error).split())
    except Exception:
        return "its message cannot be printed"


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
        "seconds": round(seconds, 3),
    }
