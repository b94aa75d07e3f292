"""What carries tasks out: this process, or slots of spawned processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, TimeoutError, wait

from pebble import ProcessExpired, ProcessPool

from mer_bench.errors import MethodError
from mer_bench.evaluation.run_cells import Outcome, Task, run_cell, store_failure


def run_inline(tasks: Sequence[Task]) -> Iterator[Outcome]:
    """Carry the tasks out one by one in this process."""
    for task in tasks:
        yield run_cell(task)


def run_local(tasks: Sequence[Task], *, jobs: int, timeout: float | None) -> Iterator[Outcome]:
    """Carry the tasks out in ``jobs`` spawned processes, and yield outcomes as they come.

    A slot lives as long as the run, so that it imports torch once. A slot that dies or overruns the time-out
    (seconds a cell) is replaced, and its cell fails.

    Raises
    ------
    MerBenchError
        From a task whose failure concerns all of them; the slots are stopped.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPool(max_workers=jobs, initializer=_prepare_slot, initargs=(os.getpid(),), context=context)
    try:
        pending: dict[Future[Outcome], Task] = {
            pool.schedule(run_cell, args=(task,), timeout=timeout): task for task in tasks
        }
        while pending:
            finished, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                yield _outcome(future, pending.pop(future), timeout)
        pool.close()
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


def _prepare_slot(parent: int) -> None:
    """Leave Ctrl-C to the parent, and do not outlive it when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
