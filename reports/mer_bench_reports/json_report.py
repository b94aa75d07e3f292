"""The report as JSON: what the tables show, in full precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from mer_bench.printable import json_text
from mer_bench.result_texts import result_object
from mer_bench.results import METRICS, Means, RowResults
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench.statistics.resampling import Interval
from mer_bench_reports.check_texts import outcomes_object
from mer_bench_reports.costs import minutes
from mer_bench_reports.overviews import column_title
from mer_bench_reports.provenance import used, without_folders
from mer_bench_reports.remeasured import difference
from mer_bench_reports.report_data import (
    GAPS,
    CitedTable,
    Comparison,
    Entry,
    Overview,
    Remeasured,
    ReportData,
    SelectionLine,
    SelectionTable,
)


@lru_cache(maxsize=1)  # The page has it, too.
def render_json(report: ReportData) -> str:
    """Return the report as one JSON object.

    ``comparisons`` are the tables of measured rows: only rows of one of them can be compared. A row has its mean over
    complete seeds, the limits of its 95 % intervals, the result of each seed as ``mer-bench run --json`` prints it, and
    how far the row with the highest UF1 is ahead. ``protocols`` are tables of several protocols beside each other.
    ``checks`` has what the checks find in these rows, as ``mer-bench check-results --json`` prints it.
    ``published`` are scores as their sources print them, with the measured rows that repeat them.
    """
    answer = {
        "mer_bench": report.version,
        "generated": report.generated.isoformat(),
        "comparisons": [_comparison(comparison, report.commands) for comparison in report.comparisons],
        "selection_rules": [_selection_table(table) for table in report.selections],
        "protocols": [_overview(overview) for overview in report.overviews],
        "checks": outcomes_object(report.checks),
        "published": [row for table in report.cited for row in _published(table)],
    }
    return json_text(_without_folders(answer), indent=1) + "\n"


def _without_folders(value: Any) -> Any:
    """Return JSON values with the folders of the machine taken out of all texts, as in the other formats."""
    if isinstance(value, dict):
        return {name: _without_folders(own) for name, own in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_folders(own) for own in value]
    return without_folders(value) if isinstance(value, str) else value


def _comparison(comparison: Comparison, commands: Mapping[str, str]) -> dict[str, object]:
    protocol = comparison.protocol
    return {
        "number": comparison.number,
        "protocol": {"name": protocol["name"], "version": protocol["version"], "hash": protocol["hash"]},
        "classes": protocol["classes"],
        "input": dict(comparison.input),
        "selection": comparison.selection,
        "caveats": list(comparison.caveats),
        "slices": dict(comparison.slices),
        "verdict": list(comparison.verdict),
        "rows": [
            {**_row(comparison, family, entry), "command": commands[entry.row.record["row_key"]]}
            for family, entries in comparison.families
            for entry in entries
        ],
    }


def _row(comparison: Comparison, family: str, entry: Entry) -> dict[str, object]:
    row, ranking = entry.row, comparison.ranking
    pair = ranking.pairs.get(row.record["row_key"]) if ranking else None
    return {
        "row": entry.name,
        "family": family,
        "title": row.record["method"]["title"],
        "badge": entry.badge,
        "settings": entry.settings,
        "mean": _means(row.means),
        "intervals": _nested({column: [each.low, each.high] for column, each in entry.intervals.items()}),
        "lead": pair and {**asdict(pair), "adjusted_p": ranking and ranking.p[row.record["row_key"]]},
        "cost": _cost(row),
        "seeds": [result_object(row, seed, entry.name) for seed in row.seeds],
        "oracle": [result_object(row, seed, entry.name) for seed in row.oracle if seed.done],
    }


def _selection_table(table: SelectionTable) -> dict[str, object]:
    curve = table.curve
    return {
        "comparisons": list(table.numbers),
        "guesser": [{"epochs": n, **_guesser(curve.at(n))} for n in curve.epochs] if curve else [],
        "rows": [_selection_line(line) for line in table.lines],
    }


def _selection_line(line: SelectionLine) -> dict[str, object]:
    epochs = line.entry.row.epochs
    return {
        "rows": dict(line.rows),
        "title": line.entry.row.record["method"]["title"],
        "badge": line.entry.badge,
        "settings": line.entry.settings,
        **{metric: {rule: asdict(own["full", metric]) for rule, own in line.means.items()} for metric in TABLE_METRICS},
        "difference_from_last": {
            rule: {metric: line.gap(rule, metric) for metric in TABLE_METRICS} for rule in GAPS if rule in line.paired
        },
        "guesser": _guesser(line.guesser) if line.guesser else None,
        "epochs": {"fewest": epochs.fewest, "most": epochs.most},
        "seeds": line.seeds,
    }


def _guesser(scores: tuple[Interval, Interval]) -> dict[str, object]:
    return {metric: asdict(own) for metric, own in zip(TABLE_METRICS, scores, strict=True)}


def _cost(row: RowResults) -> dict[str, object]:
    network = row.network
    return {
        "minutes": minutes(row),
        "trainable_parameters": network and network["trainable"],
        "flops": network and network["flops"],
        "not_counted": network and network["not_counted"],
        "devices": used(row, "device"),
    }


def _overview(overview: Overview) -> dict[str, object]:
    return {
        "selection": overview.selection,
        "columns": [{"comparison": own.number, "title": column_title(own)} for own in overview.comparisons],
        "rows": [
            {
                "title": row.title,
                "settings": row.settings,
                "cells": [
                    {"comparison": number, "row": entry.name, **_means(entry.row.means).get("full", {})}
                    for number, entry in row.entries.items()
                ],
            }
            for row in overview.rows
        ],
    }


def _means(means: Means) -> dict[str, dict[str, object]]:
    return _nested({(part, metric): asdict(means[part, metric]) for part, metric in means if metric in METRICS})


def _nested(values: dict[tuple[str, str], object]) -> dict[str, dict[str, object]]:
    nested: dict[str, dict[str, object]] = {}
    for (part, metric), value in values.items():
        nested.setdefault(part, {})[metric] = value
    return nested


def _published(table: CitedTable) -> list[dict[str, object]]:
    return [
        {
            "protocol": row.protocol,
            "title": row.title,
            "year": row.year,
            "family": row.family,
            "citation": row.citation,
            "doi": row.doi,
            "input": row.input,
            "source": row.source,
            "note": row.remarks,
            "slices": {name: {"uf1": uf1, "uar": uar} for name, (uf1, uar) in row.slices.items()},
            "measured": [_remeasured(found) for found in table.remeasured if found.published is row],
        }
        for _, rows in table.families
        for row in rows
    ]


def _remeasured(found: Remeasured) -> dict[str, object]:
    scores = {
        (part, metric): {"published": pair[0], "measured": pair[1].value, "difference": pair[2]}
        for part in found.published.slices
        for number, metric in enumerate(TABLE_METRICS)
        if (pair := difference(found, part, number))
    }
    return {
        "comparison": found.comparison,
        "selection": found.selection,
        "row": found.entry.name,
        "why_not": found.why_not,
        "slices": _nested(dict(scores)),
    }
