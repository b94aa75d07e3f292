"""A task for workers that does what it is told; it imports little, because each home imports it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from mer_bench.errors import MerBenchError, error_text

KEPT: list[str] = []
"""What tasks leave in their process."""


class OwnError(MerBenchError):
    """As a plugin may define one: pickle cannot restore it."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} does not fit {two}")


class Opaque:
    """An object whose pickle could name any code to run."""


def act(task: str) -> tuple[str, object]:
    """Do what a task says, and return its length and what was asked for."""
    verb, _, rest = task.partition(" ")
    match verb:
        case "sleep":
            time.sleep(60)
        case "exit":
            os._exit(int(rest))
        case "write":
            os.write(1, rest.encode())
        case "close-connections":
            os.closerange(3, 1024)
            time.sleep(60)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "kill-worker-once" if not Path(rest).exists():
            Path(rest).touch()
            os.kill(_worker(), signal.SIGKILL)
            time.sleep(60)
        case "kill-worker":
            os.kill(_worker(), signal.SIGKILL)
            time.sleep(60)
        case "refuse":
            raise OwnError(rest, "heads")
        case "fail":
            raise ZeroDivisionError(rest)
        case "spawn":
            Path(rest).write_text(str(subprocess.Popen(["sleep", "3600"]).pid))
            time.sleep(60)
        case "leave-a-child":
            if child := os.fork():
                Path(rest).write_text(str(child))
                os._exit(4)
            time.sleep(3600)
        case "kill-home":
            Path(rest).write_text(str(os.getpid()))
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        case "ancestors":
            return task, (os.getpid(), os.getppid(), _worker())
        case "hold-python" if not rest or Path(rest).write_text(str(os.getpid())):
            ctypes.PyDLL(None).sleep(3600)  # native code that keeps Python's lock
        case "daemon":
            subprocess.Popen(["sh", "-c", f"sleep {rest} & sleep {rest}"], start_new_session=True)
        case "keep":
            KEPT.append(rest)
            return task, list(KEPT)
        case "fork":
            os.fork()  # both processes return
        case "object":
            return task, {"foreign": Opaque(), "own": error_text}[rest]
        case "thread":
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        case "set":
            os.environ[rest] = "another"
        case "variable":
            return task, os.environ.get(rest)
        case "hash":
            return task, hash(rest)
        case "attribute":
            module, _, name = rest.partition(":")
            return task, getattr(sys.modules[module], name)
    return str(len(task)), os.getpid()


def _worker() -> int:
    """Return the process whose child's child this is."""
    home = os.getppid()
    return int(Path(f"/proc/{home}/stat").read_text().rpartition(")")[2].split()[1])


def talk(task: str, send: Callable[[object], None]) -> tuple[str, object]:
    """Send as many numbers as the task says, one by one, and then act as its rest says."""
    count, _, rest = task.partition(" ")
    for number in range(int(count)):
        send((number, "x" * 70_000))
    if rest == "send-object":
        send(Opaque())
    if rest.startswith("send-with "):
        variable = rest.partition(" ")[2]
        before = os.environ.get(variable)
        os.environ[variable] = "another"
        send((int(count), "x" * 70_000))
        os.environ.pop(variable)
        if before is not None:
            os.environ[variable] = before
        send((int(count) + 1, "x" * 70_000))
    return act(rest)
