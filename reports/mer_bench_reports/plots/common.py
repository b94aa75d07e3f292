"""What plots share: the place of their rows, labels, legends and numbered points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import shorten

from mer_bench.certainty import interval_text
from mer_bench.result_texts import DEFAULTS
from mer_bench.statistics.resampling import Interval
from mer_bench_reports.report_data import Entry
from mer_bench_reports.svg import MARKERS, Line, Part, Point, Scale, Text

LEFT, WIDTH = 4.0, 92.0
"""The axis of a plot, in percent of its width."""

ROW = 34.0
"""Pixels of a row of a plot: a line of text, and marks below it."""

LINE = 18.0
"""Pixels of a line of a legend."""

UNIT = (0.0, 1.0)
"""The limits of a score."""

_LONGEST = 52
"""Characters that fit into the width of a telephone."""
_NEAR = (6.0, 12.0)
"""Numbers of points closer than this, in percent and pixels, would overlap."""


def label(entry: Entry) -> str:
    """Return what a plot calls a row: title, difference from the others, and a preset that needs a badge."""
    record = entry.row.record
    preset = (record["settings"]["preset"] or DEFAULTS) if entry.badge else ""
    return ", ".join(filter(None, [record["method"]["title"], entry.distinction, preset]))


def row_text(number: int, text: str) -> Text:
    """Return the text above a row's marks, cut to the width of a telephone."""
    return line_text(LEFT, number * ROW + 13, text)


def marks_at(number: int) -> float:
    """Return the height of a row's marks."""
    return number * ROW + 23


def line_text(x: float, y: float, text: str, longest: int = _LONGEST) -> Text:
    """Return a text that fits; the whole one is its tip."""
    short = shorten(text, longest, placeholder="…") if " " in text[:longest] else text
    short = short if len(short) <= longest else f"{short[: longest - 1]}…"
    return Text(x, y, short, tip=text if short != text else "")


def whisker(text: str, number: int, scale: Scale, interval: Interval, *, sign: bool = False) -> Iterator[Part]:
    """Yield a row with the line from the lower to the upper limit, and a dot at the value."""
    y = marks_at(number)
    yield row_text(number, text)
    yield Line(scale.at(interval.low), y, scale.at(interval.high), y, "interval")
    yield Point(scale.at(interval.value), y, "dot", f"{text}: {interval_text(interval, sign=sign)}")


def class_point(x: float, y: float, place: int, tip: str = "") -> Point:
    """Return a point of the colour and shape that a class, or a score, has in a plot."""
    return Point(x, y, f"class-{place % 8}", tip, MARKERS[place % len(MARKERS)])


def legend(marks: Sequence[tuple[str, str, str]], top: float) -> Iterator[Part]:
    """Yield the meaning of marks, three in a line.

    Parameters
    ----------
    marks : sequence of (str, str, str)
        Class, shape and text of each.
    top : float
        Pixels above the first line.
    """
    for place, (css, shape, text) in enumerate(marks):
        x, y = LEFT + 1 + 32 * (place % 3), top + LINE * (place // 3)
        yield Point(x, y, css, shape=shape)
        yield line_text(x + 2.5, y + 4, text, 16)


def legend_height(n_marks: int) -> float:
    """Return the pixels of a legend."""
    return LINE * ((n_marks + 2) // 3)


def numbered(points: Sequence[tuple[float, float]]) -> Iterator[Part]:
    """Yield a number beside each point, from 1; of points close together, below each other."""
    taken: list[tuple[float, float]] = []
    for number, (x, y) in sorted(enumerate(points, start=1), key=lambda each: each[1][::-1]):
        at = y
        while any(abs(x - other) < _NEAR[0] and abs(at - beside) < _NEAR[1] for other, beside in taken):
            at += 1
        taken.append((x, at))
        to_left = x > LEFT + WIDTH - 8
        if at - y > 4:
            yield Line(x, y, x + (-1.5 if to_left else 1.5), round(at, 2), "grid")
        yield Text(x + (-2 if to_left else 2), round(at + 4, 2), str(number), "end" if to_left else "start", "tick")


def numbered_lines(texts: Sequence[str], top: float) -> Iterator[Part]:
    """Yield the meaning of each number, a line each."""
    for place, text in enumerate(texts):
        yield line_text(LEFT, top + LINE * place, f"{place + 1}  {text}")
