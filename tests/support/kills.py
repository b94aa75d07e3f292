"""Kill a run at random, again and again, and see that nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from support.bench import descendants, living, wait_until

VICTIMS = ("worker", "launcher", "group")
_GONE_SECONDS = 10.0
_END_SECONDS = 300.0
_LAST_RUNS = 3


@dataclass
class Kills:
    """What happened.

    Parameters
    ----------
    killed : Counter of str
        Kills by victim.
    orphans : int
        Launchers that left a process for more than ten seconds.
    slowest_end : float
        Seconds until all processes of a killed launcher were gone, at most.
    completed : int
        How often the run was complete, and began again.
    codes : Counter of int
        The exit codes of the runs that were not killed themselves.
    """

    killed: Counter[str] = field(default_factory=Counter)
    orphans: int = 0
    slowest_end: float = 0.0
    completed: int = 0
    codes: Counter[int] = field(default_factory=Counter)


def kill_runs(arguments: Sequence[str | Path], results: Path, count: int, seed: int = 0) -> Kills:
    """Start a run, kill a part of it at random, and start it again, until so many were killed; then let it end.

    Parameters
    ----------
    arguments : sequence of str or Path
        Of ``mer-bench``; with ``--results``.
    results : Path
        The results folder; where a run completes early, half of its cells are removed at random.
    count : int
    seed : int
    """
    draws, found = random.Random(seed), Kills()
    while sum(found.killed.values()) < count:
        process = _start(arguments)
        while process.poll() is None and sum(found.killed.values()) < count:
            time.sleep(draws.uniform(0.3, 4.0))
            victim = draws.choice(VICTIMS)
            if process.poll() is None and _kill(process, victim, draws, found):
                found.killed[victim] += 1
        if process.poll() is None:
            break
        if process.returncode == 0:
            found.completed += 1
            _remove_half(results, draws)
        if process.returncode >= 0:
            found.codes[process.returncode] += 1
    if process.poll() is not None:
        process = _start(arguments)
    # A fold whose own process was killed is a failed cell, which the next run computes.
    for _ in range(_LAST_RUNS):
        found.codes[process.wait(_END_SECONDS)] += 1
        if process.returncode == 0:
            break
        process = _start(arguments)
    return found


def _start(arguments: Sequence[str | Path]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mer_bench", *map(str, arguments)]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _kill(process: subprocess.Popen[bytes], victim: str, draws: random.Random, found: Kills) -> bool:
    """Kill one process below a run, the run's own, or its group; return whether there was such a process."""
    below = descendants(process.pid)
    if victim == "worker":
        if not below:
            return False
        try:
            os.kill(draws.choice(below), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True
    if victim == "group":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    began = time.monotonic()
    if not wait_until(lambda: not living(below), seconds=_GONE_SECONDS):
        found.orphans += 1
    found.slowest_end = max(found.slowest_end, time.monotonic() - began)
    return True


def _remove_half(results: Path, draws: random.Random) -> None:
    for file in sorted(results.glob("cells/*/*/*/seed-*/[!.]*.json")):
        if draws.random() < 0.5:
            file.unlink()
