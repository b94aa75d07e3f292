"""Run a plan on other machines: submit its tasks to an executor, and follow what they store."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mer_bench.arithmetic import VARIABLE as ARITHMETIC_VARIABLE
from mer_bench.cache import CACHE_VARIABLE, cache_folder
from mer_bench.engine.listener import Interrupted
from mer_bench.engine.plan_tasks import plan_run
from mer_bench.engine.planned import ASK_SECONDS, Planned, cell_names, keep_cluster_file
from mer_bench.engine.session import Session
from mer_bench.evaluation.cells import Cell
from mer_bench.executors.base import Executor, Job, Task
from mer_bench.plugin_manager import BLOCK_VARIABLE
from mer_bench.store import Store
from mer_bench.store.run_plan import PlanRecord, planned_runs, write_plan

POLL_SECONDS = 5.0
"""How often the store is looked at."""
_LOOKS = 3
"""How often in a row no task is left before waiting ends: a shared file system may show new files late."""


@dataclass(frozen=True)
class Earlier:
    """A run that was submitted before, and the executor that has its tasks."""

    run_id: str
    executor: Executor


@dataclass(frozen=True)
class Submission:
    """The pending cells of a session, as tasks for an executor.

    Parameters
    ----------
    plan : PlanRecord
    job : Job
    earlier : tuple of Earlier
        Runs whose tasks are still waiting or running; what they will compute is not in the plan.
    """

    plan: PlanRecord
    job: Job
    earlier: tuple[Earlier, ...]


def plan_submission(session: Session, executor: Executor) -> Submission:
    """Return the tasks of a session's pending cells, without those of earlier runs that are still in a queue.

    Parameters
    ----------
    session : Session
    executor : Executor
    """
    earlier, waiting = _submitted(session)
    session.pending = [cell for cell in session.pending if cell not in waiting]
    plan = plan_run(session, gpus=executor.gpus)
    tasks = tuple(Task(number, task["kind"], task["seconds"]) for number, task in enumerate(plan["tasks"]))
    variables = {name: value for name in (ARITHMETIC_VARIABLE, BLOCK_VARIABLE) if (value := os.environ.get(name))}
    environment = {CACHE_VARIABLE: str(cache_folder().absolute()), **variables}
    return Submission(plan, Job(session.store.path, plan["run_id"], tasks, environment), earlier)


def submit(session: Session, executor: Executor, submission: Submission, cluster: Path) -> str:
    """Store the rows and the plan, start the tasks, and return where they are; nothing if there is none.

    Parameters
    ----------
    session : Session
    executor : Executor
    submission : Submission
    cluster : Path
        The cluster file, of which the run keeps a copy.

    Raises
    ------
    MerBenchError
        The store cannot be written, or the executor cannot start the tasks.
    """
    if not submission.job.tasks:
        return ""
    for row in session.plan.rows:
        session.store.write_row(row.record)
    write_plan(session.store, submission.plan)
    keep_cluster_file(session.store, submission.job.run, cluster)
    return executor.submit(submission.job)


def follow(session: Session, executor: Executor, submission: Submission) -> None:
    """Wait until all cells of a session are stored, or no task is left; show each cell as it comes.

    Raises
    ------
    Interrupted
        Ctrl-C was pressed; the tasks go on where the executor lets them.
    """
    runs = [*submission.earlier, *([Earlier(submission.plan["run_id"], executor)] if submission.job.tasks else [])]
    try:
        _follow(session, runs)
    except KeyboardInterrupt:
        goes_on = "the submitted tasks go on; " if executor.detaches else ""
        raise Interrupted(
            f"{goes_on}the same command again submits what is missing, and follows; `mer-bench status` shows what is "
            "stored"
        ) from None


def _follow(session: Session, runs: Sequence[Earlier]) -> None:
    waiting = [cell for cell in session.plan.cells if not session.is_done(cell)]
    total = len(session.plan.cells)
    last_asked, without = time.monotonic(), 0
    with session.listener.steps("cells", total, total - len(waiting)) as step:
        while waiting and without < _LOOKS:
            time.sleep(POLL_SECONDS)
            found = set(session.look(waiting))
            for cell in found:
                step(session.is_done(cell))
            waiting = [cell for cell in waiting if cell not in found]
            if time.monotonic() - last_asked >= ASK_SECONDS:
                last_asked = time.monotonic()
                without = 0 if any(_has_tasks(session.store, run) for run in runs) else without + 1


def _has_tasks(store: Store, run: Earlier) -> bool:
    active = run.executor.active(store.run_folder(run.run_id))
    return active is None or len(active) > 0


def _submitted(session: Session) -> tuple[tuple[Earlier, ...], set[Cell]]:
    """Return the runs with tasks that are waiting or running, and the cells of these that the session is to compute."""
    keys = [row.record["row_key"] for row in session.plan.rows]
    pending = {(keys[cell.row], cell.seed, cell.fold): cell for cell in session.pending}
    runs: list[Earlier] = []
    cells: set[Cell] = set()
    planned = Planned(session.store, session.catalogue)
    for run_id in planned_runs(session.store) if pending else ():
        plan = planned.plan(run_id)
        if plan is None:
            continue
        of_task = [
            {pending[name] for name in cell_names(plan, number) if name in pending}
            for number in range(len(plan["tasks"]))
        ]
        executor = planned.executor(run_id) if any(of_task) else None
        if executor is None:
            continue
        active = executor.active(session.store.run_folder(run_id))
        if active is None:
            session.listener.notice(
                f"whether tasks of run {run_id} are still waiting or running cannot be told; what is missing of it is "
                "submitted again"
            )
        elif own := set().union(*(of_task[number] for number in active if number < len(of_task))):
            cells |= own
            runs.append(Earlier(run_id, executor))
    return tuple(runs), cells
