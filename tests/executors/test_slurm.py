"""Runs on a real Slurm of one node: each test submits job arrays by sbatch, and does something to them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.bench import Bench, Ended, descendants, predictions, wait_until
from support.slurm_cluster import SlurmCluster, missing, slurm_cluster

from mer_bench.engine import plan_tasks
from mer_bench.executors import slurm as slurm_executor

FRAMES = ("--data", "synthetic", "--data-option", "layout=smic", "--protocol", "loso-smic", "--allow-partial")
QUICK = ("--preprocess", "flow=farneback", "--preprocess", "size=96")

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(missing() != "", reason=missing()),
    pytest.mark.usefixtures("naughty"),
]

CLUSTER = """
slurm_partition = "test"
slurm_mem = "200M"
slurm_time = 5
"""
SVM = ("--method", "svm-flow", "--set", "tuning=fixed", "--grid", "C=0.5,1,2,8,20,50,100")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    with slurm_cluster(tmp_path_factory.mktemp("slurm")) as running:
        yield running


@pytest.fixture(autouse=True)
def slurm(cluster: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmCluster]:
    """The cluster of all tests, empty before and after each."""
    for name in ("SLURM_CONF", "PATH"):
        monkeypatch.setenv(name, cluster.environment[name])
    Path("slurm.toml").write_text(CLUSTER, encoding="utf-8")
    # Commands of one test run in one process.
    monkeypatch.setattr(slurm_executor, "ASK_SECONDS", 0.0)
    yield cluster
    cluster.call("scancel", "--user=root")
    cluster.call("scancel", "--user=root", "--full", "--signal=KILL", check=False)
    assert wait_until(lambda: not cluster.states(), 60), cluster.logs()


def submit(bench: Bench, *arguments: str | Path) -> Ended:
    """Submit a run, and do not wait for it."""
    return bench.run(*arguments, "--cluster", "slurm.toml", "--detach")


def stored(results: Path) -> dict[str, object]:
    """Return the predictions of each cell, by its file: runs with the same settings have the same row keys."""
    cells = {}
    for file in results.glob("cells/*/*/*/seed-*/[!.]*.json"):
        cell = json.loads(file.read_bytes())
        cells[str(file.relative_to(results))] = [cell["status"], cell["predictions"]]
    return cells


def table(bench: Bench, results: Path) -> list[dict[str, Any]]:
    """Return the rows of a store with their scores; times are left out."""
    rows = json.loads(bench("status", "--results", results, "--json").out)["rows"]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def finish(slurm: SlurmCluster) -> None:
    """Wait until no task is in the queue."""
    assert wait_until(lambda: not slurm.states(), 240), (slurm.states(), slurm.logs())


def workers(bench: Bench) -> dict[int, int]:
    """Return the numbers of the tasks that are computed into a test's own results folder, with a process of each."""
    found: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if words[1:4] == ["-m", "mer_bench", "work"] and str(bench.results) in words:
            # A fork of a worker has its command, and a higher number.
            number = int(words[-2])
            found[number] = min(found.get(number, int(folder.name)), int(folder.name))
    return found


def test_three_in_ten_tasks_are_killed_and_the_same_command_completes_the_same_table(
    bench: Bench, slurm: SlurmCluster, tmp_path: Path
) -> None:
    asked = ("--method", "slow", "--grid", "slow.seconds=2.1,2.2,2.3", *SVM)
    submitted = submit(bench, *asked)
    assert submitted.code == 0, submitted.err
    assert "10 tasks submitted, Slurm job" in submitted.out + submitted.err

    assert wait_until(lambda: len(workers(bench)) >= 3, 120), slurm.logs()
    running = workers(bench)
    killed, cancelled = sorted(running)[:2]
    (job,) = {name.partition("_")[0] for name in slurm.states()}
    slurm.call("scancel", "--full", "--signal=KILL", f"{job}_{cancelled}")
    slurm.call("scancel", f"{job}_9")
    os.kill(running[killed], signal.SIGKILL)
    finish(slurm)
    half = len(bench.cell_files())
    again = submit(bench, *asked)
    finish(slurm)
    done = submit(bench, *asked)
    other = tmp_path / "undisturbed"
    undisturbed = bench.run(*asked, "--results", other, jobs=2)

    assert undisturbed.code == again.code == done.code == 0
    assert 0 < half < 60
    assert re.search(r"\d tasks? submitted", again.out)
    assert "submitted" not in done.out
    assert len(stored(other)) == 60
    assert stored(bench.results) == stored(other)
    assert table(bench, bench.results) == table(bench, other)


