"""What carries tasks out: this process, or slots of spawned processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, TimeoutError, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker

from pebble import ProcessExpired, ProcessPool

from mer_bench.errors import MerBenchError, MethodError
from mer_bench.evaluation.run_cells import Outcome, Task, run_cell, store_failure


def run_inline(tasks: Sequence[Task]) -> Iterator[Outcome]:
    """Carry the tasks out one by one in this process."""
    for task in tasks:
        yield run_cell(task)


def run_local(tasks: Sequence[Task], *, jobs: int, timeout: float | None) -> Iterator[Outcome]:
    """Carry the tasks out in ``jobs`` spawned processes, and yield outcomes as they come.

    A slot lives as long as the run, so that it imports torch once. A slot that dies or overruns the time-out
    (seconds a cell, what it must import first included) is replaced, and its cell fails.

    Raises
    ------
    MerBenchError
        From a task whose failure concerns all of them, or where no slot can start; the slots are stopped.
    """
    pending = list(tasks)
    while pending:
        before = len(pending)
        for task, outcome in _run_pool(pending, jobs, timeout):
            pending.remove(task)
            yield outcome
        if len(pending) == before:
            raise MerBenchError(
                "the worker processes end before they take a cell: a script must call mer_bench.run under "
                '`if __name__ == "__main__":`, and a machine may be out of memory or file handles; '
                "jobs=1 (--jobs 1) does without worker processes"
            )


def _run_pool(tasks: Sequence[Task], jobs: int, timeout: float | None) -> Iterator[tuple[Task, Outcome]]:
    """Yield outcomes until all are there, or until the pool breaks: it does when a slot dies between two cells."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPool(max_workers=jobs, initializer=_prepare_slot, initargs=(os.getpid(),), context=context)
    try:
        with _interrupts_held():
            futures: dict[Future[Outcome], Task] = {
                pool.schedule(run_cell, args=(task,), timeout=timeout): task for task in tasks
            }
        pending = set(futures)
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                try:
                    outcome = _outcome(future, futures[future], timeout)
                except BrokenProcessPool:
                    continue
                yield futures[future], outcome
        pool.close()
    except BrokenProcessPool:
        return
    finally:
        pool.stop()
        pool.join()


def _outcome(future: Future[Outcome], task: Task, timeout: float | None) -> Outcome:
    try:
        return future.result()
    except TimeoutError:
        error = MethodError(f"it ran past the time-out of {timeout:g} s")
        return store_failure(task, error, "", timeout or 0.0)
    except ProcessExpired as expired:
        return store_failure(task, MethodError(f"its process died (exit code {expired.exitcode})"), "", 0.0)


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
