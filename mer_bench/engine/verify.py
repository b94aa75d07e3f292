"""Compute stored cells again, each in a fresh process and in another order, and compare."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import chain, zip_longest

import numpy as np

from mer_bench.arithmetic import same_processor_class
from mer_bench.engine.executors import run_tasks
from mer_bench.engine.inputs import Inputs, fold_place, lost_fold
from mer_bench.engine.listener import Listener
from mer_bench.engine.place import Place
from mer_bench.engine.resources import Resources
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.cells import Cell, FoldResult, FoldTask, compute_fold
from mer_bench.evaluation.plan import Plan
from mer_bench.evaluation.protocol_data import ProtocolData
from mer_bench.evaluation.records import predictions_of
from mer_bench.evaluation.remake import Remaker
from mer_bench.evaluation.rows import Row
from mer_bench.store import Store
from mer_bench.store.schema import CellRecord, Prediction, RowRecord
from mer_bench.store.verification import Outcome, VerifiedCell, cell_digest, write_verification

DEFAULT_CELLS = 20
"""How many cells are computed again if the user names no number."""


@dataclass(frozen=True)
class CheckedCell:
    """A stored cell that was computed again.

    Parameters
    ----------
    row : RowRecord
    entry : VerifiedCell
        What is stored of the comparison.
    largest : float
        The largest difference of two scores; infinite if the cell failed this time.
    failure : str
        Why it failed this time; empty if it did not.
    """

    row: RowRecord
    entry: VerifiedCell
    largest: float
    failure: str


def verify(
    store: Store,
    records: Sequence[RowRecord],
    remaker: Remaker,
    resources: Resources,
    listener: Listener,
    *,
    n_cells: int = DEFAULT_CELLS,
) -> Iterator[CheckedCell]:
    """Compute a sample of stored cells again, and yield each comparison after storing it.

    The sample takes cells of all rows in turn. Which ones depends on their keys only, so that a larger number of cells
    contains the smaller sample. A row that cannot be made here causes a notice.

    Parameters
    ----------
    store : Store
    records : sequence of RowRecord
        Whose cells to compute again.
    remaker : Remaker
    resources : Resources
    listener : Listener
    n_cells : int
        How many cells; fewer if the rows have fewer.

    Raises
    ------
    MerBenchError
        None of the rows can be made here, or none has a finished cell.
    """
    made = _made(records, remaker, listener.notice)
    stored = {row.record["row_key"]: _stored(store, row) for _, row in made}
    chosen = _sample([[(row, cell) for cell in stored[row.record["row_key"]]] for _, row in made], n_cells)
    if not chosen:
        raise MerBenchError(f"{store.path} holds no finished cell of a row that can be computed again here")
    for data in dict.fromkeys(id(data) for data, _ in made):
        rows = [row for of, row in made if id(of) == data]
        source = next(of for of, _ in made if id(of) == data)
        cells = [(rows.index(row), record) for row, record in chosen if any(row is own for own in rows)]
        yield from _compare(store, source, rows, cells, stored=stored, resources=resources, listener=listener)


def _made(
    records: Sequence[RowRecord], remaker: Remaker, notice: Callable[[str], object]
) -> list[tuple[ProtocolData, Row]]:
    def attempt(record: RowRecord) -> tuple[ProtocolData, Row] | None:
        try:
            return remaker.row(record)
        except MerBenchError as error:
            notice(f"{record['method']['name']} under {record['protocol']['name']} is not verified: {error}")
            return None

    return [pair for pair in map(attempt, records) if pair is not None]


def _stored(store: Store, row: Row) -> list[CellRecord]:
    """Return a row's finished cells, in an order that is not the order in which a run computes them."""
    places = [(seed, fold) for seed in store.seeds(row.record) for fold in row.record["folds"]]
    cells = [store.read_cell(row.record, seed, fold) for seed, fold in places]
    finished = [cell for cell in cells if cell is not None and cell["status"] == "ok"]
    return sorted(finished, key=lambda cell: hashlib.sha256(cell["key"].encode()).digest())


def _sample(of_rows: Sequence[Sequence[tuple[Row, CellRecord]]], n_cells: int) -> list[tuple[Row, CellRecord]]:
    in_turn = chain.from_iterable(zip_longest(*of_rows))
    return [pair for pair in in_turn if pair is not None][:n_cells]


def _compare(
    store: Store,
    data: ProtocolData,
    rows: Sequence[Row],
    chosen: Sequence[tuple[int, CellRecord]],
    *,
    stored: Mapping[str, Sequence[CellRecord]],
    resources: Resources,
    listener: Listener,
) -> Iterator[CheckedCell]:
    cells = {Cell(row, record["seed"], record["fold"]): record for row, record in chosen}
    # The plan's selection is not used: each row knows how it was trained.
    inputs = Inputs(Plan(data, data.protocol.selection, tuple(rows), tuple(cells)), resources, listener)
    inputs.preprocess(list(cells))
    tasks, failed = inputs.tasks(list(cells))
    with (
        listener.steps("cells computed again", len(cells)) as step,
        closing(run_tasks(compute_fold, tasks, _fresh, lost=lost_fold, jobs=resources.jobs)) as computed,
    ):
        for task, result in chain(failed, computed):
            row, record = rows[task.cell.row], cells[task.cell]
            checked = _checked(row, record, task, result, stored[row.record["row_key"]])
            write_verification(store, row.record, [checked.entry])
            step(checked.entry["outcome"] != "differs")
            yield checked


def _fresh(task: FoldTask) -> Place:
    """Give each cell a home that no other cell used."""
    cell = task.cell
    return fold_place(task, f"row {cell.row}, seed {cell.seed}, fold {cell.fold}")


def _checked(
    row: Row, record: CellRecord, task: FoldTask, result: FoldResult, of_row: Sequence[CellRecord]
) -> CheckedCell:
    on_cpu = record["device"] == task.device == "cpu"
    exact = on_cpu and same_processor_class(record["processor"], result.processor, row.record["arithmetic"])
    again = predictions_of(row, task, result)
    failure = result.error["message"] if result.error is not None else ""
    outcome: Outcome = "differs"
    if again == record["predictions"]:
        outcome = "same"
    elif not exact and again and _changed_labels(again, record["predictions"]) <= _spread(record, of_row):
        outcome = "within-spread"
    entry: VerifiedCell = {
        "seed": record["seed"],
        "fold": record["fold"],
        "cell_digest": cell_digest(record),
        "outcome": outcome,
        "compared": "exact" if exact else "spread",
        "processor": result.processor,
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    return CheckedCell(row.record, entry, _largest(again, record["predictions"]), failure)


def _spread(record: CellRecord, of_row: Collection[CellRecord]) -> int:
    """Return in how many labels two stored seeds of a fold differ at most; 0 if there is one seed."""
    same_fold = [cell["predictions"] for cell in of_row if cell["fold"] == record["fold"]]
    return max(_changed_labels(a, b) for a in same_fold for b in same_fold)


def _changed_labels(a: Sequence[Prediction], b: Sequence[Prediction]) -> int:
    labels = {prediction["sample_id"]: prediction["y_pred"] for prediction in b}
    return sum(labels[prediction["sample_id"]] != prediction["y_pred"] for prediction in a)


def _largest(a: Sequence[Prediction], b: Sequence[Prediction]) -> float:
    if not a:
        return float("inf")
    scores = {prediction["sample_id"]: prediction["scores"] for prediction in b}
    return max(float(np.abs(np.subtract(own["scores"], scores[own["sample_id"]])).max()) for own in a)
