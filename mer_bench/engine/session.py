"""One run: a plan, the store that it fills, and the cells that are still to be computed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from mer_bench.engine.environment import environment
from mer_bench.engine.groups import group_tasks
from mer_bench.engine.inputs import Inputs
from mer_bench.engine.listener import Interrupted, Listener
from mer_bench.engine.network_costs import store_networks
from mer_bench.engine.order import cost_rank
from mer_bench.engine.resources import Resources
from mer_bench.engine.run_groups import parts_of, run_groups
from mer_bench.evaluation.cells import Cell, FoldResult, FoldTask
from mer_bench.evaluation.groups import GroupTask
from mer_bench.evaluation.plan import Plan
from mer_bench.evaluation.records import store_result
from mer_bench.plugin_manager import Catalogue
from mer_bench.results import RowResults, SeedResult, read_row
from mer_bench.rules import ORACLE
from mer_bench.store import Store
from mer_bench.store.schema import SCHEMA, CellRecord
from mer_bench.sweep import setting_text
from mer_bench.training.progress import TrainingNotice, TrainingProgress
from mer_bench.version import __version__


@dataclass(frozen=True)
class Failure:
    """A cell that failed, and why."""

    method: str
    seed: int
    fold: str
    reason: str


@dataclass
class Session:
    """A plan and the store that it fills; each stored cell is read once, when the session is created.

    Parameters
    ----------
    plan : Plan
    store : Store
    catalogue : Catalogue
        Named in the manifest.
    resources : Resources
    listener : Listener
    """

    plan: Plan
    store: Store
    catalogue: Catalogue
    resources: Resources
    listener: Listener = field(default_factory=Listener)
    failures: list[Failure] = field(default_factory=list)
    inputs: Inputs = field(init=False)
    _noticed: set[str] = field(default_factory=set)
    records: dict[Cell, CellRecord | None] = field(init=False)
    """The stored record of each cell of the plan."""
    pending: list[Cell] = field(init=False)
    """The cells that were missing or had failed when the session was created."""

    def __post_init__(self) -> None:
        self.inputs = Inputs(self.plan, self.resources, self.listener)
        self.records = {cell: self._read(cell) for cell in self.plan.cells}
        self.pending = [cell for cell in self.plan.cells if not self._is_done(cell)]

    def run(self) -> None:
        """Compute the pending cells: preprocess samples, stack them, train and predict; finished cells are kept.

        Raises
        ------
        MerBenchError
            The store cannot be written, the device is missing, a sample cannot be preprocessed, or a method refuses
            its settings.
        Interrupted
            The user pressed Ctrl-C.
        """
        self.inputs.preprocess(self.pending)
        for row in self.plan.rows:
            self.store.write_row(row.record)
        try:
            self._compute(*self.inputs.tasks(self.pending))
        except KeyboardInterrupt:
            self._read_pending()
            done = sum(self._is_done(cell) for cell in self.plan.cells)
            raise Interrupted(
                f"{done} of {len(self.plan.cells)} cells are stored in {self.store.path}; run the same command again "
                "to go on"
            ) from None
        self._read_pending()

    @property
    def missing(self) -> list[Cell]:
        """The cells of the plan without predictions; after a run without failures there must be none."""
        return [cell for cell in self.plan.cells if not self._is_done(cell)]

    def results(self) -> list[RowResults]:
        """Return the plan's rows with every stored seed."""
        stored: list[dict[tuple[int, str], CellRecord | None]] = [{} for _ in self.plan.rows]
        for cell, record in self.records.items():
            stored[cell.row][cell.seed, cell.fold] = record
        return [read_row(self.store, row.record, cells) for row, cells in zip(self.plan.rows, stored, strict=True)]

    def asked(self, rows: Sequence[RowResults]) -> list[tuple[SeedResult, ...]]:
        """Return, for each row, what was asked for: the plan's seeds under its selection rule."""
        seeds = {cell.seed for cell in self.plan.cells}
        return [row.under(self.plan.selection, seeds) for row in rows]

    def _compute(self, tasks: Sequence[FoldTask], failed: Sequence[tuple[FoldTask, FoldResult]]) -> None:
        """Run tasks, and store their results and those given."""
        run_id = self.store.start_run(self._manifest()) if self.pending else ""
        done = len(self.plan.cells) - len(self.pending)
        rows = self.plan.rows
        tasks = sorted(tasks, key=lambda task: cost_rank(rows[task.cell.row]))
        groups = group_tasks(tasks, rows, self.resources)
        parts = parts_of(self.pending, groups, rows, self.resources)
        with self.listener.steps("cells", len(self.plan.cells), done, parts=parts) as step:

            def keep(task: FoldTask, result: FoldResult) -> None:
                step(self._store(task, result, run_id), rows[task.cell.row].name, result.seconds)

            for task, result in failed:
                keep(task, result)
            run_groups(groups, self.resources, keep=keep, message=self._training)
        store_networks(self.store, rows, tasks)

    def _store(self, task: FoldTask, result: FoldResult, run_id: str) -> bool:
        """Store the result of a cell, and return whether it succeeded."""
        cell = task.cell
        reason = store_result(self.store, self.plan.rows[cell.row], task, result, run_id=run_id)
        if reason:
            named = self._named(cell.row)
            self.failures.append(Failure(named, cell.seed, cell.fold, reason))
            self.listener.failed(f"{named}, seed {cell.seed}, fold {cell.fold}: {reason}")
        return not reason

    def _named(self, index: int) -> str:
        """Return a row's method; in a sweep, with what the row differs in: ``ahmsa (lr=1e-05)``."""
        name, varied = self.plan.rows[index].name, self.plan.varied[index] if self.plan.varied else {}
        return f"{name} ({setting_text(varied)})" if varied else name

    def _training(self, group: GroupTask, message: TrainingProgress | TrainingNotice) -> None:
        cell = group.folds[0].cell
        name = self.plan.rows[cell.row].name
        if isinstance(message, TrainingProgress):
            self.listener.training(name, cell.fold, message)
        elif (notice := f"{name}: {message.text}") not in self._noticed:
            self._noticed.add(notice)
            self.listener.notice(notice)

    def _read(self, cell: Cell) -> CellRecord | None:
        return self.store.read_cell(self.plan.rows[cell.row].record, cell.seed, cell.fold)

    def _read_pending(self) -> None:
        self.records.update({cell: self._read(cell) for cell in self.pending})

    def _is_done(self, cell: Cell) -> bool:
        record = self.records[cell]
        if record is None or record["status"] != "ok":
            return False
        row = self.plan.rows[cell.row].record
        needs_epochs = self.plan.selection == ORACLE and record["epoch_scores"]
        return not needs_epochs or self.store.read_epoch_scores(record["key"], row, record) is not None

    def _manifest(self) -> dict[str, object]:
        uses_device = any(row.uses_device for row in self.plan.rows)
        return {
            "schema": SCHEMA,
            "argv": sys.argv,
            "mer_bench": __version__,
            "selection": self.plan.selection,
            "rows": [row.record["row_key"] for row in self.plan.rows],
            "cells": len(self.plan.cells),
            "count_problems": list(self.plan.data.problems),
            "faces": {row.record["row_key"]: self.inputs.stacks.faces(row) for row in self.plan.rows},
            "plugins": [f"{r.name} {r.distribution} {r.version} {r.status.value}" for r in self.catalogue.records],
            "device": self.resources.torch_device() if uses_device else "cpu",
            "jobs": self.resources.jobs,
            **environment(),
        }
