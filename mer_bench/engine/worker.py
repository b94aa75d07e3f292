"""A worker's own process: it forks homes, and homes fork the processes of single tasks.

No code of a plugin runs in the worker: it never even unpickles a task. A home is forked before the worker reads the
first task that runs there. A task that runs alone never enters its home, where the plugin's module may have left code
that watches: the home forks first, and the fork reads the task. So a task's process holds no other task: the training
set of one fold has the labels of another's test set. Each process waits for its parent and its child at the same time,
so that all of them end when one above them dies, and a death below is reported as a reply.
"""

from __future__ import annotations

import ctypes
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
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeVar

import numpy as np

from mer_bench.engine.place import Place
from mer_bench.errors import MerBenchError, error_text
from mer_bench.evaluation.watch import ResultsFolderError, watched_files
from mer_bench.threads import one_thread

T = TypeVar("T")

_PATIENCE_SECONDS = 1.0
"""How long a process that has nothing to do any more may take to end."""
_LOOK_SECONDS = 0.5
"""How often to look whether a process still lives: what it has forked itself may keep its connection open."""
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SHARED = {"cv2", "scipy", "skimage", "sklearn", "timm", "torch"}
"""Libraries that take long to import: once a home has imported one, the worker does, and the next homes have it."""
_THREADS = (
    "{module} starts a thread when it is imported, which could see other folds, and would be missing in the process of "
    "a fold; start it in fit, predict or extract"
)

_HELD = (
    "{module} or what it calls changes variables of the environment that decide on libraries' arithmetic ({names}); "
    "leave them as they are"
)

Kind = Literal["done", "refused", "lost"]
"""``done``: the pickled outcome. ``refused``: the sentence of a `MerBenchError`. ``lost``: why the task's process gave
no outcome."""


@dataclass(frozen=True)
class Order:
    """What a worker needs to know of a task; the pickled function and task follow as bytes.

    Parameters
    ----------
    place : Place
    run : str
        Which call of `mer_bench.engine.executors.run_tasks` it belongs to: calls share no home.
    timeout : float or None
        Seconds that the task may take, including what its home has to import first.
    folder : str
        The current folder.
    path : tuple of str
        Where modules are looked for.
    environment : mapping of str to str
    held : tuple of str
        Variables of the environment that no task may change.
    """

    place: Place
    run: str
    timeout: float | None
    folder: str
    path: tuple[str, ...]
    environment: Mapping[str, str]
    held: tuple[str, ...]

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
    """A sentence, of the other kinds."""
    seconds: float = 0.0
    """How long a lost task took; others measure it themselves."""


def signal_name(number: int) -> str:
    """Return ``SIGKILL`` for 9; real-time signals have no name."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


class _LostError(Exception):
    """A process below gives no answer; the message says why."""


@dataclass(frozen=True)
class _Child:
    """A forked process, which leads a group, as its parent sees it."""

    pid: int
    connection: Connection[Any, Any]

    def answer(self, above: Connection[Any, Any] | None, deadline: float | None = None) -> Any:
        """Return what the process sends next.

        ``above`` is None while the process itself reads the connection to the process above.

        Raises
        ------
        _LostError
            The process ended before it sent anything.
        TimeoutError
            The deadline passed.
        EOFError
            The process above has ended.
        """
        while not self.connection.poll():
            if self._has_ended() and not self.connection.poll():
                raise _LostError(self._cause_of_death())
            left = _LOOK_SECONDS if deadline is None else min(_LOOK_SECONDS, deadline - time.monotonic())
            if left < 0:
                raise TimeoutError
            if above in wait([self.connection, *([above] if above else [])], left):
                raise EOFError
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            raise _LostError(self._cause_of_death()) from None

    def give(self, task: bytes) -> None:
        """Tell the process that a task comes, and send it.

        Raises
        ------
        _LostError
            The process has ended.
        """
        try:
            self.connection.send(None)
            self.connection.send_bytes(task)
        except OSError:
            raise _LostError(self._cause_of_death()) from None

    def end(self, patience: float = _PATIENCE_SECONDS) -> int:
        """End the process and all that it started; kill what does not end by itself; return its status."""
        if self.connection.closed:
            return 0
        self.connection.close()
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and not self._has_ended():
            time.sleep(0.002)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        try:
            return os.waitpid(self.pid, 0)[1]
        except ChildProcessError:
            return 0

    def _cause_of_death(self) -> str:
        status = self.end()
        if os.WIFSIGNALED(status):
            return f"its process was killed ({signal_name(os.WTERMSIG(status))})"
        return f"its process ended with exit code {os.waitstatus_to_exitcode(status)} before it returned"

    def _has_ended(self) -> bool:
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True


def main(descriptor: int) -> NoReturn:
    """Run a worker: take orders until the connection to the run closes."""
    # Whatever is printed goes to stderr: stdout is for the command's own output.
    os.dup2(2, 1)
    # What outlives the process that started it becomes the worker's child: `_end_adopted` finds it.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    run: Connection[Any, Any] = Connection(descriptor)
    home: _Child | None = None
    surroundings: tuple[object, ...] = ()
    shared: dict[str, None] = {}
    with suppress(EOFError, ConnectionError):
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
                home, surroundings = _fork(_be_home, order, above=run), order.surroundings
            if not _relay(run, home, order.timeout, shared):
                home = None
            _end_adopted(home)
    if home is not None:
        home.end()
    _end_adopted()
    os._exit(0)


def _relay(run: Connection[Any, Any], home: _Child, timeout: float | None, shared: dict[str, None]) -> bool:
    """Pass a task to its home, and the home's reply to the run; return whether the home can take another task.

    The modules of `_SHARED` libraries that the home has are added to ``shared``.
    """
    task = run.recv_bytes()
    started = time.monotonic()
    try:
        deadline = None if timeout is None else started + timeout
        ready: list[str] | Reply = home.answer(run, deadline)
        if isinstance(ready, Reply):
            home.end()
            reply = ready
        else:
            shared.update(dict.fromkeys(ready))
            home.give(task)
            reply = home.answer(run, deadline)
    except _LostError as lost:
        reply = Reply("lost", reason=str(lost), seconds=time.monotonic() - started)
    except TimeoutError:
        seconds = time.monotonic() - started
        home.end()
        reply = Reply("lost", reason=f"it ran past the time-out of {timeout:g} s", seconds=seconds)
    run.send(reply)
    return not home.connection.closed


def _end_adopted(home: _Child | None = None) -> None:
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


def _be_home(worker: Connection[Any, Any], order: Order) -> None:
    """Take the order's surroundings, import its module, and run tasks until the worker closes the connection."""
    os.environ.clear()
    os.environ.update(order.environment)
    sys.path[:] = order.path
    os.chdir(order.folder)
    threads = len(sys._current_frames())
    refused = _import(order.place.imports)
    _use_libraries()
    gc.freeze()
    shared = [name for name in sys.modules if name.partition(".")[0] in _SHARED]
    while not (refused := refused or _changed(order, threads)):
        worker.send(shared)
        worker.recv()
        if order.place.alone:
            _run_in_fork(worker, order)
        else:
            _run_here(worker, order)
            # A thread that a task has started serves the next ones, too.
            threads = sys.maxsize
        shared = []
    worker.send(Reply("lost", reason=refused))


