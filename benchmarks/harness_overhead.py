"""Overhead of the harness: leave-one-subject-out of an SVM in a plain loop and in mer-bench, timed in one process.

Usage: python benchmarks/harness_overhead.py [--data PATH] [--rounds N]

Prints medians over the rounds of the processors' time (user and system, of all processes) and of the wall time, and the
ratios of the former to the plain loop, which has the settings of preset `fixed`, stores nothing and checks nothing. In
`one process` all folds of mer-bench share a process, where a fold finds what earlier ones left behind: the difference
to `--jobs 1` is what a process for each fold costs.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.svm import SVC

from mer_bench import run
from mer_bench.databases.open import open_source
from mer_bench.engine import pool, session
from mer_bench.engine.environment import environment
from mer_bench.engine.place import Place
from mer_bench.evaluation.cells import FoldTask
from mer_bench.plugin_manager import load_catalogue

PRESETS = ("fixed", "nested")


def main() -> None:
    """Time all variants once per round, so that changes of the machine's speed affect all of them."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", default="synthetic-maps")
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    variants: dict[str, Callable[[], None]] = {
        "plain loop": lambda: plain_loop(options.data),
        "fixed, --jobs 2": lambda: through_harness(options.data, "fixed", 2),
    }
    for preset in PRESETS:
        variants[f"{preset}, --jobs 1"] = partial(through_harness, options.data, preset, 1)
        variants[f"{preset}, one process"] = partial(in_one_process, options.data, preset)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
    for _ in range(options.rounds):
        for name, variant in variants.items():
            times[name].append(timed(variant))
    print(f"{environment()['processor']}, Python {platform.python_version()}, data: {options.data}")
    base = statistics.median(processors for processors, _ in times["plain loop"])
    for name, values in times.items():
        processors, wall = (statistics.median(column) for column in zip(*values, strict=True))
        print(f"{name:<20} {processors:7.2f} s of processors   × {processors / base:.2f}   {wall:7.2f} s of wall time")
    for preset in PRESETS:
        pairs = zip(times[f"{preset}, --jobs 1"], times[f"{preset}, one process"], strict=True)
        costs = [alone[0] / shared[0] - 1 for alone, shared in pairs]
        rounds = ", ".join(f"{cost:.1%}" for cost in costs)
        print(f"{preset}: a process for each fold costs {statistics.median(costs):.1%} (rounds: {rounds})")


def timed(variant: Callable[[], None]) -> tuple[float, float]:
    """Return the processors' seconds, of this process and all that it starts, and the seconds on the clock."""
    before = processor_time(), time.perf_counter()
    variant()
    pool._IDLE.stop()  # the time of a process counts once it has ended
    return processor_time() - before[0], time.perf_counter() - before[1]


def processor_time() -> float:
    """Return the seconds of user and system time of this process and of those under it that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def plain_loop(data: str) -> None:
    """Fit and predict fold by fold, and nothing else."""
    source = open_source(data, {}, load_catalogue())
    frame = source.read_samples().frame
    inputs = np.stack([source.load(sample_id) for sample_id in frame["sample_id"]]).reshape(len(frame), -1)
    labels = frame["emotion"].to_numpy(dtype=str)
    subjects = frame["subject"].to_numpy(dtype=str)
    for subject in sorted(set(subjects)):
        out = subjects == subject
        estimator = SVC(C=10.0, class_weight="balanced").fit(inputs[~out], labels[~out])
        estimator.predict(inputs[out])
        estimator.decision_function(inputs[out])


def through_harness(data: str, preset: str, jobs: int) -> None:
    """Do the same through `mer_bench.run`, into a new store."""
    with tempfile.TemporaryDirectory() as folder:
        run("svm-flow", data=data, preset=preset, baselines=False, results=Path(folder) / "results", jobs=jobs)


def in_one_process(data: str, preset: str) -> None:
    """Do the same with all folds in one process."""
    with shared_process():
        through_harness(data, preset, 1)


@contextmanager
def shared_process() -> Iterator[None]:
    """Let all folds of a method share a process."""
    own = session.fold_place

    def shared(task: FoldTask) -> Place:
        return replace(own(task), alone=False)

    session.fold_place = shared  # type: ignore[assignment]
    try:
        yield
    finally:
        session.fold_place = own


if __name__ == "__main__":
    main()
