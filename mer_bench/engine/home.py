"""A home: it imports what its tasks need, and forks a process for each task, or runs them itself."""

from __future__ import annotations

import gc
import os
import sys
import time
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from mer_bench.engine.child import LostError, fork
from mer_bench.engine.messages import Order, Reply
from mer_bench.errors import MerBenchError, error_text, reason_of
from mer_bench.evaluation.watch import ResultsFolderError, watched_files
from mer_bench.foreign import print_trace
from mer_bench.threads import one_thread

_PROTOCOL = 4
"""Of pickle: later ones build arrays by other functions, which `mer_bench.engine.pool` does not admit."""
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


def be_home(worker: Connection[Any, Any], order: Order) -> None:
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
        worker.send_bytes(Reply("ready", reason=" ".join(shared)).packed())
        worker.recv()
        if order.place.alone:
            _run_in_fork(worker, order)
        else:
            _run_here(worker, order)
            # A thread that a task has started serves the next ones, too.
            threads = sys.maxsize
        shared = []
    worker.send_bytes(Reply("lost", reason=refused).packed())


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
    # Without a module of a method's, the task is mer-bench's own, or the kit's, which computes each fold elsewhere.
    variables = order.held if order.place.imports else ()
    held = [name for name in variables if os.environ.get(name) != order.environment.get(name)]
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
    worker.send_bytes(_run(worker.recv_bytes(), order, worker).packed())


def _run_in_fork(worker: Connection[Any, Any], order: Order) -> None:
    started = time.monotonic()
    child = fork(_run_alone, (worker, order))
    # If it ends before it has the task, so does the home: the rest of the task is still in the connection.
    child.answer(None)
    try:
        while (reply := child.answer(worker)).kind == "part":
            worker.send_bytes(reply.packed())
    except LostError as lost:
        reply = Reply("lost", reason=str(lost), seconds=time.monotonic() - started)
    except EOFError:
        child.end(0.0)
        raise
    worker.send_bytes(reply.packed())
    child.end()


def _run_alone(home: Connection[Any, Any], argument: tuple[Connection[Any, Any], Order]) -> None:
    worker, order = argument
    task = worker.recv_bytes()
    worker.close()
    home.send_bytes(Reply("ready").packed())
    home.send_bytes(_run(task, order, home).packed())


def _run(payload: bytes, order: Order, above: Connection[Any, Any]) -> Reply:
    """Run a pickled function on a pickled task; its messages go to the process above."""
    # What is used after the method has run is looked up before: it may have replaced these.
    monotonic, getpid, end = time.monotonic, os.getpid, os._exit
    started, process = monotonic(), getpid()
    changed = ""

    def send(message: object) -> None:
        nonlocal changed
        if getpid() != process:
            end(0)
        changed = changed or _changed(order, sys.maxsize)
        # What is found here is the reply in the end.
        if not changed:
            above.send_bytes(Reply("part", outcome=bytes(ForkingPickler.dumps(message, _PROTOCOL))).packed())

    try:
        work, task = ForkingPickler.loads(payload)
        outcome = work(task, send) if order.sends else work(task)
        reply = Reply("done", outcome=bytes(ForkingPickler.dumps(outcome, _PROTOCOL)))
    except MerBenchError as error:
        reply = Reply("refused", reason=error_text(error))
    except KeyboardInterrupt:
        # Never the user's Ctrl-C: a worker has a session of its own. The fence round plugin code lets it through.
        reply = Reply("lost", reason="the method raised KeyboardInterrupt", seconds=monotonic() - started)
    except BaseException as error:
        # Of mer-bench itself, or because the plugin broke something that mer-bench uses.
        print_trace(error)
        reply = Reply("lost", reason=f"its process failed: {reason_of(error)}", seconds=monotonic() - started)
    if getpid() != process:
        # A fork of the method's that returns: the answer is that of the process it comes from.
        end(0)
    if reply.kind == "done" and (changed := changed or _changed(order, sys.maxsize)):
        return Reply("lost", reason=changed, seconds=monotonic() - started)
    return reply
