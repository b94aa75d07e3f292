"""Evaluation results of Hugging Face, read by huggingface_hub."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from huggingface_hub import parse_eval_result_entries
from support.bench import Bench
from support.export_case import export_store

from mer_bench.results import read_results


def export(bench: Bench, *arguments: str) -> Path:
    out = bench.results.parent / "hf"
    options = ("--format", "hf-eval-results", "--out", out, "--results", bench.results)
    ended = bench("export", *options, "--dataset-id", "lab/mer", *arguments)
    assert ended.code == 0, ended.err
    return out


def test_hugging_face_reads_each_score_under_its_task(bench: Bench, tmp_path: Path) -> None:
    rows = {row.record["method"]["name"]: row for row in read_results(export_store(tmp_path))}
    out = export(bench)
    (file,) = out.glob("net-*/.eval_results/cde.yaml")
    entries = parse_eval_result_entries(yaml.safe_load(file.read_text(encoding="utf-8")))

    assert {entry.task_id: entry.value for entry in entries} == {
        f"cde-{part}-{metric}": mean.value for (part, metric), mean in rows["net"].means.items() if metric != "accuracy"
    }
    assert {entry.dataset_id for entry in entries} == {"lab/mer"}
    assert all("caveats synthetic" in (entry.notes or "") for entry in entries)
    assert "95 % interval" in (entries[0].notes or "")
    assert not list(out.glob("partial-*"))


def test_the_data_set_names_the_tasks_of_the_results(bench: Bench, tmp_path: Path) -> None:
    export_store(tmp_path)
    out = export(bench)
    benchmark = yaml.safe_load((out / "dataset/eval.yaml").read_text(encoding="utf-8"))
    results = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in out.glob("*/.eval_results/*.yaml")]

    assert set(benchmark) == {"name", "description", "evaluation_framework", "tasks"}
    tasks = [task["id"] for task in benchmark["tasks"]]
    assert len(tasks) == len(set(tasks)) == 8
    assert {entry["dataset"]["task_id"] for entries in results for entry in entries} == set(tasks)


def test_the_model_card_shows_mean_deviation_and_interval(bench: Bench, tmp_path: Path) -> None:
    rows = {row.record["method"]["name"]: row for row in read_results(export_store(tmp_path))}
    (card,) = export(bench).glob("net-*/README-part.md")
    mean = rows["net"].means["full", "uf1"]
    (full,) = [line for line in card.read_text(encoding="utf-8").splitlines() if line.startswith("| full")]

    assert f"| full | {mean.value:.4f}±{mean.std:.4f} (95 % interval " in full


@pytest.mark.parametrize(
    ("given", "message"),
    [((), "--dataset-id owner/name"), (("--dataset-id", "mer"), "'mer' is not of the form owner/name")],
)
def test_a_data_set_must_be_named(bench: Bench, tmp_path: Path, given: tuple[str, ...], message: str) -> None:
    export_store(tmp_path)
    ended = bench("export", "--format", "hf-eval-results", "--out", "hf", "--results", bench.results, *given)

    assert ended.code == 2
    assert message in ended.errors[0]
    assert not Path("hf").exists()
