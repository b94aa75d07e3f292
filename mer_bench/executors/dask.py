"""Dask: the tasks of a run on a scheduler of `distributed`, on Kubernetes, in a cloud, or on this machine."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING, Any

from mer_bench.errors import MerBenchError
from mer_bench.executors.base import Executor, Job, Task
from mer_bench.parameters import ParameterValue

if TYPE_CHECKING:
    from distributed import Client, Future

_LOG_SECONDS = 10.0
"""How long the last lines of a task may take to its log."""

_BOUND = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
"""Becomes the command that follows, which is killed when the thread that started it ends (PR_SET_PDEATHSIG)."""
_LOOK_SECONDS = 1.0
"""How often a task looks whether it is still wanted."""


class Dask(Executor):
    """Submits each task as one call, which starts ``mer-bench work`` on the Dask worker's machine."""

    def __init__(self, options: Mapping[str, Mapping[str, ParameterValue]]) -> None:
        super().__init__(options)
        self._own = options["cpu"]
        if any(own != self._own for own in options.values()):
            raise MerBenchError("all Dask workers are of one kind; leave the tables of the cluster file out")
        self._client: Client | None = None
        self._folder: Path | None = None
        self._futures: dict[int, Future] = {}
        self._later: dict[int, Task] = {}
        self._lock = Lock()

    @property
    def gpus(self) -> bool:
        """Whether the Dask workers have a resource that stands for a GPU."""
        return bool(self._own["gpu_resource"])

    @property
    def detaches(self) -> bool:
        """The scheduler forgets the tasks of a command that ends, and they look whether they are still wanted."""
        return False

    def preview(self, job: Job) -> str:
        """Return the commands of the tasks."""
        where = self._own["address"] or f"{self._own['workers']} Dask workers on this machine"
        return "\n".join([f"on {where}:", *(job.shell_command(task.number) for task in job.tasks)])

    def submit(self, job: Job) -> str:
        """Submit the tasks; those of cells when all samples are preprocessed, or could not be."""
        client = self._connect()
        self._folder = job.folder
        first = job.of_kind("preprocess")
        self._later = {task.number: task for task in job.tasks if task not in first}

        def go_on(done: object = None) -> None:
            with self._lock:
                if all(self._futures[task.number].done() for task in first):
                    while self._later:
                        self._submit(client, job, self._later[next(iter(self._later))])

        for task in first:
            self._submit(client, job, task)
        # Not as dependencies of Dask: a task whose Dask workers died would cancel those that depend on it.
        for task in first:
            self._futures[task.number].add_done_callback(go_on)
        if not first:
            go_on()
        return f"Dask scheduler {client.scheduler.address}"

    def active(self, folder: Path) -> Collection[int] | None:
        """Return the tasks that this command has submitted and that are not done; None for those of another."""
        if folder != self._folder:
            return None
        if self._client is not None and self._client.status != "running":
            return ()  # the scheduler is gone, and with it the tasks
        with self._lock:
            return [*self._later, *(number for number, future in self._futures.items() if not future.done())]

    def log(self, folder: Path, number: int) -> Sequence[Path]:
        """Return the file to which the attempts of a task write."""
        return [_log(folder, number)]

    def _submit(self, client: Client, job: Job, task: Task) -> None:
        resource = self._own["gpu_resource"] if task.kind == "gpu" else ""
        self._futures[task.number] = client.submit(
            run_task,
            job.command([task.number]),
            str(_log(job.folder, task.number)),
            dict(job.environment),
            self._own["retries"],
            key=f"mer-bench-{job.run}-{task.number}",
            resources={resource: 1} if resource else None,
            pure=False,
        )
        self._later.pop(task.number, None)

    def _connect(self) -> Client:
        try:
            from distributed import Client, LocalCluster
        except ImportError as error:
            raise MerBenchError(f"Dask cannot be imported ({error}); pip install 'mer-bench[dask]'") from error
        if self._client is None:
            # What it says of Dask workers that die, and of connections that close at the end, is no news here.
            logging.getLogger("distributed").setLevel(logging.CRITICAL)
            address = self._own["address"]
            try:
                self._client = Client(address or self._local(LocalCluster))
            except (OSError, ValueError) as error:
                raise MerBenchError(f"no Dask scheduler answers at {address} ({error}); check dask_address") from error
        return self._client

    def _local(self, make: Any) -> Any:
        # A Dask worker's memory is that of its tasks' processes, which Dask does not see.
        return make(
            n_workers=self._own["workers"],
            threads_per_worker=1,
            memory_limit=None,
            # Without a dashboard, it still serves its state by HTTP: on any free port, and not to other machines.
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            worker_dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )


def _log(folder: Path, number: int) -> Path:
    return folder / f"dask-{number}.log"


def run_task(command: Sequence[str], log: str, environment: Mapping[str, str], retries: int) -> int:
    """Run a task on a Dask worker, and return its exit code; what it prints is added to a file.

    It is ended when the scheduler no longer wants it, because the command that submitted it has ended.

    Parameters
    ----------
    command : sequence of str
    log : str
        The file.
    environment : mapping of str to str
        Variables besides the Dask worker's own.
    retries : int
        How often to start it again if it was killed.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    variables = {**os.environ, **environment}
    bound = [sys.executable, "-c", _BOUND, str(os.getpid()), *command]
    code, is_wanted = -1, _asks_worker()
    with _pipe_to(Path(log)) as output:
        while code < 0 <= retries and is_wanted():
            retries -= 1
            process = subprocess.Popen(bound, env=variables, stdout=output, stderr=subprocess.STDOUT)
            code = _waited_for(process, is_wanted)
    return code


@contextmanager
def _pipe_to(log: Path) -> Iterator[IO[bytes]]:
    """Yield a pipe whose content is added to a file: a task must not hold a file in the results folder."""
    with log.open("ab") as file:
        writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file, start_new_session=True)
    assert writer.stdin is not None
    try:
        with writer.stdin as pipe:
            yield pipe
    finally:
        # Not for ever: what the task has started may hold the pipe.
        with suppress(subprocess.TimeoutExpired):
            writer.wait(_LOG_SECONDS)


def _waited_for(process: subprocess.Popen[bytes], is_wanted: Callable[[], bool]) -> int:
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_LOOK_SECONDS)
        if not is_wanted():
            process.terminate()


def _asks_worker() -> Callable[[], bool]:
    """Return a function that says whether the Dask worker of this thread is still to run the thread's task."""
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:
        return lambda: True
    key = worker.get_current_task()

    def is_wanted() -> bool:
        state = worker.state.tasks.get(key)
        return state is not None and state.state != "cancelled"

    return is_wanted
