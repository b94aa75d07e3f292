"""Selection rules: each row under `last`, `inner` and `oracle`, its epochs, and a guesser who chooses as the oracle."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mer_bench.arrays import DoubleArray
from mer_bench.rules import ORACLE, SELECTIONS
from mer_bench.statistics.luck import GUESSERS
from mer_bench_reports.plots.common import (
    LEFT,
    LINE,
    ROW,
    UNIT,
    WIDTH,
    label,
    legend,
    line_text,
    marks_at,
    numbered,
    numbered_lines,
    row_text,
)
from mer_bench_reports.plots.logarithmic import log_axis, log_scale
from mer_bench_reports.report_data import SelectionLine, SelectionTable
from mer_bench_reports.svg import AXIS, Curve, Line, Part, Plot, Point, Scale, Text, horizontal_axis, vertical_axis

_MARKS = {"last": ("dot", "circle"), "inner": ("dot", "diamond"), ORACLE: ("hollow", "circle")}
"""Class and shape of each rule's mark."""
_GUESSER = ("", "cross")
_CURVE_POINTS = 200
_START, _LENGTH = 10.0, 86.0
"""The axis of a panel, in percent, right of its limits."""
_PANEL = 112.0
"""Pixels of a row's curve and its label."""
_PANELS = 8
"""Of a plot: more do not fit on a printed page."""


def slopes(table: SelectionTable) -> Plot | None:
    """Return UF1 from ``last`` by ``inner`` to the oracle, and that of a guesser with as many epochs."""
    lines = [line for line in table.lines if line.means]
    if not any(line.paired for line in lines):
        return None
    values = [
        {rule: line.means[rule]["full", "uf1"].value for rule in SELECTIONS if rule in line.means} for line in lines
    ]
    guessers = [line.guesser[0].value for line in lines if line.guesser]
    everything = [*(value for own in values for value in own.values()), *guessers]
    scale = Scale.around(everything, LEFT, WIDTH, widest=UNIT)
    height = len(lines) * ROW
    parts: list[Part] = [*horizontal_axis(scale, height, "UF1 on the full set")]
    for number, (line, own) in enumerate(zip(lines, values, strict=True)):
        y, text = marks_at(number), label(line.entry)
        parts.append(row_text(number, text))
        parts.append(Line(scale.at(min(own.values())), y, scale.at(max(own.values())), y, "interval"))
        parts += [Point(scale.at(own[rule]), y, *_marked(text, rule, own[rule])) for rule in own]
        if line.guesser:
            parts.append(Point(scale.at(line.guesser[0].value), y, *_marked(text, "guesser", line.guesser[0].value)))
    marks: list[tuple[str, str, str]] = [
        (*_MARKS[rule], str(rule)) for rule in SELECTIONS if any(rule in own for own in values)
    ]
    marks += [(*_GUESSER, "guesser")] if guessers else []
    return Plot(
        "UF1 under each selection rule",
        "One line for each row: the last epoch, where measured the one that is best on validation subjects (inner), "
        "and the one that is best on the test subject (oracle), which is a diagnostic and no result. The cross is a "
        "guesser with as many epochs.",
        height + AXIS + 2 * LINE,
        (*parts, *legend(marks, height + AXIS + 8)),
    )


def training(table: SelectionTable) -> list[Plot]:
    """Return UF1 on the test subjects after each epoch, a panel for each row; plots that fit on a printed page."""
    found = [(line, line.entry.row.epochs.curve) for line in table.lines]
    curves = [(line, curve[:, 0]) for line, curve in found if curve is not None and len(curve) > 1]
    if not curves:
        return []
    limits = [float(limit) for _, curve in curves for limit in (curve.min(), curve.max())]
    up = Scale.around(limits, 0, 1, widest=UNIT)
    across = Scale(1, max(len(curve) for _, curve in curves), _START, _LENGTH)
    pages = [curves[first : first + _PANELS] for first in range(0, len(curves), _PANELS)]
    titles = ["", *(f", continued ({number} of {len(pages)})" for number in range(2, len(pages) + 1))]
    return [_training_page(own, title, across, up) for own, title in zip(pages, titles, strict=True)]