def test_a_task_at_its_time_limit_is_requeued_and_goes_on_with_what_is_missing(
    bench: Bench, slurm: SlurmCluster
) -> None:
    assert submit(bench, "--method", "slow", "--set", "seconds=3").code == 0
    assert wait_until(lambda: len(bench.cell_files()) >= 2, 120), slurm.logs()
    (task,) = slurm.states()
    # What the limit does, a minute before it: limits are whole minutes.
    slurm.call("scancel", "--batch", "--signal=USR1", task)
    assert wait_until(lambda: slurm.states().get(task) == "PENDING", 60), slurm.logs()
    early = {file: file.stat().st_mtime_ns for file in bench.cell_files()}
    assert 2 <= len(early) < 6
    assert not workers(bench)
    assert "submitted" not in submit(bench, "--method", "slow", "--set", "seconds=3").out
    # Slurm lets a requeued job wait for two minutes; one that starts within a second is refused: credential revoked.
    slurm.call("scontrol", "update", f"jobid={task}", "starttime=now+4")
    finish(slurm)

    assert len(bench.cell_files()) == 6
    assert {file: file.stat().st_mtime_ns for file in early} == early
    (log,) = bench.results.glob("runs/*/slurm-*.log")
    assert "task 0 reached its time limit" in log.read_text()


def test_a_task_is_told_before_its_time_limit_and_keeps_what_is_stored(bench: Bench, slurm: SlurmCluster) -> None:
    Path("slurm.toml").write_text(CLUSTER.replace("slurm_time = 5", "slurm_time = 3"), encoding="utf-8")
    assert submit(bench, "--method", "slow", "--set", "seconds=30").code == 0
    (task,) = slurm.states()
    requeued = wait_until(lambda: slurm.states().get(task) == "PENDING" and "Restarts=1" in shown(slurm, task), 200)

    assert requeued, slurm.logs()
    assert 1 <= len(bench.cell_files()) < 6


def shown(slurm: SlurmCluster, task: str) -> str:
    """Return what Slurm knows of a task."""
    return slurm.call("scontrol", "show", "job", task, check=False)


def test_a_task_is_requeued_as_often_as_the_file_says(bench: Bench, slurm: SlurmCluster) -> None:
    Path("slurm.toml").write_text(f"{CLUSTER}slurm_requeues = 0\n", encoding="utf-8")
    assert submit(bench, "--method", "slow", "--set", "seconds=30").code == 0
    assert wait_until(lambda: len(workers(bench)) >= 1, 60), slurm.logs()
    (task,) = slurm.states()
    assert wait_until(
        lambda: bool(slurm.call("scancel", "--batch", "--signal=USR1", task, check=False)) or not workers(bench), 60
    )
    finish(slurm)

    assert "in a new job" not in next(bench.results.glob("runs/*/slurm-*.log")).read_text()


def test_a_failed_cell_cancels_no_other_and_its_log_is_found(bench: Bench, slurm: SlurmCluster) -> None:
    asked = ("--method", "raises", "--method", "good", "--method", "nan")
    assert submit(bench, *asked).code == 0
    finish(slurm)
    cells = predictions(bench.results)
    status = bench("status", "--results", bench.results)

    assert len(cells) == 18
    assert sorted(name for (name, _, _), cell in cells.items() if cell[0] == "failed") == ["nan", "raises"]  # type: ignore[index]
    logs = re.findall(r"/\S+/slurm-\d+-\d+\.log", status.out)
    assert len(set(logs)) == 2
    assert sorted(
        re.findall("(nan|raises), seed 0, fold smic-synthetic01 failed", "".join(Path(log).read_text() for log in logs))
    ) == ["nan", "raises"]


def test_no_process_of_a_task_has_the_log_open(bench: Bench, slurm: SlurmCluster) -> None:
    assert submit(bench, "--method", "slow", "--set", "seconds=30").code == 0
    assert wait_until(lambda: any(len(descendants(pid)) >= 3 for pid in workers(bench).values()), 120), slurm.logs()
    (worker,) = workers(bench).values()
    held = {
        pid: {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.name in ("1", "2")}
        for pid in (worker, *descendants(worker))
    }

    assert len(held) >= 4
    assert all(name.startswith("pipe:") for names in held.values() for name in names), held


