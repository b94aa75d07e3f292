"""Run tasks in this process, or in spawned worker processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, TimeoutError, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from functools import partial
from multiprocessing import resource_tracker
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from mer_bench.errors import MerBenchError, MethodError, error_text

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 2
"""Tasks that each worker has at a time: the one that runs, and the next."""
_WORKER: tuple[Callable[[Any], Any], dict[int, Any]]
"""A worker's function and its tasks; set when it starts."""


def run_tasks(
    work: Callable[[T], R],
    tasks: Sequence[T],
    *,
    lost: Callable[[T, MethodError, float], R],
    jobs: int,
    timeout: float | None = None,
) -> Generator[R, None, None]:
    """Run tasks as `run_in_workers` does, or in this process if one worker is enough and no time-out is set."""
    jobs = min(jobs, len(tasks))
    if jobs <= 1 and timeout is None:
        return (work(task) for task in tasks)
    return run_in_workers(work, tasks, lost=lost, jobs=jobs, timeout=timeout)


def run_in_workers(
    work: Callable[[T], R],
    tasks: Sequence[T],
    *,
    lost: Callable[[T, MethodError, float], R],
    jobs: int,
    timeout: float | None = None,
) -> Generator[R, None, None]:
    """Run tasks in ``jobs`` spawned processes, and yield outcomes as they come.

    A worker lives as long as the run, so that it imports torch once. A worker that dies or runs past the time-out is
    replaced, and its task is lost. A caller that may be interrupted between two outcomes has to close the generator,
    which stops the workers: the pool's threads must not run while the interpreter shuts down.

    Parameters
    ----------
    work : callable
        A function of a module: the workers import it.
    tasks : sequence
    lost : callable
        Returns the outcome of a task whose worker died or ran past the time-out, from the task, the reason, and the
        seconds it took.
    jobs : int
    timeout : float or None
        Seconds that a task may take, including what its worker has to import first.

    Raises
    ------
    MerBenchError
        A task raised it, so that every task would fail, or no worker can start; the workers are stopped.
    """
    pending = dict(enumerate(tasks))
    while pending:
        before = len(pending)
        with closing(_run_pool(work, pending, lost, jobs, timeout)) as outcomes:
            for number, outcome in outcomes:
                del pending[number]
                yield outcome
        if len(pending) == before:
            raise MerBenchError(
                "the worker processes end before they start a task: a script must call mer_bench.run under "
                '`if __name__ == "__main__":`, and a machine may be out of memory or file handles; '
                "jobs=1 (--jobs 1) needs no worker processes"
            )


def _run_pool(
    work: Callable[[T], R],
    tasks: Mapping[int, T],
    lost: Callable[[T, MethodError, float], R],
    jobs: int,
    timeout: float | None,
) -> Generator[tuple[int, R], None, None]:
    """Yield outcomes until there are no tasks left, or the pool breaks: it does if a worker dies between two tasks.

    Workers receive all tasks when they start, and then only numbers, a few ahead. With whole tasks in the pipe, a run
    that was stopped early crashed Python 3.12.1 at exit in one of twelve attempts: probably pebble's thread was blocked
    by a full pipe, and the garbage collector failed on the objects that it left.
    """
    context = multiprocessing.get_context("spawn")
    arguments = (os.getpid(), work, dict(tasks))
    pool = ProcessPool(max_workers=jobs, initializer=_start_worker, initargs=arguments, context=context)
    waiting = sorted(tasks, reverse=True)
    futures: dict[Future[R], int] = {}
    try:
        while waiting or futures:
            with _interrupts_held():
                while waiting and len(futures) < _AHEAD * jobs and pool.active:
                    number = waiting.pop()
                    futures[pool.schedule(_run_task, args=(number,), timeout=timeout)] = number
            if not futures:
                return
            for future in wait(futures, return_when=FIRST_COMPLETED).done:
                number = futures.pop(future)
                try:
                    outcome = _outcome(future, partial(lost, tasks[number]), timeout)
                except BrokenProcessPool:
                    continue
                yield number, outcome
    except BrokenProcessPool:
        return
    finally:
        with _interrupts_held():
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
    """Delay Ctrl-C while workers start or stop, and start them with it blocked: the parent handles it.

    In the parent, blocking alone is not enough: a library's thread that does not block the signal may receive it.
    """
    # Starting the tracker unblocks Ctrl-C, so it has to run before.
    resource_tracker.ensure_running()
    held: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT) if is_main else None
    if callable(handler):  # an ignored signal stays ignored
        signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if callable(handler):
            signal.signal(signal.SIGINT, handler)
    if held and callable(handler):
        handler(signal.SIGINT, None)


def _run_task(number: int) -> Any:
    work, tasks = _WORKER
    try:
        return work(tasks[number])
    except MerBenchError as error:
        # The base class: a plugin's own subclass may not survive pickling.
        raise MerBenchError(error_text(error)) from None


def _start_worker(parent: int, work: Callable[[Any], Any], tasks: dict[int, Any]) -> None:
    """Store the tasks, end when the parent is killed, and redirect stdout, which is for ``--json``, to stderr."""
    global _WORKER
    _WORKER = work, tasks

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.2)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    os.dup2(2, 1)
