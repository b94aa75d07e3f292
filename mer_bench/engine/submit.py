"""Run a plan on other machines: submit its tasks to an executor, and follow what they store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mer_bench.engine.plan_tasks import data_record, missing_samples, plan_run
from mer_bench.engine.planned import Planned
from mer_bench.engine.planned_tasks import CellName
from mer_bench.engine.queued import Submission, job_of, queued, wait_for
from mer_bench.engine.sample_plan import sample_names
from mer_bench.engine.session import Session
from mer_bench.evaluation.cells import Cell
from mer_bench.executors.base import Task
from mer_bench.executors.guarded import GuardedExecutor
from mer_bench.store.run_plan import PlanRecord, write_plan


@dataclass(frozen=True)
class RunSubmission(Submission):
    """The pending cells of a session, as tasks for an executor, and their plan."""

    plan: PlanRecord


def plan_submission(session: Session, executor: GuardedExecutor) -> RunSubmission:
    """Return the tasks of a session's pending cells, without what earlier runs still have in a queue.

    Parameters
    ----------
    session : Session
    executor : GuardedExecutor

    Raises
    ------
    MerBenchError
        What is in a queue cannot be told.
    """
    planned = Planned(session.store, lambda: session.catalogue)
    notice = session.listener.notice
    names = {cell: _name(session, cell) for cell in session.pending}
    with_cells = queued(planned, set(names.values()), notice)
    waiting = set().union(*with_cells.values())
    session.pending = [cell for cell in session.pending if names[cell] not in waiting]
    samples = missing_samples(session)
    rows, data = session.plan.rows, data_record(session.plan.data.source)
    of_row = {
        index: dict(zip(sample_names(data, rows[index].record["representation"], ids), ids, strict=True))
        for index, ids in samples.items()
    }
    with_samples = queued(planned, {name for own in of_row.values() for name in own}, notice)
    preprocessed = set().union(*with_samples.values())
    left = {
        index: [sample for name, sample in own.items() if name not in preprocessed] for index, own in of_row.items()
    }
    plan = plan_run(session, {index: ids for index, ids in left.items() if ids}, gpus=executor.gpus)
    tasks = [Task(number, task["kind"], task["seconds"]) for number, task in enumerate(plan["tasks"])]
    job = job_of(session.store, plan["run_id"], tasks, with_samples)
    return RunSubmission(planned, executor, job, tuple(sorted({*with_cells, *with_samples})), plan)


def submit(session: Session, submission: RunSubmission) -> str:
    """Store the rows and the plan, start the tasks, and return where they are; nothing if there is none.

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
    return submission.start()


def follow(session: Session, submission: RunSubmission) -> None:
    """Wait until all cells of a session are stored, or no task is left; show each cell as it comes.

    Raises
    ------
    Interrupted
        Ctrl-C was pressed; the tasks go on where the executor lets them.
    """

    def look(cells: Sequence[Cell]) -> Iterator[tuple[CellName, bool]]:
        return ((_name(session, cell), session.is_done(cell)) for cell in session.look(cells))

    waiting = {_name(session, cell): cell for cell in session.plan.cells if not session.is_done(cell)}
    total = len(session.plan.cells)
    with session.listener.steps("cells", total, total - len(waiting)) as step:
        wait_for(submission, waiting, look, step, session.listener.notice)


def _name(session: Session, cell: Cell) -> CellName:
    return session.plan.rows[cell.row].record["row_key"], cell.seed, cell.fold
