"""The planned runs of a store: what is missing of them, what an executor still has, and where it writes logs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mer_bench.engine.planned_tasks import Item, PlannedTask, cell_tasks, sample_tasks
from mer_bench.engine.sample_plan import planned_samples, read_sample_plan, sample_plan_file
from mer_bench.errors import MerBenchError
from mer_bench.executors.base import ASK_SECONDS, Executor
from mer_bench.results import RowResults
from mer_bench.store import Store
from mer_bench.store.files import write_bytes
from mer_bench.store.run_plan import plan_file, planned_runs, read_plan
from mer_bench.store.schema import CellRecord
from mer_bench.store.store import RUN_ID

if TYPE_CHECKING:
    from mer_bench.plugin_manager import Catalogue

_CLUSTER = "cluster.toml"
"""The cluster file of a run, in its folder."""


def keep_cluster_file(store: Store, run_id: str, content: bytes) -> None:
    """Store the cluster file of a run, with which later commands ask the same executor.

    Raises
    ------
    MerBenchError
        The results folder cannot be written.
    """
    write_bytes(store.run_folder(run_id) / _CLUSTER, content)


@dataclass(frozen=True)
class Queue:
    """What is known of a run's tasks.

    Parameters
    ----------
    active : frozenset of int, optional
        The tasks that are waiting or running; None if that cannot be told.
    problem : str
        Why, if they may be; empty if tasks of this executor do not outlive the command that submitted them.
    """

    active: frozenset[int] | None
    problem: str = ""

    def __str__(self) -> str:
        if self.active is None:
            reason = f": {self.problem}" if self.problem else " here"
            return f"whether they are waiting or running cannot be told{reason}"
        return f"{len(self.active)} waiting or running" if self.active else "none is waiting or running"


@dataclass(frozen=True)
class PendingTask:
    """A task of which something is missing.

    Parameters
    ----------
    run_id : str
    number : int
    missing : int
        How many of its cells or samples.
    what : {"cell", "sample"}
    state : {"active", "ended", "unknown"}
    logs : sequence of Path
        Files to which it wrote; not looked for while it is active.
    """

    run_id: str
    number: int
    missing: int
    what: str
    state: Literal["active", "ended", "unknown"]
    logs: Sequence[Path] = ()

    def __str__(self) -> str:
        lost = f"{self.missing} {self.what}{'s are' if self.missing > 1 else ' is'} missing"
        if not self.logs:
            return f"task {self.number} of run {self.run_id} was never started, or has no log: {lost}"
        return f"task {self.number} of run {self.run_id} ended, and {lost}; log: {', '.join(map(str, self.logs))}"


@dataclass(frozen=True)
class PendingRun:
    """A planned run of which cells are missing.

    Parameters
    ----------
    run_id : str
    missing, cells : int
        Cells that are not stored, and all.
    pending : tuple of PendingTask
    tasks : int
        How many tasks the run has.
    queue : Queue
    """

    run_id: str
    missing: int
    cells: int
    pending: tuple[PendingTask, ...]
    tasks: int
    queue: Queue

    def __str__(self) -> str:
        return (
            f"run {self.run_id}: {self.missing} of {self.cells} cells are missing, in {len(self.pending)} of "
            f"{self.tasks} tasks; {self.queue}"
        )


@dataclass(frozen=True)
class PreprocessRun:
    """A ``data preprocess`` of which tasks are, or may be, waiting or running."""

    run_id: str
    samples: int
    tasks: int
    queue: Queue

    def __str__(self) -> str:
        tasks = f"{self.tasks} task{'s' * (self.tasks > 1)}"
        return (
            f"run {self.run_id} preprocesses {self.samples} sample{'s' * (self.samples > 1)} in {tasks}; {self.queue}"
        )


@dataclass(frozen=True)
class FailedCell:
    """A failed cell of a planned run, and the files to which its task wrote."""

    cell: CellRecord
    logs: Sequence[Path]


@dataclass
class Planned:
    """The planned runs of a store.

    Each plan is read, and each executor opened, once.

    Parameters
    ----------
    store : Store
    catalogue : callable
        Returns what is installed; called if an executor is asked for anything.
    """

    store: Store
    catalogue: Callable[[], Catalogue]
    _tasks: dict[str, Sequence[PlannedTask]] = field(default_factory=dict)
    _damage: dict[str, str] = field(default_factory=dict)
    _executors: dict[str, Executor | None] = field(default_factory=dict)
    _queues: dict[str, tuple[float, Queue]] = field(default_factory=dict)

    def runs(self) -> list[str]:
        """Return the ids of all planned runs, oldest first."""
        return sorted({*planned_runs(self.store), *planned_samples(self.store)})

    def file(self, run_id: str) -> Path:
        """Return the file of a run's plan."""
        file = sample_plan_file(self.store, run_id)
        return file if file.exists() else plan_file(self.store, run_id)

    def tasks(self, run_id: str) -> Sequence[PlannedTask]:
        """Return the tasks of a run; none if it has no plan that can be read."""
        if run_id not in self._tasks:
            self._tasks[run_id] = ()
            try:
                if self.file(run_id) == sample_plan_file(self.store, run_id):
                    self._tasks[run_id] = sample_tasks(read_sample_plan(self.store, run_id))
                else:
                    self._tasks[run_id] = cell_tasks(self.store, read_plan(self.store, run_id))
            except MerBenchError as error:
                self._damage[run_id] = str(error)
        return self._tasks[run_id]

    def damage(self, run_id: str) -> str:
        """Return why the plan of a run cannot be read; nothing if it can."""
        self.tasks(run_id)
        return self._damage.get(run_id, "")

    def use(self, run_id: str, executor: Executor) -> None:
        """Receive the executor that has just started all tasks of a run."""
        self._executors[run_id] = executor

    def ask(self, run_id: str) -> Queue:
        """Ask the executor of a run what is waiting or running."""
        try:
            executor = self._executor(run_id)
            numbers = None if executor is None else executor.active(self.store.run_folder(run_id))
            queue = Queue(None if numbers is None else frozenset(numbers))
        except MerBenchError as error:
            queue = Queue(None, str(error))
        self._queues[run_id] = time.monotonic(), queue
        return queue

    def queue(self, run_id: str) -> Queue:
        """Return what `ask` does; the executor is asked every `ASK_SECONDS` at most."""
        asked, queue = self._queues.get(run_id, (-math.inf, Queue(None)))
        return queue if time.monotonic() - asked < ASK_SECONDS else self.ask(run_id)

    def pending_tasks(self, run_id: str, missing: Set[Item], queue: Queue) -> Iterator[PendingTask]:
        """Yield the tasks of a run of which cells or samples are missing.

        Parameters
        ----------
        run_id : str
        missing : set of Item
        queue : Queue
            Of the run.
        """
        for task in self.tasks(run_id):
            count = len(task.items & missing)
            if not count:
                continue
            ended = queue.active is not None and task.number not in queue.active
            yield PendingTask(
                run_id,
                task.number,
                missing=count,
                what="cell" if task.has_cells else "sample",
                state="ended" if ended else "unknown" if queue.active is None else "active",
                logs=self._logs(run_id, task.number) if ended else (),
            )

    def pending(self, rows: Iterable[RowResults]) -> list[PendingRun]:
        """Return the runs of which cells are missing; a cell of several runs is one of the newest.

        Parameters
        ----------
        rows : iterable of RowResults
            All rows of the store with a cell.
        """
        stored = {row.record["row_key"]: row.cells for row in rows}
        wanted: dict[str, bool] = dict.fromkeys(stored, True)
        seen: set[Item] = set()
        found = []
        for run_id in reversed(planned_runs(self.store)):
            cells = {name for task in self.tasks(run_id) if task.has_cells for name in task.items}
            missing = {name for name in cells - seen if self._is_missing(name, stored, wanted)}
            seen |= missing
            if missing:
                queue = self.queue(run_id)
                found.append(
                    PendingRun(
                        run_id,
                        missing=len(missing),
                        cells=len(cells),
                        pending=tuple(self.pending_tasks(run_id, missing, queue)),
                        tasks=len(self.tasks(run_id)),
                        queue=queue,
                    )
                )
        return found[::-1]

    def preprocessing(self) -> Iterator[PreprocessRun]:
        """Yield what ``data preprocess`` has in a queue."""
        for run_id in planned_samples(self.store):
            tasks = self.tasks(run_id)
            queue = self.queue(run_id)
            if tasks and (queue.active or queue.problem):
                samples = {name[2] for task in tasks for name in task.items}
                yield PreprocessRun(run_id, len(samples), len(tasks), queue)

    def failed(self, rows: Iterable[RowResults]) -> Iterator[FailedCell]:
        """Yield the failed cells that a planned run computed."""
        places: dict[str, dict[Item, int]] = {}
        for row in rows:
            for cell in row.failures:
                run_id = self._run_of(cell["run_id"])
                if not run_id or not (tasks := self.tasks(run_id)):
                    continue
                if run_id not in places:
                    places[run_id] = {name: task.number for task in tasks for name in task.items}
                number = places[run_id].get((cell["row_key"], cell["seed"], cell["fold"]))
                yield FailedCell(cell, () if number is None else self._logs(run_id, number))

    def _is_missing(
        self, cell: Item, stored: Mapping[str, Mapping[tuple[int, str], object]], wanted: dict[str, bool]
    ) -> bool:
        row_key, seed, fold = cell
        if row_key not in wanted:
            # A row that somebody has removed is not wanted any more; one without cells is not among the results.
            wanted[row_key] = self.store.row(row_key) is not None
        return wanted[row_key] and stored.get(row_key, {}).get((int(seed), fold)) is None

    def _executor(self, run_id: str) -> Executor | None:
        """Return the executor of a run; None if the run has no cluster file: it was planned on another machine."""
        # Imported here: most stores have no run of which an executor has to be asked.
        from mer_bench.executors.cluster_file import open_executor

        if run_id not in self._executors:
            file = self.store.run_folder(run_id) / _CLUSTER
            self._executors[run_id] = open_executor(file, self.catalogue()) if file.exists() else None
        return self._executors[run_id]

    def _logs(self, run_id: str, number: int) -> Sequence[Path]:
        """Return the files to which a task wrote; none if the executor cannot say."""
        logs: Sequence[Path] = ()
        with suppress(MerBenchError):
            if (executor := self._executor(run_id)) is not None:
                logs = executor.log(self.store.run_folder(run_id), number)
        return logs

    def _run_of(self, run_id: str) -> str:
        """Return the run to which a task's own id belongs: ``<run>-<digits>``; nothing if it is no id."""
        if not RUN_ID.fullmatch(run_id):
            return ""
        planned, _, _ = run_id.rpartition("-")
        return run_id if plan_file(self.store, run_id).exists() or not planned else planned
