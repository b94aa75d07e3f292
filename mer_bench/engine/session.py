"""One run: plan, represent what is missing, carry out what the store does not hold yet."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import mer_bench
from mer_bench.arrays import FloatArray
from mer_bench.engine.environment import environment
from mer_bench.engine.executors import run_inline, run_local
from mer_bench.engine.prepare import listed, prepare
from mer_bench.errors import MerBenchError, MethodError, did_you_mean
from mer_bench.evaluation.extract import Extracted, ExtractTask, extract, lost_features
from mer_bench.evaluation.plan import Cell, Plan, Row, fingerprint
from mer_bench.evaluation.run_cells import Outcome, Task, run_cell, store_failure
from mer_bench.plugin_manager import Catalogue
from mer_bench.representations.describe import recipe_of
from mer_bench.representations.stack import compute_representation, is_stored, stored_representation
from mer_bench.representations.task import Prepared, PrepareTask, count_facts, prepare_task
from mer_bench.results import Result, row_results
from mer_bench.store import Store
from mer_bench.store.files import read_json, write_json

T = TypeVar("T")
R = TypeVar("R")

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

    def pending(self) -> list[Cell]:
        """Return the cells that the store does not hold, failed ones included."""
        return [cell for cell in self.plan.cells if not self._is_done(cell)]

    def to_prepare(self) -> list[PrepareTask]:
        """Return the samples of which a pending cell's representation is not in the cache; none if it is ready-made."""
        tasks: dict[str, PrepareTask] = {}
        for index in sorted({cell.row for cell in self.pending()}):
            row = self.plan.rows[index]
            recipe = recipe_of(row.record["representation"])
            if recipe is not None and not self._has_inputs(row):
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
        tasks = []
        for index in sorted({cell.row for cell in pending}):
            row = self.plan.rows[index]
            stack, lost = self._inputs(row)
            of_row = [
                Task(
                    row=row,
                    seed=cell.seed,
                    fold=cell.fold,
                    stack=stack,
                    results=self.store.path,
                    run_id=run_id,
                    device=device if row.record["trains_by_epoch"] else "cpu",
                )
                for cell in pending
                if cell.row == index
            ]
            if lost is None:
                tasks += of_row
            else:
                for task in of_row:
                    yield self._noted(store_failure(task, MethodError(lost.failure), lost.traceback, 0.0))
        with closing(self._carried_out(run_cell, tasks, _lost)) as outcomes:
            for outcome in outcomes:
                yield self._noted(outcome)

    def results(self) -> list[Result]:
        """Return the plan's results as they stand in the store: the asked selection, and no other."""
        seeds = sorted({cell.seed for cell in self.plan.cells})
        return [
            result
            for row in self.plan.rows
            for seed in seeds
            for result in row_results(self.store, row.record, seed)
            if result.selection in (self.plan.selection, "none")
        ]

    def _noted(self, outcome: Outcome) -> Outcome:
        if outcome.failure:
            self.failures.append(outcome)
        return outcome

    def _carried_out(
        self, work: Callable[[T], R], tasks: Sequence[T], lost: Callable[[T, MethodError, float], R]
    ) -> Generator[R, None, None]:
        jobs = min(self.resources.jobs, len(tasks))
        if jobs <= 1 and self.resources.timeout is None:
            return run_inline(work, tasks)
        return run_local(work, tasks, lost=lost, jobs=jobs, timeout=self.resources.timeout)

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

    @property
    def _stacks(self) -> Path:
        return self.store.path / "representations"

    def _has_inputs(self, row: Row) -> bool:
        return is_stored(self._stacks, row.features_key or row.stack_key, self.notice)

    def _inputs(self, row: Row) -> tuple[Path, Extracted | None]:
        """Return the file of what a row's method is handed, and the sample whose features failed, if one did."""
        key, count = row.features_key, len(row.table.sample_ids)
        if key is not None and is_stored(self._stacks, key, self.notice):
            return self._stacks / f"{key}.npy", None
        stack = stored_representation(self._stacks, row.stack_key, count, lambda: self._arrays(row), self.notice)
        if key is None:
            return stack, None
        self.notice(f"{row.setting.spec.name}: extracting the features of {count} samples")
        tasks = [ExtractTask(row.setting, stack, index) for index in range(count)]
        features: dict[int, FloatArray] = {}
        with closing(self._carried_out(extract, tasks, lost_features)) as samples:
            for sample in samples:
                if sample.features is None:
                    return stack, sample
                features[sample.index] = sample.features
        shapes = sorted({array.shape for array in features.values()})
        if len(shapes) > 1:
            return stack, Extracted(0, None, f"extract gives features of different shapes: {shapes[0]}, {shapes[1]}")
        ordered = (features[index] for index in range(count))
        return stored_representation(self._stacks, key, count, lambda: ordered, self.notice), None

    def _arrays(self, row: Row) -> Iterator[FloatArray]:
        source, facts = self.plan.source, []
        record = row.record["representation"]
        for array, found in compute_representation(source, row.table.sample_ids, record, self.notice):
            facts.append(found)
            yield array
        if fingerprint(row.table, source) != row.record["fingerprints"]:
            raise MerBenchError("the data changed while it was read; nothing of it is kept: run the same command again")
        write_json(self._facts_file(row), count_facts(facts))

    def faces(self, row: Row) -> dict[str, dict[str, int]]:
        """Return how often each detector found a row's faces and key regions; nothing for ready-made data."""
        file = self._facts_file(row)
        return dict(read_json(file)) if file.exists() else {}

    def _facts_file(self, row: Row) -> Path:
        return self._stacks / f"{row.stack_key}.facts.json"

    def _manifest(self, device: str) -> dict[str, object]:
        return {
            "schema": 1,
            "argv": sys.argv,
            "mer_bench": mer_bench.__version__,
            "selection": self.plan.selection,
            "rows": [row.record["row_key"] for row in self.plan.rows],
            "cells": len(self.plan.cells),
            "count_problems": list(self.plan.problems),
            "faces": {row.record["row_key"]: self.faces(row) for row in self.plan.rows},
            "plugins": [f"{r.name} {r.distribution} {r.version} {r.status.value}" for r in self.catalogue.records],
            "device": device,
            "jobs": self.resources.jobs,
            **environment(),
        }


def _lost(task: Task, error: MethodError, seconds: float) -> Outcome:
    return store_failure(task, error, "", seconds)


def default_jobs() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
