"""What commands that submit tasks to an executor share: what waits already, how tasks are started, and waiting."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeVar

from mer_bench.arithmetic import VARIABLE as ARITHMETIC_VARIABLE
from mer_bench.cache import CACHE_VARIABLE, cache_folder
from mer_bench.engine.listener import Interrupted, Step
from mer_bench.engine.planned import Planned, Queue, keep_cluster_file
from mer_bench.engine.planned_tasks import Item
from mer_bench.errors import MerBenchError, Notice
from mer_bench.executors.base import ASK_SECONDS, Job, Task
from mer_bench.executors.guarded import GuardedExecutor
from mer_bench.plugin_manager import BLOCK_VARIABLE
from mer_bench.store import Store

POLL_SECONDS = 5.0
"""How often what is missing is looked for."""
_LOOKS = 3
"""How often in a row no task is left before waiting ends: a shared file system may show new files late."""

Name = TypeVar("Name", bound=Item)
T = TypeVar("T")


@dataclass(frozen=True)
class Submission:
    """Tasks for an executor, and the runs that have the others.

    Parameters
    ----------
    planned : Planned
        The planned runs of the results folder.
    executor : GuardedExecutor
    job : Job
    earlier : tuple of str
        The ids of runs whose tasks are still waiting or running; what they will compute is in no task of the job.
    """

    planned: Planned
    executor: GuardedExecutor
    job: Job
    earlier: tuple[str, ...]

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs to wait for."""
        return (*self.earlier, *([self.job.run] if self.job.tasks else []))

    def start(self) -> str:
        """Start the tasks, whose plan is stored, and return where they are.

        Raises
        ------
        MerBenchError
            The executor cannot start them, or the results folder cannot be written.
        """
        keep_cluster_file(self.planned.store, self.job.run, self.executor.file)
        try:
            where = self.executor.submit(self.job)
        except MerBenchError:
            # With a plan, it would be a run whose tasks ended without their cells.
            queue = self.planned.ask(self.job.run)
            if not queue.active and not queue.problem:
                self.planned.file(self.job.run).unlink(missing_ok=True)
            raise
        self.planned.use(self.job.run, self.executor)
        return where


def job_of(store: Store, run_id: str, tasks: Sequence[Task], after: Iterable[str] = ()) -> Job:
    """Return a job with the variables that its workers need; runs of ``after`` preprocess samples for it."""
    variables = {name: value for name in (ARITHMETIC_VARIABLE, BLOCK_VARIABLE) if (value := os.environ.get(name))}
    environment = {CACHE_VARIABLE: str(cache_folder().absolute()), **variables}
    return Job(store.path.absolute(), run_id, tuple(tasks), environment, tuple(map(store.run_folder, after)))


def queued(planned: Planned, wanted: Set[Name], notice: Notice) -> dict[str, set[Name]]:
    """Return which cells or samples are in a queue already, by the run whose tasks compute them.

    Parameters
    ----------
    planned : Planned
    wanted : set of Item
    notice : callable
        Called with a sentence about each run of which that cannot be told.

    Raises
    ------
    MerBenchError
        A scheduler does not answer: what it has would be submitted twice.
    """
    found: dict[str, set[Name]] = {}
    for run_id in planned.runs() if wanted else ():
        own = [(task.number, common) for task in planned.tasks(run_id) if (common := wanted & task.items)]
        damage = planned.damage(run_id)
        if not own and not damage:
            continue
        queue = planned.queue(run_id)
        if damage and queue.active:
            raise MerBenchError(
                f"nothing is submitted: tasks of run {run_id} are waiting or running, and what they compute cannot be "
                f"told: {damage}; cancel them, or wait for their end"
            )
        if queue.problem:
            raise MerBenchError(
                f"nothing is submitted: whether tasks of run {run_id} are still waiting or running cannot be told: "
                f"{queue.problem}; if they have ended for certain, delete {planned.file(run_id)}"
            )
        if queue.active is None and own:
            notice(
                f"whether tasks of run {run_id} are still waiting or running cannot be told; what is missing of it is "
                "submitted again"
            )
        elif items := set().union(*(common for number, common in own if number in (queue.active or ()))):
            found[run_id] = items
    return found


def wait_for(
    submission: Submission,
    waiting: Mapping[Name, T],
    look: Callable[[Sequence[T]], Iterable[tuple[Name, bool]]],
    step: Step,
    notice: Notice,
) -> None:
    """Wait until everything is computed, or no task is left; name the tasks that ended without.

    Parameters
    ----------
    submission : Submission
    waiting : mapping of Item to object
        What is missing.
    look : callable
        Returns which of the objects are computed now, and whether each succeeded.
    step : Step
        Called for each.
    notice : callable

    Raises
    ------
    Interrupted
        Ctrl-C was pressed; the tasks go on where the executor lets them.
    """
    try:
        _wait(submission, dict(waiting), look, step, notice)
    except KeyboardInterrupt:
        goes_on = "the submitted tasks go on; " if submission.executor.detaches else ""
        raise Interrupted(
            f"{goes_on}the same command again submits what is missing, and follows; `mer-bench status` shows what is "
            "stored"
        ) from None


def _wait(
    submission: Submission,
    waiting: dict[Name, T],
    look: Callable[[Sequence[T]], Iterable[tuple[Name, bool]]],
    step: Step,
    notice: Notice,
) -> None:
    last_asked, without = time.monotonic(), 0
    ended: set[str] = set()
    told: set[str] = set()
    while waiting and without < _LOOKS:
        time.sleep(POLL_SECONDS)
        for name, succeeded in look([*waiting.values()]):
            del waiting[name]
            step(succeeded)
        if time.monotonic() - last_asked < ASK_SECONDS:
            continue
        last_asked = time.monotonic()
        queues = {run_id: submission.planned.ask(run_id) for run_id in submission.runs}
        without = 0 if any(queue.active is None or queue.active for queue in queues.values()) else without + 1
        now = set(_ended(submission.planned, queues, waiting.keys()))
        problems = {f"run {run_id}: {queue}" for run_id, queue in queues.items() if queue.problem}
        # A task that ended is not named at the first look, for the same reason.
        for text in sorted((problems | now & ended) - told):
            notice(text)
        told |= problems | now & ended
        ended = now


def _ended(planned: Planned, queues: Mapping[str, Queue], missing: Set[Item]) -> Iterator[str]:
    """Yield a sentence about each task that ended although something of it is missing."""
    for run_id, queue in queues.items():
        yield from (str(task) for task in planned.pending_tasks(run_id, missing, queue) if task.state == "ended")
