"""How long `mer-bench check-results` takes for 4,000 cells: 12 rows, five seeds, 68 folds.

    python benchmarks/check_time.py [--rows 12] [--seeds 5] [--epochs 100]

One row is a baseline, the others are networks with the scores of every epoch, on subjects and classes of the sizes of
the composite database; predictions are made up. The folder has a report, too. Prints the wall time and the processor
time of three runs, and what else the machine was doing.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from report_time import fill, samples
from support.store_factory import make_row, manifest, new_store, scattered, write_seed

from mer_bench.arithmetic import processor
from mer_bench_reports.rendering import write_report


def main() -> None:
    """Fill a store, and check it in processes of its own."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("rows", 12), ("seeds", 5), ("epochs", 100)):
        arguments.add_argument(f"--{name}", type=int, default=default)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = new_store(Path(folder))
        fill(store, options.rows - 1, options.seeds, options.epochs)
        floor, run_id = make_row("floor", samples=samples()), store.start_run(manifest())
        for seed in range(options.seeds):
            write_seed(store, floor, scattered(f"floor {seed}", 0), seed=seed, run_id=run_id)
        write_report(store, store.path, formats=("csv", "json"))
        n_cells = len(list(store.path.glob("cells/*/*/*/seed-*/*.json")))
        print(f"{n_cells} cells, {options.epochs} epochs; {processor()}, {len(os.sched_getaffinity(0))} cores")
        for _ in range(3):
            load, began = os.getloadavg()[0], time.perf_counter()
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(
                [sys.executable, "-m", "mer_bench", "check-results", str(store.path)],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(f"{time.perf_counter() - began:.2f} s of wall time, {used:.2f} s of processor time, load {load:.1f}")


if __name__ == "__main__":
    main()
