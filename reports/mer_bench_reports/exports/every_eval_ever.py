"""Results as records of Every Eval Ever, schema 0.3.0 (evaleval/every_eval_ever): one JSON file a row.

The files lie as in that project's repository, so that the folder can be added to a pull request.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mer_bench.printable import json_text
from mer_bench.result_texts import slice_counts
from mer_bench.statistics.resampling import LEVEL, RESAMPLES
from mer_bench_reports.exports.exported import ExportedRow, Files
from mer_bench_reports.provenance import without_folders

SCHEMA_VERSION = "0.3.0"

NOT_STATED = "not stated"
_KINDS = {"uf1": "f1", "uar": "recall", "accuracy": "accuracy"}
_TITLES = {"uf1": "UF1", "uar": "UAR", "accuracy": "accuracy"}
_SENTENCES = {
    "uf1": "unweighted mean of the classes' F1-scores, of the predictions pooled over all folds",
    "uar": "unweighted mean of the classes' recalls, of the predictions pooled over all folds",
    "accuracy": "share of correctly predicted samples, pooled over all folds",
}
_INTERVAL = "percentile bootstrap over subjects, n - 1 of the n subjects of each database"

_Object = dict[str, object]


@dataclass(frozen=True)
class Evaluator:
    """Who measured, which no store knows.

    Parameters
    ----------
    organization : str
        The laboratory; `NOT_STATED` if nobody says.
    relationship : str
        Of the evaluator to the methods' authors: ``first_party``, ``third_party``, ``collaborative``, ``other``.
    """

    organization: str = NOT_STATED
    relationship: str = "other"


def render(
    rows: Sequence[ExportedRow], *, version: str, generated: datetime, evaluator: Evaluator, samples: bool = False
) -> Files:
    """Return a JSON file for each row, and with ``samples`` a JSONL file of its predictions.

    Parameters
    ----------
    rows : sequence of ExportedRow
    version : str
        Of mer-bench.
    generated : datetime
        With a time zone.
    evaluator : Evaluator
    samples : bool
        The predictions of each sample tell its true class wherever they are right: for those who hold the licence.
    """
    files: dict[str, bytes] = {}
    for row in rows:
        record = _record(row, version, generated, evaluator)
        path = _path(row)
        if samples:
            lines = "".join(f"{json_text(line)}\n" for line in _sample_lines(row, record)).encode()
            record["detailed_evaluation_results"] = {
                "format": "jsonl",
                "file_path": f"{path}_samples.jsonl",
                "hash_algorithm": "sha256",
                "checksum": hashlib.sha256(lines).hexdigest(),
                "total_rows": lines.count(b"\n"),
            }
            files[f"{path}_samples.jsonl"] = lines
        files[f"{path}.json"] = f"{json_text(record, 2)}\n".encode()
    return files


def model_id(row: ExportedRow) -> str:
    """Return how the record names the method: the plugin of mer-bench, and digits of the row."""
    return f"mer-bench/{row.name}"


def _path(row: ExportedRow) -> str:
    # The same row is the same file, so that a second export replaces the first.
    name = uuid.UUID(hex=hashlib.sha256(row.row.record["row_key"].encode()).hexdigest()[:32], version=4)
    return f"data/mer-bench-{row.row.record['protocol']['name']}/{model_id(row)}/{name}"


def _record(row: ExportedRow, version: str, generated: datetime, evaluator: Evaluator) -> _Object:
    stamp = str(int(generated.timestamp()))
    timestamp = {"evaluation_timestamp": row.started} if row.started else {}
    stated = evaluator.relationship != "other" or evaluator.organization != NOT_STATED
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"{_protocol(row)}/{model_id(row)}/{stamp}",
        **timestamp,
        "retrieved_timestamp": stamp,
        "source_metadata": {
            "source_name": "mer-bench",
            "source_type": "evaluation_run",
            "source_organization_name": evaluator.organization,
            "evaluator_relationship": evaluator.relationship,
            "additional_details": {"relationship_stated": str(stated).lower()},
        },
        "eval_library": {"name": "mer-bench", "version": version},
        "model_info": _model(row),
        "evaluation_results": list(_results(row)),
    }


def _protocol(row: ExportedRow) -> str:
    protocol = row.row.record["protocol"]
    return f"mer-bench-{protocol['name']}-v{protocol['version']}"


def _model(row: ExportedRow) -> _Object:
    method = row.row.record["method"]
    parameters = {name: json.dumps(value) for name, value in row.row.record["params"].items()}
    return {
        "name": without_folders(method["title"]),
        "id": model_id(row),
        "additional_details": {
            # Every fold trains a network of its own, so there are no weights to offer.
            "deployment_type": "self_deployed",
            "model_availability": "unknown",
            "method": method["name"],
            "citation": without_folders(method["citation"]),
            **row.facts,
            **{f"parameter_{name}": without_folders(text) for name, text in parameters.items()},
        },
    }


def _results(row: ExportedRow) -> Iterator[_Object]:
    counts = {part: sum(of_classes) for part, of_classes in slice_counts(row.row.record).items()}
    for part, metric in row.row.means:
        yield {
            "evaluation_result_id": _result_id(row, part, metric),
            "evaluation_name": f"{_protocol(row)}-{part}",
            "source_data": _source(row, part, counts[part]),
            "metric_config": {
                "evaluation_description": _SENTENCES[metric],
                "metric_id": f"mer-bench/{metric}",
                "metric_name": _TITLES[metric],
                "metric_kind": _KINDS[metric],
                "metric_unit": "proportion",
                "metric_parameters": {"absent_class": row.row.record["protocol"]["absent_class"]},
                "lower_is_better": False,
                "score_type": "continuous",
                "min_score": 0.0,
                "max_score": 1.0,
            },
            "score_details": _score(row, part, metric, counts[part]),
        }


def _result_id(row: ExportedRow, part: str, metric: str) -> str:
    return f"{_protocol(row)}/{part}/{metric}/{row.row.record['row_key'][:12]}"


def _source(row: ExportedRow, part: str, n_samples: int) -> _Object:
    record = row.row.record
    databases = record["protocol"]["slices"][part]
    return {
        "dataset_name": f"{record['protocol']['title']}: {', '.join(databases)}",
        "source_type": "other",
        "additional_details": {"samples": str(n_samples), "fingerprint": record["input"]["digest"]},
    }


def _score(row: ExportedRow, part: str, metric: str, n_samples: int) -> _Object:
    mean, interval = row.row.means[part, metric], row.intervals.get((part, metric))
    by_seed = {f"seed_{seed.seed}": repr(getattr(seed.slices[part], metric)) for seed in row.row.seeds}
    details = {**by_seed, **({} if mean.std is None else {"standard_deviation_over_seeds": repr(mean.std)})}
    score: _Object = {"score": mean.value, "details": details}
    if interval:
        score["uncertainty"] = {
            "confidence_interval": {
                "lower": interval.low,
                "upper": interval.high,
                "confidence_level": LEVEL,
                "method": _INTERVAL,
            },
            "num_samples": n_samples,
            "num_bootstrap_samples": RESAMPLES,
        }
    return score


def _sample_lines(row: ExportedRow, record: _Object) -> Iterator[_Object]:
    classes = row.row.record["protocol"]["classes"]
    for seed in row.row.seeds:
        for key, (truth, predicted) in sorted(seed.predictions.items()):
            yield {
                "schema_version": SCHEMA_VERSION,
                "evaluation_id": record["evaluation_id"],
                "model_id": model_id(row),
                "evaluation_name": f"{_protocol(row)}-full",
                "sample_id": key,
                "sample_hash": hashlib.sha256(f"{key}{classes[truth]}".encode()).hexdigest(),
                "interaction_type": "single_turn",
                "input": {"raw": key, "reference": [classes[truth]], "choices": list(classes)},
                "output": {"raw": [classes[predicted]]},
                "answer_attribution": [
                    {
                        "turn_idx": 0,
                        "source": "output.raw",
                        "extracted_value": classes[predicted],
                        "extraction_method": "exact_match",
                        "is_terminal": True,
                    }
                ],
                "evaluation": {"score": float(truth == predicted), "is_correct": truth == predicted},
                "metadata": {"seed": str(seed.seed), "subject": key.rpartition("/")[0]},
            }
