"""Compute stored cells again, each alone in a fresh process, and compare."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import chain, zip_longest

from mer_bench.arithmetic import same_processor_class
from mer_bench.engine.features_again import changed_features
from mer_bench.engine.groups import alone, group_place, lost_group
from mer_bench.engine.inputs import Inputs
from mer_bench.engine.listener import Listener
from mer_bench.engine.place import Place
from mer_bench.engine.pool import run_tasks
from mer_bench.engine.resources import Resources
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.cell_scores import CellScores, compare, computed_scores, stored_scores
from mer_bench.evaluation.cells import Cell, FoldResult, FoldTask
from mer_bench.evaluation.groups import GroupTask, compute_group
from mer_bench.evaluation.plan import Plan
from mer_bench.evaluation.protocol_data import ProtocolData
from mer_bench.evaluation.remake import Remaker
from mer_bench.evaluation.rows import Row
from mer_bench.store import Store, cell_key
from mer_bench.store.schema import CellRecord, RowRecord
from mer_bench.store.verification import VerifiedCell, cell_digest, write_verification

_MOST_FEATURES = 5
"""How many samples of a cell have their features extracted again."""


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
    """

    row: RowRecord
    entry: VerifiedCell
    largest: float


@dataclass(frozen=True)
class SkippedRow:
    """A row of which no cell can be computed again here.

    Parameters
    ----------
    row : RowRecord
    reason : str
    """

    row: RowRecord
    reason: str


@dataclass(frozen=True)
class ChosenCells:
    """The stored cells that are to be computed again.

    Parameters
    ----------
    plans : tuple of Plan
        The plan of each protocol, its cells those of the sample.
    cells : mapping of str to CellRecord
        The key of each cell in the sample to what is stored.
    skipped : tuple of SkippedRow
    n_damaged : int
        Number of stored cells that cannot be used; they count as absent.
    """

    plans: tuple[Plan, ...]
    cells: dict[str, CellRecord]
    skipped: tuple[SkippedRow, ...]
    n_damaged: int


def choose_cells(store: Store, records: Sequence[RowRecord], remaker: Remaker, n_cells: int) -> ChosenCells:
    """Choose a sample of the finished cells of rows, of all rows in turn.

    Which ones depends on their keys only, so that a larger number of cells contains the smaller sample.

    Parameters
    ----------
    store : Store
    records : sequence of RowRecord
        Whose cells to compute again.
    remaker : Remaker
    n_cells : int
        How many cells; fewer if the rows have fewer.
    """
    rows: dict[str, list[Row]] = {}
    data: dict[str, ProtocolData] = {}
    finished: list[list[CellRecord]] = []
    skipped, n_damaged = [], 0
    for record in records:
        cells, damaged = _finished(store, record)
        n_damaged += damaged
        try:
            if not cells:
                raise MerBenchError("it holds no finished cell")
            own, row = remaker.row(record)
        except MerBenchError as error:
            skipped.append(SkippedRow(record, str(error)))
            continue
        data[own.protocol.name] = own
        rows.setdefault(own.protocol.name, []).append(row)
        finished.append(cells)
    in_turn = chain.from_iterable(zip_longest(*finished))
    chosen = [cell for cell in in_turn if cell is not None][:n_cells]
    plans = []
    for name, own_rows in rows.items():
        numbers = {row.record["row_key"]: number for number, row in enumerate(own_rows)}
        own_cells = [
            Cell(numbers[cell["row_key"]], cell["seed"], cell["fold"]) for cell in chosen if cell["row_key"] in numbers
        ]
        # The plan's selection is not used: each row knows how it was trained.
        plans.append(Plan(data[name], data[name].protocol.selection, tuple(own_rows), tuple(own_cells)))
    return ChosenCells(
        tuple(plan for plan in plans if plan.cells), {cell["key"]: cell for cell in chosen}, tuple(skipped), n_damaged
    )


def verify(store: Store, chosen: ChosenCells, resources: Resources, listener: Listener) -> Iterator[CheckedCell]:
    """Compute the cells of a sample again, and yield each comparison after storing it.

    Parameters
    ----------
    store : Store
    chosen : ChosenCells
    resources : Resources
    listener : Listener

    Raises
    ------
    MerBenchError
        A sample of the data cannot be preprocessed, or a method refuses a setting.
    """
    for plan in chosen.plans:
        yield from _compare(store, plan, chosen.cells, resources, listener)


