"""Plots as lists of lines, points, boxes, curves and texts, which a template draws as SVG.

Horizontal places are percentages of the plot's width and vertical ones are pixels, so that a plot is as wide as the
screen while its texts keep their size. Colours are the page's, by class. The same content gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

AXIS = 42.0
"""Pixels that a horizontal axis takes below a plot."""


SHAPES = {
    "diamond": "M0-5.5 5.5 0 0 5.5-5.5 0Z",
    "square": "M-4-4H4V4H-4Z",
    "triangle": "M0-5 5 4H-5Z",
    "wedge": "M0 5 5-4H-5Z",
}
"""What a point may be instead of a circle, around its place."""

STROKES = {"cross": "M-4-4 4 4M4-4-4 4", "plus": "M0-5V5M-5 0H5", "bar": "M0-7V7"}
"""The same, of lines."""

MARKERS = ("circle", *SHAPES, *STROKES)
"""All, in the order in which classes have them: whoever sees no colours tells classes by shape."""


@dataclass(frozen=True)
class Line:
    """A straight line between two places."""

    x1: float
    y1: float
    x2: float
    y2: float
    css: str = ""


@dataclass(frozen=True)
class Point:
    """A dot, or another of `MARKERS`; ``tip`` is shown where the pointer rests on it."""

    x: float
    y: float
    css: str = ""
    tip: str = ""
    shape: str = "circle"


@dataclass(frozen=True)
class Box:
    """A rectangle; ``share``, from 0 to 1, is how dark it is."""

    x: float
    y: float
    width: float
    height: float
    share: float = 1
    tip: str = ""


@dataclass(frozen=True)
class Curve:
    """A line through many places, or the band between two.

    Parameters
    ----------
    x : float
        Where it starts, in percent.
    width : float
        In percent.
    places : tuple of (float, float)
        Thousandths of the width, and pixels; those of a band go there and back.
    css : str
    dash : str
        As SVG's ``stroke-dasharray``; empty for a solid line.
    is_band : bool
    """

    x: float
    width: float
    places: tuple[tuple[float, float], ...] = field(repr=False)
    css: str = ""
    dash: str = ""
    is_band: bool = False


@dataclass(frozen=True)
class Text:
    """A line of text; ``anchor`` is ``start``, ``middle`` or ``end``."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    css: str = ""
    tip: str = ""


Part = Line | Point | Box | Curve | Text


@dataclass(frozen=True)
class Plot:
    """A plot.

    Parameters
    ----------
    title : str
    description : str
        What it shows, for readers who do not see it.
    height : float
        In pixels.
    parts : tuple of Part
        Later ones are drawn above earlier ones.
    """

    title: str
    description: str
    height: float
    parts: tuple[Part, ...] = field(repr=False)


@dataclass(frozen=True)
class Scale:
    """Where values stand on an axis.

    Parameters
    ----------
    low, high : float
        The values at both ends.
    start, length : float
        Where the axis starts and how long it is, in percent or in pixels; a vertical axis has a negative length.
    """

    low: float
    high: float
    start: float
    length: float

    @classmethod
    def around(cls, values: Sequence[float], start: float, length: float, *, widest: tuple[float, float]) -> Scale:
        """Return a scale that holds all values, from tick to tick, and nothing outside ``widest``."""
        low, high = min(values), max(values)
        step = _step((high - low) or 0.1)
        return cls(
            max(math.floor(low / step) * step, widest[0]), min(math.ceil(high / step) * step, widest[1]), start, length
        )

    def at(self, value: float) -> float:
        """Return the place of a value."""
        return round(self.start + self.length * (value - self.low) / ((self.high - self.low) or 1), 2)

    def ticks(self) -> list[float]:
        """Return about five round values between both ends."""
        step = _step((self.high - self.low) or 0.1)
        first = math.ceil(self.low / step - 1e-9)
        return [round(step * n, 10) for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def horizontal_axis(scale: Scale, bottom: float, name: str, *, sign: bool = False) -> Iterator[Part]:
    """Yield a grid of vertical lines from the top, with their values and the axis' name below: `AXIS` pixels."""
    for tick in scale.ticks():
        yield Line(scale.at(tick), 0, scale.at(tick), bottom, "grid")
        yield Text(scale.at(tick), bottom + 16, _number(tick, sign=sign), "middle", "tick")
    yield Text(round(scale.start + scale.length / 2, 2), bottom + 33, name, "middle", "axis")


def vertical_axis(scale: Scale, left: float, right: float, name: str) -> Iterator[Part]:
    """Yield a grid of horizontal lines, with their values above them at the left, and the axis' name at the top."""
    for tick in scale.ticks():
        yield Line(left, scale.at(tick), right, scale.at(tick), "grid")
        yield Text(left, scale.at(tick) - 3, _number(tick, sign=False), "start", "tick")
    yield Text(left, scale.start + scale.length - 18, name, "start", "axis")


def _number(value: float, *, sign: bool) -> str:
    return f"{value:{'+' if sign and value else ''}.6g}"


def _step(span: float) -> float:
    """Return the round step, 1, 2 or 5 times a power of ten, that divides a span into about five."""
    power = 10.0 ** math.floor(math.log10(span / 5))
    return next((factor * power for factor in (1, 2, 5) if span / (factor * power) <= 6), 10 * power)
