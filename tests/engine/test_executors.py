"""Workers: they run every task, lose no more than one, and none is left when a run stops early."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from unittest.mock import Mock, call

import pytest
from support.bench import descendants, living

from mer_bench.engine import executors
from mer_bench.engine import preprocess as preprocess_module
from mer_bench.engine.executors import run_in_workers, run_tasks
from mer_bench.engine.listener import Interrupted, Listener, Step
from mer_bench.errors import MerBenchError, MethodError
from mer_bench.representations.task import Preprocessed, PreprocessTask

LARGE = "x" * 100_000
"""More than a pipe holds."""


class OwnError(MerBenchError):
    """As a plugin may define one: pickle cannot restore it."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} does not fit {two}")


def act(task: str) -> tuple[str, float]:
    """Do what a task says, and return its length and this process."""
    verb, _, rest = task.partition(" ")
    if verb == "sleep":
        time.sleep(60)
    elif verb == "exit":
        os._exit(int(rest))
    elif verb == "write":
        os.write(1, rest.encode())
    elif verb == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif verb == "refuse":
        raise OwnError(rest, "heads")
    return str(len(task)), float(os.getpid())


def lost(task: str, error: MethodError, seconds: float) -> tuple[str, float]:
    return f"{task}: {error}", seconds


def test_workers_run_all_tasks_but_those_that_kill_them_or_take_too_long(capfd: pytest.CaptureFixture[str]) -> None:
    sizes = range(99_000, 99_030)
    tasks = ["exit 3", *[LARGE[:size] for size in sizes], "kill", "write noise"]
    outcomes = dict(run_in_workers(act, tasks, lost=lost, jobs=2))
    processes = {outcomes.pop(str(size)) for size in (*sizes, len("write noise"))}
    out, err = capfd.readouterr()

    assert os.getpid() not in processes
    assert (out, "noise" in err) == ("", True)
    assert outcomes == {
        "exit 3: its process died (exit code 3)": 0.0,
        "kill: its process died (exit code -9)": 0.0,
    }
    assert list(run_in_workers(act, ["sleep"], lost=lost, jobs=1, timeout=0.5)) == [
        ("sleep: it ran past the time-out of 0.5 s", 0.5)
    ]


@pytest.mark.parametrize(
    ("n_tasks", "jobs", "timeout", "workers"), [(3, 1, None, 0), (1, 8, None, 0), (3, 1, 5.0, 1), (3, 8, None, 3)]
)
def test_workers_are_started_for_several_jobs_or_a_time_out(
    monkeypatch: pytest.MonkeyPatch, n_tasks: int, jobs: int, timeout: float | None, workers: int
) -> None:
    started = Mock(return_value=[("1", 0.0)] * n_tasks)
    monkeypatch.setattr(executors, "run_in_workers", started)
    tasks = ["a"] * n_tasks
    outcomes = list(run_tasks(act, tasks, lost=lost, jobs=jobs, timeout=timeout))

    expected = call(act, tasks, lost=lost, jobs=workers, timeout=timeout)
    assert started.mock_calls == ([expected] if workers else [])
    assert [text for text, _ in outcomes] == ["1"] * n_tasks


def test_closing_stops_the_workers_and_their_threads() -> None:
    threads = threading.active_count()
    outcomes = run_in_workers(act, ["a", *["sleep"] * 5], lost=lost, jobs=2)
    assert next(outcomes)[0] == "1"
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


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL, signal.default_int_handler])
def test_a_refusal_stops_the_run_and_the_interrupt_handler_is_restored(handler: object) -> None:
    before = signal.signal(signal.SIGINT, handler)  # type: ignore[arg-type]
    try:
        with pytest.raises(MerBenchError, match="width does not fit heads") as refused:
            list(run_in_workers(act, ["refuse width"], lost=lost, jobs=1))
        assert signal.getsignal(signal.SIGINT) == handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert type(refused.value) is MerBenchError


def test_an_interrupt_while_workers_start_is_delayed_and_an_ignored_one_stays_ignored() -> None:
    reached = []

    def interrupt() -> None:
        with executors._interrupts_held():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append(True)

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interrupt()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert reached == [True, True]


class Interrupting(Listener):
    """The user presses Ctrl-C while a step is shown."""

    def steps(self, what: str, total: int, done: int = 0) -> AbstractContextManager[Step]:
        def interrupt(succeeded: bool) -> None:
            raise KeyboardInterrupt

        return nullcontext(interrupt)


def test_an_interrupt_between_two_samples_stops_their_preprocessing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    def running(*_: object, **__: object) -> Generator[Preprocessed, None, None]:
        try:
            yield Preprocessed("casme2/sub01/EP02_01f", "")
        finally:
            closed.append(True)

    monkeypatch.setattr(preprocess_module, "run_tasks", running)
    task: PreprocessTask = None  # type: ignore[assignment]
    with pytest.raises(Interrupted, match="what was preprocessed is in the cache") as kept:
        preprocess_module.preprocess([task], jobs=1, listener=Interrupting())

    # The exception is still referenced, and with it every frame that it came through.
    assert kept.traceback
    assert closed == [True]
