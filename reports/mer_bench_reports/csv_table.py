"""The report's figures as CSV: a line for each slice of each seed, and one for the mean over seeds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from mer_bench.scoring.metrics import Scores
from mer_bench_reports.provenance import params_text
from mer_bench_reports.report_data import CitedTable, Comparison, Entry, ReportData, SeedResult, Slice, SliceFigures

COLUMNS = (
    "comparison",
    "kind",
    "protocol",
    "protocol_version",
    "protocol_hash",
    "selection",
    "synthetic",
    "partial",
    "marks",
    "family",
    "method",
    "title",
    "method_version",
    "params",
    "representation",
    "representation_params",
    "seed",
    "slice",
    "uf1",
    "uf1_std",
    "uar",
    "uar_std",
    "accuracy",
    "accuracy_std",
    "n_samples",
    "n_seeds",
    "n_folds",
    "folds_done",
    "folds_failed",
    "complete",
    "row_key",
    "year",
    "source",
    "note",
)

_Line = dict[str, object]


def render_csv(report: ReportData) -> str:
    """Return the report as CSV, figures in full precision.

    The column ``kind`` tells ``measured`` rows from the oracle ``diagnostic`` and from ``published`` figures;
    ``comparison`` numbers the rows that may be compared. Where a fold is missing the figures are empty.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for comparison in report.comparisons:
        for entry in comparison.entries:
            row = entry.row
            writer.writerows(_measured(comparison, entry, "measured", row.selection, row.seeds, row.figures))
        for entry in comparison.diagnosed:
            row = entry.row
            writer.writerows(_measured(comparison, entry, "diagnostic", "oracle", row.oracle, row.oracle_figures))
    for table in report.cited:
        writer.writerows(_published(table))
    return stream.getvalue()


def _measured(
    comparison: Comparison,
    entry: Entry,
    kind: str,
    selection: str,
    seeds: Sequence[SeedResult],
    figures: Mapping[str, SliceFigures],
) -> Iterator[_Line]:
    shared = {**_identity(comparison, entry), "kind": kind, "selection": selection}
    for seed in seeds:
        for part in comparison.slices:
            yield {**shared, **_progress([seed]), "seed": seed.seed, **_scores(part, seed.slices.get(part.name))}
    if len(seeds) > 1:
        for part in comparison.slices:
            yield {**shared, **_progress(seeds), "seed": "mean", **_means(part, figures.get(part.name))}


def _identity(comparison: Comparison, entry: Entry) -> _Line:
    record = entry.row.record
    method, protocol = record["method"], record["protocol"]
    return {
        "comparison": comparison.number,
        "protocol": protocol["name"],
        "protocol_version": protocol["version"],
        "protocol_hash": protocol["hash"],
        "synthetic": _truth("synthetic" in record["marks"]),
        "partial": _truth("partial" in record["marks"]),
        "marks": " ".join(record["marks"]),
        "family": method["family"],
        "method": method["name"],
        "title": method["title"],
        "method_version": method["version"],
        "params": params_text(record["params"]),
        "representation": record["representation"]["name"],
        "representation_params": params_text(record["representation"]["params"]),
        "row_key": record["row_key"],
    }


def _progress(seeds: Sequence[SeedResult]) -> _Line:
    return {
        "n_seeds": len(seeds),
        "n_folds": seeds[0].total,
        "folds_done": min(seed.done for seed in seeds),
        "folds_failed": sum(seed.failed for seed in seeds),
        "complete": _truth(all(seed.complete for seed in seeds)),
    }


def _scores(part: Slice, scores: Scores | None) -> _Line:
    if scores is None:
        return {"slice": part.name}
    return {
        "slice": part.name,
        "uf1": scores.uf1,
        "uar": scores.uar,
        "accuracy": scores.accuracy,
        "n_samples": scores.n_samples,
    }


def _means(part: Slice, figures: SliceFigures | None) -> _Line:
    if figures is None:
        return {"slice": part.name}
    line: _Line = {"slice": part.name, "n_samples": part.n_samples}
    for name in ("uf1", "uar", "accuracy"):
        figure = getattr(figures, name)
        line |= {name: figure.mean, f"{name}_std": figure.std}
    return line


def _published(table: CitedTable) -> Iterator[_Line]:
    for _, rows in table.families:
        for row in rows:
            for name, (uf1, uar) in row.slices.items():
                yield {
                    "kind": "published",
                    "protocol": row.protocol,
                    "family": row.family,
                    "title": row.title,
                    "slice": name,
                    "uf1": uf1,
                    "uar": uar,
                    "year": row.year,
                    "source": row.source,
                    "note": row.note,
                }


def _truth(value: bool) -> str:
    return "true" if value else "false"
