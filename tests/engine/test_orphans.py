"""No process outlives a run that is killed, whatever its tasks do and whoever else holds the run's connections."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from support.bench import descendants, living, wait_until
from support.worker_tasks import act

from mer_bench.engine import pool
from mer_bench.engine.place import Place
from mer_bench.engine.pool import run_tasks
from mer_bench.errors import MethodError

LAUNCHER = """
import os, sys, time
from mer_bench.engine.pool import run_tasks
from mer_bench.engine.place import Place
from support.worker_tasks import act

place = Place((), "place", imports=act.__module__, alone=sys.argv[1] == "alone")
tasks = run_tasks(act, ["a", *sys.argv[3:]], lambda _: place, lost=print, jobs=1)
next(tasks)
if sys.argv[2] and not os.fork():
    # Keeps the connection to the worker open, as a pool of a reader's would.
    open(sys.argv[2], "w").write(str(os.getpid()))
    time.sleep(3600)
list(tasks)
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[bytes], list[int]]]]:
    """Start a run of a task that writes its process into ``task``; return it, and the processes below it."""
    started: list[subprocess.Popen[bytes]] = []
    below: list[int] = []

    def run(place: str, task: str, other: str = "") -> tuple[subprocess.Popen[bytes], list[int]]:
        path = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
        command = [sys.executable, "-c", LAUNCHER, place, other, f"{task} {tmp_path / 'task'}"]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
        started.append(process)
        assert wait_until(lambda: all(has_pid(file) for file in (tmp_path / "task", Path(other or tmp_path / "task"))))
        below.extend(descendants(process.pid))
        return process, list(below)

    yield run
    for process in started:
        process.kill()
        process.wait()
    for pid in living(below):
        os.kill(pid, signal.SIGKILL)


def has_pid(file: Path) -> bool:
    return file.exists() and bool(file.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("place", ["alone", "shared"])
@pytest.mark.parametrize("killed", ["run", "worker", "home", "run and worker"])
def test_native_code_that_keeps_python_s_lock_ends_with_every_process_above_it(
    start: Callable[..., tuple[subprocess.Popen[bytes], list[int]]], tmp_path: Path, place: str, killed: str
) -> None:
    process, below = start(place, "hold-python")
    task = int((tmp_path / "task").read_text())
    worker = next(pid for pid in below if os.getpgid(pid) == pid and parent_of(pid) == process.pid)
    home = next(pid for pid in below if parent_of(pid) == worker)
    assert (task == home) == (place == "shared")
    of_kind = {"run": [process.pid], "worker": [worker], "home": [home], "run and worker": [worker, process.pid]}
    for pid in of_kind[killed]:
        os.kill(pid, signal.SIGKILL)

    gone = below if "run" in killed else [task]
    assert wait_until(lambda: not living(gone), 10), living(gone)


def test_a_worker_ends_though_another_process_keeps_its_connection_open(
    start: Callable[..., tuple[subprocess.Popen[bytes], list[int]]], tmp_path: Path
) -> None:
    process, below = start("alone", "spawn", str(tmp_path / "other"))
    other, spawned = (int((tmp_path / name).read_text()) for name in ("other", "task"))
    assert {other, spawned} <= set(below)
    process.kill()

    assert wait_until(lambda: living(below) == [other], 10), living(below)


@pytest.mark.usefixtures("own_workers")
def test_a_worker_outlives_the_thread_that_started_it() -> None:
    found: list[object] = []

    def ancestors() -> None:
        place = Place((), "thread", imports=act.__module__, alone=True)
        found.extend(outcome[1] for _, outcome in run_tasks(act, ["ancestors"], lambda _: place, lost=lost, jobs=1))

    for _ in range(3):
        thread = Thread(target=ancestors)
        thread.start()
        thread.join()
    workers = {each[2] for each in found if isinstance(each, tuple)}

    assert len(found) == 3
    assert workers == {pool._IDLE.workers[0][1].process.pid}


def lost(task: str, error: MethodError, seconds: float) -> tuple[str, object]:
    return task, str(error)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_what_ends_a_worker_is_not_interrupted_a_second_time() -> None:
    code = """
import os, signal
from mer_bench.engine.child import RunEndedError, raise_when_run_ends
try:
    raise_when_run_ends(-1)
except RunEndedError:
    os.kill(os.getpid(), signal.SIGRTMIN)
    print("ended in order")
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ended in order\n", "")
