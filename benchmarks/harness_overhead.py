"""Overhead of the harness: leave-one-subject-out of an SVM in a plain loop and in mer-bench, timed in one process.

Usage: python benchmarks/harness_overhead.py [--data PATH] [--rounds N]

Prints medians over the rounds and the ratios to the plain loop. The plain loop stores nothing and checks nothing.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.svm import SVC

from mer_bench import run
from mer_bench.databases.open import open_source
from mer_bench.engine.environment import environment
from mer_bench.plugin_manager import load_catalogue


def main() -> None:
    """Time all variants once per round, so that changes of the machine's speed affect all of them."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", default="synthetic-maps")
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    variants: dict[str, Callable[[], None]] = {
        "plain loop": lambda: plain_loop(options.data),
        "mer-bench --jobs 1": lambda: through_harness(options.data, 1),
        "mer-bench --jobs 2": lambda: through_harness(options.data, 2),
    }
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(options.rounds):
        for name, variant in variants.items():
            started = time.perf_counter()
            variant()
            seconds[name].append(time.perf_counter() - started)
    print(f"{environment()['processor']}, Python {platform.python_version()}, data: {options.data}")
    base = statistics.median(seconds["plain loop"])
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"{name:<20} {median:7.2f} s (min {min(values):.2f}, max {max(values):.2f})   × {median / base:.2f}")


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


def through_harness(data: str, jobs: int) -> None:
    """Do the same through `mer_bench.run`, into a new store."""
    with tempfile.TemporaryDirectory() as folder:
        run("svm-flow", data=data, preset="fixed", baselines=False, results=Path(folder) / "results", jobs=jobs)


if __name__ == "__main__":
    main()
