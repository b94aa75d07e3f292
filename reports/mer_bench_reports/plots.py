"""The plots of a comparison: intervals, differences, recalls, subjects, selection rules, and cost."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from mer_bench.certainty import interval_text, subject_counts
from mer_bench.parameters import value_text
from mer_bench.result_texts import DEFAULTS
from mer_bench.results import means
from mer_bench.rules import ORACLE
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench.statistics.resampling import Interval
from mer_bench_reports.costs import minutes
from mer_bench_reports.report_data import Comparison, Entry
from mer_bench_reports.svg import Box, Line, Part, Plot, Point, Scale, Text, horizontal_axis, vertical_axis

_LEFT, _WIDTH = 4.0, 92.0
"""The axis of a plot, in percent of its width."""
_ROW = 34.0
"""Pixels of a row of a plot: a line of text, and marks below it."""
_AXIS = 26.0
_UNIT = (0.0, 1.0)
_SWEPT = 3
"""Values that a parameter must have for a curve."""


def plots(comparison: Comparison) -> list[Plot]:
    """Return the plots of a comparison for which it has anything to show."""
    drawn = (
        forest(comparison),
        differences(comparison),
        recalls(comparison),
        subjects(comparison),
        selections(comparison),
        *sweeps(comparison),
        costs(comparison),
    )
    return [plot for plot in drawn if plot is not None]


def forest(comparison: Comparison) -> Plot | None:
    """Return UF1 of each row with its interval, the highest first."""
    rows = [
        (entry, entry.intervals["full", "uf1"]) for entry in comparison.entries if ("full", "uf1") in entry.intervals
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: -row[1].value)
    scale = Scale.around([limit for _, i in rows for limit in (i.low, i.high)], _LEFT, _WIDTH, widest=_UNIT)
    parts = [*horizontal_axis(scale, 0, len(rows) * _ROW)]
    for number, (entry, interval) in enumerate(rows):
        parts += _whisker(entry, number, scale, interval)
    return Plot(
        "UF1 on the full set, with 95 % intervals",
        "One line for each row, from the lower to the upper limit of its interval, with a dot at its UF1.",
        len(rows) * _ROW + _AXIS,
        tuple(parts),
    )


def differences(comparison: Comparison) -> Plot | None:
    """Return by how much UF1 of the leader is above that of each other row."""
    ranking = comparison.ranking
    if ranking is None:
        return None
    beside = [entry for entry in comparison.entries if entry.row.record["row_key"] in ranking.pairs]
    found = [ranking.pairs[entry.row.record["row_key"]].differences["uf1"].interval for entry in beside]
    limits = [limit for interval in found for limit in (interval.low, interval.high)]
    scale = Scale.around([0.0, *limits], _LEFT, _WIDTH, widest=(-1.0, 1.0))
    height = len(beside) * _ROW
    parts = [*horizontal_axis(scale, 0, height, sign=True), Line(scale.at(0), 0, scale.at(0), height, "zero")]
    for number, (entry, interval) in enumerate(zip(beside, found, strict=True)):
        parts += _whisker(entry, number, scale, interval, sign=True)
    leader = next(entry for entry in comparison.entries if entry.row is ranking.leader)
    return Plot(
        f"UF1 of {_label(leader)} less that of each other row",
        "One line for each other row: the interval of the difference, with a dot at the difference. Right of zero the "
        "first row is better.",
        height + _AXIS,
        tuple(parts),
    )


def recalls(comparison: Comparison) -> Plot | None:
    """Return the recall of each class, for each row."""
    classes = comparison.protocol["classes"]
    rows = [entry for entry in comparison.entries if entry.row.means]
    if not rows:
        return None
    scale, height = Scale(0.0, 1.0, _LEFT, _WIDTH), len(rows) * _ROW
    parts = [*horizontal_axis(scale, 0, height)]
    for number, entry in enumerate(rows):
        counts = np.sum([seed.slices["full"].confusion for seed in entry.row.seeds if seed.complete], axis=0)
        y = number * _ROW
        parts += [Text(_LEFT, y + 13, _label(entry)), Line(_LEFT, y + 23, _LEFT + _WIDTH, y + 23, "grid")]
        for label, name in enumerate(classes):
            if counts[label].sum():
                share = counts[label, label] / counts[label].sum()
                parts.append(
                    Point(scale.at(share), y + 23, f"class-{label % 8}", f"{_label(entry)}, {name}: {share:.4f}")
                )
    legend = [Point(_LEFT + 1 + 24 * i, height + 34, f"class-{i % 8}") for i in range(len(classes))]
    names = [Text(_LEFT + 3 + 24 * i, height + 38, name) for i, name in enumerate(classes)]
    return Plot(
        "Recall of each class on the full set",
        f"One line for each row, with a dot for the recall of each class: {', '.join(classes)}.",
        height + _AXIS + 20,
        (*parts, *legend, *names),
    )


def subjects(comparison: Comparison) -> Plot | None:
    """Return the share of correct samples of each subject: which subjects all rows fail."""
    rows = [(entry, counts) for entry in comparison.entries if (counts := subject_counts(entry.row.seeds))]
    if not rows:
        return None
    shares = np.array([counts.correct / counts.n_samples for _, counts in rows])
    order = np.argsort(-shares.mean(axis=0), kind="stable")
    names, sizes = rows[0][1].subjects, rows[0][1].n_samples
    width = _WIDTH / len(names)
    parts: list[Part] = []
    for number, (entry, _) in enumerate(rows):
        parts.append(Text(_LEFT, number * _ROW + 13, _label(entry)))
        for place, subject in enumerate(order):
            share = float(shares[number, subject])
            tip = f"{names[subject]}: {share * sizes[subject]:.4g} of {sizes[subject]} correct"
            x, y = round(_LEFT + place * width, 2), number * _ROW + 17
            parts.append(Box(x, y, width=round(width, 2), height=13, share=round(share, 3), tip=tip))
    failed = int((shares.max(axis=0) == 0).sum())
    return Plot(
        "Share of correct samples of each subject, darker for more",
        f"One strip for each row, with a box for each of {len(names)} subjects, in the same order: those whom the rows "
        f"predict best come first. Of {failed} subjects no row predicts any sample correctly.",
        len(rows) * _ROW + 4,
        tuple(parts),
    )


def selections(comparison: Comparison) -> Plot | None:
    """Return UF1 under the row's own rule and under the oracle."""
    rows = [(entry, best) for entry in comparison.diagnosed if (best := means(entry.row.oracle)) and entry.row.means]
    if not rows:
        return None
    pairs = [(entry.row.means["full", "uf1"].value, best["full", "uf1"].value) for entry, best in rows]
    scale = Scale.around([value for pair in pairs for value in pair], _LEFT, _WIDTH, widest=_UNIT)
    height = len(rows) * _ROW
    parts = [*horizontal_axis(scale, 0, height)]
    for number, ((entry, _), (own, oracle)) in enumerate(zip(rows, pairs, strict=True)):
        y = number * _ROW + 23
        parts += [Text(_LEFT, y - 10, _label(entry)), Line(scale.at(own), y, scale.at(oracle), y, "interval")]
        parts += [Point(scale.at(own), y, "dot", f"{_label(entry)}, {entry.row.selection}: {own:.4f}")]
        parts += [Point(scale.at(oracle), y, "hollow", f"{_label(entry)}, {ORACLE}: {oracle:.4f}")]
    return Plot(
        "UF1 of the last epoch (full dot), and of the epoch that is best on the test subject (empty dot)",
        "One line for each row, from its UF1 to that of the oracle, which is a diagnostic and no result.",
        height + _AXIS,
        tuple(parts),
    )


