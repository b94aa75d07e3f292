"""Run the command line, in this process or in its own, and read its store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mer_bench.cli import main
from mer_bench.store import Store

TINY = ("--data", "synthetic-maps", "--data-option", "size=tiny")
FOLDS = tuple(f"{database}-synthetic0{subject}" for database in ("casme2", "samm", "smic") for subject in (1, 2))
SMALL_AHMSA = ("--method", "ahmsa", "--set", "width=12", "--set", "blocks=1,1,1", "--set", "lr=1e-3")


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("error: ")]

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects on stdout, one per line; fails if there is anything else."""
        return [json.loads(line) for line in self.out.splitlines()]


class Bench:
    def __init__(self, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.results = results
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self._started: list[subprocess.Popen[str]] = []

    def __call__(self, *arguments: str | Path) -> Ended:
        """Call the command line in this process."""
        self._monkeypatch.setattr(sys, "argv", ["mer-bench", *map(str, arguments)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    def run(self, *arguments: str | Path, jobs: int = 1) -> Ended:
        """Run on tiny synthetic data, in this process."""
        return self(*self.run_arguments(*arguments, jobs=jobs))

    def spawn(self, *arguments: str | Path, **options: Any) -> Ended:
        """Run the command line in its own process, and wait for it."""
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=120)
        return Ended(process.returncode, out, err)

    def start(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Start the command line in its own process and process group."""
        command = [sys.executable, "-m", "mer_bench", *map(str, arguments)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, start_new_session=True, **{**pipes, **options})
        self._started.append(process)
        return process

    def run_arguments(self, *arguments: str | Path, jobs: int = 1) -> list[str | Path]:
        here = () if "--cluster" in arguments else ("--jobs", str(jobs))
        return [
            *("run", *TINY, "--results", self.results, *here, "--device", "cpu"),
            *(() if "--baselines" in arguments else ("--no-baselines",)),
            *arguments,
        ]

    def cell_files(self) -> list[Path]:
        return sorted(self.results.glob("cells/*/*/*/seed-*/[!.]*.json"))

    def predictions(self) -> dict[tuple[str, int, str], object]:
        return predictions(self.results)

    def end(self) -> None:
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def predictions(results: Path) -> dict[tuple[str, int, str], object]:
    """Return status, predictions, selected epoch and epoch scores of each cell in a store."""
    store = Store(results)
    cells = {}
    for row in store.rows():
        for seed in store.seeds(row):
            for fold in row["folds"]:
                cell = store.read_cell(row, seed, fold)
                if cell is not None:
                    name = (row["method"]["name"], seed, fold)
                    epochs = _plain(store.read_epoch_scores(cell["key"]))
                    cells[name] = (cell["status"], cell["predictions"], cell["selected_epoch"], epochs)
    return cells


def _plain(epochs: tuple[list[str], NDArray[np.float32]] | None) -> object:
    return epochs and (epochs[0], epochs[1].tolist())


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Wait for a condition, and return whether it came true in time."""
    end = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return held


def descendants(pid: int) -> list[int]:
    """Return the living processes below ``pid``."""
    parents: dict[int, list[int]] = {}
    for child, (_, parent) in _processes().items():
        parents.setdefault(parent, []).append(child)
    below, wanted = [], [pid]
    while wanted:
        children = parents.get(wanted.pop(), [])
        below += children
        wanted += children
    return below


def living(pids: list[int]) -> list[int]:
    """Return those of the processes that still run; a zombie does not."""
    running = _processes()
    return [pid for pid in pids if running.get(pid, ("Z", 0))[0] not in "ZX"]


def _processes() -> dict[int, tuple[str, int]]:
    states = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
        except OSError:
            continue
        states[int(folder.name)] = (state, int(parent))
    return states
