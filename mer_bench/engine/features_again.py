"""Extract stored features again: the stack in the cache cannot show that `extract` gives other features each time."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.cache import open_stack
from mer_bench.databases.base import DataSource
from mer_bench.engine.listener import Listener
from mer_bench.engine.place import Place
from mer_bench.engine.pool import run_tasks
from mer_bench.engine.resources import Resources
from mer_bench.evaluation.features import ExtractTask, extract, lost_features
from mer_bench.evaluation.rows import Row
from mer_bench.representations.stack import compute_representation


def changed_features(
    row: Row, stack: Path, places: Collection[int], source: DataSource, *, resources: Resources, listener: Listener
) -> dict[int, str]:
    """Extract the features of some samples again, each in a process of its own, and compare to the stack to the bit.

    Parameters
    ----------
    row : Row
        Of a method with features.
    stack : Path
        The row's stacked features, a ``.npy`` file.
    places : collection of int
        Positions of the samples in the stack.
    source : DataSource
    resources : Resources
    listener : Listener

    Returns
    -------
    dict of int to str
        The positions of samples with other features, or with none this time; and what happened.

    Raises
    ------
    MerBenchError
        A sample cannot be loaded, or the method refuses a setting.
    """
    ordered, key = sorted(places), row.features_key
    assert key is not None
    stored = open_stack(stack)
    ids = [row.stacked[place] for place in ordered]
    changed: dict[int, str] = {}
    with TemporaryDirectory(prefix="mer-bench-") as folder:
        inputs = Path(folder) / "inputs.npy"
        computed = compute_representation(source, ids, row.record["representation"], listener.notice)
        np.save(inputs, np.stack([array for array, _ in computed]))
        tasks = [ExtractTask(row.setting, inputs, index, Path(folder), key) for index in range(len(ids))]
        with (
            listener.steps(f"features of {row.name} extracted again", len(tasks)) as step,
            closing(run_tasks(extract, tasks, _alone, lost=lost_features, jobs=resources.jobs)) as samples,
        ):
            for task, sample in samples:
                step(not sample.failure)
                features = task.stored()
                if features is None:
                    changed[ordered[task.index]] = f"the features of {ids[task.index]}: {sample.failure}"
                elif not _same_bits(features, stored[ordered[task.index]]):
                    changed[ordered[task.index]] = (
                        f"extract gives other features of {ids[task.index]} than those in use"
                    )
    return changed


def _alone(task: ExtractTask) -> Place:
    return Place.of_method(task.setting.spec, f"features again {task.features_key}", module=extract.__module__)


def _same_bits(a: FloatArray, b: FloatArray) -> bool:
    return a.shape == b.shape and a.astype("<f4").tobytes() == b.astype("<f4").tobytes()
