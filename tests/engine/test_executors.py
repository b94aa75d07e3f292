"""Workers: what they are given, and that nothing of them is left when a run stops early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from support.bench import descendants, living

from mer_bench import progress
from mer_bench.engine import executors
from mer_bench.engine import preprocess as preprocess_module
from mer_bench.engine.executors import run_local
from mer_bench.engine.listener import Interrupted
from mer_bench.errors import MerBenchError, MethodError
from mer_bench.representations.task import Preprocessed, PreprocessTask

LARGE = "x" * 100_000
"""More than a pipe takes."""

STOPPED_EARLY = """
import gc, time
from test_executors import LARGE, dwell, lost
from mer_bench.engine import executors
from mer_bench.engine.executors import run_local

if __name__ == "__main__":
    outcomes = run_local(dwell, ["", *[LARGE] * 20], lost=lost, jobs=2)
    next(outcomes)
    time.sleep(0.5)  # now both workers are at work, and the pool's thread would send the next tasks
    outcomes.close()
    gc.collect()
"""


def length(task: str) -> int:
    return len(task)


def dwell(task: str) -> int:
    time.sleep(30 if task else 0)
    return len(task)


def lost(task: str, error: MethodError, seconds: float) -> int:
    return -1


def nap(task: float) -> float:
    time.sleep(task)
    return task


def nap_lost(task: float, error: MethodError, seconds: float) -> float:
    return -1.0


def test_tasks_larger_than_a_pipe_are_all_carried_out() -> None:
    tasks = [LARGE[:size] for size in range(99_000, 99_030)]

    assert sorted(run_local(length, tasks, lost=lost, jobs=2)) == list(range(99_000, 99_030))


def test_a_run_of_large_tasks_that_stops_early_ends_in_peace() -> None:
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    ended = subprocess.run(
        [sys.executable, "-c", STOPPED_EARLY], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )

    # A worker that is stopped while it still starts may leave a traceback of multiprocessing's own.
    assert ended.returncode == 0, ended.stderr
    assert "SystemError" not in ended.stderr


def test_closing_stops_the_slots_and_their_threads() -> None:
    threads = threading.active_count()
    outcomes = run_local(nap, [0.0, *[30.0] * 5], lost=nap_lost, jobs=2)
    assert next(outcomes) == 0.0
    workers = [pid for pid in descendants(os.getpid()) if "spawn_main" in command_of(pid)]
    outcomes.close()

    assert len(workers) >= 2
    assert not living(workers)
    assert threading.active_count() == threads


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except OSError:
        return ""


class OwnError(MerBenchError):
    """As a plugin may have one: pickle cannot make it again."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} does not fit {two}")


def refuse(task: str) -> str:
    raise OwnError(task, "heads")


def test_a_refusal_in_a_plugins_own_class_comes_back_from_a_worker() -> None:
    with pytest.raises(MerBenchError, match="width does not fit heads") as refused:
        list(run_local(refuse, ["width"], lost=lost, jobs=1))

    assert type(refused.value) is MerBenchError


@pytest.mark.parametrize("is_terminal", [False, True])
def test_an_interrupt_between_two_samples_closes_what_prepares_them(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    closed = []

    def carry_out(*_: object, **__: object) -> Generator[Preprocessed, None, None]:
        try:
            yield Preprocessed("casme2/sub01/EP02_01f", "")
        finally:
            closed.append(True)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    monkeypatch.setattr(progress.click, "echo", interrupt)
    monkeypatch.setattr(progress.Progress, "update", interrupt)
    monkeypatch.setattr(preprocess_module, "carry_out", carry_out)
    task: PreprocessTask = None  # type: ignore[assignment]
    with pytest.raises(Interrupted, match="what was preprocessed is in the cache") as kept:
        preprocess_module.preprocess([task], jobs=1, listener=progress.ProgressListener())

    # The exception is still at hand, and with it every frame it came through.
    assert kept.traceback
    assert closed == [True]


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL, signal.default_int_handler])
def test_what_was_to_happen_at_an_interrupt_is_as_before(handler: object) -> None:
    before = signal.signal(signal.SIGINT, handler)  # type: ignore[arg-type]
    try:
        outcomes = run_local(length, ["a"], lost=lost, jobs=1)
        assert list(outcomes) == [1]
        assert signal.getsignal(signal.SIGINT) == handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_ignored_interrupt_is_ignored_while_slots_start() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with executors._interrupts_held():
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
