"""A task for workers that does what it is told; it imports little, because each home imports it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from mer_bench.errors import MerBenchError

KEPT: list[str] = []
"""What tasks leave in their process."""


class OwnError(MerBenchError):
    """As a plugin may define one: pickle cannot restore it."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} does not fit {two}")


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
            subprocess.Popen(["sleep", "3600"])
            time.sleep(60)
        case "daemon":
            subprocess.Popen(["sh", "-c", f"sleep {rest} & sleep {rest}"], start_new_session=True)
        case "keep":
            KEPT.append(rest)
            return task, list(KEPT)
        case "variable":
            return task, os.environ.get(rest)
        case "hash":
            return task, hash(rest)
    return str(len(task)), os.getpid()


def _worker() -> int:
    """Return the process whose child's child this is."""
    home = os.getppid()
    return int(Path(f"/proc/{home}/stat").read_text().rpartition(")")[2].split()[1])
