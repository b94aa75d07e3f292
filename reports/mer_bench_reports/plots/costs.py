"""Scores against what they cost."""

from __future__ import annotations

import math

from mer_bench_reports.costs import minutes
from mer_bench_reports.plots.common import LEFT, LINE, UNIT, WIDTH, label, numbered, numbered_lines
from mer_bench_reports.plots.logarithmic import log_axis, log_scale
from mer_bench_reports.report_data import Comparison
from mer_bench_reports.svg import AXIS, Part, Plot, Point, Scale, vertical_axis

_BOTTOM, _TALL = 230.0, 200.0


def costs(comparison: Comparison) -> Plot | None:
    """Return UF1 against the computing time of a seed."""
    rows = [(entry, time) for entry in comparison.entries if (time := minutes(entry.row))]
    if len(rows) < 2:
        return None
    scores = [entry.row.means["full", "uf1"].value for entry, _ in rows]
    across = log_scale([time for _, time in rows])
    up = Scale.around(scores, _BOTTOM, -_TALL, widest=UNIT)
    places = [(across.at(math.log10(each)), up.at(score)) for (_, each), score in zip(rows, scores, strict=True)]
    texts = [
        (label(entry), f": {score:.4f}, {time:.3g} min") for (entry, time), score in zip(rows, scores, strict=True)
    ]
    parts: list[Part] = [
        *vertical_axis(up, LEFT, LEFT + WIDTH, "UF1 on the full set"),
        *log_axis(across, _BOTTOM, "computing time of one seed, minutes (logarithmic)"),
        *(Point(x, y, "dot", "".join(text)) for (x, y), text in zip(places, texts, strict=True)),
        *numbered(places, _BOTTOM),
        *numbered_lines(texts, _BOTTOM + AXIS + LINE),
    ]
    return Plot(
        "UF1 against computing time of one seed",
        "One dot for each row, with its number in the list: further right is slower, further up is better.",
        _BOTTOM + AXIS + LINE * (len(rows) + 1),
        tuple(parts),
    )
