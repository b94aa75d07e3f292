"""Kill workers, launchers and whole process groups of a mixed run at random, and see what is lost.

    python benchmarks/kills.py [--kills 200] [--out FILE]

The run has a classical method, one with features, and networks that save their state, on synthetic maps. Its
predictions are compared with those of a run that nothing disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.bench import predictions
from support.kills import kill_runs

from mer_bench.arithmetic import processor

METHODS = ("svm-flow", "timm-backbone", "ststnet", "rcn-a")
RUN = (
    *("run", "--data", "synthetic-maps", "--data-option", "size=tiny", "--preset", "quick", "--seeds", "2"),
    *("--jobs", "2", "--device", "cpu", "--selection", "oracle"),
    *(word for method in METHODS for word in ("--method", method)),
)


def main() -> None:
    """Kill, compare and print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--kills", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--out", type=Path)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MER_BENCH_CACHE"] = f"{folder}/cache"
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "mer_bench", *RUN, "--results", str(whole)], check=True)
        undisturbed = time.perf_counter() - began
        found = kill_runs([*RUN, "--results", killed], killed, options.kills, options.seed)
        expected = predictions(whole)
        same = expected == predictions(killed)
        left = [str(file.relative_to(folder)) for file in Path(folder).rglob("*.tmp")]
    answer = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "cells": len(expected),
        "undisturbed_seconds": round(undisturbed, 1),
        "kills": dict(found.killed),
        "runs_that_were_complete": found.completed,
        "exit_codes": dict(found.codes),
        "same_predictions": same,
        "orphans": found.orphans,
        "slowest_end_seconds": round(found.slowest_end, 2),
        "temporary_files_left": len(left),
    }
    text = json.dumps(answer, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
