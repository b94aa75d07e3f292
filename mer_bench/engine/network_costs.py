"""Measure the network of each row that was trained, in a process of its own: no training knows of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

from mer_bench.cache import open_stack
from mer_bench.engine.describe_network import NetworkFacts, measure_network
from mer_bench.engine.groups import network_settings
from mer_bench.engine.place import Place
from mer_bench.engine.pool import run_tasks
from mer_bench.errors import MerBenchError, MethodError
from mer_bench.evaluation.cells import FoldTask, fenced, load_method
from mer_bench.evaluation.rows import Row
from mer_bench.store import Store
from mer_bench.store.network import read_network, write_network

TIMEOUT = 60.0
"""Seconds that one network may take: a forward pass of one sample, mostly without memory."""
_COMPILER = "torch._dynamo"
"""What torch imports where arrays are shapes only, which takes more than a second: the processes of all networks share
it. No training needs it: see `mer_bench.training.optimizers`."""


def store_networks(store: Store, rows: Sequence[Row], tasks: Sequence[FoldTask]) -> None:
    """Measure and store the network of each row that has a task and is not stored yet.

    What cannot be measured stays out: no score depends on it.

    Parameters
    ----------
    store : Store
    rows : sequence of Row
        Those of the plan.
    tasks : sequence of FoldTask
        Those of the run.

    Raises
    ------
    MerBenchError
        The store cannot be written, or no worker can be started.
    """
    first: dict[int, FoldTask] = {}
    for task in tasks:
        if task.setting.spec.trains_by_epoch:
            first.setdefault(task.cell.row, task)
    missing = [task for row, task in first.items() if read_network(store, rows[row].record) is None]
    if not missing:
        return
    with closing(run_tasks(_measured, missing, _place, lost=_lost, jobs=1, timeout=TIMEOUT)) as measured:
        for task, facts in measured:
            if facts is not None:
                write = partial(write_network, store, rows[task.cell.row].record)
                write(trainable=facts.trainable, flops=facts.flops, not_counted=facts.not_counted)


def _measured(task: FoldTask) -> NetworkFacts | None:
    try:
        *shape, channels = open_stack(task.stack).shape[1:]
        load_method(task.setting)
        with fenced(task.setting, "measuring its network"):
            return measure_network(f"method {task.setting.spec.name}", task.setting, (channels, *shape))
    except (MerBenchError, OSError):
        return None


def _place(task: FoldTask) -> Place:
    spec, settings = task.setting.spec, network_settings(task.setting, task.device)
    place = Place.of_method(spec, f"network of {spec.target}", module=_measured.__module__, settings=settings)
    return replace(place, libraries=(*place.libraries, _COMPILER))


def _lost(task: FoldTask, error: MethodError, seconds: float) -> None:
    return None