def _import(module: str) -> str:
    """Import the module of a home's tasks; return why none may run after that, or an empty text.

    If the import fails, it fails again in each task, and is reported there.
    """
    try:
        with watched_files():
            if module:
                import_module(module)
    except ResultsFolderError as error:
        return str(error)
    except BaseException:
        pass
    return ""


def _changed(order: Order, threads: int) -> str:
    """Return what this process has that no task may find; an empty text for nothing.

    That is more threads of Python than given (others, such as those of an allocator, can see no task), or another value
    of a variable that libraries read while they are loaded, and a library may have been loaded since.
    """
    if len(sys._current_frames()) > threads:
        return _THREADS.format(module=order.place.imports)
    held = [name for name in order.held if os.environ.get(name) != order.environment.get(name)]
    if held:
        return _HELD.format(module=order.place.imports, names=", ".join(held))
    return ""


def _use_libraries() -> None:
    """Have libraries do what they do at their first use only: the process of each task would do it again."""
    with suppress(BaseException), one_thread():
        if "sklearn" in sys.modules:
            # scikit-learn's first array makes it read the metadata of all installed packages.
            import_module("sklearn.preprocessing").StandardScaler().fit(np.zeros((2, 1)))


def _run_here(worker: Connection[Any, Any], order: Order) -> None:
    worker.send(_run(worker.recv_bytes(), order))


def _run_in_fork(worker: Connection[Any, Any], order: Order) -> None:
    started = time.monotonic()
    child = _fork(_run_alone, (worker, order))
    # If it ends before it has the task, so does the home: the rest of the task is still in the connection.
    child.answer(None)
    try:
        reply = child.answer(worker)
    except _LostError as lost:
        reply = Reply("lost", reason=str(lost), seconds=time.monotonic() - started)
    except EOFError:
        child.end(0.0)
        raise
    worker.send(reply)
    child.end()


def _run_alone(home: Connection[Any, Any], argument: tuple[Connection[Any, Any], Order]) -> None:
    worker, order = argument
    task = worker.recv_bytes()
    worker.close()
    home.send(None)
    home.send(_run(task, order))


def _run(payload: bytes, order: Order) -> Reply:
    """Run a pickled function on a pickled task."""
    monotonic, getpid, end = time.monotonic, os.getpid, os._exit
    started, process = monotonic(), getpid()
    try:
        work, task = ForkingPickler.loads(payload)
        reply = Reply("done", outcome=bytes(ForkingPickler.dumps(work(task))))
    except MerBenchError as error:
        reply = Reply("refused", reason=error_text(error))
    except KeyboardInterrupt:
        # Never the user's Ctrl-C: a worker has a session of its own. The fence round plugin code lets it through.
        reply = Reply("lost", reason="the method raised KeyboardInterrupt", seconds=monotonic() - started)
    except BaseException as error:
        # Of mer-bench itself, or because the plugin broke something that mer-bench uses.
        traceback.print_exc()
        last = traceback.format_exception_only(error)[-1].strip()
        reply = Reply("lost", reason=f"its process failed: {last}", seconds=monotonic() - started)
    if getpid() != process:
        # A fork of the method's that returns: the answer is that of the process it comes from.
        end(0)
    if reply.kind == "done" and (changed := _changed(order, sys.maxsize)):
        return Reply("lost", reason=changed, seconds=monotonic() - started)
    return reply


def _fork(
    body: Callable[[Connection[Any, Any], T], None], argument: T, *, above: Connection[Any, Any] | None = None
) -> _Child:
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
        return _Child(pid, ours)
    code = 1
    try:
        os.setpgid(0, 0)
        _end_with(parent)
        if above is not None:
            above.close()
        ours.close()
        body(theirs, argument)
        code = 0
    except (EOFError, ConnectionError):
        code = 0  # the process above has ended
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies: nothing else would end it in the middle of a task."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise EOFError
