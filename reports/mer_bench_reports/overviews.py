"""The same methods under several protocols, beside each other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mer_bench.arithmetic import AVX2
from mer_bench.caveats import DATA_CAVEATS, is_synthetic
from mer_bench.results import Mean
from mer_bench.rules import NO_EPOCHS, SELECTIONS
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench_reports.report_data import Comparison, Entry, Overview, OverviewRow


def overviews(comparisons: Sequence[Comparison]) -> tuple[Overview, ...]:
    """Return a table for each selection rule under which several protocols were measured on real data.

    A column is one comparison, so that inputs are not mixed. A row is one method with the same parameters,
    representation, arithmetic and caveats; rows with an incomplete seed are left out.

    Parameters
    ----------
    comparisons : sequence of Comparison
        Those of the report.
    """
    real = [own for own in comparisons if not is_synthetic(own.caveats) and any(e.row.means for e in own.entries)]
    rules = {own.selection for own in real} - {NO_EPOCHS} or {NO_EPOCHS}
    tables = []
    for rule in (*SELECTIONS, NO_EPOCHS):
        columns = [own for own in real if own.selection in (rule, NO_EPOCHS)]
        if rule in rules and len({own.protocol["name"] for own in columns}) > 1:
            tables.append(Overview(rule, tuple(columns), _rows(columns)))
    return tuple(tables)


def column_title(comparison: Comparison) -> str:
    """Return the heading of a comparison's column: ``cde@1, Named maps``; partial data is named."""
    protocol = comparison.protocol
    caveats = [f"{caveat} data" for caveat in comparison.caveats]
    return ", ".join([f"{protocol['name']}@{protocol['version']}", comparison.input_name, *caveats])


@dataclass(frozen=True)
class Cell:
    """A score of an overview, with the number of the comparison that it comes from; None where nothing was measured."""

    comparison: int
    mean: Mean | None


def cells(overview: Overview, row: OverviewRow) -> list[Cell]:
    """Return UF1 and UAR of a row in each comparison of an overview, in their order."""
    return [
        Cell(own.number, entry.row.means.get(("full", metric)) if entry else None)
        for own in overview.comparisons
        for entry in [row.entries.get(own.number)]
        for metric in TABLE_METRICS
    ]


def _rows(comparisons: Iterable[Comparison]) -> tuple[OverviewRow, ...]:
    found: dict[tuple[object, ...], dict[int, Entry]] = {}
    for comparison in comparisons:
        for entry in comparison.entries:
            if entry.row.is_complete:
                found.setdefault(_key(entry), {})[comparison.number] = entry
    return tuple(OverviewRow(*_words(next(iter(entries.values()))), entries) for entries in found.values())


def _key(entry: Entry) -> tuple[object, ...]:
    record = entry.row.record
    method, params = record["method"], json.dumps(record["params"], sort_keys=True)
    made = record["arithmetic"], record["representation"]["hash"]
    return method["name"], method["version"], params, *made, *_caveats(entry)


def _words(entry: Entry) -> tuple[str, str]:
    arithmetic = entry.row.record["arithmetic"]
    other = f"arithmetic {arithmetic}" if arithmetic != AVX2 else ""
    settings = "; ".join(filter(None, [entry.badge, entry.settings, other, *_caveats(entry)]))
    return entry.row.record["method"]["title"], settings


def _caveats(entry: Entry) -> list[str]:
    return [caveat for caveat in entry.row.record["caveats"] if caveat not in DATA_CAVEATS]