def test_cells_wait_until_the_samples_are_preprocessed(
    bench: Bench, slurm: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(plan_tasks, "_SAMPLES", 6)
    asked = ("--method", "svm-flow", *FRAMES, *QUICK)
    slurm.call("scontrol", "update", "partitionname=test", "state=down")
    try:
        first = submit(bench, *asked)
        waits = slurm.call("squeue", "--noheader", "--array", "--format=%j %E").split("\n")
        again = submit(bench, *asked)
    finally:
        slurm.call("scontrol", "update", "partitionname=test", "state=up")
    finish(slurm)

    assert (first.code, again.code) == (0, 0), first.err
    assert "3 tasks submitted, Slurm jobs" in first.out
    assert "submitted" not in again.out
    assert sum(line.startswith("mer-bench-preprocess ") for line in waits) == 2
    assert [line.split()[1].startswith("afterany:") for line in waits if line.startswith("mer-bench-cpu ")] == [True]
    assert len(bench.cell_files()) == 2
    assert last_written(tmp_path / "cache" / "face-flow") < min(file.stat().st_mtime for file in bench.cell_files())


def last_written(folder: Path) -> float:
    """Return when the last of 12 entries of a cache was written."""
    times = [file.stat().st_mtime for file in folder.rglob("*.entry")]
    assert len(times) == 12
    return max(times)


def test_data_is_preprocessed_into_one_cache_and_the_rest_is_submitted_again(
    bench: Bench, slurm: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(plan_tasks, "_SAMPLES", 3)
    asked = ("data", "preprocess", "synthetic", "--data-option", "layout=smic", "--data-option", "size=tiny", *QUICK)
    elsewhere = ("--cluster", "slurm.toml", "--results", bench.results)
    submitted = bench(*asked, *elsewhere, "--detach")
    (job,) = {name.partition("_")[0] for name in slurm.states()}
    slurm.call("scancel", f"{job}_2", f"{job}_3")
    finish(slurm)
    there = len(list((tmp_path / "cache" / "region-flow").rglob("*.entry")))
    again = bench(*asked, *elsewhere)

    assert (submitted.code, again.code) == (0, 0), submitted.err + again.err
    assert "4 tasks submitted, Slurm job" in submitted.out
    assert 6 <= there < 12
    assert f"{12 - there} preprocessed, {there} in the cache already, 0 failed" in again.out
    finish(slurm)


def test_networks_are_an_array_of_their_own_that_asks_for_a_gpu(bench: Bench, slurm: SlurmCluster) -> None:
    Path("slurm.toml").write_text(f"{CLUSTER}[gpu]\nslurm_gres = 'gpu:1'\nslurm_mem = '1G'\n", encoding="utf-8")
    slurm.call("scontrol", "update", "partitionname=test", "state=down")
    try:
        asked = ("--method", "ststnet", "--method", "majority", "--set", "ststnet.epochs=1", "--device", "auto")
        submitted = submit(bench, *asked)
        jobs = dict(line.split() for line in slurm.call("squeue", "--noheader", "--format=%j %b").splitlines())
    finally:
        slurm.call("scontrol", "update", "partitionname=test", "state=up")
    finish(slurm)

    assert submitted.code == 0, submitted.err
    assert set(jobs) == {"mer-bench-cpu", "mer-bench-gpu"}
    assert "gpu:1" in jobs["mer-bench-gpu"]
    assert "gpu" not in jobs["mer-bench-cpu"]
    assert len(bench.cell_files()) == 12


def test_the_same_command_submits_nothing_twice_while_tasks_wait(bench: Bench, slurm: SlurmCluster) -> None:
    slurm.call("scontrol", "update", "partitionname=test", "state=down")
    try:
        first = submit(bench, *SVM)
        before = slurm.states()
        second = submit(bench, *SVM)
        more = submit(bench, *SVM, "--method", "good")
        after = slurm.states()
    finally:
        slurm.call("scontrol", "update", "partitionname=test", "state=up")

    assert first.code == second.code == more.code == 0
    assert "7 tasks submitted" in first.out
    assert "submitted" not in second.out
    assert "its tasks are still waiting or running" in second.out
    assert "1 task submitted" in more.out
    assert len(before) == 7
    assert len(after) == 8


def test_the_command_follows_what_is_stored_and_ends_with_the_table(bench: Bench, slurm: SlurmCluster) -> None:
    ended = bench.run("--method", "good", "--method", "raises", "--cluster", "slurm.toml")

    assert ended.code == 1
    assert "1 of 12 cells failed; the first: raises" in ended.out
    assert (bench.results / "report.html").exists()
    assert wait_until(lambda: not slurm.states(), 20)


def test_a_path_with_spaces_quotes_and_percent_signs(bench: Bench, slurm: SlurmCluster, tmp_path: Path) -> None:
    bench.results = tmp_path / 'a "b" %j %a $HOME # c'
    assert submit(bench, "--method", "good").code == 0
    finish(slurm)

    assert len(bench.cell_files()) == 6
    assert len(list(bench.results.glob("runs/*/slurm-*.log"))) == 1


def test_sbatch_says_what_is_wrong_with_an_option(bench: Bench) -> None:
    Path("slurm.toml").write_text(CLUSTER.replace('"test"', '"no-such"'), encoding="utf-8")
    ended = submit(bench, "--method", "good")

    assert ended.code == 2
    assert "sbatch refuses" in ended.errors[0]
    assert "invalid partition" in ended.errors[0]


def test_the_scripts_that_are_printed_are_scripts_of_sbatch(bench: Bench, slurm: SlurmCluster) -> None:
    finish(slurm)
    ended = bench.run("--method", "good", "--cluster", "slurm.toml", "--dry-run")
    script = ended.out[ended.out.index("#!/bin/bash") :]
    tested = subprocess.run(["sbatch", "--test-only"], input=script, text=True, capture_output=True, check=False)

    assert ended.code == 0
    assert tested.returncode == 0, tested.stderr
    assert not bench.results.exists()
    assert not slurm.states()
