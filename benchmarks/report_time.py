"""How long a report takes, and how large its files are: 20 rows, five seeds, 68 folds.

    python benchmarks/report_time.py [--rows 20] [--seeds 5] [--epochs 800]

The rows are networks with an oracle, on subjects and classes of the sizes of the composite database; predictions are
made up. Prints seconds of processor time and of wall time, the largest memory, and which heavy packages were imported.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from composite import FOLD_SIZES

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.store_factory import make_row, manifest, new_store, scattered, write_seed

from mer_bench.store import Store

DATABASES = {"smic": 16, "samm": 28, "casme2": 24}
CLASS_COUNTS = (250, 109, 83)
REPORT = """
import sys, time
from pathlib import Path
from mer_bench.store import Store
from mer_bench_reports.rendering import write_report
start, used = time.perf_counter(), time.process_time()
files = write_report(Store.open(Path(sys.argv[1])), Path(sys.argv[2]))
print(f"{time.process_time() - used:.1f} s of processor time, {time.perf_counter() - start:.1f} s of wall time")
print(", ".join(f"{name} {path.stat().st_size / 1e6:.2f} MB" for name, path in files.items()))
print("imported:", ", ".join(sorted({"torch", "cv2", "pandas", "scipy"} & set(sys.modules))) or "nothing heavy")
"""


def samples() -> dict[str, int]:
    """Return sample ids with labels, of as many subjects and samples as the composite database has."""
    draws = np.random.default_rng(5)
    labels = draws.permutation(np.repeat(np.arange(len(CLASS_COUNTS)), CLASS_COUNTS)).tolist()
    subjects = [f"{database}/s{number:02}" for database, n in DATABASES.items() for number in range(n)]
    sizes = draws.permutation(FOLD_SIZES).tolist()
    return {
        f"{subject}/clip{i}": labels.pop() for subject, size in zip(subjects, sizes, strict=True) for i in range(size)
    }


def fill(store: Store, rows: int, seeds: int, epochs: int) -> None:
    """Store the rows."""
    run_id = store.start_run(manifest())
    for number in range(rows):
        row = make_row(f"net-{number:02}", title=f"Net {number:02}", family="deep", epochs=True, samples=samples())
        for seed in range(seeds):
            predict, oracle = (
                scattered(f"{number}/{seed}", 2 + number),
                scattered(f"oracle {number}/{seed}", 4 + number),
            )
            write_seed(store, row, predict, seed=seed, run_id=run_id, oracle=oracle, n_epochs=epochs)


def main() -> None:
    """Fill a store, and report it in a process of its own."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("rows", 20), ("seeds", 5), ("epochs", 800)):
        arguments.add_argument(f"--{name}", type=int, default=default)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = new_store(Path(folder))
        start = time.perf_counter()
        fill(store, options.rows, options.seeds, options.epochs)
        print(f"{options.rows} rows, {options.seeds} seeds, {len(FOLD_SIZES)} folds, {options.epochs} epochs")
        print(f"(stored in {time.perf_counter() - start:.0f} s)")
        subprocess.run([sys.executable, "-c", REPORT, str(store.path), f"{folder}/report"], check=True)
        print(f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6:.2f} GB of memory at most")


if __name__ == "__main__":
    main()