def _training_page(
    curves: Sequence[tuple[SelectionLine, DoubleArray]], continued: str, across: Scale, up: Scale
) -> Plot:
    parts = [part for n, (line, curve) in enumerate(curves) for part in _panel(line, curve, n * _PANEL, across, up)]
    height = len(curves) * _PANEL
    ticks = sorted({1, round(across.high / 2), int(across.high)})
    parts += [Text(across.at(epoch), height + 12, str(epoch), "middle", "tick") for epoch in ticks]
    parts.append(Text(_START + _LENGTH / 2, height + 29, "epoch", "middle", "axis"))
    stopped = any(line.entry.row.epochs.fewest < line.entry.row.epochs.most for line, _ in curves)
    return Plot(
        f"UF1 on the test subjects after each epoch{continued}",
        "One panel for each row: all folds together, the mean over complete seeds. The full dot is the last epoch, "
        "which is the row's result; the empty one is the best epoch of all folds together, chosen on test data: a "
        "diagnostic, no result." + (" A fold that stopped early keeps its last epoch." if stopped else ""),
        height + AXIS,
        tuple(parts),
    )


def luck(table: SelectionTable) -> Plot | None:
    """Return the UF1 of a guesser by the number of epochs to choose from, and each row's oracle."""
    curve = table.curve
    if curve is None:
        return None
    lines = [line for line in table.lines if ORACLE in line.means]
    scores = [line.means[ORACLE]["full", "uf1"].value for line in lines]
    bottom, tall = 230.0, 200.0
    across = log_scale(curve.epochs)
    up = Scale.around([*curve.low[:, 0].tolist(), *curve.high[:, 0].tolist(), *scores], bottom, -tall, widest=UNIT)
    # Thousandths of the axis.
    xs = [round(1000 * (across.at(math.log10(n)) - LEFT) / WIDTH, 1) for n in curve.epochs]
    low, mean, high = (
        [(x, up.at(value)) for x, value in zip(xs, own[:, 0].tolist(), strict=True)]
        for own in (curve.low, curve.mean, curve.high)
    )
    places = [(across.at(math.log10(line.epochs)), up.at(score)) for line, score in zip(lines, scores, strict=True)]
    texts = [
        (label(line.entry), f": {score:.4f}, {line.epochs} epochs") for line, score in zip(lines, scores, strict=True)
    ]
    parts: list[Part] = [
        *vertical_axis(up, LEFT, LEFT + WIDTH, "UF1 on the full set"),
        *log_axis(across, bottom, "epochs to choose from in each fold (logarithmic)"),
        Curve(LEFT, WIDTH, (*low, *reversed(high)), is_band=True),
        Curve(LEFT, WIDTH, tuple(mean), dash="6 3"),
        *(Point(x, y, "hollow", "".join(text)) for (x, y), text in zip(places, texts, strict=True)),
        *numbered(places, bottom),
        *numbered_lines(texts, bottom + AXIS + LINE),
    ]
    return Plot(
        "What a guesser reaches who chooses epochs as the oracle does",
        f"The dashed line is the mean of {GUESSERS} guessers, and 95 % of them are in the band. Each dot is a row's "
        "oracle at its number of epochs, with its number in the list.",
        bottom + AXIS + LINE * (len(lines) + 1),
        tuple(parts),
    )


def _marked(text: str, rule: str, value: float) -> tuple[str, str, str]:
    css, shape = _MARKS.get(rule, _GUESSER)
    return css, f"{text}, {rule}: {value:.4f}", shape


def _panel(line: SelectionLine, curve: DoubleArray, top: float, across: Scale, limits: Scale) -> list[Part]:
    """Return a row's curve, thinned, with dots at its last and at its best epoch."""
    up = Scale(limits.low, limits.high, top + _PANEL - 12, -(_PANEL - 50))
    best = int(np.argmax(curve))
    shown = np.unique([*np.linspace(0, len(curve) - 1, _CURVE_POINTS).round().astype(int), best])
    thousandths = (1000 * shown / (across.high - 1)).round(1).tolist()
    last_value, best_value, text = float(curve[-1]), float(curve[best]), label(line.entry)
    parts: list[Part] = []
    for limit in (limits.low, limits.high):
        parts.append(Line(_START, up.at(limit), _START + _LENGTH, up.at(limit), "grid"))
        parts.append(Text(_START - 1, up.at(limit) + 4, f"{limit:.6g}", "end", "tick"))
    parts += [
        line_text(LEFT, top + 12, text),
        Text(LEFT, top + 27, f"last {last_value:.4f}, best {best_value:.4f} (epoch {best + 1})", css="tick"),
        Curve(_START, _LENGTH, tuple(zip(thousandths, map(up.at, curve[shown].tolist()), strict=True)), "class-2"),
        Point(
            across.at(best + 1), up.at(best_value), "hollow", f"{text}, epoch {best + 1}, diagnostic: {best_value:.4f}"
        ),
        Point(
            across.at(len(curve)), up.at(last_value), "dot", f"{text}, last of {len(curve)} epochs: {last_value:.4f}"
        ),
    ]
    return parts