def sweeps(comparison: Comparison) -> list[Plot]:
    """Return UF1 and UAR by the values of a parameter, for each method of which one parameter has three or more."""
    by_method: dict[str, list[Entry]] = {}
    for entry in comparison.entries:
        if entry.row.means:
            by_method.setdefault(entry.row.record["method"]["name"], []).append(entry)
    return [plot for entries in by_method.values() if (plot := _sweep(entries))]


def _sweep(entries: list[Entry]) -> Plot | None:
    params = [entry.row.record["params"] for entry in entries]
    differing = [name for name in params[0] if any(other.get(name) != params[0][name] for other in params)]
    if len(entries) < _SWEPT or len(differing) != 1:
        return None
    [name] = differing
    title = entries[0].row.record["method"]["title"]
    values = [[entry.row.means["full", metric].value for entry in entries] for metric in TABLE_METRICS]
    up = Scale.around([value for own in values for value in own], 190, -170, widest=_UNIT)
    across = Scale(0, len(entries) - 1, _LEFT + 6, _WIDTH - 12)
    parts: list[Part] = [*vertical_axis(up, _LEFT, _LEFT + _WIDTH)]
    parts += [Text(across.at(i), 208, value_text(own[name]), "middle", "tick") for i, own in enumerate(params)]
    for number, (metric, own) in enumerate(zip(("UF1", "UAR"), values, strict=True)):
        places = [(across.at(i), up.at(value)) for i, value in enumerate(own)]
        parts += _curve(places, f"class-{2 * number}")
        parts += [
            Point(x, y, f"class-{2 * number}", f"{metric}, {name}={value_text(of[name])}: {value:.4f}")
            for (x, y), of, value in zip(places, params, own, strict=True)
        ]
        parts += _legend(metric, 2 * number, 232, row=number)
    return Plot(
        f"{title} by {name}",
        f"UF1 and UAR on the full set for each value of {name}, in the order of the table.",
        260,
        tuple(parts),
    )


