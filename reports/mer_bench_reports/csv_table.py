"""The report's figures as CSV: a line for each slice of each seed, and one for the mean over seeds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from mer_bench.marks import Mark
from mer_bench.result_texts import incomplete_text
from mer_bench.results import METRICS, Means, SeedResult, means
from mer_bench_reports.provenance import params_text
from mer_bench_reports.report_data import CitedTable, Comparison, Entry, ReportData

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
    "incomplete",
    "row_key",
    "year",
    "source",
    "note",
)

_Line = dict[str, object]


def render_csv(report: ReportData) -> str:
    """Return the report as CSV, figures in full precision.

    The column ``kind`` tells ``measured`` rows from the oracle ``diagnostic`` and from ``published`` figures;
    ``comparison`` numbers the rows that may be compared. A seed with a fold missing has no figures; the mean is that of
    the ``n_seeds`` others, and ``incomplete`` names it.
    """
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for comparison in report.comparisons:
        for entry in comparison.entries:
            writer.writerows(_measured(comparison, entry, "measured", entry.row.seeds))
        for entry in comparison.diagnosed:
            writer.writerows(_measured(comparison, entry, "diagnostic", entry.row.oracle))
    for table in report.cited:
        writer.writerows(_published(table))
    return stream.getvalue()


def _measured(comparison: Comparison, entry: Entry, kind: str, seeds: Sequence[SeedResult]) -> Iterator[_Line]:
    shared = {**_identity(comparison, entry), "kind": kind, "selection": seeds[0].selection}
    groups: list[tuple[object, Sequence[SeedResult]]] = [(seed.seed, [seed]) for seed in seeds]
    if len(seeds) > 1:
        groups.append(("mean", seeds))
    for name, members in groups:
        found, progress = means(members), _progress(members)
        for slice_name, n_samples in comparison.slices.items():
            scores = _scores(found, slice_name, n_samples)
            yield {**shared, **progress, "seed": name, "slice": slice_name, **scores}


def _identity(comparison: Comparison, entry: Entry) -> _Line:
    record = entry.row.record
    method, protocol = record["method"], record["protocol"]
    return {
        "comparison": comparison.number,
        "protocol": protocol["name"],
        "protocol_version": protocol["version"],
        "protocol_hash": protocol["hash"],
        "synthetic": _truth(Mark.SYNTHETIC in record["marks"]),
        "partial": _truth(Mark.PARTIAL in record["marks"]),
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
        "n_seeds": sum(seed.complete for seed in seeds),
        "n_folds": seeds[0].total,
        "folds_done": min(seed.done for seed in seeds),
        "folds_failed": sum(seed.failed for seed in seeds),
        "complete": _truth(all(seed.complete for seed in seeds)),
        "incomplete": incomplete_text(seeds),
    }


def _scores(found: Means, slice_name: str, n_samples: int) -> _Line:
    line: _Line = {}
    for metric in METRICS:
        mean = found.get((slice_name, metric))
        if mean is not None:
            line |= {"n_samples": n_samples, metric: mean.value, f"{metric}_std": mean.std}
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
