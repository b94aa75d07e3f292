"""A worker's own process: it forks homes, and homes fork the processes of single tasks.

No code of a plugin runs in the worker: it never even unpickles a task. Each process waits for its parent and its child
at the same time, so that all of them end when one above them dies, and a death below is reported as a reply.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, Pipe, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any, Literal, NoReturn

from mer_bench.engine.place import Place
from mer_bench.errors import MerBenchError, error_text

_PATIENCE_SECONDS = 1.0
"""How long a home without a task may take to end."""

Kind = Literal["done", "refused", "broken", "lost"]
"""``done``: the pickled outcome. ``refused``: the sentence of a `MerBenchError`. ``broken``: the traceback of another
exception. ``lost``: why the task's process gave no outcome."""


@dataclass(frozen=True)
class Order:
    """A task as it is sent to a worker.

    Parameters
    ----------
    place : Place
    run : str
        Which call of `mer_bench.engine.executors.run_tasks` it belongs to: calls share no home.
    payload : bytes
        The pickled function and task.
    timeout : float or None
        Seconds that the task may take, including what its home has to import first.
    folder : str
        The current folder.
    path : tuple of str
        Where modules are looked for.
    environment : mapping of str to str
    """

    place: Place
    run: str
    payload: bytes
    timeout: float | None
    folder: str
    path: tuple[str, ...]
    environment: Mapping[str, str]

    @property
    def surroundings(self) -> tuple[object, ...]:
        """What a home takes over when it starts: an order with other ones needs another home."""
        return self.place, self.run, self.folder, self.path, tuple(self.environment.items())


@dataclass(frozen=True)
class Reply:
    """What became of a task."""

    kind: Kind
    outcome: bytes = b""
    """The pickled outcome of a task that is done."""
    reason: str = ""
    """A sentence or a traceback, of the other kinds."""
    seconds: float = 0.0
    """How long a lost task took; others measure it themselves."""


@dataclass(frozen=True)
class _Child:
    """A forked process, as its parent sees it."""

    pid: int
    connection: Connection[Any, Any]

    def end(self, patience: float = _PATIENCE_SECONDS) -> None:
        """End the process, which leads a group, and all that it started; kill what does not end by itself."""
        self.connection.close()
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and not self._has_ended():
            time.sleep(0.002)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._wait()

    def cause_of_death(self) -> str:
        """Return how the process ended, after its connection was closed."""
        status = self._wait()
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
            return f"its process was killed ({name})"
        return f"its process ended with exit code {os.waitstatus_to_exitcode(status)} before it returned"

    def _has_ended(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _wait(self) -> int:
        try:
            return os.waitpid(self.pid, 0)[1]
        except ChildProcessError:
            return 0


def main(descriptor: int) -> NoReturn:
    """Run a worker: take orders until the connection to the run closes."""
    # Whatever is printed goes to stderr: stdout is for the command's own output.
    os.dup2(2, 1)
    # A fork with other threads is safe here if they are a library's idle pool; Python cannot know.
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)
    run: Connection[Any, Any] = Connection(descriptor)
    home: _Child | None = None
    surroundings: tuple[object, ...] = ()
    while True:
        try:
            order: Order = run.recv()
        except (EOFError, OSError):
            _end(home)
        started = time.monotonic()
        if home is None or order.surroundings != surroundings:
            if home is not None:
                home.end()
            for library in order.place.libraries:
                # If this fails, it fails again where the task uses the library, and is reported there.
                with suppress(Exception):
                    import_module(library)
            home, surroundings = _fork(_be_home, order, group=True, above=(run,)), order.surroundings
        reply = _relay(run, home, order)
        if isinstance(reply, str):
            home.end(0.0)
            home, reply = None, Reply("lost", reason=reply, seconds=time.monotonic() - started)
        if reply is None:
            _end(home)
        with suppress(OSError):
            run.send(reply)


def _relay(run: Connection[Any, Any], home: _Child, order: Order) -> Reply | str | None:
    """Give a home its order; return its reply, why it cannot give one, or None if the run has ended."""
    try:
        home.connection.send(order)
        ready = wait([run, home.connection], order.timeout)
        if home.connection in ready:
            reply: Reply = home.connection.recv()
            return reply
    except (EOFError, OSError):
        return home.cause_of_death()
    return None if ready else f"it ran past the time-out of {order.timeout:g} s"


def _be_home(worker: Connection[Any, Any], first: Order) -> None:
    """Take the order's surroundings, import its module, and run tasks until the worker closes the connection."""
    os.environ.clear()
    os.environ.update(first.environment)
    sys.path[:] = first.path
    os.chdir(first.folder)
    if first.place.imports:
        with suppress(BaseException):
            import_module(first.place.imports)
    gc.freeze()
    while True:
        order: Order = worker.recv()
        if not order.place.alone:
            worker.send(_run(order.payload))
            continue
        started = time.monotonic()
        child = _fork(_run_alone, order, group=False, above=(worker,))
        if child.connection not in wait([worker, child.connection]):
            os.killpg(0, signal.SIGKILL)
        try:
            reply = child.connection.recv()
        except (EOFError, OSError):
            reply = Reply("lost", reason=child.cause_of_death(), seconds=time.monotonic() - started)
        else:
            with suppress(ChildProcessError):
                os.waitpid(child.pid, 0)
        child.connection.close()
        worker.send(reply)


def _run_alone(home: Connection[Any, Any], order: Order) -> None:
    home.send(_run(order.payload))


def _run(payload: bytes) -> Reply:
    """Run a pickled function on a pickled task."""
    try:
        work, task = ForkingPickler.loads(payload)
        return Reply("done", outcome=bytes(ForkingPickler.dumps(work(task))))
    except MerBenchError as error:
        return Reply("refused", reason=error_text(error))
    except BaseException:
        return Reply("broken", reason=traceback.format_exc())


def _fork(
    body: Callable[[Connection[Any, Any], Order], None],
    order: Order,
    *,
    group: bool,
    above: tuple[Connection[Any, Any], ...],
) -> _Child:
    """Fork a process that runs ``body``, and ends with it.

    Parameters
    ----------
    body : callable
        Called with the connection to this process, and the order.
    order : Order
    group : bool
        Give the process a group of its own, so that it can be ended together with all that it starts.
    above : tuple of Connection
        Connections of this process that the new one must not keep open.
    """
    ours, theirs = Pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        theirs.close()
        if group:
            with suppress(OSError):  # the child may have done so already
                os.setpgid(pid, pid)
        return _Child(pid, ours)
    code = 1
    try:
        if group:
            os.setpgid(0, 0)
        for connection in (*above, ours):
            connection.close()
        body(theirs, order)
        code = 0
    except (EOFError, OSError):
        code = 0  # the process above has ended
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _end(home: _Child | None) -> NoReturn:
    if home is not None:
        home.end(0.0)
    os._exit(0)
