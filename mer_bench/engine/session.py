"""One run: a plan, the store that it fills, and the cells that are still to be computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial

from mer_bench.engine.groups import group_tasks
from mer_bench.engine.inputs import Inputs
from mer_bench.engine.listener import Interrupted, Listener, Step
from mer_bench.engine.lost_inputs import Keep, run_with_inputs
from mer_bench.engine.manifest import run_manifest, start_part
from mer_bench.engine.near_duplicates import store_near_duplicates
from mer_bench.engine.network_costs import store_networks
from mer_bench.engine.order import cost_rank
from mer_bench.engine.resources import Resources
from mer_bench.engine.run_groups import parts_of, run_groups
from mer_bench.engine.stored_cells import StoredCells
from mer_bench.engine.tracking import Tracking
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.cells import Cell, FoldResult, FoldTask
from mer_bench.evaluation.groups import GroupTask
from mer_bench.evaluation.plan import Plan
from mer_bench.evaluation.records import store_result
from mer_bench.plugin_manager import Catalogue
from mer_bench.results import RowResults, SeedResult, read_row
from mer_bench.store import Store
from mer_bench.store.schema import CellRecord, failure_text
from mer_bench.sweep import setting_text
from mer_bench.training.progress import EpochValues, TrainingNotice, TrainingProgress


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
    run_id : str
        Of a run that another process has planned and of which this session computes a part; empty for its own.
    tracking : Tracking, optional
        What logs the trainings.
    """

    plan: Plan
    store: Store
    catalogue: Catalogue
    resources: Resources
    listener: Listener = field(default_factory=Listener)
    run_id: str = ""
    tracking: Tracking | None = None
    failures: list[Failure] = field(default_factory=list)
    inputs: Inputs = field(init=False)
    _noticed: set[str] = field(default_factory=set)
    _shares: bool = False
    """Whether another run works on the same cells: then this one takes them in any order, so that they seldom meet."""
    stored: StoredCells = field(init=False)
    pending: list[Cell] = field(init=False)
    """The cells that were missing or had failed when the session was created."""

    def __post_init__(self) -> None:
        self.inputs = Inputs(self.plan, self.resources, self.listener)
        self.stored = StoredCells(self.plan, self.store)
        self.pending = self.missing

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
            self.stored.read(self.pending)
            done = sum(self.is_done(cell) for cell in self.plan.cells)
            raise Interrupted(
                f"{done} of {len(self.plan.cells)} cells are stored in {self.store.path}; run the same command again "
                "to go on"
            ) from None
        self.stored.read(self.pending)

    @property
    def missing(self) -> list[Cell]:
        """The cells of the plan without predictions; after a run without failures there must be none."""
        return self.stored.missing()

    @property
    def records(self) -> dict[Cell, CellRecord | None]:
        """The stored record of each cell of the plan."""
        return self.stored.records

    def is_done(self, cell: Cell) -> bool:
        """Return whether a cell has predictions, and with selection ``oracle`` its scores of every epoch."""
        return self.stored.is_done(cell)

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
        store_near_duplicates(self.store, rows, tasks, self.inputs.stacks.folder)
        tasks = sorted(tasks, key=lambda task: cost_rank(rows[task.cell.row]))
        groups = group_tasks(tasks, rows, self.resources)
        parts = parts_of(self.pending, groups, rows, self.resources)
        with self.listener.steps("cells", len(self.plan.cells), done, parts=parts) as step:

            def keep(task: FoldTask, result: FoldResult) -> None:
                succeeded = self._store(task, result, run_id)
                step(succeeded, rows[task.cell.row].name, result.seconds)
                if self.tracking is not None:
                    self.tracking.finish(task.cell, succeeded)

            for task, result in failed:
                keep(task, result)
            with nullcontext() if self.tracking is None else self.tracking.of_run(run_id):
                run_with_inputs(partial(self._run, step), tasks, self.inputs, keep)
        store_networks(self.store, rows, tasks)

    def _run(self, step: Step, tasks: Sequence[FoldTask], keep: Keep) -> None:
        def is_stored(task: FoldTask) -> bool:
            if not self._stored_meanwhile(task.cell):
                return False
            step(True, self.plan.rows[task.cell.row].name, 0.0)
            return True

        tracked = self.tracking is not None
        run_groups(
            [replace(group, tracked=tracked) for group in group_tasks(tasks, self.plan.rows, self.resources)],
            self.resources,
            keep=keep,
            message=self._training,
            is_stored=is_stored,
            any_order=lambda: self._shares,
        )

    def _store(self, task: FoldTask, result: FoldResult, run_id: str) -> bool:
        """Store the result of a cell, and return whether it succeeded."""
        cell, row = task.cell, self.plan.rows[task.cell.row]
        was_missing = self.records[cell] is None and cell not in self.stored.damaged
        if was_missing and self.stored.is_file(cell):
            self._shares = True
        reason = store_result(self.store, row, task, result, run_id=run_id)
        if reason:
            self._failed(cell, reason)
        return not reason

    def look(self, cells: Iterable[Cell]) -> list[Cell]:
        """Return those of the cells that others have stored, finished or failed, since this session read them."""
        found = self.stored.new(cells)
        for cell in found:
            record = self.records[cell]
            if record is not None and record["error"] is not None:
                self._failed(cell, failure_text(record["error"]))
        return found

    def _failed(self, cell: Cell, reason: str) -> None:
        named = self._named(cell.row)
        self.failures.append(Failure(named, cell.seed, cell.fold, reason))
        self.listener.failed(f"{named}, seed {cell.seed}, fold {cell.fold}: {reason}")

    def _named(self, index: int) -> str:
        """Return a row's method; in a sweep, with what the row differs in: ``ahmsa (lr=1e-05)``."""
        name, varied = self.plan.rows[index].name, self.plan.varied[index] if self.plan.varied else {}
        return f"{name} ({setting_text(varied)})" if varied else name

    def _training(self, group: GroupTask, message: TrainingProgress | TrainingNotice | EpochValues) -> None:
        cell = group.folds[0].cell
        name = self.plan.rows[cell.row].name
        if isinstance(message, TrainingProgress):
            self.listener.training(name, cell.fold, message)
        elif isinstance(message, EpochValues):
            if self.tracking is not None:
                self.tracking.log(group, message)
        elif (notice := f"{name}: {message.text}") not in self._noticed:
            self._noticed.add(notice)
            self.listener.notice(notice)

    def _stored_meanwhile(self, cell: Cell) -> bool:
        """Return whether another run has finished a cell since this one looked."""
        if cell not in self.stored.damaged:
            self.stored.read([cell])
            self._shares |= self.is_done(cell)
        return self.is_done(cell)

    def _start_run(self) -> str:
        """Store this run's manifest, and return its id."""
        faces = {row.record["row_key"]: self.inputs.stacks.faces(row) for row in self.plan.rows}
        manifest = run_manifest(self.plan, self.catalogue, self.resources, faces)
        return start_part(self.store, manifest, self.run_id) if self.run_id else self.store.start_run(manifest)
