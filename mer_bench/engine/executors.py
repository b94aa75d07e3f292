"""What carries tasks out: this process, or slots of spawned processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, TimeoutError, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import resource_tracker
from typing import TypeVar

from pebble import ProcessExpired, ProcessPool

from mer_bench.errors import MerBenchError, MethodError

T = TypeVar("T")
R = TypeVar("R")


def run_inline(work: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
    """Carry the tasks out one by one in this process."""
    for task in tasks:
        yield work(task)


def run_local(
    work: Callable[[T], R],
    tasks: Sequence[T],
    *,
    lost: Callable[[T, MethodError, float], R],
    jobs: int,
    timeout: float | None = None,
) -> Iterator[R]:
    """Carry the tasks out in ``jobs`` spawned processes, and yield outcomes as they come.

    A slot lives as long as the run, so that it imports torch once. A slot that dies or overruns the time-out is
    replaced, and its task is lost.

    Parameters
    ----------
    work : callable
        A function of a module: the slots import it.
    tasks : sequence
    lost : callable
        Makes the outcome of a task whose slot died or overran, of the task, the reason, and the seconds it took.
    jobs : int
    timeout : float or None
        Seconds a task may take, what its slot must import first included.

    Raises
    ------
    MerBenchError
        From a task whose failure concerns all of them, or where no slot can start; the slots are stopped.
    """
    pending = dict(enumerate(tasks))
    while pending:
        before = len(pending)
        for number, outcome in _run_pool(work, pending, lost, jobs, timeout):
            del pending[number]
            yield outcome
        if len(pending) == before:
            raise MerBenchError(
                "the worker processes end before they take a task: a script must call mer_bench.run under "
                '`if __name__ == "__main__":`, and a machine may be out of memory or file handles; '
                "jobs=1 (--jobs 1) does without worker processes"
            )


def _run_pool(
    work: Callable[[T], R],
    tasks: dict[int, T],
    lost: Callable[[T, MethodError, float], R],
    jobs: int,
    timeout: float | None,
) -> Iterator[tuple[int, R]]:
    """Yield outcomes until all are there, or until the pool breaks: it does when a slot dies between two tasks."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPool(max_workers=jobs, initializer=_prepare_slot, initargs=(os.getpid(),), context=context)
    try:
        with _interrupts_held():
            futures: dict[Future[R], int] = {
                pool.schedule(work, args=(task,), timeout=timeout): number for number, task in tasks.items()
            }
        pending = set(futures)
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                number = futures.pop(future)
                try:
                    outcome = _outcome(future, partial(lost, tasks[number]), timeout)
                except BrokenProcessPool:
                    continue
                yield number, outcome
        pool.close()
    except BrokenProcessPool:
        return
    finally:
        pool.stop()
        pool.join()


def _outcome(future: Future[R], lost: Callable[[MethodError, float], R], timeout: float | None) -> R:
    try:
        return future.result()
    except TimeoutError:
        return lost(MethodError(f"it ran past the time-out of {timeout:g} s"), timeout or 0.0)
    except ProcessExpired as expired:
        return lost(MethodError(f"its process died (exit code {expired.exitcode})"), 0.0)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while the slots start, and let them start with it blocked: it is the parent's to handle.

    Blocking alone would not do for the parent: a library's thread that does not block it may take the signal.
    """
    # Starting the tracker ends with Ctrl-C unblocked, so it has to run before.
    resource_tracker.ensure_running()
    held: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda number, frame: held.append(number)) if is_main else None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if is_main:
            signal.signal(signal.SIGINT, handler)
    if held:
        raise KeyboardInterrupt


def _prepare_slot(parent: int) -> None:
    """Do not outlive the parent when it is killed, and keep stdout for ``--json``."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    os.dup2(2, 1)
