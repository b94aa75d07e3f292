"""One run: a plan, the store that it fills, and the cells that are still to be computed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain

from mer_bench.cache import STACKS, cache_folder
from mer_bench.engine.environment import environment
from mer_bench.engine.executors import run_tasks
from mer_bench.engine.listener import Interrupted, Listener
from mer_bench.engine.place import Place
from mer_bench.engine.preprocess import listed, preprocess
from mer_bench.engine.resources import Resources
from mer_bench.engine.stacks import Stacks
from mer_bench.errors import MerBenchError, MethodError
from mer_bench.evaluation.cells import FoldResult, FoldTask, compute_fold, failed_fold, fold_task
from mer_bench.evaluation.plan import Cell, Plan
from mer_bench.evaluation.records import store_result
from mer_bench.plugin_manager import Catalogue
from mer_bench.representations.resolve import recipe_of
from mer_bench.representations.task import PreprocessTask, preprocess_task
from mer_bench.results import RowResults, SeedResult, read_row
from mer_bench.rules import ORACLE
from mer_bench.store import Store
from mer_bench.store.schema import SCHEMA, CellRecord
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
    stacks: Stacks = field(init=False)
    records: dict[Cell, CellRecord | None] = field(init=False)
    """The stored record of each cell of the plan."""
    pending: list[Cell] = field(init=False)
    """The cells that were missing or had failed when the session was created."""

    def __post_init__(self) -> None:
        self.stacks = Stacks(cache_folder() / STACKS, self.plan.data.source, self.resources, self.listener)
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
        self._preprocess()
        for row in self.plan.rows:
            self.store.write_row(row.record)
        try:
            if self.pending:
                self._compute(*self._tasks())
        except KeyboardInterrupt:
            self._read_pending()
            done = sum(self._is_done(cell) for cell in self.plan.cells)
            raise Interrupted(
                f"{done} of {len(self.plan.cells)} cells are stored in {self.store.path}; run the same command again "
                "to go on"
            ) from None
        self._read_pending()

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

    def _preprocess(self) -> None:
        """Compute the representations that a pending cell needs and the cache does not hold."""
        done = preprocess(self._to_preprocess(), jobs=self.resources.jobs, listener=self.listener)
        # By sample: methods may preprocess one sample in several ways; report one failure of each sample.
        failures = {
            preprocessed.sample_id: preprocessed.failure for preprocessed in reversed(done) if preprocessed.failure
        }
        if failures:
            count = len({preprocessed.sample_id for preprocessed in done})
            raise MerBenchError(
                f"{len(failures)} of {count} samples cannot be preprocessed: {listed([*failures.values()])}"
            )

    def _to_preprocess(self) -> list[PreprocessTask]:
        tasks: dict[str, PreprocessTask] = {}
        for index in sorted({cell.row for cell in self.pending}):
            row = self.plan.rows[index]
            recipe = recipe_of(row.record["representation"])
            if recipe is not None and not self.stacks.are_stored(row):
                for sample_id in row.table.sample_ids:
                    task = preprocess_task(self.plan.data.source, sample_id, recipe)
                    if not task.is_cached():
                        tasks.setdefault(task.key, task)
        return list(tasks.values())

    def _tasks(self) -> tuple[list[FoldTask], list[tuple[FoldTask, FoldResult]]]:
        """Stack the pending cells' inputs; return their tasks, and failures of those whose inputs cannot be made."""
        rows = [self.plan.rows[index] for index in sorted({cell.row for cell in self.pending})]
        device = self.resources.torch_device() if any(row.trains_by_epoch for row in rows) else "cpu"
        tasks: list[FoldTask] = []
        failed: list[tuple[FoldTask, FoldResult]] = []
        for row in rows:
            stack, sample = self.stacks.file(row)
            of_row = [
                fold_task(row, cell, stack=stack, device=device)
                for cell in self.pending
                if self.plan.rows[cell.row] is row
            ]
            if sample is None:
                tasks += of_row
            else:
                result = failed_fold(MethodError(sample.failure), 0.0, sample.traceback)
                failed += [(task, result) for task in of_row]
        return tasks, failed

    def _compute(self, tasks: Sequence[FoldTask], failed: Sequence[tuple[FoldTask, FoldResult]]) -> None:
        """Run tasks, and store their results and those given."""
        run_id = self.store.start_run(self._manifest())
        done = len(self.plan.cells) - len(self.pending)
        jobs, timeout = self.resources.jobs, self.resources.timeout
        with (
            self.listener.steps("cells", len(self.plan.cells), done) as step,
            closing(run_tasks(compute_fold, tasks, _place, lost=_lost, jobs=jobs, timeout=timeout)) as computed,
        ):
            for task, result in chain(failed, computed):
                cell = task.cell
                row = self.plan.rows[cell.row]
                reason = store_result(self.store, row, task, result, run_id=run_id)
                if reason:
                    self.failures.append(Failure(row.name, cell.seed, cell.fold, reason))
                    self.listener.failed(f"{row.name}, seed {cell.seed}, fold {cell.fold}: {reason}")
                step(not reason)

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
        return not needs_epochs or self.store.read_epoch_scores(record["key"], row, cell.fold) is not None

    def _manifest(self) -> dict[str, object]:
        trains = any(row.trains_by_epoch for row in self.plan.rows)
        return {
            "schema": SCHEMA,
            "argv": sys.argv,
            "mer_bench": __version__,
            "selection": self.plan.selection,
            "rows": [row.record["row_key"] for row in self.plan.rows],
            "cells": len(self.plan.cells),
            "count_problems": list(self.plan.data.problems),
            "faces": {row.record["row_key"]: self.stacks.faces(row) for row in self.plan.rows},
            "plugins": [f"{r.name} {r.distribution} {r.version} {r.status.value}" for r in self.catalogue.records],
            "device": self.resources.torch_device() if trains else "cpu",
            "jobs": self.resources.jobs,
            **environment(),
        }


def _lost(task: FoldTask, error: MethodError, seconds: float) -> FoldResult:
    return failed_fold(error, seconds)


def _place(task: FoldTask) -> Place:
    """Give each fold on the CPU a process of its own; on a GPU, whose start takes seconds, a row's folds share one."""
    spec = task.setting.spec
    libraries = ("mer_bench.evaluation.cells", *(["mer_bench.training.trainer"] if spec.trains_by_epoch else []))
    alone = task.device == "cpu"
    home = "folds" if alone else f"folds of row {task.cell.row}"
    return Place(libraries, f"{home} of {spec.target}", spec.target.partition(":")[0], alone=alone)
