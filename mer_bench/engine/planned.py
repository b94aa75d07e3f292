"""The planned runs of a store: what is missing of them, what an executor still has, and where it writes logs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mer_bench.errors import MerBenchError
from mer_bench.executors.base import Executor
from mer_bench.executors.cluster_file import open_executor
from mer_bench.plugin_manager import Catalogue
from mer_bench.results import RowResults
from mer_bench.store import Store
from mer_bench.store.files import write_bytes
from mer_bench.store.run_plan import PlanRecord, plan_file, planned_runs, read_plan
from mer_bench.store.schema import CellRecord, RowRecord

_CLUSTER = "cluster.toml"
"""The cluster file of a run, in its folder."""

ASK_SECONDS = 60.0
"""How often an executor is asked whether tasks are left: schedulers ask users not to do so often."""

CellName = tuple[str, int, str]
"""A row's key, a seed and a fold."""


def keep_cluster_file(store: Store, run_id: str, path: Path) -> None:
    """Store a copy of the cluster file of a run, with which later commands ask the same executor.

    Raises
    ------
    MerBenchError
        The results folder cannot be written.
    """
    write_bytes(store.run_folder(run_id) / _CLUSTER, path.read_bytes())


def cell_names(plan: PlanRecord, number: int) -> Iterator[CellName]:
    """Yield the cells of a task."""
    for cell in plan["tasks"][number]["cells"]:
        yield plan["rows"][cell["row"]], cell["seed"], cell["fold"]


@dataclass(frozen=True)
class PendingRun:
    """A planned run of which cells are missing.

    Parameters
    ----------
    run_id : str
    missing, cells : int
        Cells that are not stored, and all.
    pending, tasks : int
        Tasks of which cells are missing, and all tasks.
    active : int, optional
        Tasks that are waiting or running; None if the executor cannot tell.
    """

    run_id: str
    missing: int
    cells: int
    pending: int
    tasks: int
    active: int | None

    def __str__(self) -> str:
        if self.active is None:
            state = "whether they are waiting or running cannot be told here"
        else:
            state = f"{self.active} waiting or running" if self.active else "none is waiting or running"
        return (
            f"run {self.run_id}: {self.missing} of {self.cells} cells are missing, in {self.pending} of {self.tasks} "
            f"tasks; {state}"
        )


@dataclass(frozen=True)
class FailedCell:
    """A failed cell of a planned run, and the files to which its task wrote."""

    row: RowRecord
    cell: CellRecord
    logs: Sequence[Path]


@dataclass
class Planned:
    """The planned runs of a store.

    Each plan is read, and each executor opened, once; what tasks it still has is asked every `ASK_SECONDS` at most.

    Parameters
    ----------
    store : Store
    catalogue : Catalogue
    """

    store: Store
    catalogue: Catalogue
    _plans: dict[str, PlanRecord | None] = field(default_factory=dict)
    _executors: dict[str, Executor | None] = field(default_factory=dict)
    _active: dict[str, tuple[float, int | None]] = field(default_factory=dict)

    def plan(self, run_id: str) -> PlanRecord | None:
        """Return the plan of a run; None if there is none that can be read."""
        if run_id not in self._plans:
            self._plans[run_id] = None
            with suppress(MerBenchError):
                self._plans[run_id] = read_plan(self.store, run_id)
        return self._plans[run_id]

    def executor(self, run_id: str) -> Executor | None:
        """Return the executor of a run; None if its cluster file is missing, or cannot be used here."""
        if run_id not in self._executors:
            self._executors[run_id] = None
            with suppress(MerBenchError):
                file = self.store.run_folder(run_id) / _CLUSTER
                self._executors[run_id] = open_executor(file, self.catalogue)
        return self._executors[run_id]

    def pending(self, rows: Iterable[RowResults]) -> list[PendingRun]:
        """Return the runs of which cells are missing; a cell of several runs is one of the newest.

        Parameters
        ----------
        rows : iterable of RowResults
            All rows of the store with a cell.
        """
        stored = {row.record["row_key"]: row.cells for row in rows}
        seen: set[CellName] = set()
        found = []
        for run_id in reversed(planned_runs(self.store)):
            plan = self.plan(run_id)
            if plan is not None and (run := self._pending(plan, stored, seen)) is not None:
                found.append(run)
        return found[::-1]

    def failed(self, rows: Iterable[RowResults]) -> Iterator[FailedCell]:
        """Yield the failed cells that a planned run computed."""
        places: dict[str, dict[CellName, int]] = {}
        for row in rows:
            for cell in row.failures:
                run_id = self._run_of(cell["run_id"])
                if (plan := self.plan(run_id)) is None:
                    continue
                if run_id not in places:
                    numbers = range(len(plan["tasks"]))
                    places[run_id] = {name: number for number in numbers for name in cell_names(plan, number)}
                number = places[run_id].get((cell["row_key"], cell["seed"], cell["fold"]))
                executor = self.executor(run_id)
                logs: Sequence[Path] = ()
                if number is not None and executor is not None:
                    logs = executor.log(self.store.run_folder(run_id), number)
                yield FailedCell(row.record, cell, logs)

    def _pending(
        self, plan: PlanRecord, stored: Mapping[str, Mapping[tuple[int, str], object]], seen: set[CellName]
    ) -> PendingRun | None:
        # A row that somebody has removed is not wanted any more; one without cells is not among the results.
        wanted = {key for key in plan["rows"] if key in stored or self.store.row(key) is not None}
        missing, pending, cells = set(), 0, 0
        for number, task in enumerate(plan["tasks"]):
            cells += len(task["cells"])
            own = {
                name
                for name in cell_names(plan, number)
                if name not in seen and name[0] in wanted and stored.get(name[0], {}).get(name[1:]) is None
            }
            missing |= own
            pending += bool(own)
        seen |= missing
        if not missing:
            return None
        active = self._ask(plan["run_id"])
        return PendingRun(
            plan["run_id"],
            missing=len(missing),
            cells=cells,
            pending=pending,
            tasks=len(plan["tasks"]),
            active=active,
        )

    def _ask(self, run_id: str) -> int | None:
        asked, active = self._active.get(run_id, (-math.inf, None))
        if time.monotonic() - asked >= ASK_SECONDS:
            executor = self.executor(run_id)
            numbers = executor.active(self.store.run_folder(run_id)) if executor is not None else None
            active = None if numbers is None else len(numbers)
            self._active[run_id] = time.monotonic(), active
        return active

    def _run_of(self, run_id: str) -> str:
        """Return the run to which a worker's own id belongs: ``<run>-<digits>``."""
        planned, _, _ = run_id.rpartition("-")
        return run_id if plan_file(self.store, run_id).exists() or not planned else planned
