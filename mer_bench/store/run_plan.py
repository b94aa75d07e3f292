"""The plan of a run: its tasks, which any process that sees the results folder can compute."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar

from mer_bench.errors import MerBenchError
from mer_bench.rules import SELECTIONS
from mer_bench.store.files import read_record, write_record
from mer_bench.store.schema import SCHEMA
from mer_bench.store.store import Store
from mer_bench.store.validation import misfit

TaskKind = Literal["preprocess", "cpu", "gpu"]
"""``preprocess``: representations of some samples; ``cpu`` and ``gpu``: cells, and where they are computed."""
KINDS: tuple[TaskKind, ...] = ("preprocess", "cpu", "gpu")
"""In the order in which they are to be computed."""

SAMPLE_PLAN = "preprocess.json"
"""The plan of a ``data preprocess`` on other machines, in its run's folder."""

T = TypeVar("T")

_ROW_KEY = re.compile("[0-9a-f]{64}")
_CURE = "delete it, and plan the run again with `mer-bench run`"


class DataRecord(TypedDict):
    """What a run's data is, as it can be opened again."""

    name: str
    """A folder's absolute path, or the name of generated data."""
    options: dict[str, object]


class TaskCell(TypedDict):
    row: int
    """Index into the plan's ``rows``."""
    seed: int
    fold: str


class TaskRecord(TypedDict):
    """What one `mer-bench work` computes: cells, or representations of samples."""

    kind: TaskKind
    seconds: float
    """How long it may take on one processor, roughly."""
    cells: list[TaskCell]
    rows: list[int]
    """Of ``preprocess``: rows that have every representation that is to be computed."""
    samples: list[str]
    """Of ``preprocess``: the ids of the samples."""


class PlanRecord(TypedDict):
    """``runs/<run>/plan.json``."""

    schema: int
    run_id: str
    data: DataRecord
    protocol: str
    selection: str
    device: str
    timeout: float | None
    stack: int | None
    rows: list[str]
    """Row keys; each row's ``row.json`` is in the store."""
    tasks: list[TaskRecord]
    """Numbered from 0 in this order, those of one kind together."""


def plan_file(store: Store, run_id: str) -> Path:
    """Return the path of a run's plan, stored or not."""
    return store.run_folder(run_id) / "plan.json"


def write_plan(store: Store, plan: PlanRecord) -> None:
    """Store the plan of a run.

    Raises
    ------
    MerBenchError
        The results folder cannot be written.
    """
    write_record(plan_file(store, plan["run_id"]), plan)


def read_plan(store: Store, run_id: str) -> PlanRecord:
    """Return the plan of a run.

    Raises
    ------
    MerBenchError
        There is no such run, or its plan is damaged.
    """
    file = plan_file(store, run_id)
    if not file.is_file():
        known = ", ".join(planned_runs(store)[-3:]) or "none"
        raise MerBenchError(f"{store.path} holds no plan of a run {run_id!r}; the newest planned runs: {known}")
    plan: PlanRecord = read_fields(file, PlanRecord, run_id, _CURE)
    if problem := _problem(plan):
        raise MerBenchError(f"{file}: {problem}; {_CURE}")
    return plan


def read_fields(file: Path, kind: type[Any], run_id: str, cure: str) -> Any:
    """Return the plan of a run in a file, of which each field is there and of its type.

    Parameters
    ----------
    file : Path
    kind : type
        The typed dict of such plans.
    run_id : str
    cure : str
        What to do about a file that cannot be used.

    Raises
    ------
    MerBenchError
        It cannot be read, is damaged, or is of another run or schema.
    """
    content = read_record(file, cure)
    place = misfit(content, kind) or next(
        (name for name, value in (("schema", SCHEMA), ("run_id", run_id)) if content[name] != value), None
    )
    if place is not None:
        raise MerBenchError(f"{file}: {place!r} is missing or wrong; {cure}")
    return content


def chosen(run_id: str, tasks: Sequence[T], numbers: Collection[int]) -> list[T]:
    """Return the tasks of a run that have these numbers, in their order and each once.

    Raises
    ------
    MerBenchError
        The run has no such task.
    """
    for number in numbers:
        if not 0 <= number < len(tasks):
            raise MerBenchError(f"run {run_id} has no task {number}; its tasks are 0 to {len(tasks) - 1}")
    return [tasks[number] for number in sorted(set(numbers))]


def _problem(plan: PlanRecord) -> str:
    """Return what makes a plan unusable; nothing if it can be used."""
    if plan["selection"] not in SELECTIONS:
        return f"its selection {plan['selection']!r} is not one of: {', '.join(SELECTIONS)}"
    if wrong := [key for key in plan["rows"] if not _ROW_KEY.fullmatch(key)]:
        return f"{wrong[0]!r} is no key of a row"
    rows = range(len(plan["rows"]))
    for number, task in enumerate(plan["tasks"]):
        if any(cell["row"] not in rows or cell["seed"] < 0 for cell in task["cells"]):
            return f"task {number} has a cell of a row or seed that there is not"
        if any(row not in rows for row in task["rows"]):
            return f"task {number} names a row that there is not"
    return ""


def planned_runs(store: Store) -> list[str]:
    """Return the ids of the runs that have a plan, oldest first."""
    return sorted(file.parent.name for file in store.path.glob("runs/*/plan.json"))


def damaged_plans(store: Store) -> Iterator[str]:
    """Return a sentence for each plan that cannot be read: nobody knows its tasks, and what they have left to do."""
    return filter(None, (_damage(store, run_id) for run_id in planned_runs(store)))


def _damage(store: Store, run_id: str) -> str:
    try:
        read_plan(store, run_id)
    except MerBenchError as error:
        return str(error)
    return ""
