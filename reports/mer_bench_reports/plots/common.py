"""What plots share: the place of their rows, labels, legends and numbered points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mer_bench.certainty import interval_text, name_with_seeds
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
_NUMBER, _DOT = (6.0, 12.0), (2.0, 9.0)
"""A number closer than this to another, or to a point, would overlap it: in percent and pixels."""
_ASIDE, _SHIFTS = (3.0, -3.0, 9.0, -9.0, 15.0, -15.0), (0, 12, -12, 24, -24, 36, -36)
"""Where a number may be beside its point, the first free place: in percent and pixels."""


def label(entry: Entry) -> str:
    """Return what a plot calls a row: title, difference from the others, and a preset that needs a badge."""
    record = entry.row.record
    preset = (record["settings"]["preset"] or DEFAULTS) if entry.badge else ""
    title = ", ".join(filter(None, [record["method"]["title"], entry.distinction, preset]))
    return name_with_seeds(title, entry.row.seeds)


def row_text(number: int, text: str) -> Text:
    """Return the text above a row's marks, cut to the width of a telephone."""
    return line_text(LEFT, number * ROW + 13, text)


def marks_at(number: int) -> float:
    """Return the height of a row's marks."""
    return number * ROW + 23


def line_text(x: float, y: float, text: str, *, tip: str = "") -> Text:
    """Return a text that fits into the width; the whole one is its tip."""
    short = fitted(text)
    return Text(x, y, short, tip=tip or (text if short != text else ""))


def fitted(text: str, beside: int = 0) -> str:
    """Return a text cut to the width of a telephone, with room for some more characters."""
    longest = max(_LONGEST - beside, 8)
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip(' ,')}…"


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
        yield Text(x + 2.5, y + 4, fitted(text, _LONGEST - 16), tip=text)


def legend_height(n_marks: int) -> float:
    """Return the pixels of a legend."""
    return LINE * ((n_marks + 2) // 3)


def numbered(points: Sequence[tuple[float, float]], bottom: float) -> Iterator[Part]:
    """Yield a number beside each point, from 1, where no other number or point is; further away with a line to it."""
    taken: list[tuple[float, float]] = []
    for number, (x, y) in enumerate(points, start=1):
        places = ((x + aside, y + shift) for aside in _ASIDE for shift in _SHIFTS if 8 < y + shift <= bottom)
        at = next((place for place in places if _is_free(place, taken, points)), (x + _ASIDE[0], y))
        taken.append(at)
        if at[1] != y or abs(at[0] - x) > _ASIDE[0]:
            yield Line(x, y, round(at[0], 2), round(at[1], 2), "grid")
        yield Text(round(at[0], 2), round(at[1] + 4, 2), str(number), "middle", "tick")


def _is_free(
    place: tuple[float, float], taken: Sequence[tuple[float, float]], points: Sequence[tuple[float, float]]
) -> bool:
    def is_near(other: tuple[float, float], near: tuple[float, float]) -> bool:
        return abs(place[0] - other[0]) < near[0] and abs(place[1] - other[1]) < near[1]

    is_inside = 1 < place[0] < 99
    return is_inside and not any(is_near(o, _NUMBER) for o in taken) and not any(is_near(o, _DOT) for o in points)


def numbered_lines(texts: Sequence[tuple[str, str]], top: float) -> Iterator[Part]:
    """Yield the meaning of each number, a line each: a label, which is cut if need be, and what follows it."""
    for place, (name, rest) in enumerate(texts):
        yield line_text(
            LEFT, top + LINE * place, f"{place + 1}  {fitted(name, len(rest) + 4)}{rest}", tip=f"{name}{rest}"
        )
