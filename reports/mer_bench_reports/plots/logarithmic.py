"""Logarithmic horizontal axes: scales of powers of ten."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from mer_bench_reports.plots.common import LEFT, WIDTH
from mer_bench_reports.svg import Line, Part, Scale, Text


def log_scale(values: Sequence[float]) -> Scale:
    """Return a scale of the logarithms of positive values, from one power of ten to another."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return Scale(low, max(high, low + 1), LEFT, WIDTH)


def log_axis(scale: Scale, bottom: float, name: str) -> Iterator[Part]:
    """Yield ticks at powers of ten, and between them where there are few, with the axis' name below."""
    powers = range(int(scale.low), int(scale.high) + 1)
    factors = (1, 2, 5) if len(powers) < 4 else (1,)
    for value in (factor * 10.0**power for power in powers for factor in factors):
        if math.log10(value) <= scale.high:
            x = scale.at(math.log10(value))
            yield Line(x, bottom, x, bottom + 4, "grid")
            yield Text(x, bottom + 16, f"{value:g}", "middle", "tick")
    yield Text(LEFT + WIDTH / 2, bottom + 33, name, "middle", "axis")
