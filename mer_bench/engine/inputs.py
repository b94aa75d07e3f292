"""The inputs of cells: preprocess the samples that they need, stack them, and make the cells' tasks."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mer_bench.cache import STACKS, InputGoneError, cache_folder
from mer_bench.engine.listener import Listener
from mer_bench.engine.preprocess import listed, preprocess
from mer_bench.engine.resources import Resources
from mer_bench.engine.stacks import Stacks
from mer_bench.engine.stale import remove_stale
from mer_bench.errors import MerBenchError, MethodError
from mer_bench.evaluation.cells import Cell, FoldResult, FoldTask, failed_fold, fold_task
from mer_bench.evaluation.features import Extracted
from mer_bench.evaluation.plan import Plan
from mer_bench.evaluation.rows import Row
from mer_bench.representations.resolve import recipe_of
from mer_bench.representations.task import PreprocessTask, preprocess_task

ATTEMPTS = 5
"""How often an input is made that is removed again and again."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of a plan's cells.

    Parameters
    ----------
    plan : Plan
    resources : Resources
    listener : Listener
    """

    plan: Plan
    resources: Resources
    listener: Listener

    @cached_property
    def stacks(self) -> Stacks:
        """The stacked inputs of rows, in the cache."""
        return Stacks(cache_folder() / STACKS, self.plan.data.source, self.resources, self.listener)

    def preprocess(self, cells: Sequence[Cell]) -> None:
        """Compute the representations that a cell needs and the cache does not hold.

        Raises
        ------
        MerBenchError
            A sample cannot be preprocessed.
        """
        self.compute(self.missing(self._rows(cells)))

    def compute(self, tasks: Sequence[PreprocessTask]) -> None:
        """Compute representations.

        Raises
        ------
        MerBenchError
            A sample cannot be preprocessed; the others are.
        """
        done = preprocess(tasks, jobs=self.resources.jobs, listener=self.listener)
        # By sample: methods may preprocess one sample in several ways; report one failure of each sample.
        failures = {
            preprocessed.sample_id: preprocessed.failure for preprocessed in reversed(done) if preprocessed.failure
        }
        if failures:
            count = len({preprocessed.sample_id for preprocessed in done})
            raise MerBenchError(
                f"{len(failures)} of {count} samples cannot be preprocessed: {listed([*failures.values()])}"
            )

    def tasks(self, cells: Sequence[Cell]) -> tuple[list[FoldTask], list[tuple[FoldTask, FoldResult]]]:
        """Stack the cells' inputs; return their tasks, and the failures of those whose features cannot be extracted."""
        if cells:
            remove_stale(cache_folder())
        rows = self._rows(cells)
        device = self.resources.torch_device() if any(row.uses_device for row in rows) else "cpu"
        tasks: list[FoldTask] = []
        failed: list[tuple[FoldTask, FoldResult]] = []
        for row in rows:
            own = [cell for cell in cells if self.plan.rows[cell.row] is row]
            stack, sample = self._file(row, own)
            of_row = [fold_task(row, cell, stack=stack, device=device) for cell in own]
            if sample is None:
                tasks += of_row
            else:
                result = failed_fold(MethodError(sample.failure), 0.0, sample.traceback)
                failed += [(task, result) for task in of_row]
        return tasks, failed

    def _file(self, row: Row, cells: Sequence[Cell]) -> tuple[Path, Extracted | None]:
        """Return what `Stacks.file` does, also if somebody empties the cache meanwhile."""
        for _ in range(ATTEMPTS - 1):
            with suppress(InputGoneError):
                return self.stacks.file(row)
            self.preprocess(cells)
        return self.stacks.file(row)

    def _rows(self, cells: Sequence[Cell]) -> list[Row]:
        return [self.plan.rows[index] for index in sorted({cell.row for cell in cells})]

    def missing(self, rows: Iterable[Row], samples: Container[str] | None = None) -> list[PreprocessTask]:
        """Return tasks for the representations of rows that the cache does not hold.

        Parameters
        ----------
        rows : iterable of Row
        samples : container of str, optional
            Their ids; all samples of the rows by default.
        """
        tasks: dict[str, PreprocessTask] = {}
        for row in rows:
            recipe = recipe_of(row.record["representation"])
            if recipe is not None and not self.stacks.are_stored(row):
                for sample_id in row.table.sample_ids:
                    if samples is not None and sample_id not in samples:
                        continue
                    task = preprocess_task(self.plan.data.source, sample_id, recipe)
                    # The entry is read: a damaged one must be computed in a worker. The worker reports it.
                    if task.key not in tasks and task.cached(lambda text: None) is None:
                        tasks[task.key] = task
        return list(tasks.values())
