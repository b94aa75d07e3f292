"""Intervals of scores, and of differences from the best row."""

from __future__ import annotations

from mer_bench.certainty import LEVEL_TEXT
from mer_bench_reports.plots.common import LEFT, ROW, UNIT, WIDTH, label, whisker
from mer_bench_reports.report_data import Comparison
from mer_bench_reports.svg import AXIS, Line, Plot, Scale, horizontal_axis


def forest(comparison: Comparison) -> Plot | None:
    """Return UF1 of each row with its interval, the highest first."""
    rows = [
        (entry, entry.intervals["full", "uf1"]) for entry in comparison.entries if ("full", "uf1") in entry.intervals
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: -row[1].value)
    scale = Scale.around([limit for _, i in rows for limit in (i.low, i.high)], LEFT, WIDTH, widest=UNIT)
    parts = [*horizontal_axis(scale, len(rows) * ROW, "UF1 on the full set")]
    for number, (entry, interval) in enumerate(rows):
        parts += whisker(label(entry), number, scale, interval)
    return Plot(
        f"UF1 on the full set, with {LEVEL_TEXT} intervals",
        "One line for each row, from the lower to the upper limit of its interval, with a dot at its UF1.",
        len(rows) * ROW + AXIS,
        tuple(parts),
    )


def differences(comparison: Comparison) -> Plot | None:
    """Return by how much UF1 of the leader is above that of each other row."""
    ranking = comparison.ranking
    if ranking is None:
        return None
    of_key = {key: pair.differences["uf1"].interval for key, pair in ranking.pairs.items()}
    rows = [(entry, own) for entry in comparison.entries if (own := of_key.get(entry.row.record["row_key"]))]
    if not rows:
        return None
    limits = [limit for _, interval in rows for limit in (interval.low, interval.high)]
    scale = Scale.around([0.0, *limits], LEFT, WIDTH, widest=(-1.0, 1.0))
    height = len(rows) * ROW
    parts = [
        *horizontal_axis(scale, height, "difference in UF1, full set", sign=True),
        Line(scale.at(0), 0, scale.at(0), height, "zero"),
    ]
    for number, (entry, interval) in enumerate(rows):
        parts += whisker(label(entry), number, scale, interval, sign=True)
    leader = next(entry for entry in comparison.entries if entry.row is ranking.leader)
    return Plot(
        f"UF1 of {label(leader)} less that of each other row",
        "One line for each other row: the interval of the difference, with a dot at the difference. Right of the "
        "dashed line at zero the first row is better.",
        height + AXIS,
        tuple(parts),
    )
