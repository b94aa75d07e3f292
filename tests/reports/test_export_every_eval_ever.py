"""Records of Every Eval Ever: read by its schema on every Python, and by its own package where that is installed."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.bench import Bench
from support.export_case import SAMPLES, export_store

from mer_bench.certainty import score_intervals
from mer_bench.results import RowResults, read_results

SCHEMAS = Path(__file__).parents[1] / "support" / "every_eval_ever_schemas"


def validator(name: str) -> Any:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, RowResults]:
    store = export_store(tmp_path)
    return {row.record["method"]["name"]: row for row in read_results(store)}


def export(bench: Bench, *arguments: str) -> list[Path]:
    out = bench.results.parent / "eee"
    ended = bench("export", "--format", "every-eval-ever", "--out", out, "--results", bench.results, *arguments)
    assert ended.code == 0, ended.err
    return sorted(path for path in out.rglob("*") if path.is_file())


def test_each_complete_row_is_a_record_that_fits_the_schema(bench: Bench, rows: dict[str, RowResults]) -> None:
    files = export(bench)

    assert [path.parent.name.partition("-")[0] for path in files] == ["majority", "net"]
    for path in files:
        record = json.loads(path.read_text(encoding="utf-8"))
        validator("eval").validate(record)
        assert path.parent.parent.name + "/" + path.parent.name == record["model_info"]["id"]
        assert record["source_metadata"]["evaluator_relationship"] == "other"
        assert record["source_metadata"]["source_organization_name"] == "not stated"


def test_each_slice_and_metric_has_its_mean_its_seeds_and_its_interval(
    bench: Bench, rows: dict[str, RowResults]
) -> None:
    record = json.loads(export(bench, "--row", "net")[0].read_text(encoding="utf-8"))
    row = rows["net"]
    intervals = score_intervals(row.seeds)
    by_id = {tuple(r["evaluation_result_id"].split("/")[1:3]): r["score_details"] for r in record["evaluation_results"]}

    assert by_id.keys() == row.means.keys()
    assert {("full", "uf1"), ("full", "uar")} == intervals.keys()
    for (part, metric), details in by_id.items():
        assert details["score"] == row.means[part, metric].value
        seeds = [float(details["details"][f"seed_{seed.seed}"]) for seed in row.seeds]
        assert seeds == [getattr(seed.slices[part], metric) for seed in row.seeds]
        stated = details.get("uncertainty", {}).get("confidence_interval")
        interval = intervals.get((part, metric))
        assert (stated and (stated["lower"], stated["upper"])) == (interval and (interval.low, interval.high))
    assert record["model_info"]["additional_details"]["caveats"] == "synthetic"
    assert record["model_info"]["additional_details"]["selection"] == "last"


def test_predictions_are_written_only_where_asked_for(bench: Bench, rows: dict[str, RowResults]) -> None:
    record_file, samples_file = export(
        bench, "--row", "net", "--samples", "--relationship", "third_party", "--organization", "A lab"
    )
    record = json.loads(record_file.read_text(encoding="utf-8"))
    content = samples_file.read_bytes()
    lines = [json.loads(line) for line in content.splitlines()]
    detail = record["detailed_evaluation_results"]

    assert record["source_metadata"]["evaluator_relationship"] == "third_party"
    assert record["source_metadata"]["source_organization_name"] == "A lab"
    assert (len(lines), detail["total_rows"]) == (2 * len(SAMPLES), 2 * len(SAMPLES))
    assert detail["checksum"] == hashlib.sha256(content).hexdigest()
    assert record_file.with_name(Path(detail["file_path"]).name) == samples_file
    instance = validator("instance_level_eval")
    for line in lines:
        instance.validate(line)
    classes = rows["net"].record["protocol"]["classes"]
    stored = {
        (str(seed.seed), key): (classes[truth], classes[predicted], truth == predicted)
        for seed in rows["net"].seeds
        for key, (truth, predicted) in seed.predictions.items()
    }
    assert stored == {
        (line["metadata"]["seed"], line["sample_id"]): (
            line["input"]["reference"][0],
            line["output"]["raw"][0],
            line["evaluation"]["is_correct"],
        )
        for line in lines
    }


def test_the_schema_would_see_a_fault(bench: Bench, rows: dict[str, RowResults]) -> None:
    record = json.loads(export(bench, "--row", "net")[0].read_text(encoding="utf-8"))
    record["source_metadata"]["evaluator_relationship"] = "friend"
    with pytest.raises(jsonschema.ValidationError, match="friend"):
        validator("eval").validate(record)


def _tool() -> list[str] | None:
    if find_spec("every_eval_ever") is not None:
        return [sys.executable, "-m", "every_eval_ever"]
    found = shutil.which("every_eval_ever")
    return [found] if found else None


@pytest.mark.slow
@pytest.mark.skipif(
    _tool() is None,
    reason="every-eval-ever needs Python 3.12 and NumPy 2.4, which mer-bench's pins exclude: "
    "install it in another environment and put its command on PATH",
)
def test_the_package_accepts_records_and_predictions(bench: Bench, rows: dict[str, RowResults]) -> None:
    files = export(bench, "--samples")
    root = bench.results.parent / "eee"
    tool = _tool()
    assert tool is not None
    names = [path.relative_to(root).as_posix() for path in files]
    ended = subprocess.run([*tool, "validate", *names], cwd=root, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 passed, 0 warning-only, 0 failed" in ended.stdout
