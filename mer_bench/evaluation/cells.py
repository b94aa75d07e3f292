"""One cell: train a method on a fold's training set, and score its test set, without any label of the test set."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mer_bench.arithmetic import arithmetic, cell_processor
from mer_bench.arrays import FloatArray
from mer_bench.cache import InputGoneError, open_stack
from mer_bench.errors import error_text, type_name
from mer_bench.evaluation.fold_scores import FoldScores
from mer_bench.evaluation.predict import predict_fold
from mer_bench.evaluation.watch import watched_files
from mer_bench.foreign import ForeignError, foreign_code, trace_of
from mer_bench.methods.method import LabelledSamples, UnlabelledSamples
from mer_bench.methods.setting import MethodSetting
from mer_bench.plugin_manager import load_target
from mer_bench.store.schema import CellError

if TYPE_CHECKING:
    # A worker imports this module, and needs neither rows nor what they import, such as pandas.
    from mer_bench.evaluation.rows import Row


@dataclass(frozen=True)
class Cell:
    """The unit of work: one row at one seed with one subject held out."""

    row: int
    """Index into `mer_bench.evaluation.plan.Plan.rows`."""
    seed: int
    fold: str


@dataclass(frozen=True)
class FoldTask:
    """Everything that a worker needs to compute a cell, and no more: neither labels nor ids of the test set.

    Parameters
    ----------
    cell : Cell
    setting : MethodSetting
    stack : Path
        The row's stacked features or representation, a ``.npy`` file.
    train : tuple of int
        Positions of the training set in the stack.
    labels : tuple of int
        Labels of the training set.
    subjects : tuple of str
        Namespaced subjects of the training set.
    test : tuple of int
        Positions of the test set in the stack, whose order tells nothing about a sample.
    seed : int
        What seeds the generators.
    device : str
        A torch device.
    inner : str or None
        As of `mer_bench.evaluation.predict.predict_fold`.
    """

    cell: Cell
    setting: MethodSetting
    stack: Path
    train: tuple[int, ...]
    labels: tuple[int, ...]
    subjects: tuple[str, ...]
    test: tuple[int, ...]
    seed: int
    device: str
    inner: str | None


@dataclass(frozen=True)
class FoldResult:
    """A fold's scores, in the order of the task's test set, or why there are none.

    Parameters
    ----------
    scores : FoldScores or None
    error : CellError or None
    seconds : float
    processor : str
        As of `mer_bench.arithmetic.cell_processor`.
    input_gone : bool
        Whether there are none because the input was removed meanwhile: it can be made again.
    """

    scores: FoldScores | None
    error: CellError | None
    seconds: float
    processor: str
    input_gone: bool = False


def fold_task(row: Row, cell: Cell, *, stack: Path, device: str) -> FoldTask:
    """Return the task of a row's cell.

    Parameters
    ----------
    row : Row
    cell : Cell
    stack : Path
        The row's stacked features or representation.
    device : str
        A torch device; methods that cannot use it get ``cpu``.
    """
    table, members = row.table, row.folds[cell.fold]
    protocol = row.record["protocol"]
    return FoldTask(
        cell=cell,
        setting=row.setting,
        stack=stack,
        train=tuple(row.places[i] for i in members.train),
        labels=tuple(table.labels[i] for i in members.train),
        subjects=tuple(table.subjects[i] for i in members.train),
        test=tuple(row.places[i] for i in members.test),
        seed=seed_value(protocol["name"], cell.fold, cell.seed),
        device=device if row.uses_device else "cpu",
        inner=protocol["absent_class"] if row.record["training"] == "inner" else None,
    )


def compute_fold(task: FoldTask) -> FoldResult:
    """Compute one cell; what the method raises is returned as an error.

    Raises
    ------
    MerBenchError
        The method refuses a setting: every other cell would fail too.
    """
    started, processor = time.perf_counter(), cell_processor(arithmetic())
    load_method(task.setting)
    try:
        inputs = open_stack(task.stack)
        with fenced(task.setting, f"fold {task.cell.fold}"):
            scores = _predict(task, inputs)
    except InputGoneError as gone:
        return inputless_fold(gone)
    except ForeignError as failure:
        return failed_fold(failure.error, time.perf_counter() - started, trace_of(failure.error))
    return FoldResult(scores, None, time.perf_counter() - started, processor)


def load_method(setting: MethodSetting) -> None:
    """Import the module of a method.

    Raises
    ------
    MerBenchError
        It cannot be imported: every cell would fail.
    """
    with watched_files():
        load_target(setting.spec.target)


@contextmanager
def fenced(setting: MethodSetting, what: str) -> Iterator[None]:
    """Fence code of a method while it computes folds; what it raises is a `ForeignError`."""
    with foreign_code(f"method {setting.spec.name}", what, recorded=True), watched_files():
        yield


def failed_fold(error: BaseException, seconds: float, trace: str = "") -> FoldResult:
    """Return the result of a fold that failed."""
    failure: CellError = {"type": type_name(error), "message": error_text(error), "traceback": trace}
    return FoldResult(None, failure, seconds, cell_processor(arithmetic()))


def inputless_fold(error: InputGoneError) -> FoldResult:
    """Return the result of a fold whose input was removed."""
    return replace(failed_fold(error, 0.0), input_gone=True)


def seed_value(protocol: str, fold: str, seed: int) -> int:
    """Return the number that seeds a fold's generators: a hash, so that no fold depends on another."""
    return int.from_bytes(hashlib.sha256(f"{protocol}/{fold}/{seed}".encode()).digest()[:4], "big")


def _predict(task: FoldTask, inputs: FloatArray) -> FoldScores:
    train = LabelledSamples(
        np.asarray(inputs[list(task.train)]),
        np.array(task.labels, dtype=np.int64),
        np.array(task.subjects),
    )
    test = UnlabelledSamples(np.asarray(inputs[list(task.test)]))
    return predict_fold(task.setting, train, test, seed=task.seed, device=task.device, inner=task.inner)
