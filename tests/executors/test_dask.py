"""Runs on Dask workers: one that is killed, samples that come first, and what is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

import pytest
from support.bench import Bench, descendants, living, wait_until

from mer_bench.errors import MerBenchError
from mer_bench.executors import dask
from mer_bench.executors.base import Job, Task
from mer_bench.executors.dask import Dask, run_task
from mer_bench.executors.options import DASK

OPTIONS = {parameter.name: parameter.default for parameter in DASK}
KINDS = ("preprocess", "cpu", "gpu")


def executor(**changed: str | int) -> Dask:
    return Dask({kind: {**OPTIONS, **changed} for kind in KINDS})


class Scheduler:
    """What a client of Dask does for an executor; a task is done when the test says so."""

    class scheduler:  # noqa: N801  (so the client calls it)
        address = "tcp://elsewhere:1"

    status = "running"

    def __init__(self) -> None:
        self.futures: dict[int, Future[int]] = {}
        self.resources: dict[int, object] = {}

    def submit(self, function: object, command: list[str], *arguments: object, **options: object) -> Future[int]:
        assert function is run_task
        number = int(command[-1])
        self.futures[number] = Future()
        self.resources[number] = options["resources"]
        return self.futures[number]


def submitted(tmp_path: Path, **changed: str | int) -> tuple[Dask, Scheduler, Job]:
    """Return an executor that has two tasks with samples, one with cells, and one for a GPU."""
    own, scheduler = executor(**changed), Scheduler()
    own._client = scheduler
    tasks = tuple(Task(number, kind, 1.0) for number, kind in enumerate(("preprocess", "preprocess", "cpu", "gpu")))
    job = Job(tmp_path, "20260101T000000-abcdef", tasks, {})
    assert own.submit(job) == "Dask scheduler tcp://elsewhere:1"
    return own, scheduler, job


def test_cells_come_when_samples_are_preprocessed_or_could_not_be(tmp_path: Path) -> None:
    own, scheduler, job = submitted(tmp_path)
    assert list(scheduler.futures) == [0, 1]
    scheduler.futures[0].set_exception(RuntimeError("its workers died"))
    assert list(scheduler.futures) == [0, 1]
    assert sorted(own.active(job.folder) or ()) == [1, 2, 3]
    scheduler.futures[1].set_result(0)

    assert list(scheduler.futures) == [0, 1, 2, 3]
    assert scheduler.resources == dict.fromkeys(range(4))
    scheduler.futures[3].set_result(1)
    assert own.active(job.folder) == [2]
    assert own.active(tmp_path / "runs" / "of another command") is None


def test_networks_ask_for_the_resource_that_stands_for_a_gpu(tmp_path: Path) -> None:
    own, scheduler, _ = submitted(tmp_path, gpu_resource="GPU")
    for number in (0, 1):
        scheduler.futures[number].set_result(0)

    assert (own.gpus, executor().gpus) == (True, False)
    assert scheduler.resources == {0: None, 1: None, 2: None, 3: {"GPU": 1}}


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (2, 3)])
def test_a_task_whose_process_is_killed_is_started_again(tmp_path: Path, retries: int, attempts: int) -> None:
    command = [sys.executable, "-c", "import os; print('started', flush=True); os.kill(os.getpid(), 9)"]
    log = tmp_path / "a" / "log"

    assert run_task(command, str(log), {}, retries) == -signal.SIGKILL
    assert log.read_text().split() == ["started"] * attempts


def test_a_task_that_fails_is_not_started_again_and_has_its_variables(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import os, sys; print(os.environ['OWN']); sys.exit(3)"]

    assert run_task(command, str(tmp_path / "log"), {"OWN": "7"}, 2) == 3
    assert (tmp_path / "log").read_text() == "7\n"


def test_a_task_that_is_no_longer_wanted_is_ended_and_not_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    monkeypatch.setattr(dask, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(dask, "_asks_worker", lambda: lambda: not log.read_text())

    assert run_task(["/bin/sh", "-c", "echo started; exec sleep 60"], str(log), {}, 2) == -signal.SIGTERM
    assert log.read_text() == "started\n"


def test_no_file_of_a_task_is_its_log(tmp_path: Path) -> None:
    code = "import os; print(*(os.readlink(f'/proc/self/fd/{number}') for number in (1, 2)))"

    assert run_task([sys.executable, "-c", code], str(tmp_path / "log"), {}, 2) == 0
    assert [name.partition(":")[0] for name in (tmp_path / "log").read_text().split()] == ["pipe", "pipe"]


def test_tables_for_kinds_of_tasks_are_refused() -> None:
    with pytest.raises(MerBenchError, match="all Dask workers are of one kind"):
        Dask({"preprocess": OPTIONS, "cpu": OPTIONS, "gpu": {**OPTIONS, "workers": 3}})


def test_without_dask_the_extra_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    Path("dask.toml").write_text("dask_workers = 2\n", encoding="utf-8")
    ended = bench.run("--method", "majority", "--cluster", "dask.toml")

    assert ended.code == 2
    assert "Dask cannot be imported" in ended.errors[0]
    assert "pip install 'mer-bench[dask]'" in ended.errors[0]


@pytest.mark.slow
@pytest.mark.parametrize("address", ["nowhere", "tcp://127.0.0.1:9"])
def test_a_scheduler_that_does_not_answer_is_named(bench: Bench, address: str) -> None:
    Path("dask.toml").write_text(f'dask_address = "{address}"\n', encoding="utf-8")
    ended = bench.spawn(
        *bench.run_arguments("--method", "majority", "--cluster", "dask.toml"),
        env={**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"},
    )

    assert ended.code == 2
    assert len(ended.err.splitlines()) <= 7
    assert f"no Dask scheduler answers at {address}" in ended.errors[0]


def test_tasks_end_with_the_command_and_so_nothing_detaches(bench: Bench) -> None:
    Path("dask.toml").write_text("dask_workers = 2\n", encoding="utf-8")
    ended = bench.run("--method", "majority", "--cluster", "dask.toml", "--detach")

    assert ended.code == 2
    assert "--detach: the tasks of dask.toml end with the command" in ended.errors[0]


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def tasks_below(pid: int) -> list[int]:
    """Return the processes of ``mer-bench work`` below a process."""
    found = []
    for child in descendants(pid):
        file = Path(f"/proc/{child}/cmdline")
        if file.exists() and file.read_text().split("\0")[1:4] == ["-m", "mer_bench", "work"]:
            found.append(child)
    return found


def scores(results: Path) -> dict[str, object]:
    files = results.glob("cells/*/*/*/seed-*/[!.]*.json")
    return {str(file.relative_to(results)): json.loads(file.read_bytes())["predictions"] for file in files}


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
def test_a_killed_worker_takes_its_task_with_it_and_another_completes_it(bench: Bench, tmp_path: Path) -> None:
    Path("dask.toml").write_text("dask_workers = 2\n", encoding="utf-8")
    asked = ("--method", "slow", "--grid", "slow.seconds=0.3,0.4,0.5,0.6", "--method", "svm-flow")
    process = bench.start(*bench.run_arguments(*asked, "--cluster", "dask.toml"))
    assert wait_until(lambda: len(bench.cell_files()) >= 2 and bool(tasks_below(process.pid)), 120)
    task = tasks_below(process.pid)[0]
    worker = parent(task)
    below = [task, *descendants(task)]
    os.kill(worker, signal.SIGKILL)
    assert wait_until(lambda: not living(below), 20)
    all_below = descendants(process.pid)
    out, err = process.communicate(timeout=200)
    undisturbed = tmp_path / "undisturbed"
    assert bench.run(*asked, "--results", undisturbed, jobs=2).code == 0

    assert worker != process.pid
    assert process.returncode == 0, err
    assert len(scores(bench.results)) == 30
    assert scores(bench.results) == scores(undisturbed)
    assert "distributed" not in out + err
    assert "Traceback" not in err
    assert wait_until(lambda: not living(all_below), 20)


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_workers_and_tasks_end_with_the_command(bench: Bench, stop: signal.Signals) -> None:
    Path("dask.toml").write_text("dask_workers = 2\n", encoding="utf-8")
    process = bench.start(
        *bench.run_arguments("--method", "slow", "--set", "seconds=30", "--cluster", "dask.toml"),
    )
    assert wait_until(lambda: bool(tasks_below(process.pid)), 120)
    below = descendants(process.pid)
    process.send_signal(stop)
    _, err = process.communicate(timeout=60)

    assert wait_until(lambda: not living(below), 30)
    if stop == signal.SIGINT:
        assert process.returncode == 130
        assert "interrupted: the same command again submits what is missing" in err
        assert "Traceback" not in err


SCHEDULER = """
from distributed import LocalCluster

if __name__ == "__main__":
    quiet = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(n_workers=1, threads_per_worker=1, scheduler_kwargs=quiet, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        input()
"""


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_tasks_of_a_scheduler_elsewhere_end_with_the_command_and_the_scheduler_goes_on(
    bench: Bench, tmp_path: Path, stop: signal.Signals
) -> None:
    (tmp_path / "scheduler.py").write_text(SCHEDULER, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "scheduler.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as scheduler:
        assert scheduler.stdin is not None
        assert scheduler.stdout is not None
        Path("dask.toml").write_text(f'dask_address = "{scheduler.stdout.readline().strip()}"\n', encoding="utf-8")
        process = bench.start(*bench.run_arguments("--method", "slow", "--set", "seconds=30", "--cluster", "dask.toml"))
        assert wait_until(lambda: bool(tasks_below(scheduler.pid)), 120), process.communicate()
        below = [pid for task in tasks_below(scheduler.pid) for pid in (task, *descendants(task))]
        process.send_signal(stop)
        process.communicate(timeout=60)

        assert wait_until(lambda: not living(below), 20)
        assert not tasks_below(scheduler.pid)
        assert scheduler.poll() is None
        scheduler.stdin.write("\n")
        scheduler.stdin.flush()
