"""Cost of preprocessing: pairs per second on one core and on all, and the share of each step.

Usage: python benchmarks/preprocessing.py --data PATH [--limit N] [--preprocess K=V ...]

PATH is a release; ``mer-bench data synth --layout 3db --size large --out PATH`` writes one as large as the official
composite. Prints throughput and the share of each step with one process and with one process per processor, their
ratio, the time of a second pass that finds everything in the cache, and the peak memory of all processes in each
quarter of the run.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from mer_bench.databases.base import DataSource
from mer_bench.databases.open import open_source
from mer_bench.engine.data_preprocess import preprocessing_tasks
from mer_bench.engine.defaults import all_processors
from mer_bench.engine.environment import environment
from mer_bench.engine.listener import Listener, Step
from mer_bench.engine.preprocess import preprocess
from mer_bench.plugin_manager import load_catalogue

_QUARTERS = 4


def main() -> None:
    """Preprocess the same samples with one process and with one per processor, each into an empty cache."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", required=True)
    arguments.add_argument("--limit", type=int, help="number of samples (default: all)")
    arguments.add_argument("--preprocess", action="append", default=[], metavar="K=V")
    options = arguments.parse_args()
    settings = dict(text.split("=", 1) for text in options.preprocess)
    source = open_source(options.data, {}, load_catalogue())
    source.read_samples()
    jobs = all_processors()
    print(f"{environment()['processor']}, {jobs} processors, Python {platform.python_version()}, data: {options.data}")
    rates = [measure(source, settings, count, options.limit) for count in dict.fromkeys((1, jobs))]
    if len(rates) > 1:
        print(f"parallel efficiency on {jobs} processors: {rates[1] / rates[0] / jobs:.2f}")


def measure(source: DataSource, settings: Mapping[str, object], jobs: int, limit: int | None) -> float:
    """Preprocess into an empty cache, then read everything from it; return pairs per second."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MER_BENCH_CACHE"] = folder
        tasks = preprocessing_tasks(source, ["region-flow"], {}, settings)[0][:limit]
        memory = Memory()
        listener = MemoryListener(memory)
        started = time.perf_counter()
        done = preprocess(tasks, jobs=jobs, listener=listener)
        elapsed = time.perf_counter() - started
        memory.stop()
        peaks = listener.peaks
        seconds: Counter[str] = Counter()
        for preprocessed in done:
            if preprocessed.failure:
                raise SystemExit(preprocessed.failure)
            seconds.update(preprocessed.seconds)
        started = time.perf_counter()
        cached = len(preprocessing_tasks(source, ["region-flow"], {}, settings)[1])
        again = time.perf_counter() - started
    total = sum(seconds.values())
    shares = ", ".join(f"{step} {part / total:.0%}" for step, part in seconds.most_common())
    print(f"jobs {jobs}: {len(tasks)} pairs in {elapsed:.1f} s, {len(tasks) / elapsed:.2f} pairs/s; {shares}")
    print(f"jobs {jobs}: second pass, {cached} from the cache: {again:.2f} s")
    print(
        f"jobs {jobs}: peak memory in each quarter of the run, MB: " + ", ".join(f"{peak / 1e6:.0f}" for peak in peaks)
    )
    return len(tasks) / elapsed


class MemoryListener(Listener):
    """Records the peak memory in each quarter of the run."""

    def __init__(self, memory: Memory) -> None:
        self.peaks = [0.0] * _QUARTERS
        self._memory = memory

    @contextmanager
    def steps(self, what: str, total: int, done: int = 0) -> Iterator[Step]:
        counted = itertools.count()

        def step(succeeded: bool) -> None:
            quarter = next(counted) * _QUARTERS // total
            self.peaks[quarter] = max(self.peaks[quarter], self._memory.take_peak())

        yield step


class Memory:
    """Measures the resident memory of this process and its descendants."""

    def __init__(self) -> None:
        self._peak = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)
        self._thread.start()

    def take_peak(self) -> float:
        """Return the peak since the last call, in bytes."""
        peak, self._peak = self._peak, 0.0
        return peak

    def stop(self) -> None:
        """Stop measuring."""
        self._ended.set()
        self._thread.join()

    def _measure(self) -> None:
        while not self._ended.wait(0.1):
            self._peak = max(self._peak, _resident(os.getpid()))


def _resident(root: int) -> float:
    page = os.sysconf("SC_PAGE_SIZE")
    resident: dict[int, int] = {}
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it may have ended meanwhile
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            resident[int(folder.name)] = int((folder / "statm").read_text().split()[1]) * page
    total, wanted = 0, {root}
    while wanted:
        total += sum(resident.get(pid, 0) for pid in wanted)
        wanted = {pid for pid, parent in parents.items() if parent in wanted}
    return total


if __name__ == "__main__":
    main()
