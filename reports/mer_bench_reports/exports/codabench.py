"""A protocol as a competition of Codabench, whose scoring program is mer-bench's own scorer.

The keys of competition.yaml are those of Codabench's documentation ("Yaml Structure", version 2) and of its unpacker.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import yaml

from mer_bench.errors import MerBenchError
from mer_bench.printable import json_text
from mer_bench.scoring.megc_log import CLASSES
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench.store.schema import ProtocolRecord, RowRecord
from mer_bench_reports.exports import codabench_program
from mer_bench_reports.exports.codabench_pages import pages
from mer_bench_reports.exports.codabench_program import CSV, PROTOCOL, TRUTH, column
from mer_bench_reports.exports.exported import ExportedRow, Files

IMAGE = "codalab/codalab-legacy:py312"
"""Codabench's own image with Python 3.12, NumPy and pandas; the default one has Python 3.7, too old for the scorer."""

BUNDLE, SAMPLE = "bundle.zip", "sample_submission.zip"

_SCORER = (
    *("arrays", "atomic", "bounded_files", "errors", "locks", "names", "printable", "rules", "samples"),
    *("scoring", "scoring.megc_log", "scoring.metrics"),
)
"""The modules of `mer_bench` that the program imports, directly or through others."""

_COMMAND = "python3 /app/program/program.py /app/input /app/output"
_TITLES = {"uf1": "UF1", "uar": "UAR"}
_STAMP = (2000, 1, 1, 0, 0, 0)
"""Of files in archives, so that equal contents are equal archives."""


def render(rows: Sequence[ExportedRow], *, generated: datetime) -> Files:
    """Return the competition's bundle, and a submission that must score as mer-bench does.

    Both hold the true classes or the names of licensed data: they are for the organisers only.

    Parameters
    ----------
    rows : sequence of ExportedRow
        Of one protocol and the same samples; the first one's predictions (its first seed's) are the sample submission.
    generated : datetime
        When the competition begins.

    Raises
    ------
    MerBenchError
        The rows are of several protocols or of several inputs.
    """
    record = _one(rows)
    truth = {key: label for fold in record["folds"].values() for key, label in sorted(fold["samples"].items())}
    protocol = record["protocol"]
    reference: dict[str, str | bytes] = {TRUTH: json_text(truth, 1), PROTOCOL: json_text(_kept(protocol), 1)}
    content: dict[str, str | bytes] = {
        "competition.yaml": yaml.safe_dump(competition(record, generated), sort_keys=False, width=120),
        "reference_data.zip": archive(reference),
        "scoring_program.zip": scoring_program(),
        "logo.png": _logo(),
        **{f"pages/{name}.md": text for name, text in pages(protocol, len(truth), has_log=_has_log(protocol)).items()},
    }
    return {BUNDLE: archive(content), SAMPLE: archive({CSV: _sample(rows[0], protocol)})}


def competition(record: RowRecord, generated: datetime) -> dict[str, object]:
    """Return the content of competition.yaml."""
    protocol = record["protocol"]
    parts = [part for part in protocol["slices"] if _has_samples(record, part)]
    columns = [(part, metric) for part in parts for metric in TABLE_METRICS]
    return {
        "version": 2,
        "title": protocol["title"],
        "description": f"The protocol {protocol['name']}@{protocol['version']} of mer-bench, scored by mer-bench.",
        "image": "logo.png",
        "terms": "pages/terms.md",
        "registration_auto_approve": False,
        "docker_image": IMAGE,
        "make_programs_available": True,
        "make_input_data_available": False,
        "pages": [{"title": name.title(), "file": f"pages/{name}.md"} for name in ("overview", "data", "evaluation")],
        "tasks": [
            {
                "index": 0,
                "name": protocol["name"],
                "description": protocol["title"],
                "reference_data": "reference_data.zip",
                "scoring_program": "scoring_program.zip",
            }
        ],
        "phases": [
            {
                "index": 0,
                "name": protocol["name"],
                "description": f"Submit {CSV} with a prediction for each sample.",
                "start": generated.strftime("%Y-%m-%d"),
                "max_submissions_per_day": 2,
                "max_submissions": 50,
                "tasks": [0],
            }
        ],
        "leaderboards": [
            {
                "title": "Results",
                "key": "results",
                "submission_rule": "Force_Last",
                "columns": [
                    {
                        "title": f"{_TITLES[metric]}, {part}",
                        "key": column(part, metric),
                        "index": index,
                        "sorting": "desc",
                        "precision": 4,
                    }
                    for index, (part, metric) in enumerate(columns)
                ],
            }
        ],
    }


def scoring_program() -> bytes:
    """Return scoring_program.zip: the program, and the modules of mer-bench that it imports, as they are here."""
    files: dict[str, str | bytes] = {
        "metadata.yaml": f"command: {_COMMAND}\n",
        "program.py": Path(codabench_program.__file__).read_bytes(),
        # That of mer-bench imports a package that the image lacks.
        "mer_bench/__init__.py": '"""Modules of mer-bench that its scorer needs."""\n',
    }
    for name in _SCORER:
        path = _source(f"mer_bench.{name}")
        folder = f"{name}/__init__" if path.name == "__init__.py" else name.replace(".", "/")
        files[f"mer_bench/{folder}.py"] = path.read_bytes()
    return archive(files)


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """Return files as a zip archive, the same to the bit for the same contents."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        for name, content in files.items():
            target.writestr(zipfile.ZipInfo(name, _STAMP), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _one(rows: Sequence[ExportedRow]) -> RowRecord:
    first = rows[0].row.record
    for row in rows[1:]:
        other = row.row.record
        if other["protocol"]["hash"] != first["protocol"]["hash"] or other["fingerprints"] != first["fingerprints"]:
            raise MerBenchError(
                f"a competition has one protocol and the same samples, but {rows[0].name} and {row.name} differ in "
                "them; choose one with --row or --protocol"
            )
    return first


def _has_samples(record: RowRecord, part: str) -> bool:
    there = {key.partition("/")[0] for fold in record["folds"].values() for key in fold["samples"]}
    return not there.isdisjoint(record["protocol"]["slices"][part])


def _has_log(protocol: ProtocolRecord) -> bool:
    return sorted(protocol["classes"]) == sorted(CLASSES)


def _kept(protocol: ProtocolRecord) -> dict[str, object]:
    return {
        "name": protocol["name"],
        "version": protocol["version"],
        "classes": protocol["classes"],
        "slices": protocol["slices"],
        "absent_class": protocol["absent_class"],
    }


def _sample(row: ExportedRow, protocol: ProtocolRecord) -> str:
    predictions = row.row.seeds[0].predictions
    lines = [f"{key},{protocol['classes'][predicted]}" for key, (_, predicted) in sorted(predictions.items())]
    return "\n".join(["sample_id,prediction", *lines, ""])


def _source(module: str) -> Path:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


def _logo() -> bytes:
    """Return a plain square: Codabench wants a picture, which the organisers replace."""
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (128, 128), (48, 63, 159)).save(stream, "PNG")
    return stream.getvalue()
