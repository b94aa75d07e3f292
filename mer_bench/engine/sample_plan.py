"""The plan of a ``data preprocess`` on other machines: its tasks, each some samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypedDict

from mer_bench.errors import MerBenchError
from mer_bench.store import Store
from mer_bench.store.files import digest, write_record
from mer_bench.store.run_plan import SAMPLE_PLAN, DataRecord, read_fields
from mer_bench.store.schema import RepresentationRecord

_CURE = "delete it, and plan it again with `mer-bench data preprocess --cluster`"

SampleName = tuple[str, str, str]
"""Hashes of the data's name and of a representation, and a sample's id."""


class SamplePlan(TypedDict):
    """``runs/<run>/preprocess.json``."""

    schema: int
    run_id: str
    data: DataRecord
    arithmetic: str
    """Of the machine that planned it; the cache's keys depend on it."""
    representations: list[RepresentationRecord]
    """What is to be computed of each sample."""
    tasks: list[list[str]]
    """The ids of each task's samples."""


def sample_names(data: DataRecord, representation: RepresentationRecord, ids: Iterable[str]) -> Iterator[SampleName]:
    """Yield the names of samples of a data source in a representation."""
    of_data = digest(data)
    return ((of_data, representation["hash"], sample_id) for sample_id in ids)


def sample_plan_file(store: Store, run_id: str) -> Path:
    """Return the path of a plan, stored or not."""
    return store.run_folder(run_id) / SAMPLE_PLAN


def write_sample_plan(store: Store, plan: SamplePlan) -> None:
    """Store a plan.

    Raises
    ------
    MerBenchError
        The results folder cannot be written.
    """
    write_record(sample_plan_file(store, plan["run_id"]), plan)


def read_sample_plan(store: Store, run_id: str) -> SamplePlan:
    """Return a stored plan.

    Raises
    ------
    MerBenchError
        It is damaged.
    """
    file = sample_plan_file(store, run_id)
    plan: SamplePlan = read_fields(file, SamplePlan, run_id, _CURE)
    return plan


def planned_samples(store: Store) -> list[str]:
    """Return the ids of the runs that have such a plan, oldest first."""
    return sorted(file.parent.name for file in store.path.glob(f"runs/*/{SAMPLE_PLAN}"))


def damaged_sample_plans(store: Store) -> Iterator[str]:
    """Return a sentence for each plan that cannot be read: nobody knows its tasks."""
    return filter(None, (_damage(store, run_id) for run_id in planned_samples(store)))


def _damage(store: Store, run_id: str) -> str:
    try:
        read_sample_plan(store, run_id)
    except MerBenchError as error:
        return str(error)
    return ""