def costs(comparison: Comparison) -> Plot | None:
    """Return UF1 against the processor time of a seed."""
    rows = [(entry, time) for entry in comparison.entries if (time := minutes(entry.row))]
    if len(rows) < 2:
        return None
    logs = [float(np.log10(time)) for _, time in rows]
    scores = [entry.row.means["full", "uf1"].value for entry, _ in rows]
    across = Scale(min(np.floor(logs)), max(np.ceil(logs)), _LEFT, _WIDTH)
    up = Scale.around(scores, 230, -210, widest=_UNIT)
    parts: list[Part] = [*vertical_axis(up, _LEFT, _LEFT + _WIDTH)]
    powers = range(int(across.low), int(across.high) + 1)
    parts += [Text(across.at(power), 250, f"{10.0**power:g} min", "middle", "tick") for power in powers]
    for (entry, _), log, score in zip(rows, logs, scores, strict=True):
        x = across.at(log)
        parts.append(Point(x, up.at(score), "dot", f"{_label(entry)}: {score:.4f}, {10**log:.3g} min"))
        parts.append(Text(x, up.at(score) - 8, _label(entry), "end" if x > 55 else "start", "tick"))
    return Plot(
        "UF1 against processor time of one seed",
        "One dot for each row: further right is slower (logarithmic), further up is better.",
        256,
        tuple(parts),
    )


def _whisker(entry: Entry, number: int, scale: Scale, interval: Interval, *, sign: bool = False) -> Iterator[Part]:
    """Yield a label, and below it the line from the lower to the upper limit with a dot at the value."""
    y = number * _ROW + 23
    yield Text(_LEFT, y - 10, _label(entry))
    yield Line(scale.at(interval.low), y, scale.at(interval.high), y, "interval")
    yield Point(scale.at(interval.value), y, "dot", f"{_label(entry)}: {interval_text(interval, sign=sign)}")


def _curve(places: list[tuple[float, float]], css: str) -> Iterator[Part]:
    for (x1, y1), (x2, y2) in pairwise(places):
        yield Line(x1, y1, x2, y2, f"curve {css}")


def _legend(text: str, colour: int, top: float, *, row: int | None = None) -> Iterator[Part]:
    y = top + 18 * (colour if row is None else row)
    yield Point(_LEFT + 1, y, f"class-{colour % 8}")
    yield Text(_LEFT + 3, y + 4, text)


def _label(entry: Entry) -> str:
    record = entry.row.record
    preset = (record["settings"]["preset"] or DEFAULTS) if entry.badge else ""
    return ", ".join(filter(None, [record["method"]["title"], entry.distinction, preset]))
