"""What a planned task computes: the names of its cells, or of its samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mer_bench.engine.sample_plan import SampleName, SamplePlan, sample_names
from mer_bench.store import Store
from mer_bench.store.run_plan import PlanRecord, TaskRecord
from mer_bench.store.schema import RowRecord

CellName = tuple[str, int, str]
"""A row's key, a seed and a fold."""
Item = CellName | SampleName


@dataclass(frozen=True)
class PlannedTask:
    """A task of a planned run.

    Parameters
    ----------
    number : int
    items : frozenset of Item
        Its cells, or what it preprocesses.
    has_cells : bool
    """

    number: int
    items: frozenset[Item]
    has_cells: bool


def cell_tasks(store: Store, plan: PlanRecord) -> list[PlannedTask]:
    """Return the tasks of a run, with the names of what they preprocess or compute."""
    indices = {index for task in plan["tasks"] for index in task["rows"]}
    rows = {index: row for index in indices if (row := store.row(plan["rows"][index])) is not None}
    return [
        PlannedTask(number, frozenset(_cells(plan, task) or _samples(plan, task, rows)), bool(task["cells"]))
        for number, task in enumerate(plan["tasks"])
    ]


def sample_tasks(plan: SamplePlan) -> list[PlannedTask]:
    """Return the tasks of a ``data preprocess``."""
    return [
        PlannedTask(
            number,
            frozenset(name for record in plan["representations"] for name in sample_names(plan["data"], record, ids)),
            has_cells=False,
        )
        for number, ids in enumerate(plan["tasks"])
    ]


def _cells(plan: PlanRecord, task: TaskRecord) -> list[CellName]:
    return [(plan["rows"][cell["row"]], cell["seed"], cell["fold"]) for cell in task["cells"]]


def _samples(plan: PlanRecord, task: TaskRecord, rows: Mapping[int, RowRecord]) -> Iterator[SampleName]:
    for index in task["rows"]:
        if index in rows:  # somebody may have removed it
            yield from sample_names(plan["data"], rows[index]["representation"], task["samples"])
