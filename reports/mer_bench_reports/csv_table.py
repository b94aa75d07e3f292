"""The report's scores as CSV: a line for each slice of each seed, and for each slice of the mean over seeds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from functools import lru_cache

from mer_bench.caveats import Caveat
from mer_bench.parameters import value_text
from mer_bench.printable import csv_cell
from mer_bench.result_texts import DEFAULTS, differs_text, incomplete_text, verification_text
from mer_bench.results import METRICS, Means, RowResults, SeedResult, means
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench_reports.costs import minutes
from mer_bench_reports.inputs import NOT_STATED, input_facts
from mer_bench_reports.provenance import machine_facts, params_text, without_folders
from mer_bench_reports.remeasured import difference
from mer_bench_reports.report_data import CitedTable, Comparison, Entry, ReportData

_Line = dict[str, object]

_LESS = ("published_uf1", "published_uar", "less_published_uf1", "less_published_uar")


@lru_cache(maxsize=1)  # The page has it, too.
def render_csv(report: ReportData) -> str:
    """Return the report as CSV, with scores in full precision.

    The column ``kind`` is ``measured``, ``diagnostic`` (the oracle), ``published``, or ``remeasured``: a measured row
    beside the published one that it repeats, with ``published_uf1`` and ``published_uar``, and what is measured less
    these, or in ``note`` why they cannot be compared. Rows with the same ``comparison`` can be compared. A row with a
    ``badge`` is not trained as its paper says. A seed with a missing fold has no scores: the mean is over the
    ``n_seeds`` complete seeds, and ``incomplete`` names the others. Columns that end in ``_std`` are the standard
    deviation over seeds; ``_low`` and ``_high`` are the limits of the row's 95 % interval. ``lead`` is the highest UF1
    of the comparison less that of the row, ``lead_p`` its p, adjusted for all pairs of rows. ``minutes`` is the
    computing time of one seed, ``flops`` of one sample's forward pass.

    No text begins as a formula does in a spreadsheet, or has a sign that a terminal obeys: see
    `mer_bench.printable.csv_cell`.
    """
    lines: list[_Line] = []
    for comparison in report.comparisons:
        for entry in comparison.entries:
            lines += _measured(comparison, entry, "measured", entry.row.seeds)
        for entry in comparison.diagnosed:
            lines += _measured(comparison, entry, "diagnostic", entry.row.oracle)
    for table in report.cited:
        lines += _published(table)
        lines += _remeasured(table)
    stream = io.StringIO()
    # A report has at least one measured line, and such a line has every column.
    writer = csv.DictWriter(stream, list(lines[0]), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: csv_cell(value) for name, value in line.items()} for line in lines)
    return stream.getvalue()


def _measured(comparison: Comparison, entry: Entry, kind: str, seeds: Sequence[SeedResult]) -> Iterator[_Line]:
    groups: list[tuple[object, Sequence[SeedResult]]] = [(seed.seed, [seed]) for seed in seeds]
    if len(seeds) > 1:
        groups.append(("mean", seeds))
    for name, members in groups:
        stands_for_row = kind == "measured" and members is groups[-1][1]
        means_of_members = means(members)
        for slice_name, n_samples in comparison.slices.items():
            yield {
                "comparison": comparison.number,
                "kind": kind,
                **_identity(entry, seeds[0].selection),
                "seed": name,
                "slice": slice_name,
                **_scores(means_of_members, slice_name),
                **_limits(entry if stands_for_row else None, slice_name),
                **_lead(comparison, entry if stands_for_row and slice_name == "full" else None),
                "n_samples": n_samples if (slice_name, "uf1") in means_of_members else "",
                **_progress(members),
                **_origin(entry.row),
                **_cost(entry.row),
                "row_key": entry.row.record["row_key"],
                **dict.fromkeys(_LESS, ""),
                "year": "",
                "doi": "",
                "source": "",
                "note": "",
            }


def _identity(entry: Entry, selection: str) -> _Line:
    record = entry.row.record
    method, protocol, representation = record["method"], record["protocol"], record["representation"]
    return {
        "protocol": protocol["name"],
        "protocol_version": protocol["version"],
        "protocol_hash": protocol["hash"],
        "selection": selection,
        "synthetic": value_text(Caveat.SYNTHETIC in record["caveats"]),
        "partial": value_text(Caveat.PARTIAL in record["caveats"]),
        "caveats": " ".join(record["caveats"]),
        "family": method["family"],
        "method": method["name"],
        "row": entry.name,
        "title": method["title"],
        "method_version": method["version"],
        "preset": record["settings"]["preset"] or DEFAULTS,
        "badge": entry.badge,
        "differs_from": record["settings"]["reference"],
        "differs": without_folders(differs_text(record)),
        "params": params_text(record["params"]),
        **_input(entry.row),
        "representation": representation["name"],
        "representation_params": params_text(representation["params"]),
    }


def _input(row: RowResults) -> _Line:
    return {label if label == "input" else f"input_{label}": text for label, text in input_facts(row.record)}


def _origin(row: RowResults) -> _Line:
    """Return where the cells were computed, and which of them once more."""
    return {
        "deterministic": value_text(row.record["deterministic"]),
        **dict(machine_facts(row)),
        "verification": verification_text(row),
        "cells_verified": len(row.verification.confirmed),
        "cells_differing": len(row.verification.differing),
    }


def _cost(row: RowResults) -> _Line:
    time, network = minutes(row), row.network
    return {
        "minutes": "" if time is None else time,
        "trainable_parameters": network["trainable"] if network else "",
        "flops": "" if network is None or network["flops"] is None else network["flops"],
    }


def _scores(means_of_members: Means, slice_name: str) -> _Line:
    line: _Line = {}
    for metric in METRICS:
        mean = means_of_members.get((slice_name, metric))
        line |= {metric: mean.value if mean else "", f"{metric}_std": mean.std if mean else ""}
    return line


def _limits(entry: Entry | None, slice_name: str) -> _Line:
    line: _Line = {}
    for metric in TABLE_METRICS:
        interval = entry and entry.intervals.get((slice_name, metric))
        line |= {f"{metric}_low": interval.low if interval else "", f"{metric}_high": interval.high if interval else ""}
    return line


def _lead(comparison: Comparison, entry: Entry | None) -> _Line:
    """Return by how much the row with the highest UF1 is ahead of this one."""
    key, ranking = entry.row.record["row_key"] if entry else "", comparison.ranking
    if ranking is None or key not in ranking.pairs:
        return dict.fromkeys(("lead", "lead_low", "lead_high", "lead_p"), "")
    lead = ranking.pairs[key].differences["uf1"]
    low, high = (lead.interval.low, lead.interval.high) if lead.interval else ("", "")
    return {"lead": lead.value, "lead_low": low, "lead_high": high, "lead_p": ranking.p[key]}


def _progress(seeds: Sequence[SeedResult]) -> _Line:
    return {
        "n_seeds": sum(seed.complete for seed in seeds),
        "n_folds": seeds[0].total,
        "folds_done": min(seed.done for seed in seeds),
        "folds_failed": sum(seed.failed for seed in seeds),
        "complete": value_text(all(seed.complete for seed in seeds)),
        "incomplete": incomplete_text(seeds),
    }


def _published(table: CitedTable) -> Iterator[_Line]:
    for _, rows in table.families:
        for row in rows:
            for name, (uf1, uar) in row.slices.items():
                yield {
                    "kind": "published",
                    "protocol": row.protocol,
                    "family": row.family,
                    "title": row.title,
                    "input": row.input or NOT_STATED,
                    "slice": name,
                    "uf1": uf1,
                    "uar": uar,
                    "year": row.year,
                    "doi": row.doi,
                    "source": row.source,
                    "note": row.remarks,
                }


def _remeasured(table: CitedTable) -> Iterator[_Line]:
    for found in table.remeasured:
        for part in table.slices[:1] if found.why_not else table.slices:
            scores = [difference(found, part, metric) for metric in range(len(TABLE_METRICS))]
            printed, own, less = zip(*(pair or (None, None, None) for pair in scores), strict=True)
            yield {
                "comparison": found.comparison,
                "kind": "remeasured",
                "protocol": table.protocol,
                "selection": found.selection,
                "method": found.published.method,
                "row": found.entry.name,
                "title": found.published.title,
                "slice": part,
                **{name: mean and mean.value for name, mean in zip(TABLE_METRICS, own, strict=True)},
                **dict(zip(_LESS, (*printed, *less), strict=True)),
                "row_key": found.entry.row.record["row_key"],
                "doi": found.published.doi,
                "source": table.source,
                "note": found.why_not,
            }
