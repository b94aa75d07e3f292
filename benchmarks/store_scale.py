"""How a results folder of 30,000 cells bears a job array: 1,000 tasks, 64 of them at once, and no real work.

    python benchmarks/store_scale.py [--rows 88] [--at-once 64] [--kill 0.1] [--twice 0.01]

Tasks look before each cell and store a made-up one, as `mer-bench work` does. Some are killed by SIGKILL at a random
cell and their task is queued again; some tasks are started twice at once. Then times `mer-bench status` and the plan of
a run whose cells are all stored. Writes JSON to --out.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import multiprocessing.connection
import os
import platform
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from report_time import samples
from support.store_factory import filled_cell, make_row, manifest, new_store, scattered

from mer_bench.arithmetic import processor
from mer_bench.store import Store
from mer_bench.store.schema import RowRecord

SEEDS = 5
TASKS = 1000
CONTEXT = multiprocessing.get_context("fork")

Place = tuple[int, int, str]
"""Number of the row, seed and fold of a cell."""


def compute(path: Path, rows: list[RowRecord], cells: list[Place], run_id: str, dies_at: int, computed: Any) -> None:
    """Do as `mer-bench work` does: look, store, and go on; end by SIGKILL before a cell if one is given."""
    store = Store.open(path)
    for number, (row, seed, fold) in enumerate(cells):
        if number == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if store.read_cell(rows[row], seed, fold) is None:
            with computed.get_lock():
                computed.value += 1
            store.write_cell(rows[row], filled_cell(rows[row], seed, fold, run_id, scattered(f"{row}/{seed}", 3)))


def simulate(start: Callable[[int, bool], BaseProcess], queue: deque[int], at_once: int, kill: float) -> int:
    """Start the tasks of a queue, so many at a time; queue what was killed again, and return how many were."""
    draws, running, killed = random.Random(1), {}, 0
    while queue or running:
        while queue and len(running) < at_once:
            task = queue.popleft()
            process = start(task, draws.random() < kill)
            running[process.sentinel] = process, task
        for sentinel in multiprocessing.connection.wait(list(running)):
            process, task = running.pop(sentinel)
            process.join()
            if process.exitcode:
                killed += 1
                queue.append(task)
    return killed


def measure(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Run the simulation in a new store."""
    store = new_store(folder)
    rows = [make_row(f"net-{number:02}", family="deep", samples=samples()) for number in range(options.rows)]
    for row in rows:
        store.write_row(row)
    run_id = store.start_run(manifest())
    cells = [(row, seed, fold) for row in range(len(rows)) for seed in range(SEEDS) for fold in rows[row]["folds"]]
    size = -(-len(cells) // TASKS)
    tasks = [cells[first : first + size] for first in range(0, len(cells), size)]
    draws, computed = random.Random(0), CONTEXT.Value("i", 0)

    def start(task: int, dies: bool) -> BaseProcess:
        dies_at = draws.randrange(1, size) if dies else -1
        process = CONTEXT.Process(target=compute, args=(store.path, rows, tasks[task], run_id, dies_at, computed))
        process.start()
        return process

    numbers = list(range(len(tasks)))
    twice = set(draws.sample(numbers, round(options.twice * len(numbers))))
    queue = deque(number for number in numbers for _ in range(1 + (number in twice)))
    began = time.perf_counter()
    killed = simulate(start, queue, options.at_once, options.kill)
    seconds = time.perf_counter() - began
    files = len(list(store.path.glob("cells/*/*/*/seed-*/[!.]*.json")))
    return {
        "cells": len(cells),
        "tasks": len(tasks),
        "at_once": options.at_once,
        "killed": killed,
        "started_twice": len(twice),
        "missing_cells": len(cells) - files,
        "computed_more_than_once_percent": round(100 * (computed.value - files) / files, 3),
        "cells_per_second": round(len(cells) / seconds, 1),
        # Looking: open or stat. Storing: create, write, sync, rename, and the folder once.
        "file_operations_per_second": round((5 * computed.value + len(cells)) / seconds),
        **timed("status", "status", "--results", str(store.path)),
    }


def timed(name: str, *arguments: str) -> dict[str, float]:
    """Return the least wall time of three runs of a command, and the least processor time."""
    walls, processors = [], []
    for _ in range(3):
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-m", "mer_bench", *arguments], check=True, stdout=subprocess.DEVNULL)
        walls.append(time.perf_counter() - began)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {f"{name}_seconds": round(min(walls), 2), f"{name}_processor_seconds": round(min(processors), 2)}


def planned(folder: Path, rows: int) -> dict[str, float]:
    """Return how long the plan of as many rows of a network, none of them stored, takes in a process of its own."""
    grid = ",".join(f"{(number + 1) * 1e-5:.2e}" for number in range(rows))
    data = ["--data", "synthetic-maps", "--data-option", "size=small"]
    # Of 15 folds, where the composite database has 68.
    settings = ["--method", "ststnet", "--grid", f"lr={grid}", "--seeds", "23", "--no-baselines", "--dry-run"]
    return timed("plan", "run", *data, *settings, "--results", str(folder / "none"))


def main() -> None:
    """Measure, print and write JSON."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=88)
    arguments.add_argument("--at-once", type=int, default=64)
    arguments.add_argument("--kill", type=float, default=0.1)
    arguments.add_argument("--twice", type=float, default=0.01)
    arguments.add_argument("--out", type=Path)
    options = arguments.parse_args()
    machine = {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "platform": platform.platform(),
        # What else the machine was doing.
        "load_before": round(os.getloadavg()[0], 2),
    }
    with tempfile.TemporaryDirectory() as folder:
        found = {
            **machine,
            **measure(options, Path(folder)),
            **planned(Path(folder), options.rows),
        }
    text = json.dumps(found, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
