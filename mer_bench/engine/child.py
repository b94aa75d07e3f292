"""Forked processes: each leads a group, ends with its parent, and a death of it is noticed by its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, TypeVar

from mer_bench.engine.messages import Reply
from mer_bench.foreign import print_trace

T = TypeVar("T")

PATIENCE_SECONDS = 1.0
"""How long a process that has nothing to do any more may take to end."""
LIVED_ON = "gave no answer that can be read, and did not end; mer-bench ended it"
_LOOK_SECONDS = 0.5
"""How often to look whether a process still lives: what it has forked itself may keep its connection open."""
_PR_SET_PDEATHSIG = 1
_RUN_ENDED = signal.SIGRTMIN
"""What the kernel sends a worker when the run ends; libraries use no real-time signal."""


def signal_name(number: int) -> str:
    """Return ``SIGKILL`` for 9; real-time signals have no name."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def killed_by(number: int) -> str:
    """Return how a signal ended a process, and the likely cause where nothing else tells the user."""
    text = f"killed ({signal_name(number)})"
    if number != signal.SIGKILL:
        return text
    cure = "run the same command again, with fewer --jobs or on a machine with more memory"
    return f"{text}, probably by the system because the memory was full: {cure}"


def ends(pid: int, seconds: float) -> bool:
    """Return whether a child process ends in time; its status can still be asked for."""
    deadline = time.monotonic() + seconds
    while not (ended := _has_ended(pid)) and time.monotonic() < deadline:
        time.sleep(0.002)
    return ended


class LostError(Exception):
    """A process below gives no answer; the message says why."""


class RunEndedError(BaseException):
    """The run that a worker belongs to has ended; no exception that an import may swallow."""


@dataclass(frozen=True)
class Child:
    """A forked process, which leads a group, as its parent sees it."""

    pid: int
    connection: Connection[Any, Any]

    def answer(self, above: Connection[Any, Any] | None, deadline: float | None = None) -> Reply:
        """Return what the process says next.

        ``above`` is None while the process itself reads the connection to the process above.

        Raises
        ------
        LostError
            The process ended before it sent anything.
        TimeoutError
            The deadline passed.
        EOFError
            The process above has ended.
        """
        while not self.connection.poll():
            if _has_ended(self.pid) and not self.connection.poll():
                raise LostError(self._cause_of_death())
            left = _LOOK_SECONDS if deadline is None else min(_LOOK_SECONDS, deadline - time.monotonic())
            if left < 0:
                raise TimeoutError
            if above in wait([self.connection, *([above] if above else [])], left):
                raise EOFError
        try:
            return Reply.unpacked(self.connection.recv_bytes())
        except (EOFError, OSError, ValueError):
            raise LostError(self._cause_of_death()) from None

    def give(self, task: bytes) -> None:
        """Tell the process that a task comes, and send it.

        Raises
        ------
        LostError
            The process has ended.
        """
        try:
            self.connection.send(None)
            self.connection.send_bytes(task)
        except OSError:
            raise LostError(self._cause_of_death()) from None

    def end(self, patience: float = PATIENCE_SECONDS) -> int | None:
        """End the process and all that it started; kill what does not end by itself.

        Its status is returned, or None if it did not end by itself.
        """
        if self.connection.closed:
            return 0
        self.connection.close()
        ended = ends(self.pid, patience)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        try:
            status = os.waitpid(self.pid, 0)[1]
        except ChildProcessError:
            return 0
        return status if ended else None

    def _cause_of_death(self) -> str:
        status = self.end()
        if status is None:
            return f"its process {LIVED_ON}"
        if os.WIFSIGNALED(status):
            return f"its process was {killed_by(os.WTERMSIG(status))}"
        return f"its process ended with exit code {os.waitstatus_to_exitcode(status)} before it returned"


def fork(
    body: Callable[[Connection[Any, Any], T], None], argument: T, *, above: Connection[Any, Any] | None = None
) -> Child:
    """Fork a process that runs ``body``, and ends with it.

    It leads a group of its own, so that it can be ended together with all that it starts.

    Parameters
    ----------
    body : callable
        Called with the connection to this process, and the argument.
    argument : object
    above : Connection, optional
        The connection of this process to its own parent, which the new one closes.
    """
    ours, theirs = Pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    with warnings.catch_warnings():
        # Other threads are safe here if they are a library's idle pool; Python cannot know.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        theirs.close()
        with suppress(OSError):  # the child may have done so already
            os.setpgid(pid, pid)
        return Child(pid, ours)
    code = 1
    try:
        os.setpgid(0, 0)
        _end_with(parent)
        signal.signal(_RUN_ENDED, signal.SIG_DFL)
        if above is not None:
            above.close()
        ours.close()
        body(theirs, argument)
        code = 0
    except (EOFError, ConnectionError):
        code = 0  # the process above has ended
    except BaseException as error:
        print_trace(error)
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _has_ended(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def raise_when_run_ends(run: int) -> None:
    """Have `RunEndedError` raised in this process's main thread when its parent, the run, has ended.

    The connection to a run closes too, but not if a process that the run has forked keeps it open. The worker is not
    killed: it has to end what its tasks have started.

    Parameters
    ----------
    run : int
        The process that started this one.

    Raises
    ------
    RunEndedError
        It has ended already.
    """

    def look(number: int, frame: object) -> None:
        # The kernel sends this too if only the thread ends that started this process.
        if os.getppid() != run:
            ignore_end_of_run()  # what ends the process then is not interrupted
            raise RunEndedError

    signal.signal(_RUN_ENDED, look)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _RUN_ENDED)
    look(_RUN_ENDED, None)


def ignore_end_of_run() -> None:
    """Have `RunEndedError` raised no more."""
    signal.signal(_RUN_ENDED, signal.SIG_IGN)


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies: native code that keeps Python's lock hears nothing else.

    Its parent forks in its main thread, which ends with it.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise EOFError
