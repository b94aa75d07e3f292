"""``data preprocess --cluster``: which samples are submitted, what waits already, and what a task refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.bench import Bench, Ended
from support.store_files import edit_record

from mer_bench.cache import Cache
from mer_bench.databases.base import DataSource
from mer_bench.databases.synthetic import SyntheticRelease
from mer_bench.engine import inputs, plan_tasks, queued
from mer_bench.engine.sample_plan import planned_samples, read_sample_plan
from mer_bench.parameters import resolve_parameters
from mer_bench.plugin_manager import load_catalogue
from mer_bench.representations.preprocessing import Recipe
from mer_bench.representations.task import PreprocessTask, preprocess_task
from mer_bench.store import Store
from mer_bench.store.run_plan import planned_runs, read_plan

pytestmark = pytest.mark.slow

QUICK = ("--preprocess", "flow=farneback", "--preprocess", "size=96")


@pytest.fixture
def smic(tmp_path: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release with 12 samples; no other test uses its cache."""
    spec = load_catalogue().database("synthetic")
    made = SyntheticRelease(None, resolve_parameters("synthetic", spec.parameters, {"layout": "smic", "size": "tiny"}))
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(plan_tasks, "_SAMPLES", 5)
    monkeypatch.setattr(queued, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(queued, "ASK_SECONDS", 0.0)
    assert made.path is not None
    return made.path


def preprocess(bench: Bench, data: Path, desk: Path, *arguments: str) -> Ended:
    return bench("data", "preprocess", data, *QUICK, "--cluster", desk, "--results", bench.results, *arguments)


def test_missing_samples_are_divided_into_tasks_and_submitted_once(bench: Bench, smic: Path, desk: Path) -> None:
    desk.write_text("desk_start = false\n", encoding="utf-8")
    first = preprocess(bench, smic, desk, "--detach")
    (run_id,) = planned_samples(Store(bench.results))
    plan = read_sample_plan(Store(bench.results), run_id)
    again = preprocess(bench, smic, desk, "--detach")
    planned = preprocess(bench, smic, desk, "--dry-run", "--json")
    [object_again] = preprocess(bench, smic, desk, "--detach", "--json").objects
    status = bench("status", "--results", bench.results)

    assert (first.code, again.code) == (0, 0)
    assert planned.objects == [{"to_preprocess": 12, "cached": 0, "runs": []}]
    assert object_again == {"to_preprocess": 12, "cached": 0, "runs": [run_id]}
    assert f"run {run_id}: 3 tasks submitted, desk 7" in first.out
    assert [len(task) for task in plan["tasks"]] == [5, 5, 2]
    assert [record["name"] for record in plan["representations"]] == ["region-flow"]
    assert "submitted" not in again.out
    assert f"run {run_id}: its tasks are still waiting or running" in again.out
    assert f"run {run_id} preprocesses 12 samples in 3 tasks; 3 waiting or running" in status.out
    shown = json.loads(bench("status", "--results", bench.results, "--json").out)["preprocessing"]
    assert shown == [{"run": run_id, "samples": 12, "tasks": 3, "active": [0, 1, 2], "problem": ""}]


def test_only_samples_of_tasks_that_are_gone_are_submitted_again(bench: Bench, smic: Path, desk: Path) -> None:
    desk.write_text("desk_start = false\n", encoding="utf-8")
    preprocess(bench, smic, desk, "--detach")
    store = Store(bench.results)
    (run_id,) = planned_samples(store)
    (store.run_folder(run_id) / "desk-queue").write_text("1")
    preprocess(bench, smic, desk, "--detach")
    (second,) = set(planned_samples(store)) - {run_id}
    tasks = read_sample_plan(store, run_id)["tasks"]

    again = [sample for task in read_sample_plan(store, second)["tasks"] for sample in task]
    assert again == [*tasks[0], *tasks[2]]


def test_a_run_leaves_to_an_earlier_command_what_that_preprocesses(bench: Bench, smic: Path, desk: Path) -> None:
    desk.write_text("desk_start = false\n", encoding="utf-8")
    same = ("--set", "scale=physical")
    preprocess(bench, smic, desk, "--detach", "-r", "face-flow", *same)
    (earlier,) = planned_samples(Store(bench.results))
    asked = ("-m", "svm-flow", "-p", "loso-smic", "--data", smic, "--allow-partial", "--no-baselines", *QUICK, *same)
    ended = bench("run", *asked, "--results", bench.results, "--cluster", desk, "--detach")
    (run_id,) = planned_runs(Store(bench.results))
    tasks = read_plan(Store(bench.results), run_id)["tasks"]

    assert ended.code == 0, ended.err
    assert f"run {earlier}: its tasks are still waiting or running" in ended.out
    assert {task["kind"] for task in tasks} == {"cpu"}
    assert (bench.results / "runs" / run_id / "desk-after").read_text() == earlier


def test_what_a_run_preprocesses_is_left_to_it_by_a_later_one(bench: Bench, smic: Path, desk: Path) -> None:
    desk.write_text("desk_start = false\n", encoding="utf-8")
    asked = ("-m", "svm-flow", "-p", "loso-smic", "--data", smic, "--allow-partial", "--no-baselines", *QUICK)
    elsewhere = ("--results", bench.results, "--cluster", desk, "--detach", "--set", "tuning=fixed")
    first = bench("run", *asked, *elsewhere)
    (earlier,) = planned_runs(Store(bench.results))
    second = bench("run", *asked, *elsewhere, "--grid", "C=3,5")
    (run_id,) = set(planned_runs(Store(bench.results))) - {earlier}
    kinds = [[task["kind"] for task in read_plan(Store(bench.results), each)["tasks"]] for each in (earlier, run_id)]

    assert (first.code, second.code) == (0, 0), second.err
    assert kinds == [["preprocess", "preprocess", "preprocess", "cpu"], ["cpu"] * len(kinds[1])]
    assert (bench.results / "runs" / run_id / "desk-after").read_text() == earlier


def test_a_task_of_samples_looks_at_no_others(
    bench: Bench, smic: Path, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write_text("desk_start = false\n", encoding="utf-8")
    asked = ("-m", "svm-flow", "-p", "loso-smic", "--data", smic, "--allow-partial", "--no-baselines", *QUICK)
    bench("run", *asked, "--results", bench.results, "--cluster", desk, "--detach")
    (run_id,) = planned_runs(Store(bench.results))
    wanted = read_plan(Store(bench.results), run_id)["tasks"][1]["samples"]
    looked: list[str] = []

    def look(source: DataSource, sample_id: str, recipe: Recipe) -> PreprocessTask:
        looked.append(sample_id)
        return preprocess_task(source, sample_id, recipe)

    monkeypatch.setattr(inputs, "preprocess_task", look)
    monkeypatch.setattr(inputs.Inputs, "compute", lambda self, tasks: None)
    ended = bench("work", bench.results, run_id, "1")

    assert ended.code == 0
    assert looked == wanted


def test_a_dry_run_shows_the_tasks_and_writes_nothing(bench: Bench, smic: Path, desk: Path) -> None:
    ended = preprocess(bench, smic, desk, "--dry-run")
    shown = [line for line in ended.out.splitlines() if " -m mer_bench work " in line]

    assert "12 to preprocess, 0 in the cache already" in ended.out
    assert [line.rpartition(" ")[2] for line in shown] == ["0", "1", "2"]
    assert not bench.results.exists()


def test_a_task_refuses_other_steps_or_arithmetic_than_were_planned(bench: Bench, smic: Path, desk: Path) -> None:
    desk.write_text("desk_start = false\n", encoding="utf-8")
    preprocess(bench, smic, desk, "--detach")
    (run_id,) = planned_samples(Store(bench.results))
    file = bench.results / "runs" / run_id / "preprocess.json"
    no_task = bench("work", bench.results, run_id, "3")
    edit_record(file, lambda plan: plan["representations"][0].update(hash="0" * 64))
    other_steps = bench("work", bench.results, run_id, "0")
    edit_record(file, lambda plan: plan.update(arithmetic="of the abacus"))
    other_arithmetic = bench("work", bench.results, run_id, "0")

    assert (no_task.code, other_steps.code, other_arithmetic.code) == (2, 2, 2)
    assert f"run {run_id} has no task 3; its tasks are 0 to 2" in no_task.err
    assert "region-flow is computed by other steps here than where it was planned" in other_steps.err
    assert "was planned with the arithmetic 'of the abacus'" in other_arithmetic.err


def test_an_executor_that_fails_is_one_sentence_that_names_it(bench: Bench, smic: Path, desk: Path) -> None:
    desk.write_text('desk_fails = "submit"\n', encoding="utf-8")
    submitted = preprocess(bench, smic, desk, "--detach")
    assert planned_samples(Store(bench.results)) == []
    desk.write_text("desk_start = false\n", encoding="utf-8")
    preprocess(bench, smic, desk, "--detach")
    (run_id,) = planned_samples(Store(bench.results))
    (bench.results / "runs" / run_id / "cluster.toml").write_text('desk_fails = "active"\n', encoding="utf-8")
    again = preprocess(bench, smic, desk, "--detach")
    status = bench("status", "--results", bench.results)

    assert (submitted.code, again.code, status.code) == (2, 2, 0)
    assert "executor desk: submit failed (SystemExit: the desk is on fire)" in submitted.errors[0]
    assert again.errors[0].startswith("error: nothing is submitted: ")
    assert "executor desk: active failed (SystemExit: the desk is on fire)" in again.errors[0]
    assert "cannot be told: executor desk: active failed" in status.out


def test_tasks_fill_the_cache_and_the_sample_that_fails_is_named_with_its_log(
    bench: Bench, smic: Path, desk: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(smic, tmp_path / "own"))
    frame = min(data.rglob("*.bmp"))
    frame.write_bytes(b"")
    ended = preprocess(bench, data, desk)
    (run_id,) = planned_samples(Store(bench.results))

    assert ended.code == 1
    assert "11 preprocessed, 0 in the cache already, 1 failed" in ended.out
    log = bench.results / "runs" / run_id / "desk-0.log"
    assert f"task 0 of run {run_id} ended, and 1 sample is missing; log: {log}" in ended.err
    assert frame.name in log.read_text()
    assert Cache(tmp_path / "cache").usage()["region-flow"][0] == 11


def test_a_damaged_entry_is_awaited_like_a_missing_one(bench: Bench, smic: Path, desk: Path, tmp_path: Path) -> None:
    assert bench("data", "preprocess", smic, *QUICK).code == 0
    entry = min(file for file in (tmp_path / "cache" / "region-flow").rglob("*") if file.is_file())
    entry.write_bytes(entry.read_bytes()[:100])
    ended = preprocess(bench, smic, desk)

    assert (ended.code, "1 preprocessed, 11 in the cache already" in ended.out) == (0, True)


def test_a_damaged_plan_of_samples_is_named(bench: Bench, smic: Path, desk: Path) -> None:
    desk.write_text("desk_start = false\n", encoding="utf-8")
    preprocess(bench, smic, desk, "--detach")
    (run_id,) = planned_samples(Store(bench.results))
    plan = bench.results / "runs" / run_id / "preprocess.json"
    plan.write_text("{}", encoding="utf-8")
    status = bench("status", "--results", bench.results)
    again = preprocess(bench, smic, desk, "--detach")

    assert f"note: {plan} cannot be read" in status.err
    assert (again.code, str(plan) in again.errors[0]) == (2, True)
