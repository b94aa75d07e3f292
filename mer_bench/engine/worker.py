"""A worker's own process: it forks homes, and homes fork the processes of single tasks.

No code of a plugin runs in the worker: it never even unpickles a task. A home is forked before the worker reads the
first task that runs there. A task that runs alone never enters its home, where the plugin's module may have left code
that watches: the home forks first, and the fork reads the task. So a task's process holds no other task: the training
set of one fold has the labels of another's test set. Each process waits for its parent and its child at the same time,
so that all of them end when one above them dies, and a death below is reported as a reply.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from mer_bench.engine.child import Child, LostError, RunEndedError, fork, ignore_end_of_run, raise_when_run_ends
from mer_bench.engine.home import be_home
from mer_bench.engine.messages import Order, Reply

_PR_SET_CHILD_SUBREAPER = 36


def main(descriptor: int, parent: int) -> NoReturn:
    """Run a worker: take orders until the connection to the run closes, or the run ends.

    Parameters
    ----------
    descriptor : int
        Of the connection to the run.
    parent : int
        The process of the run.
    """
    # Whatever is printed goes to stderr: stdout is for the command's own output.
    os.dup2(2, 1)
    # What outlives the process that started it becomes the worker's child: `_end_adopted` finds it.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    run: Connection[Any, Any] = Connection(descriptor)
    home: Child | None = None
    surroundings: tuple[object, ...] = ()
    shared: dict[str, None] = {}
    with suppress(EOFError, ConnectionError, RunEndedError):
        try:
            raise_when_run_ends(parent)
            while True:
                order: Order | None = run.recv()
                if home is not None and (order is None or order.surroundings != surroundings):
                    home.end()
                    home = None
                    _end_adopted()
                if order is None:
                    continue
                if home is None:
                    for library in (*order.place.libraries, *shared):
                        # If this fails, it fails again where the task uses the library, and is reported there.
                        with suppress(Exception):
                            import_module(library)
                    home, surroundings = fork(be_home, order, above=run), order.surroundings
                if not _relay(run, home, order, shared):
                    home = None
                _end_adopted(home)
        finally:
            ignore_end_of_run()
    if home is not None:
        home.end()
    _end_adopted()
    os._exit(0)


def _relay(run: Connection[Any, Any], home: Child, order: Order, shared: dict[str, None]) -> bool:
    """Pass a task to its home, and the home's reply to the run; return whether the home can take another task.

    The libraries that the home has imported are added to ``shared``.
    """
    task = run.recv_bytes()
    started = time.monotonic()
    try:
        deadline = None if order.timeout is None else started + order.timeout
        reply = home.answer(run, deadline)
        stays = reply.kind == "ready"
        if stays:
            shared.update(dict.fromkeys(reply.reason.split()))
            home.give(task)
            while (reply := home.answer(run, deadline)).kind == "part":
                run.send_bytes(reply.packed())
            # A home that runs its tasks itself keeps what a lost one has changed.
            stays = order.place.alone or reply.kind != "lost"
        if not stays:
            home.end()
    except LostError as lost:
        reply = Reply("lost", reason=str(lost), seconds=time.monotonic() - started)
    except TimeoutError:
        seconds = time.monotonic() - started
        home.end()
        reply = Reply("lost", reason=f"it ran past the time-out of {order.timeout:g} s", seconds=seconds)
    run.send_bytes(reply.packed())
    return not home.connection.closed


def _end_adopted(home: Child | None = None) -> None:
    """Kill the worker's children other than its home, and then theirs: processes that left the group of their task."""
    spared = {home.pid} if home else set()
    while children := _children() - spared:
        for pid in children:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        spared |= children


def _children() -> set[int]:
    """Return the children of this process; none where the kernel does not list them."""
    with suppress(FileNotFoundError):
        return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}
    return set()
