"""Run tasks in worker processes on this machine; `mer_bench.engine.worker` says what happens there."""

from __future__ import annotations

import atexit
import io
import os
import pickle
import random
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from functools import partial
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from mer_bench.arithmetic import arithmetic, held_variables, worker_environment
from mer_bench.config import CONFIG_VARIABLE, DATA_VARIABLE
from mer_bench.engine.child import LIVED_ON, PATIENCE_SECONDS, ends, killed_by
from mer_bench.engine.messages import Order, Reply
from mer_bench.engine.place import Place
from mer_bench.errors import MerBenchError, MethodError, reason_of

T = TypeVar("T")
R = TypeVar("R")

_ATTEMPTS = 3
"""How often a task is given to a worker; it is lost if each of them dies (a task that ends its own process does not
end the worker)."""
_STOP_SECONDS = 5.0
_START = "import sys; sys.path[:] = {path!r}; from mer_bench.engine.worker import main; main({descriptor}, {run})"


@dataclass(frozen=True)
class _Worker:
    """A worker process, as the run sees it."""

    process: subprocess.Popen[bytes]
    connection: Connection[Any, Any]

    @classmethod
    def start(cls, environment: Mapping[str, str]) -> _Worker:
        ours, theirs = Pipe()
        try:
            # A session of its own: Ctrl-C in the terminal is for the run, which then stops its workers.
            process = subprocess.Popen(
                [sys.executable, "-c", _START.format(path=[*_path()], descriptor=theirs.fileno(), run=os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise MerBenchError(f"no worker process can be started: {error.strerror}") from error
        finally:
            theirs.close()
        return cls(process, ours)

    def send(self, order: Order, task: bytes) -> None:
        """Give the worker a task; one that is dead already is noticed where its reply is awaited."""
        with suppress(OSError):
            self.connection.send(order)
            self.connection.send_bytes(task)

    def rest(self) -> None:
        """End the home, which no other run uses; the worker keeps the libraries that it has imported."""
        with suppress(OSError):
            self.connection.send(None)

    def stop(self) -> None:
        """End the worker, its home and the running task."""
        self.connection.close()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def cause_of_death(self) -> str:
        self.connection.close()
        ended = ends(self.process.pid, PATIENCE_SECONDS)
        self.kill()
        if not ended:
            return f"its worker {LIVED_ON}"
        code = self.process.returncode
        return f"its worker was {killed_by(-code)}" if code < 0 else f"its worker ended ({code})"


@dataclass
class _Idle:
    """Workers without a task: the next tasks of this process use them, so that libraries are imported once."""

    workers: list[tuple[Mapping[str, str], _Worker]] = field(default_factory=list)

    def take(self, settings: Mapping[str, str], environment: Mapping[str, str]) -> _Worker:
        """Return the worker that was idle last of those started with these settings, or a new one."""
        for entry in reversed(self.workers):
            if entry[0] == settings:
                self.workers.remove(entry)
                return entry[1]
        return _Worker.start(environment)

    def put(self, settings: Mapping[str, str], worker: _Worker) -> None:
        self.workers.append((settings, worker))

    def rest(self) -> None:
        """End the homes of all idle workers."""
        for _, worker in self.workers:
            worker.rest()

    def stop(self) -> None:
        """End all idle workers."""
        while self.workers:
            self.workers.pop()[1].stop()


_IDLE = _Idle()
atexit.register(_IDLE.stop)


class _Outcome(pickle.Unpickler):
    """Reads an outcome of plain values, arrays and mer-bench's own data: a pickle of others may run a plugin's code."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name in the pickle stands for.

        Raises
        ------
        pickle.UnpicklingError
            It is neither of numpy's arrays nor a data class of mer-bench.
        """
        ours = module in sys.modules and module.partition(".")[0] in ("mer_bench", "numpy")
        found = super().find_class(module, name) if ours else None
        of_arrays = (np.ndarray, np.dtype, np.array(0).__reduce__()[0])
        if found in of_arrays or (isinstance(found, type) and (is_dataclass(found) or issubclass(found, Enum))):
            return found
        raise pickle.UnpicklingError(f"{module}.{name} is no data")


@dataclass(frozen=True)
class _Assignment(Generic[T]):
    """A task at a worker: which attempt it is, and the settings that the worker was started with."""

    task: T
    attempt: int
    worker: _Worker
    settings: Mapping[str, str]


def run_tasks(
    work: Callable[..., R],
    tasks: Sequence[T],
    place: Callable[[T], Place],
    *,
    lost: Callable[[T, MethodError, float], R],
    jobs: int,
    timeout: float | None = None,
    size: Callable[[T], int] = lambda task: 1,
    message: Callable[[T, Any], None] | None = None,
    rest: Callable[[T], T | None] = lambda task: task,
    any_order: Callable[[], bool] = lambda: False,
) -> Generator[tuple[T, R], None, None]:
    """Run tasks in up to ``jobs`` worker processes, and yield each with its outcome as they come.

    Nothing of a task runs in this process. A task whose process dies or runs past the time-out is lost. A worker that
    is killed from outside is replaced, and its task is tried again. A caller that may stop between two outcomes has to
    close the generator, which ends the running tasks.

    Parameters
    ----------
    work : callable
        A function of a module, which the task's process imports.
    tasks : sequence
    place : callable
        Returns the process in which a task runs.
    lost : callable
        Returns the outcome of a lost task, from the task, the reason, and the seconds it took.
    jobs : int
    timeout : float or None
        Seconds that a task of size 1 may take, including what its process has to import first.
    size : callable, optional
        Returns by how many times longer a task may take.
    message : callable, optional
        Receives a task and what it sends while it runs: ``work`` then takes a second argument, a function that sends.
    rest : callable, optional
        Returns what is left of a task, just before it starts; None for nothing, and the task is left out. Messages may
        have brought a part of it before its worker was killed, and others may have done it meanwhile.
    any_order : callable, optional
        Asked before a task starts; if it says so, the task is drawn at random from those that wait.

    Raises
    ------
    MerBenchError
        A task raised it, so that every task would fail, or no worker can start.
    """
    order = partial(
        Order,
        run=secrets.token_hex(8),
        folder=str(Path.cwd()),
        path=_path(),
        held=held_variables(arithmetic()),
        sends=message is not None,
    )
    waiting = [(task, 1) for task in reversed(tasks)]
    busy: dict[Connection[Any, Any], _Assignment[T]] = {}
    try:
        while waiting or busy:
            while waiting and len(busy) < jobs:
                popped, attempt = waiting.pop(random.randrange(len(waiting)) if any_order() else -1)
                task = rest(popped)
                if task is None:
                    continue
                limit = None if timeout is None else timeout * size(task)
                _assign((work, task), attempt, place(task), partial(order, timeout=limit), busy)
            for own, reply in _final_replies(busy, message):
                if reply is not None:
                    _IDLE.put(own.settings, own.worker)
                elif (cause := own.worker.cause_of_death()) and own.attempt < _ATTEMPTS:
                    waiting.append((own.task, own.attempt + 1))
                    continue
                yield own.task, _outcome(own.task, reply or Reply("lost", reason=cause), lost)
    finally:
        for assignment in busy.values():
            assignment.worker.stop()
        _IDLE.rest()


def _assign(
    content: tuple[Callable[..., R], T],
    attempt: int,
    place: Place,
    order: Callable[..., Order],
    busy: dict[Connection[Any, Any], _Assignment[T]],
) -> None:
    """Give a function and its task to an idle worker or a new one, which is busy then."""
    payload = bytes(ForkingPickler.dumps(content))
    settings = _settings(place)
    environment = _environment(settings)
    worker = _IDLE.take(settings, environment)
    busy[worker.connection] = _Assignment(content[1], attempt, worker, settings)
    worker.send(order(place, environment=environment), payload)


def _final_replies(
    busy: dict[Connection[Any, Any], _Assignment[T]], message: Callable[[T, Any], None] | None
) -> Iterator[tuple[_Assignment[T], Reply | None]]:
    """Wait for replies; pass messages on, and yield what ends an assignment, with its reply: None for a dead worker."""
    # Without a connection, `wait` would wait for ever: others may have done all that was left.
    for connection in wait(list(busy)) if busy else ():
        assert isinstance(connection, Connection)
        try:
            reply: Reply | None = Reply.unpacked(connection.recv_bytes())
        except (EOFError, OSError, ValueError):
            reply = None
        if reply is None or reply.kind != "part":
            yield busy.pop(connection), reply
        elif message is not None and (said := _message(reply)) is not None:
            message(busy[connection].task, said)


def _message(reply: Reply) -> object:
    """Return what a running task has sent; None if it cannot be read: a message decides nothing."""
    try:
        return _Outcome(io.BytesIO(reply.outcome)).load()
    except Exception:
        return None


def _outcome(task: T, reply: Reply, lost: Callable[[T, MethodError, float], R]) -> R:
    if reply.kind == "done":
        try:
            outcome: R = _Outcome(io.BytesIO(reply.outcome)).load()
        except Exception as error:
            return lost(task, MethodError(f"its outcome cannot be read ({reason_of(error)})"), reply.seconds)
        return outcome
    if reply.kind == "refused":
        raise MerBenchError(reply.reason)
    return lost(task, MethodError(reply.reason), reply.seconds)


def _path() -> tuple[str, ...]:
    """Return where modules are looked for; Python passes over what is no text."""
    return tuple(entry for entry in sys.path if isinstance(entry, str))


def _settings(place: Place) -> dict[str, str]:
    """Return the variables that a worker must be started with: Python and numerical libraries read them early."""
    # Sets of texts have the same order in every process then.
    return {**worker_environment(arithmetic()), **dict(place.settings), "PYTHONHASHSEED": "0"}


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a task: this process's, less those that lead to labels."""
    hidden = (DATA_VARIABLE, CONFIG_VARIABLE)
    return {**{name: value for name, value in os.environ.items() if name not in hidden}, **settings}
