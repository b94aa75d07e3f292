"""Preprocess the samples of a data source on other machines, into the cache that all of them see."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mer_bench.arithmetic import arithmetic
from mer_bench.databases.base import DataSource
from mer_bench.databases.open import open_source
from mer_bench.engine.listener import Listener
from mer_bench.engine.plan_tasks import data_record, sample_tasks
from mer_bench.engine.planned import Planned
from mer_bench.engine.preprocess import preprocess
from mer_bench.engine.queued import Submission, job_of, queued, wait_for
from mer_bench.engine.sample_plan import (
    SampleName,
    SamplePlan,
    read_sample_plan,
    sample_names,
    write_sample_plan,
)
from mer_bench.errors import MerBenchError
from mer_bench.executors.base import Task
from mer_bench.executors.guarded import GuardedExecutor
from mer_bench.plugin_manager import load_catalogue
from mer_bench.representations.preprocessing import Recipe
from mer_bench.representations.resolve import recipe_of, record_of
from mer_bench.representations.task import Preprocessed, PreprocessTask, preprocess_task
from mer_bench.store import Store
from mer_bench.store.run_plan import chosen
from mer_bench.store.schema import SCHEMA
from mer_bench.store.store import new_run_id


@dataclass(frozen=True)
class SampleSubmission(Submission):
    """Samples as tasks for an executor, and their plan."""

    plan: SamplePlan


def plan_samples(
    source: DataSource,
    missing: Sequence[PreprocessTask],
    executor: GuardedExecutor,
    planned: Planned,
    listener: Listener,
) -> SampleSubmission:
    """Return tasks for samples that the cache lacks, without what earlier runs still have in a queue.

    Parameters
    ----------
    source : DataSource
    missing : sequence of PreprocessTask
    executor : GuardedExecutor
    planned : Planned
        The runs of the results folder to which the plan and the logs go.
    listener : Listener

    Raises
    ------
    MerBenchError
        What is in a queue cannot be told.
    """
    names = _names(source, missing)
    waiting = queued(planned, set(names), listener.notice)
    rest = [task for name, task in names.items() if not any(name in own for own in waiting.values())]
    records = {record["hash"]: record for record in (record_of(task.recipe) for task in rest)}
    tasks = list(sample_tasks(list(dict.fromkeys(task.clip.sample_id for task in rest))))
    plan: SamplePlan = {
        "schema": SCHEMA,
        "run_id": new_run_id(),
        "data": data_record(source),
        "arithmetic": arithmetic(),
        "representations": [*records.values()],
        "tasks": [[*ids] for ids, _ in tasks],
    }
    of_job = [Task(number, "preprocess", seconds) for number, (_, seconds) in enumerate(tasks)]
    job = job_of(planned.store, plan["run_id"], of_job)
    return SampleSubmission(planned, executor, job, tuple(waiting), plan)


def submit_samples(submission: SampleSubmission) -> str:
    """Store the plan, start the tasks, and return where they are; nothing if there is none.

    Raises
    ------
    MerBenchError
        The results folder cannot be written, or the executor cannot start the tasks.
    """
    if not submission.job.tasks:
        return ""
    write_sample_plan(submission.planned.store, submission.plan)
    return submission.start()


def follow_samples(
    source: DataSource, missing: Sequence[PreprocessTask], submission: SampleSubmission, listener: Listener
) -> None:
    """Wait until the cache has all samples, or no task is left.

    Raises
    ------
    Interrupted
        Ctrl-C was pressed; the tasks go on where the executor lets them.
    """
    names = _names(source, missing)
    name_of = {task.key: name for name, task in names.items()}

    def look(tasks: Iterable[PreprocessTask]) -> Iterator[tuple[SampleName, bool]]:
        return ((name_of[task.key], True) for task in tasks if _is_there(task))

    with listener.steps("representations", len(names)) as step:
        wait_for(submission, names, look, step, listener.notice)


def outcomes(tasks: Iterable[PreprocessTask]) -> list[Preprocessed]:
    """Return what the cache has of samples that other machines were to preprocess."""
    done = []
    for task in tasks:
        entry = task.cached(lambda text: None)
        sample, why = task.clip.sample_id, "its task did not preprocess it, and the task's log says why"
        done.append(
            Preprocessed(sample, f"{sample}: {why}") if entry is None else Preprocessed(sample, "", entry.facts)
        )
    return done


def work_samples(
    results: Path, run_id: str, numbers: Collection[int], *, jobs: int, listener: Listener
) -> list[Preprocessed]:
    """Preprocess what the cache lacks of some tasks of a run, and return the failures.

    Parameters
    ----------
    results : Path
        The results folder.
    run_id : str
    numbers : collection of int
        Of the tasks in the run's plan.
    jobs : int
        How many worker processes.
    listener : Listener

    Raises
    ------
    MerBenchError
        There is no such run or task, or the data or mer-bench are others here than where the run was planned.
    """
    plan = read_sample_plan(Store.open(results, listener.notice), run_id)
    own = chosen(run_id, plan["tasks"], numbers)
    if plan["arithmetic"] != arithmetic():
        raise MerBenchError(
            f"run {run_id} was planned with the arithmetic {plan['arithmetic']!r}, here {arithmetic()!r}"
        )
    source = open_source(plan["data"]["name"], plan["data"]["options"], load_catalogue())
    ids = dict.fromkeys(sample for samples in own for sample in samples)
    tasks = [preprocess_task(source, sample, recipe) for recipe in _planned_recipes(plan) for sample in ids]
    missing = [task for task in tasks if task.cached(lambda text: None) is None]
    return [done for done in preprocess(missing, jobs=jobs, listener=listener) if done.failure]


def _planned_recipes(plan: SamplePlan) -> Iterator[Recipe]:
    for record in plan["representations"]:
        recipe = recipe_of(record)
        if recipe is None or record_of(recipe)["hash"] != record["hash"]:
            raise MerBenchError(
                f"run {plan['run_id']}: {record['name']} is computed by other steps here than where it was planned; "
                "install the same mer-bench on all machines"
            )
        yield recipe


def _names(source: DataSource, tasks: Iterable[PreprocessTask]) -> dict[SampleName, PreprocessTask]:
    data = data_record(source)
    return {name: task for task in tasks for name in sample_names(data, record_of(task.recipe), [task.clip.sample_id])}


def _is_there(task: PreprocessTask) -> bool:
    # Read, not only looked for: an entry that is damaged is what a task is to replace.
    return task.cached(lambda text: None) is not None
