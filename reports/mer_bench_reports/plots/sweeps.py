"""Scores by the values of the parameters of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mer_bench.results import RowResults
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench_reports.plots.common import LEFT, LINE, ROW, UNIT, WIDTH, legend, marks_at, row_text
from mer_bench_reports.provenance import shown_value
from mer_bench_reports.report_data import Comparison, Entry
from mer_bench_reports.svg import AXIS, Curve, Line, Part, Plot, Point, Scale, Text, horizontal_axis, vertical_axis
from mer_bench_reports.wording import slice_title

_FEWEST = 3
"""Settings that a sweep must have."""
_WIDEST = 46
"""Characters of values that fit side by side below an axis."""
_PANEL, _TALL = 150.0, 96.0
_MARKS = {"uf1": ("class-0", "circle", "UF1"), "uar": ("class-2", "diamond", "UAR")}
_DASHES = {"uf1": "", "uar": "6 3"}


def sweeps(comparison: Comparison) -> list[Plot]:
    """Return UF1 and UAR by setting, for each method and preset with three or more settings.

    One parameter has an axis of its values, and a panel for each slice; several parameters have a line for each row.
    """
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in comparison.entries:
        if entry.row.means:
            record = entry.row.record
            key = record["method"]["name"], record["method"]["version"], record["settings"]["preset"]
            groups.setdefault(key, []).append(entry)
    return [
        _sweep(entries, names, comparison)
        for entries in groups.values()
        if len(entries) >= _FEWEST and (names := _differing([entry.row for entry in entries]))
    ]


def _differing(rows: Sequence[RowResults]) -> list[str]:
    params = [row.record["params"] for row in rows]
    return [name for name in params[0] if any(other.get(name) != params[0][name] for other in params)]


def _sweep(entries: Sequence[Entry], names: Sequence[str], comparison: Comparison) -> Plot:
    values = [_values(entry, names) for entry in entries]
    [*others, last] = names
    fits = not others and sum(len(own[last]) + 2 for own in values) <= _WIDEST
    return _by_value(entries, last, comparison) if fits else _by_row(entries, names)


def _values(entry: Entry, names: Sequence[str]) -> Mapping[str, str]:
    params = entry.row.record["params"]
    return {name: shown_value(params.get(name)) for name in names}


def _by_value(entries: Sequence[Entry], name: str, comparison: Comparison) -> Plot:
    slices = [part for part in comparison.slices if all((part, "uf1") in entry.row.means for entry in entries)]
    scores = [entry.row.means[part, metric].value for entry in entries for part in slices for metric in TABLE_METRICS]
    scale = Scale.around(scores, 0, 1, widest=UNIT)
    values = [_values(entry, [name])[name] for entry in entries]
    across = Scale(0, len(entries) - 1, LEFT + 10, WIDTH - 20)
    parts: list[Part] = []
    for number, part in enumerate(slices):
        bottom = number * _PANEL + 22 + _TALL
        up = Scale(scale.low, scale.high, bottom, -_TALL)
        parts += vertical_axis(up, LEFT, LEFT + WIDTH, f"{slice_title(part)}: UF1 and UAR")
        parts += [Text(across.at(i), bottom + 16, value, "middle", "tick") for i, value in enumerate(values)]
        for metric in TABLE_METRICS:
            own = [entry.row.means[part, metric].value for entry in entries]
            text = f"{slice_title(part)} {metric.upper()}, {name}"
            tips = [f"{text}={value}: {score:.4f}" for value, score in zip(values, own, strict=True)]
            places = [(across.at(i), up.at(score)) for i, score in enumerate(own)]
            parts += _joined(places, tips, metric)
    height = len(slices) * _PANEL
    parts.append(Text(LEFT + WIDTH / 2, height + 6, name, "middle", "axis"))
    return Plot(
        f"{_title(entries[0])} by {name}",
        f"UF1 (dots) and UAR (diamonds, dashed) for each value of {name}, a panel for each database.",
        height + 2 * LINE + 10,
        (*parts, *legend(list(_MARKS.values()), height + LINE + 8)),
    )


def _joined(places: Sequence[tuple[float, float]], tips: Sequence[str], metric: str) -> list[Part]:
    """Return the points of a score, and the curve through them."""
    css, shape, _ = _MARKS[metric]
    thousandths = tuple((round(1000 * (x - LEFT) / WIDTH, 1), y) for x, y in places)
    points = [Point(x, y, css, tip, shape) for (x, y), tip in zip(places, tips, strict=True)]
    return [Curve(LEFT, WIDTH, thousandths, css, _DASHES[metric]), *points]


def _by_row(entries: Sequence[Entry], names: Sequence[str]) -> Plot:
    scores = [[entry.row.means["full", metric].value for metric in TABLE_METRICS] for entry in entries]
    scale = Scale.around([score for own in scores for score in own], LEFT, WIDTH, widest=UNIT)
    height = len(entries) * ROW
    parts: list[Part] = [*horizontal_axis(scale, height, "UF1 and UAR on the full set")]
    for number, (entry, own) in enumerate(zip(entries, scores, strict=True)):
        setting = ", ".join(f"{name}={value}" for name, value in _values(entry, names).items())
        y = marks_at(number)
        parts += [row_text(number, setting), Line(scale.at(min(own)), y, scale.at(max(own)), y, "grid")]
        for metric, score in zip(TABLE_METRICS, own, strict=True):
            css, shape, metric_title = _MARKS[metric]
            parts.append(Point(scale.at(score), y, css, f"{metric_title}, {setting}: {score:.4f}", shape))
    return Plot(
        f"{_title(entries[0])} by {', '.join(names)}",
        "One line for each setting, in the order of the table, with a dot at UF1 and a diamond at UAR.",
        height + AXIS + LINE + 4,
        (*parts, *legend(list(_MARKS.values()), height + AXIS + 8)),
    )


def _title(entry: Entry) -> str:
    record = entry.row.record
    return ", ".join(filter(None, [record["method"]["title"], record["settings"]["preset"]]))