def _finished(store: Store, record: RowRecord) -> tuple[list[CellRecord], int]:
    """Return a row's finished cells, in an order that depends on their keys only, and the number of damaged ones."""
    places = [(seed, fold) for seed in store.seeds(record) for fold in record["folds"]]
    stored = [place for place in places if store.cell_file(record, *place).exists()]
    cells = [store.read_cell(record, *place) for place in stored]
    finished = [cell for cell in cells if cell is not None and cell["status"] == "ok"]
    return sorted(finished, key=lambda cell: hashlib.sha256(cell["key"].encode()).digest()), cells.count(None)


def _compare(
    store: Store, plan: Plan, cells: dict[str, CellRecord], resources: Resources, listener: Listener
) -> Iterator[CheckedCell]:
    inputs = Inputs(plan, resources, listener)
    inputs.preprocess(plan.cells)
    tasks, failed = inputs.tasks(plan.cells)
    features = _features_again(plan, tasks, resources, listener)
    groups = [_again(plan.rows[task.cell.row], task, cells) for task in tasks]
    with (
        listener.steps("cells computed again", len(plan.cells)) as step,
        closing(
            run_tasks(
                compute_group,
                groups,
                _fresh,
                lost=lost_group,
                jobs=resources.jobs,
                message=lambda group, progress: None,
            )
        ) as computed,
    ):
        of_groups = ((fold, results[fold.cell]) for group, results in computed for fold in group.folds)
        for task, result in chain(failed, of_groups):
            row, cell = plan.rows[task.cell.row], task.cell
            record = cells[cell_key(row.record["row_key"], cell.seed, cell.fold)]
            checked = _checked(store, row, record, task, result, of_features=features.get(cell, ""))
            write_verification(store, row.record, [checked.entry])
            if checked.entry["outcome"] == "differs":
                listener.notice(f"{row.name}, seed {cell.seed}, fold {cell.fold} differs: {checked.entry['reason']}")
            step(result.error is None)
            yield checked


def _features_again(plan: Plan, tasks: Sequence[FoldTask], resources: Resources, listener: Listener) -> dict[Cell, str]:
    """Extract the features of some test samples of each cell again; return why cells differ."""
    reasons: dict[Cell, str] = {}
    for number, row in enumerate(plan.rows):
        own = [task for task in tasks if task.cell.row == number and row.features_key is not None]
        if own:
            places = {place for task in own for place in task.test[:_MOST_FEATURES]}
            changed = changed_features(
                row, own[0].stack, places, plan.data.source, resources=resources, listener=listener
            )
            for task in own:
                of_cell = [changed[place] for place in task.test[:_MOST_FEATURES] if place in changed]
                reasons[task.cell] = next(iter(of_cell), "")
    return reasons


def _again(row: Row, task: FoldTask, cells: Mapping[str, CellRecord]) -> GroupTask:
    """Return a cell's task: alone, but with the arithmetic of a stack if it was computed in one."""
    stored = cells[cell_key(row.record["row_key"], task.cell.seed, task.cell.fold)]
    return replace(alone(task, row, stacked=stored["stack"] > 0), checkpoints=None)


def _fresh(task: GroupTask) -> Place:
    """Give each cell a home that no other cell used."""
    cell = task.folds[0].cell
    return group_place(task, f"row {cell.row}, seed {cell.seed}, fold {cell.fold}")


def _checked(
    store: Store, row: Row, record: CellRecord, task: FoldTask, result: FoldResult, *, of_features: str
) -> CheckedCell:
    on_cpu = record["device"] == task.device == "cpu"
    chosen, precision = row.record["arithmetic"], row.setting.precision
    exact = on_cpu and same_processor_class(record["processor"], result.processor, chosen, precision)
    again = computed_scores(row, task, result)
    seeds = None if exact else lambda: _seeds(store, row.record, record["fold"])
    outcome, reason, largest = compare(again, stored_scores(store, row.record, record), seeds)
    if result.error is not None:
        reason = f"it failed: {result.error['message']}"
    elif of_features:
        outcome, reason = "differs", of_features
    entry: VerifiedCell = {
        "seed": record["seed"],
        "fold": record["fold"],
        "cell_digest": cell_digest(store, row.record, record),
        "outcome": outcome,
        "compared": "exact" if exact else "spread",
        "reason": reason,
        "processor": result.processor,
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    return CheckedCell(row.record, entry, largest)


def _seeds(store: Store, record: RowRecord, fold: str) -> list[CellScores]:
    """Return the stored scores of a fold at each seed."""
    cells = [store.read_cell(record, seed, fold) for seed in store.seeds(record)]
    known = [stored_scores(store, record, cell) for cell in cells if cell is not None and cell["status"] == "ok"]
    return [scores for scores in known if scores is not None]
