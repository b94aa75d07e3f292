"""A run on a third party's executor: what is planned, submitted, followed and said, and what a task refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from support.bench import TINY, Bench
from support.store_files import edit_record

from mer_bench.cli.verbs import status
from mer_bench.engine import plan_tasks, queued
from mer_bench.engine import planned as planned_module
from mer_bench.store.run_plan import planned_runs
from mer_bench.store.store import Store

SVM = ("--method", "svm-flow", "--set", "svm-flow.tuning=fixed", "--grid", "svm-flow.C=1,8")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queued, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(queued, "ASK_SECONDS", 0.0)


@pytest.fixture
def planned(bench: Bench, desk: Path) -> tuple[Bench, str]:
    """A run of three rows whose tasks wait in the queue, and its id."""
    desk.write_text("desk_start = false\n", encoding="utf-8")
    assert bench.run(*SVM, "--method", "majority", "--cluster", desk, "--detach").code == 0
    (run_id,) = planned_runs(Store(bench.results))
    return bench, run_id


def work(bench: Bench, run_id: str, *tasks: int) -> tuple[int, str]:
    """Compute tasks as an executor does; return the exit code and what is said."""
    ended = bench("work", bench.results, run_id, *map(str, tasks))
    return ended.code, ended.err


@pytest.mark.slow
def test_a_run_elsewhere_stores_what_a_run_here_does_and_shows_the_same_table(
    bench: Bench, desk: Path, tmp_path: Path
) -> None:
    there = bench.run(*SVM, "--method", "majority", "--json", "--cluster", desk)
    elsewhere = {file.relative_to(bench.results): predictions_of(file) for file in bench.cell_files()}
    bench.results = tmp_path / "here"
    here = bench.run(*SVM, "--method", "majority", "--json")

    assert (there.code, here.code) == (0, 0)
    assert there.objects == here.objects
    assert elsewhere == {file.relative_to(bench.results): predictions_of(file) for file in bench.cell_files()}
    assert len(elsewhere) == 18
    assert "3 tasks submitted, desk 7" in there.err


def predictions_of(file: Path) -> object:
    """Return the predictions of a cell's file."""
    return json.loads(file.read_bytes())["predictions"]


def test_a_dry_run_shows_each_task_and_writes_nothing(bench: Bench, desk: Path) -> None:
    desk.write_text('desk_label = "fast"\n[cpu]\ndesk_label = "slow"\n', encoding="utf-8")
    ended = bench.run(*SVM, "--cluster", desk, "--dry-run")
    shown = [line for line in ended.out.splitlines() if " -m mer_bench work " in line]

    assert [line.partition(":")[0] for line in shown] == ["slow", "slow"]
    assert [line.rpartition(" ")[2] for line in shown] == ["0", "1"]
    assert not bench.results.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
def test_failed_cells_are_named_with_the_log_of_their_task(bench: Bench, desk: Path) -> None:
    ended = bench.run("--method", "good", "--method", "raises", "--cluster", desk)
    status = bench("status", "--results", bench.results)
    (run_id,) = planned_runs(Store(bench.results))
    (log,) = re.findall(r"^  log: (.+)$", status.out, re.MULTILINE)

    assert ended.code == 1
    assert "1 of 12 cells failed; the first: raises, seed 0, fold smic-synthetic01" in ended.out
    assert "raises-" in status.out
    assert "seed 0, fold smic-synthetic01 failed: ValueError: no [good] reason" in status.out
    assert Path(log).parent == bench.results / "runs" / run_id
    assert "raises, seed 0, fold smic-synthetic01 failed" in Path(log).read_text()
    assert "cells are missing" not in status.out

    (file,) = [
        file for file in bench.results.glob("cells/*/*/*/seed-0/*.json") if "no [good] reason" in file.read_text()
    ]
    edit_record(file, lambda cell: cell.update(run_id="x" * 300))
    odd = bench("status", "--results", bench.results)
    assert (odd.code, "5/6, 1 failed" in odd.out, odd.err) == (0, True, "")


@pytest.mark.slow
def test_what_waits_in_the_queue_is_not_submitted_again_by_any_file(planned: tuple[Bench, str], tmp_path: Path) -> None:
    bench, run_id = planned
    other = tmp_path / "other.toml"
    other.write_text("slurm_time = 5\n", encoding="utf-8")
    again = bench.run(*SVM, "--cluster", other, "--detach")
    status = bench("status", "--results", bench.results)

    assert again.code == 0
    assert f"run {run_id}: its tasks are still waiting or running" in again.out
    assert planned_runs(Store(bench.results)) == [run_id]
    assert f"run {run_id}: 18 of 18 cells are missing, in 3 of 3 tasks; 3 waiting or running" in status.out


