"""One run: a plan, the store that it fills, and the cells that are still to be computed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from mer_bench.engine.environment import environment
from mer_bench.engine.groups import group_tasks
from mer_bench.engine.inputs import Inputs
from mer_bench.engine.listener import Interrupted, Listener, Step
from mer_bench.engine.lost_inputs import Keep, run_with_inputs
from mer_bench.engine.network_costs import store_networks
from mer_bench.engine.order import cost_rank
from mer_bench.engine.resources import Resources
from mer_bench.engine.run_groups import parts_of, run_groups
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.cells import Cell, FoldResult, FoldTask
from mer_bench.evaluation.groups import GroupTask
from mer_bench.evaluation.plan import Plan
from mer_bench.evaluation.records import store_result
from mer_bench.plugin_manager import Catalogue
from mer_bench.results import RowResults, SeedResult, read_row
from mer_bench.rules import ORACLE
from mer_bench.store import Store
from mer_bench.store.files import digest
from mer_bench.store.schema import SCHEMA, CellRecord, failure_text
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


def by_seed(cells: Iterable[Cell]) -> dict[tuple[int, int], list[Cell]]:
    """Return cells by row and seed."""
    found: dict[tuple[int, int], list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.row, cell.seed), []).append(cell)
    return found


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
    run_id : str
        Of a run that another process has planned and of which this session computes a part; empty for its own.
    """

    plan: Plan
    store: Store
    catalogue: Catalogue
    resources: Resources
    listener: Listener = field(default_factory=Listener)
    run_id: str = ""
    failures: list[Failure] = field(default_factory=list)
    inputs: Inputs = field(init=False)
    _noticed: set[str] = field(default_factory=set)
    _damaged: set[Cell] = field(init=False)
    """Cells whose files cannot be used, which was said once."""
    _shares: bool = False
    """Whether another run works on the same cells: then this one takes them in any order, so that they seldom meet."""
    records: dict[Cell, CellRecord | None] = field(init=False)
    """The stored record of each cell of the plan."""
    pending: list[Cell] = field(init=False)
    """The cells that were missing or had failed when the session was created."""

    def __post_init__(self) -> None:
        self.inputs = Inputs(self.plan, self.resources, self.listener)
        # One look at each folder: most cells of a large plan are missing.
        present = {cell for row_seed in by_seed(self.plan.cells).items() for cell in self._present(*row_seed)}
        self.records = {cell: self._read(cell) if cell in present else None for cell in self.plan.cells}
        self._damaged = {cell for cell in present if self.records[cell] is None}
        self.pending = [cell for cell in self.plan.cells if not self.is_done(cell)]

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
        self._write_rows()
        try:
            self._compute(*self.inputs.tasks(self.pending))
        except KeyboardInterrupt:
            self._read_pending()
            done = sum(self.is_done(cell) for cell in self.plan.cells)
            raise Interrupted(
                f"{done} of {len(self.plan.cells)} cells are stored in {self.store.path}; run the same command again "
                "to go on"
            ) from None
        self._read_pending()

    @property
    def missing(self) -> list[Cell]:
        """The cells of the plan without predictions; after a run without failures there must be none."""
        return [cell for cell in self.plan.cells if not self.is_done(cell)]

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

    def _write_rows(self) -> None:
        try:
            for row in self.plan.rows:
                self.store.write_row(row.record)
        except MerBenchError as error:
            # Complete results are shown from a read-only folder too.
            if self.pending:
                raise
            self.listener.notice(f"{error}; nothing is missing there")

    def _compute(self, tasks: Sequence[FoldTask], failed: Sequence[tuple[FoldTask, FoldResult]]) -> None:
        """Run tasks, and store their results and those given."""
        run_id = self._start_run() if self.pending else ""
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
            run_with_inputs(partial(self._run, step), tasks, self.inputs, keep)
        store_networks(self.store, rows, tasks)

    def _run(self, step: Step, tasks: Sequence[FoldTask], keep: Keep) -> None:
        def is_stored(task: FoldTask) -> bool:
            if not self._stored_meanwhile(task.cell):
                return False
            step(True, self.plan.rows[task.cell.row].name, 0.0)
            return True

        run_groups(
            group_tasks(tasks, self.plan.rows, self.resources),
            self.resources,
            keep=keep,
            message=self._training,
            is_stored=is_stored,
            any_order=lambda: self._shares,
        )

    def _store(self, task: FoldTask, result: FoldResult, run_id: str) -> bool:
        """Store the result of a cell, and return whether it succeeded."""
        cell, row = task.cell, self.plan.rows[task.cell.row]
        was_missing = self.records[cell] is None and cell not in self._damaged
        if was_missing and self.store.cell_file(row.record, cell.seed, cell.fold).exists():
            self._shares = True
        reason = store_result(self.store, row, task, result, run_id=run_id)
        if reason:
            self._failed(cell, reason)
        return not reason

    def look(self, cells: Iterable[Cell]) -> list[Cell]:
        """Return those of the cells that others have stored, finished or failed, since this session read them."""
        return [cell for row_seed in by_seed(cells).items() for cell in self._present(*row_seed) if self._is_new(cell)]

    def _present(self, place: tuple[int, int], cells: Iterable[Cell]) -> list[Cell]:
        """Return those of the cells of a row and seed that have a file."""
        row, seed = place
        stored = self.store.stored_folds(self.plan.rows[row].record, seed)
        return [cell for cell in cells if cell.fold in stored]

    def _is_new(self, cell: Cell) -> bool:
        before = self.records[cell]
        now = Store(self.store.path).read_cell(self.plan.rows[cell.row].record, cell.seed, cell.fold)
        if now is None or now == before:
            return False
        self.records[cell] = now
        if now["error"] is not None:
            self._failed(cell, failure_text(now["error"]))
        return True

    def _failed(self, cell: Cell, reason: str) -> None:
        named = self._named(cell.row)
        self.failures.append(Failure(named, cell.seed, cell.fold, reason))
        self.listener.failed(f"{named}, seed {cell.seed}, fold {cell.fold}: {reason}")

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

    def _stored_meanwhile(self, cell: Cell) -> bool:
        """Return whether another run has finished a cell since this one looked."""
        if cell not in self._damaged:
            self.records[cell] = self._read(cell)
            self._shares |= self.is_done(cell)
        return self.is_done(cell)

    def _read_pending(self) -> None:
        self.records.update({cell: self._read(cell) for cell in self.pending})

    def is_done(self, cell: Cell) -> bool:
        """Return whether a cell has predictions, and with selection ``oracle`` its scores of every epoch."""
        record = self.records[cell]
        if record is None or record["status"] != "ok":
            return False
        row = self.plan.rows[cell.row].record
        needs_epochs = self.plan.selection == ORACLE and record["epoch_scores"] != ""
        return not needs_epochs or self.store.read_epoch_scores(record["key"], row, record) is not None

    def _start_run(self) -> str:
        """Store this run's manifest, and return its id; workers of one run on machines of one kind share it."""
        manifest = self._manifest()
        if not self.run_id:
            return self.store.start_run(manifest)
        kind = {name: manifest[name] for name in ("device", *environment())}
        return self.store.start_run({**manifest, "part_of": self.run_id}, f"{self.run_id}-{digest(kind)[:6]}")

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
