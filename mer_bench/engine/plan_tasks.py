"""The tasks of a run: what one `mer-bench work` computes, on whatever machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from math import ceil
from statistics import fmean

from mer_bench.databases.base import DataSource
from mer_bench.databases.open import named
from mer_bench.engine.order import cost_rank, sample_passes
from mer_bench.engine.session import Session
from mer_bench.engine.time_left import seconds_per_thousand
from mer_bench.evaluation.cells import Cell
from mer_bench.evaluation.rows import Row
from mer_bench.store.run_plan import DataRecord, PlanRecord, TaskKind, TaskRecord
from mer_bench.store.schema import SCHEMA
from mer_bench.store.store import new_run_id

TASK_SECONDS = 600.0
"""How long a task of several cells may take: much longer than a process needs to start, and short in a queue."""
MOST_TASKS = 1000
"""Tasks of one kind; schedulers limit how many jobs a user may submit."""
_SAMPLES = 50
"""How many samples a task preprocesses; one takes seconds."""
_SAMPLE_SECONDS = 3.0
_UNKNOWN_THOUSAND = 10.0
"""Seconds that a network of unknown cost may take for 1000 samples."""
_UNKNOWN_CELL = 2.0
"""Seconds that a cell of another method of unknown cost may take."""
_SHORTEST = 0.05
"""Seconds that a cell takes at least: for its process."""


def missing_samples(session: Session) -> dict[int, list[str]]:
    """Return what the cache lacks for the pending cells of a session.

    Returns
    -------
    dict of int to list of str
        For each representation, the index of a row that has it, and the ids of the missing samples.
    """
    rows = session.plan.rows
    pending = sorted({cell.row for cell in session.pending})
    of_hash = {rows[index].record["representation"]["hash"]: index for index in reversed(pending)}
    missing = {
        index: [task.clip.sample_id for task in session.inputs.missing([rows[index]])]
        for index in sorted(of_hash.values())
    }
    return {index: ids for index, ids in missing.items() if ids}


def data_record(source: DataSource) -> DataRecord:
    """Return what a plan says of its data."""
    name, options = named(source)
    return {"name": name, "options": options}


def plan_run(session: Session, samples: Mapping[int, Sequence[str]], *, gpus: bool) -> PlanRecord:
    """Return a new run that computes the pending cells of a session.

    Parameters
    ----------
    session : Session
    samples : mapping of int to sequence of str
        What is to be preprocessed, as `missing_samples` returns it.
    gpus : bool
        Whether networks are trained in tasks of their own kind, which find a GPU.
    """
    plan, resources = session.plan, session.resources
    return {
        "schema": SCHEMA,
        "run_id": new_run_id(),
        "data": data_record(plan.data.source),
        "protocol": plan.data.protocol.name,
        "selection": plan.selection,
        "device": resources.device,
        "timeout": resources.timeout,
        "stack": resources.stack,
        "rows": [row.record["row_key"] for row in plan.rows],
        "tasks": [*_preprocess_tasks(samples), *_cell_tasks(session, gpus=gpus)],
    }


def sample_tasks(ids: Sequence[str]) -> Iterator[tuple[Sequence[str], float]]:
    """Yield the samples of each task that preprocesses some, and how many seconds it may take."""
    size = max(_SAMPLES, ceil(len(ids) / MOST_TASKS))
    for start in range(0, len(ids), size):
        own = ids[start : start + size]
        yield own, _SAMPLE_SECONDS * len(own)


def _preprocess_tasks(samples: Mapping[int, Sequence[str]]) -> Iterator[TaskRecord]:
    ids = list(dict.fromkeys(chain.from_iterable(samples.values())))
    for own, seconds in sample_tasks(ids):
        yield _task("preprocess", seconds, rows=sorted(samples), samples=own)


def _cell_tasks(session: Session, *, gpus: bool) -> Iterator[TaskRecord]:
    """Yield tasks for the pending cells: those on the CPU first, and among them those of cheap rows."""
    rows = session.plan.rows
    of_row: dict[int, list[Cell]] = {}
    for cell in session.pending:
        of_row.setdefault(cell.row, []).append(cell)
    order = sorted(of_row, key=lambda index: cost_rank(rows[index]))
    stored: dict[int, list[float]] = {}
    for cell, record in session.records.items():
        if record is not None:
            stored.setdefault(cell.row, []).append(record["seconds"])
    seconds = {index: _cell_seconds(rows[index], stored.get(index, ())) for index in order}
    gpus = gpus and session.resources.device != "cpu"
    on_gpu = [index for index in order if gpus and rows[index].uses_device]
    on_cpu = [index for index in order if index not in on_gpu]
    limit = max(TASK_SECONDS, sum(seconds[index] * len(of_row[index]) for index in on_cpu) / MOST_TASKS)
    for index in on_cpu:
        # Features are extracted for all cells of a row together.
        as_one = rows[index].features_key is not None
        size = len(of_row[index]) if as_one else max(1, int(limit / seconds[index]))
        for start in range(0, len(of_row[index]), size):
            own = of_row[index][start : start + size]
            yield _task("cpu", seconds[index] * len(own), cells=own)
    for index in on_gpu:
        # The folds and seeds of a row are trained as one stack.
        yield _task("gpu", seconds[index] * len(of_row[index]), cells=of_row[index])


def _cell_seconds(row: Row, stored: Sequence[float]) -> float:
    """Return how long a cell of a row may take: as its stored cells did, else as its spec says."""
    if stored:
        return max(fmean(stored), _SHORTEST)
    if not row.trains_by_epoch:
        return _UNKNOWN_CELL
    cost = seconds_per_thousand(row) or _UNKNOWN_THOUSAND
    return max(cost * sample_passes(row, row.folds) / len(row.folds) / 1000, _SHORTEST)


def _task(
    kind: TaskKind,
    seconds: float,
    *,
    cells: Iterable[Cell] = (),
    rows: Sequence[int] = (),
    samples: Sequence[str] = (),
) -> TaskRecord:
    return {
        "kind": kind,
        "seconds": round(seconds, 1),
        "cells": [{"row": cell.row, "seed": cell.seed, "fold": cell.fold} for cell in cells],
        "rows": list(rows),
        "samples": list(samples),
    }