def test_what_an_executor_cannot_tell_is_submitted_again_with_a_note(
    planned: tuple[Bench, str], desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, run_id = planned
    file = bench.results / "runs" / run_id / "cluster.toml"
    assert file.read_text() == desk.read_text()
    file.write_text("desk_knows = false\n", encoding="utf-8")
    monkeypatch.setattr(plan_tasks, "new_run_id", lambda: "29991231T000000-abcdef")
    again = bench.run(*SVM, "--cluster", desk, "--detach")
    pending = [line for line in bench("status", "--results", bench.results).out.splitlines() if "missing" in line]

    assert f"whether tasks of run {run_id} are still waiting or running cannot be told" in again.err
    assert "2 tasks submitted, desk 7" in again.out
    assert pending == [
        f"run {run_id}: 6 of 18 cells are missing, in 1 of 3 tasks; whether they are waiting or running cannot be told "
        "here",
        "run 29991231T000000-abcdef: 12 of 12 cells are missing, in 2 of 2 tasks; 2 waiting or running",
    ]


@pytest.mark.slow
def test_a_removed_row_and_a_damaged_plan_are_pending_no_more(planned: tuple[Bench, str], desk: Path) -> None:
    bench, run_id = planned
    store = Store(bench.results)
    majority = next(row for row in store.rows() if row["method"]["name"] == "majority")
    store.remove_row(majority)
    removed = bench("status", "--results", bench.results).out
    plan = bench.results / "runs" / run_id / "plan.json"
    plan.write_text("{}", encoding="utf-8")
    damaged = bench("status", "--results", bench.results)
    waiting = bench.run("--method", "majority", "--cluster", desk, "--detach")
    (plan.parent / "desk-queue").write_text("")
    again = bench.run("--method", "majority", "--cluster", desk, "--detach")

    assert f"run {run_id}: 12 of 18 cells are missing, in 2 of 3 tasks; 3 waiting or running" in removed
    assert (damaged.code, damaged.out) == (0, "no cell is stored yet\n")
    (note,) = [line for line in damaged.err.splitlines() if "plan.json" in line]
    assert note.startswith(f"note: {plan} cannot be read (its checksum does not fit")
    assert note.endswith("; delete it, and plan the run again with `mer-bench run`")
    assert waiting.code == 2
    assert waiting.errors[0].startswith(
        f"error: nothing is submitted: tasks of run {run_id} are waiting or running, and"
    )
    assert str(plan) in waiting.errors[0]
    assert "1 task submitted" in again.out


def test_status_prints_again_until_ctrl_c_and_asks_no_more_than_once_a_minute(
    planned: tuple[Bench, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, run_id = planned
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        (bench.results / "runs" / run_id / "desk-queue").write_text("1" if len(waits) == 1 else "")
        if len(waits) == 2:
            monkeypatch.setattr(planned_module, "ASK_SECONDS", 0.0)
        if len(waits) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", wait)
    ended = bench("status", "--results", bench.results, "--watch")
    pending = [line.rpartition("; ")[2] for line in ended.out.splitlines() if line.startswith("run ")]

    assert ended.code == 130
    assert pending == ["3 waiting or running"] * 2 + ["none is waiting or running"] * 2
    assert waits == [status._WATCH_SECONDS] * 4
    assert planned_module.ASK_SECONDS == 0.0


@pytest.mark.slow
def test_a_task_computes_what_is_missing_of_it_and_nothing_else(planned: tuple[Bench, str]) -> None:
    bench, run_id = planned
    assert work(bench, run_id, 1)[0] == 0
    files = bench.cell_files()
    assert len(files) == 6
    times = {file: file.stat().st_mtime_ns for file in files}
    files[2].unlink()
    del times[files[2]]
    assert work(bench, run_id, 1)[0] == 0

    assert bench.cell_files() == files
    assert {file: file.stat().st_mtime_ns for file in times} == times
    assert work(bench, run_id, 0, 1, 2)[0] == 0
    assert len(bench.cell_files()) == 18
    assert "missing" not in bench("status", "--results", bench.results).out


@pytest.mark.slow
def test_two_workers_on_one_task_store_what_one_does(planned: tuple[Bench, str], tmp_path: Path) -> None:
    bench, run_id = planned
    copy = tmp_path / "copy"
    shutil.copytree(bench.results, copy)
    processes = [bench.start("work", bench.results, run_id, "0", "1", "2") for _ in range(2)]
    said = [process.communicate(timeout=120) for process in processes]
    both = {file.relative_to(bench.results): predictions_of(file) for file in bench.cell_files()}
    bench.results = copy
    assert work(bench, run_id, 0, 1, 2)[0] == 0

    assert [process.returncode for process in processes] == [0, 0], said
    assert both == {file.relative_to(copy): predictions_of(file) for file in bench.cell_files()}
    assert len(both) == 18


def test_a_run_or_task_that_is_not_there_is_refused(planned: tuple[Bench, str]) -> None:
    bench, run_id = planned
    no_task = work(bench, run_id, 0, 3)
    no_run = work(bench, "20200101T000000-abcdef", 0)

    assert no_task[0] == no_run[0] == 2
    assert f"error: run {run_id} has no task 3; its tasks are 0 to 2" in no_task[1]
    assert f"holds no plan of a run '20200101T000000-abcdef'; the newest planned runs: {run_id}" in no_run[1]
    assert not bench.cell_files()


def test_a_task_refuses_other_data_than_the_run_was_planned_with(planned: tuple[Bench, str]) -> None:
    bench, run_id = planned
    file = bench.results / "runs" / run_id / "plan.json"
    edit_record(file, lambda plan: plan["data"]["options"].update(seed=5))
    code, said = work(bench, run_id, 0)

    assert code == 2
    assert f"error: run {run_id}, majority: it cannot be computed here: " in said
    assert not bench.cell_files()


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
def test_a_task_refuses_another_version_than_the_run_was_planned_with(bench: Bench, desk: Path, tmp_path: Path) -> None:
    desk.write_text("desk_start = false\n", encoding="utf-8")
    assert bench.run("--method", "good", "--cluster", desk, "--detach").code == 0
    (run_id,) = planned_runs(Store(bench.results))
    source = tmp_path / "site" / "naughty_plugin.py"
    # Longer, because Python takes compiled code for that of a source of the same second and size.
    source.write_text(source.read_text().replace('MethodSpec(name, "1"', 'MethodSpec(name, "2.0"'))
    ended = bench.spawn("work", bench.results, run_id, "0")

    assert ended.code == 2
    assert f"error: run {run_id}, good: it cannot be computed here: good has version 2.0 here" in ended.err
    assert not bench.cell_files()


@pytest.mark.parametrize(
    ("fails", "arguments"), [("preview", ["--dry-run"]), ("submit", ["--detach"]), ("submit", ["--json"])]
)
def test_an_executor_that_fails_is_one_sentence_that_names_it(
    bench: Bench, desk: Path, fails: str, arguments: list[str]
) -> None:
    desk.write_text(f'desk_fails = "{fails}"\n', encoding="utf-8")
    ended = bench.run("--method", "majority", "--cluster", desk, *arguments)

    assert ended.code == 2
    assert len(ended.errors) == 1
    assert ended.errors[0].startswith(f"error: executor desk: {fails} failed (SystemExit: the desk is on fire)")
    assert "Traceback" not in ended.err
    assert planned_runs(Store(bench.results)) == []


def test_workers_of_this_machine_do_not_go_with_a_cluster(bench: Bench, desk: Path) -> None:
    elsewhere = ("--results", bench.results, "--cluster", desk, "--jobs", "3")
    for asked in (
        ("run", *TINY, *SVM),
        ("ablate", "ahmsa", "--figure", "5", *TINY, "--preset", "quick"),
        ("data", "preprocess", "synthetic"),
    ):
        ended = bench(*asked, *elsewhere)
        assert ended.code == 2
        assert ended.errors[0].startswith("error: --jobs 3 is for workers of this machine; with --cluster, ")
    assert not bench.results.exists()


def test_an_ablation_on_an_executor_that_fails_is_one_sentence(bench: Bench, desk: Path) -> None:
    desk.write_text('desk_fails = "preview"\n', encoding="utf-8")
    asked = ("ablate", "ahmsa", "--figure", "5", *TINY, "--results", bench.results, "--preset", "quick")
    ended = bench(*asked, "--cluster", desk, "--dry-run")

    assert ended.code == 2
    assert "executor desk: preview failed (SystemExit: the desk is on fire)" in ended.errors[0]


def test_a_queue_that_cannot_be_asked_is_shown_and_nothing_is_submitted_twice(planned: tuple[Bench, str]) -> None:
    bench, run_id = planned
    desk = bench.results / "runs" / run_id / "cluster.toml"
    desk.write_text('desk_fails = "active"\n', encoding="utf-8")
    status = bench("status", "--results", bench.results)
    again = bench.run(*SVM, "--cluster", desk, "--detach")

    problem = "executor desk: active failed (SystemExit: the desk is on fire)"
    assert status.code == 0
    assert (
        f"18 of 18 cells are missing, in 3 of 3 tasks; whether they are waiting or running cannot be told: {problem}"
        in (status.out)
    )
    assert again.code == 2
    assert again.errors[0].startswith(f"error: nothing is submitted: whether tasks of run {run_id} are still waiting")
    assert problem in again.errors[0]
    assert planned_runs(Store(bench.results)) == [run_id]


@pytest.mark.parametrize("content", ["desk_hours = 'all'", "desk_ =", "gone_hours = 4"])
def test_a_cluster_file_that_cannot_be_used_any_more_counts_as_a_queue_that_does_not_answer(
    planned: tuple[Bench, str], desk: Path, content: str
) -> None:
    bench, run_id = planned
    (bench.results / "runs" / run_id / "cluster.toml").write_text(content, encoding="utf-8")
    status = bench("status", "--results", bench.results)
    again = bench.run(*SVM, "--cluster", desk, "--detach")

    assert "cannot be told: cluster file" in status.out
    assert (again.code, planned_runs(Store(bench.results))) == (2, [run_id])


def test_tasks_that_ended_without_their_cells_are_named_with_their_logs(planned: tuple[Bench, str]) -> None:
    bench, run_id = planned
    folder = bench.results / "runs" / run_id
    (folder / "desk-queue").write_text("1")
    (folder / "desk-2.log").write_text("error: the plugin cannot be imported\n")
    lines = bench("status", "--results", bench.results).out.splitlines()
    (run,) = bench("status", "--results", bench.results, "--json").objects[0]["runs"]

    assert lines[-3:] == [
        f"run {run_id}: 18 of 18 cells are missing, in 3 of 3 tasks; 1 waiting or running",
        f"  task 0 of run {run_id} was never started, or has no log: 6 cells are missing",
        f"  task 2 of run {run_id} ended, and 6 cells are missing; log: {folder / 'desk-2.log'}",
    ]
    assert {name: run[name] for name in ("run", "cells", "missing", "tasks", "active", "problem")} == {
        "run": run_id,
        "cells": 18,
        "missing": 18,
        "tasks": 3,
        "active": [1],
        "problem": "",
    }
    assert [(task["task"], task["state"], task["missing"], task["logs"]) for task in run["pending"]] == [
        (0, "ended", 6, []),
        (1, "active", 6, []),
        (2, "ended", 6, [str(folder / "desk-2.log")]),
    ]


def test_a_log_that_cannot_be_named_is_left_out(planned: tuple[Bench, str]) -> None:
    bench, run_id = planned
    folder = bench.results / "runs" / run_id
    (folder / "desk-queue").write_text("")
    (folder / "cluster.toml").write_text('desk_fails = "log"\n', encoding="utf-8")
    ended = bench("status", "--results", bench.results)

    assert ended.code == 0
    assert ended.out.count("was never started, or has no log") == 3


def test_a_command_that_waits_names_the_tasks_that_stored_nothing(bench: Bench, desk: Path) -> None:
    desk.write_text("desk_start = false\ndesk_loses = true\n", encoding="utf-8")
    ended = bench.run(*SVM, "--cluster", desk)
    (run_id,) = planned_runs(Store(bench.results))

    assert ended.code == 1
    assert [line for line in ended.err.splitlines() if "task" in line] == [
        f"note: task {number} of run {run_id} was never started, or has no log: 6 cells are missing"
        for number in (0, 1)
    ]
    assert "12 of 12 cells are missing" in ended.out


def test_the_cluster_file_is_read_once_and_of_bounded_size(bench: Bench, desk: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.toml"
    large.write_text("desk_start = false\n" + "#" * (70 << 10), encoding="utf-8")
    refused = bench.run(*SVM, "--cluster", large, "--detach")
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    from_pipe = bench.run(*SVM, "--cluster", pipe, "--detach")

    assert "more than 64 KiB" in refused.errors[0]
    assert "is not a file but a pipe" in from_pipe.errors[0]
    assert not bench.results.exists()


def test_detach_and_the_file_belong_together(bench: Bench) -> None:
    ended = bench.run("--method", "majority", "--detach")

    assert (ended.code, ended.errors) == (2, ["error: --detach needs --cluster, which names where the run goes on"])
