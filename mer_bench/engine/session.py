"""One run: plan, represent what is missing, carry out what the store does not hold yet."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import mer_bench
from mer_bench.engine.environment import environment
from mer_bench.engine.executors import carry_out
from mer_bench.engine.inputs import Inputs
from mer_bench.engine.prepare import listed, prepare
from mer_bench.errors import MerBenchError, MethodError, did_you_mean
from mer_bench.evaluation.plan import Cell, Plan
from mer_bench.evaluation.run_cells import Outcome, Task, run_cell, store_failure
from mer_bench.plugin_manager import Catalogue
from mer_bench.representations.describe import recipe_of
from mer_bench.representations.task import Prepared, PrepareTask, prepare_task
from mer_bench.results import RowResults, SeedResult, read_row
from mer_bench.store import Store

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Resources:
    """What a run may use.

    Parameters
    ----------
    jobs : int
        Worker processes; 1 without a time-out works in this process.
    device : str
        One of `DEVICES`; ``auto`` takes CUDA where torch finds it. Networks alone use it.
    timeout : float or None
        Seconds a cell may take.
    """

    jobs: int = 1
    device: str = "auto"
    timeout: float | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise MerBenchError(f"--jobs {self.jobs} is not a positive number")
        if self.device not in DEVICES:
            raise MerBenchError(
                f"unknown device {self.device!r}{did_you_mean(self.device, DEVICES)}; known: {', '.join(DEVICES)}"
            )
        if self.timeout is not None and not self.timeout > 0:
            raise MerBenchError(f"--timeout {self.timeout:g} is not a positive number of seconds")


@dataclass
class Session:
    """A plan bound to a store.

    Parameters
    ----------
    plan : Plan
    store : Store
    catalogue : Catalogue
        Named in the manifest.
    resources : Resources
    notice : callable
        Told, in a sentence, what a user should know.
    """

    plan: Plan
    store: Store
    catalogue: Catalogue
    resources: Resources
    notice: Callable[[str], None] = lambda sentence: None
    failures: list[Outcome] = field(default_factory=list)
    inputs: Inputs = field(init=False)

    def __post_init__(self) -> None:
        folder = self.store.path / "representations"
        self.inputs = Inputs(folder, self.plan.source, self.resources.jobs, self.resources.timeout, self.notice)

    def pending(self) -> list[Cell]:
        """Return the cells that the store does not hold, failed ones included."""
        return [cell for cell in self.plan.cells if not self._is_done(cell)]

    def to_prepare(self) -> list[PrepareTask]:
        """Return the samples of which a pending cell's representation is not in the cache; none if it is ready-made."""
        tasks: dict[str, PrepareTask] = {}
        for index in sorted({cell.row for cell in self.pending()}):
            row = self.plan.rows[index]
            recipe = recipe_of(row.record["representation"])
            if recipe is not None and not self.inputs.are_stored(row):
                for sample_id in row.table.sample_ids:
                    task = prepare_task(self.plan.source, sample_id, recipe)
                    if not task.is_cached():
                        tasks.setdefault(task.key, task)
        return list(tasks.values())

    def represent(self, tasks: Sequence[PrepareTask]) -> Generator[Prepared, None, None]:
        """Prepare samples side by side, and yield how each went.

        Raises
        ------
        MerBenchError
            At the end, where a sample could not be prepared; the others are in the cache.
        """
        failures: dict[str, str] = {}
        with closing(prepare(tasks, jobs=self.resources.jobs)) as samples:
            for prepared in samples:
                for text in prepared.notices:
                    self.notice(text)
                if prepared.failure:
                    failures.setdefault(prepared.sample_id, prepared.failure)
                yield prepared
        if failures:
            count = len({task.clip.sample_id for task in tasks})
            reasons = listed(list(failures.values()))
            raise MerBenchError(f"{len(failures)} of {count} samples cannot be prepared: {reasons}")

    def execute(self) -> Generator[Outcome, None, None]:
        """Carry out what is pending, and yield each cell's outcome as it comes; what is stored stays stored.

        What `represent` was not called for is prepared here, a sample at a time.

        Raises
        ------
        MerBenchError
            The store cannot be written, the device is not there, a sample cannot be prepared, or a method refuses
            its settings.
        """
        pending = self.pending()
        for row in self.plan.rows:
            self.store.write_row(row.record)
        if not pending:
            return
        device = self._device(pending)
        run_id = self.store.start_run(self._manifest(device))
        tasks: list[Task] = []
        for index in sorted({cell.row for cell in pending}):
            stack, lost = self.inputs.file(self.plan.rows[index])
            of_row = [self._task(cell, stack, run_id, device) for cell in pending if cell.row == index]
            if lost is None:
                tasks += of_row
            else:
                for task in of_row:
                    yield self._noted(store_failure(task, MethodError(lost.failure), 0.0, lost.traceback))
        jobs, timeout = self.resources.jobs, self.resources.timeout
        with closing(carry_out(run_cell, tasks, lost=_lost, jobs=jobs, timeout=timeout)) as outcomes:
            for outcome in outcomes:
                yield self._noted(outcome)

    def results(self) -> list[RowResults]:
        """Return the plan's rows as they stand in the store, with every stored seed."""
        return [read_row(self.store, row.record) for row in self.plan.rows]

    def asked(self, rows: Sequence[RowResults]) -> list[tuple[SeedResult, ...]]:
        """Return of each row what was asked for: the plan's seeds under its selection rule."""
        seeds = {cell.seed for cell in self.plan.cells}
        return [row.under(self.plan.selection, seeds) for row in rows]

    def _task(self, cell: Cell, stack: Path, run_id: str, device: str) -> Task:
        row = self.plan.rows[cell.row]
        device = device if row.record["trains_by_epoch"] else "cpu"
        return Task(row, cell.seed, cell.fold, stack, self.store.path, run_id, device)

    def _noted(self, outcome: Outcome) -> Outcome:
        if outcome.failure:
            self.failures.append(outcome)
        return outcome

    def _is_done(self, cell: Cell) -> bool:
        row = self.plan.rows[cell.row].record
        record = self.store.read_cell(row, cell.seed, cell.fold)
        if record is None or record["status"] != "ok":
            return False
        needs_epochs = self.plan.selection == "oracle" and record["epoch_scores"]
        return not needs_epochs or self.store.read_epoch_scores(record["key"], row, cell.fold) is not None

    def _device(self, pending: list[Cell]) -> str:
        """Return the torch device; torch is imported only where a network is to be trained."""
        trains = any(self.plan.rows[cell.row].record["trains_by_epoch"] for cell in pending)
        if self.resources.device == "cpu" or not trains:
            return "cpu"
        import torch

        if torch.cuda.is_available():
            return "cuda"
        if self.resources.device == "cuda":
            raise MerBenchError("--device cuda: torch finds no CUDA device here; use --device cpu or auto")
        return "cpu"

    def _manifest(self, device: str) -> dict[str, object]:
        return {
            "schema": 1,
            "argv": sys.argv,
            "mer_bench": mer_bench.__version__,
            "selection": self.plan.selection,
            "rows": [row.record["row_key"] for row in self.plan.rows],
            "cells": len(self.plan.cells),
            "count_problems": list(self.plan.problems),
            "faces": {row.record["row_key"]: self.inputs.faces(row) for row in self.plan.rows},
            "plugins": [f"{r.name} {r.distribution} {r.version} {r.status.value}" for r in self.catalogue.records],
            "device": device,
            "jobs": self.resources.jobs,
            **environment(),
        }


def _lost(task: Task, error: MethodError, seconds: float) -> Outcome:
    return store_failure(task, error, seconds)


def default_jobs() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
