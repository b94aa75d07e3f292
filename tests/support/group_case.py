"""Folds of a small network of mer-bench, as a run has them, and groups of them whose process or worker dies."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np

from mer_bench.databases.synthetic_maps import SyntheticMaps
from mer_bench.evaluation.cells import Cell, FoldResult, FoldTask, fold_task
from mer_bench.evaluation.groups import FinishedFolds, GroupTask, compute_group
from mer_bench.evaluation.plan import Plan, make_plan
from mer_bench.evaluation.request import Request
from mer_bench.plugin_manager import load_catalogue
from mer_bench.training import checkpoint, pace
from mer_bench.training.progress import TrainingNotice, TrainingProgress

SMALL = {"maps": (2, 3), "hidden": 8, "epochs": 2, "batch_size": 12, "lr": 0.01}


def small_plan(method: str = "off-apexnet", overrides: Mapping[str, object] = SMALL, **options: object) -> Plan:
    """Return a plan of one row on tiny synthetic maps."""
    values = {"baselines": False, "overrides": overrides, **options}
    request = Request((method,), **values)  # type: ignore[arg-type]
    return make_plan(request, SyntheticMaps(None, {"size": "tiny", "seed": 0}), load_catalogue())


def tasks_of(plan: Plan, folder: Path, device: str = "cpu") -> list[FoldTask]:
    """Return the tasks of a plan's cells, with its maps as their stack."""
    row, source = plan.rows[0], plan.data.source
    samples = [source.load(sample_id) for sample_id in row.table.sample_ids]
    stack = np.empty((len(samples), *samples[0].shape), np.float32)
    stack[list(row.places)] = np.stack(samples)
    np.save(folder / "stack.npy", stack)
    return [fold_task(plan.rows[cell.row], cell, stack=folder / "stack.npy", device=device) for cell in plan.cells]


Said = FinishedFolds | TrainingProgress | TrainingNotice

LOG = "MER_BENCH_TEST_LOG"
"""The variable with the file in which `compute_and_end` writes how many folds it is given."""

_PATIENCE_SECONDS = 20.0


def results_of(group: GroupTask) -> list[FoldResult]:
    """Compute a group in this process, and return the results of its folds in order."""
    results: dict[Cell, FoldResult] = {}

    def hear(said: Said) -> None:
        if isinstance(said, FinishedFolds):
            results.update(said.results)

    last = compute_group(group, hear)
    assert not results.keys() & last.keys()
    results.update(last)
    return [results[fold.cell] for fold in group.folds]


def compute_and_end(group: GroupTask, tell: Callable[[Said], None]) -> dict[Cell, FoldResult]:
    """Compute a group; once two of its folds are stored, end this process, or kill its worker if the log says so.

    That they are stored is told by a file beside the log: ``stored-2``.
    """
    log = Path(os.environ[LOG])
    with log.open("a") as stream:
        stream.write(f"{len(group.folds)}\n")
    sent: list[Said] = []

    def telling(said: Said) -> None:
        tell(said)
        sent.append(said)
        if sum(isinstance(own, FinishedFolds) for own in sent) == 2:
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while not (log.parent / "stored-2").exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            if log.suffix == ".worker":
                os.kill(_worker(), signal.SIGKILL)
                time.sleep(60)
            os._exit(3)

    return compute_group(group, telling)


def compute_and_die(task: tuple[GroupTask, str], tell: Callable[[Said], None]) -> dict[Cell, FoldResult]:
    """Compute a group that is saved after every epoch; if a file is not there, the worker dies in the third epoch."""
    group, killed = task

    def telling(said: Said) -> None:
        tell(said)
        if isinstance(said, TrainingProgress) and said.epoch == 2 and killed and not Path(killed).exists():
            Path(killed).touch()
            os.kill(_worker(), signal.SIGKILL)
            time.sleep(60)

    frequent = partial(checkpoint.Checkpoint, seconds=0)
    with (
        mock.patch.object(pace, "_TELL_SECONDS", 0.0),
        mock.patch.object(checkpoint, "Checkpoint", frequent),
    ):
        return compute_group(group, telling)


def _worker() -> int:
    """Return the process whose child's child this is."""
    return int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[1])
