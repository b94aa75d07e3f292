"""Results as evaluation results of Hugging Face: ``.eval_results/*.yaml`` of a model, ``eval.yaml`` of the data set.

The form is huggingface/hub-docs, docs/hub/eval-results.md. A task there has one number, so each slice and metric is a
task of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import yaml

from mer_bench.certainty import level_text
from mer_bench.errors import MerBenchError
from mer_bench.result_texts import mean_text
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench.store.schema import ProtocolRecord
from mer_bench_reports.exports.exported import ExportedRow, Files

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"
_DATASET_ID = re.compile(f"{_NAME}/{_NAME}")
_UNESCAPED = re.compile(r"[\\|`*_\[\]<>]")


def render(rows: Sequence[ExportedRow], *, dataset_id: str) -> Files:
    """Return, for each row, the files of its model's repository, and for each protocol ``eval.yaml`` of the data set.

    Parameters
    ----------
    rows : sequence of ExportedRow
    dataset_id : str
        The data set on the Hub that is, or will be, the leaderboard: ``lab/micro-expressions``.

    Raises
    ------
    MerBenchError
        ``dataset_id`` is no name of a data set.
    """
    if not _DATASET_ID.fullmatch(dataset_id):
        raise MerBenchError(
            f"--dataset-id {dataset_id!r} is not of the form owner/name, of letters, digits, '-', '_' and '.'"
        )
    files: dict[str, bytes] = {}
    protocols: dict[str, ProtocolRecord] = {}
    for row in rows:
        protocol = row.row.record["protocol"]
        protocols.setdefault(protocol["name"], protocol)
        files[f"{row.name}/.eval_results/{protocol['name']}.yaml"] = _yaml(list(_entries(row, dataset_id)))
        files[f"{row.name}/README-part.md"] = card(row).encode()
    files["dataset/eval.yaml"] = _yaml(_benchmark(list(protocols.values())))
    return files


def task_id(protocol: str, part: str, metric: str) -> str:
    """Return the task of a slice and metric: ``cde-full-uf1``."""
    return f"{protocol}-{part}-{metric}"


def card(row: ExportedRow) -> str:
    """Return a part of a model card: the scores with their intervals, and how they were measured."""
    record, facts = row.row.record, row.facts
    lines = [f"## Evaluation with mer-bench: {_escaped(record['protocol']['title'])}", "", "| slice | UF1 | UAR |"]
    lines += ["|---|---|---|"]
    for part in dict.fromkeys(part for part, _ in row.row.means):
        cells = [_score_text(row, part, metric) for metric in TABLE_METRICS]
        lines.append(f"| {part} | {' | '.join(cells)} |")
    lines += ["", "Intervals are over resampled subjects.", ""]
    lines += [f"- {name.replace('_', ' ')}: {_escaped(text)}" for name, text in facts.items()]
    return "\n".join([*lines, ""])


def _entries(row: ExportedRow, dataset_id: str) -> Iterator[dict[str, object]]:
    protocol = row.row.record["protocol"]["name"]
    date = {"date": row.started} if row.started else {}
    for (part, metric), mean in row.row.means.items():
        if metric in TABLE_METRICS:
            yield {
                "dataset": {"id": dataset_id, "task_id": task_id(protocol, part, metric)},
                "value": mean.value,
                **date,
                "notes": _notes(row, part, metric),
            }


def _notes(row: ExportedRow, part: str, metric: str) -> str:
    shown = ("row", "badge", "protocol", "selection", "seeds", "caveats", "input", "input_digest")
    facts = [f"{name.replace('_', ' ')} {row.facts[name]}" for name in shown if name in row.facts]
    interval = row.intervals.get((part, metric))
    return "; ".join([*([level_text(interval)] if interval else []), *facts])


def _benchmark(protocols: Sequence[ProtocolRecord]) -> dict[str, object]:
    titles = "; ".join(f"{protocol['name']}: {protocol['title']}" for protocol in protocols)
    return {
        "name": "Micro-expression recognition",
        "description": (
            f"{titles}. UF1 and UAR of predictions pooled over all folds, each subject held out once. The clips are "
            "not here: each database has a licence of its own."
        ),
        "evaluation_framework": "mer-bench",
        "tasks": [
            {"id": task_id(protocol["name"], part, metric), "config": protocol["name"], "split": "test"}
            for protocol in protocols
            for part in protocol["slices"]
            for metric in TABLE_METRICS
        ],
    }


def _score_text(row: ExportedRow, part: str, metric: str) -> str:
    interval = row.intervals.get((part, metric))
    return mean_text(row.row.means[part, metric]) + (f" ({level_text(interval)})" if interval else "")


def _escaped(text: str) -> str:
    return _UNESCAPED.sub(r"\\\g<0>", " ".join(text.split()))


def _yaml(value: object) -> bytes:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120).encode()
