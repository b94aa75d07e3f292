"""Results as one long CSV table: a line for each row, seed, slice and metric."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from mer_bench.printable import csv_cell
from mer_bench.result_texts import preset_text
from mer_bench.results import METRICS
from mer_bench_reports.exports.exported import ExportedRow
from mer_bench_reports.provenance import without_folders

COLUMNS = (
    "row",
    "method",
    "preset",
    "badge",
    "protocol",
    "protocol_version",
    "input",
    "input_digest",
    "selection",
    "caveats",
    "seed",
    "slice",
    "metric",
    "value",
    "std",
    "low",
    "high",
    "row_key",
)


def render(rows: Sequence[ExportedRow]) -> str:
    """Return the table; the mean over seeds has the seed ``mean``, and alone a standard deviation and an interval."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        for line in _lines(row):
            writer.writerow({name: csv_cell(value) for name, value in line.items()})
    return stream.getvalue()


def _lines(exported: ExportedRow) -> Iterator[dict[str, object]]:
    row, record = exported.row, exported.row.record
    shared = {
        "row": exported.name,
        "method": record["method"]["name"],
        "preset": without_folders(preset_text(record)),
        "badge": exported.facts.get("badge", ""),
        "protocol": record["protocol"]["name"],
        "protocol_version": record["protocol"]["version"],
        "input": without_folders(record["input"]["name"]),
        "input_digest": record["input"]["digest"],
        "selection": row.selection,
        "caveats": exported.facts.get("caveats", ""),
        "row_key": record["row_key"],
    }
    for seed in row.seeds:
        for part, scores in seed.slices.items():
            for metric in METRICS:
                value = getattr(scores, metric)
                yield {**shared, "seed": seed.seed, "slice": part, "metric": metric, "value": value}
    for (part, metric), mean in row.means.items():
        interval = exported.intervals.get((part, metric))
        limits = {"low": interval.low, "high": interval.high} if interval else {}
        std = "" if mean.std is None else mean.std
        yield {**shared, "seed": "mean", "slice": part, "metric": metric, "value": mean.value, "std": std, **limits}
