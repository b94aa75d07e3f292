"""What a row costs: computing time of a seed, trainable parameters, and operations of one sample's forward pass."""

from __future__ import annotations

import math

from mer_bench.result_texts import MISSING
from mer_bench.results import RowResults

HEADINGS = ("Minutes", "Parameters", "MFLOPs")
"""The headings of `costs`."""


def minutes(row: RowResults) -> float | None:
    """Return the minutes that one seed takes, summed over its folds; the mean of the complete seeds."""
    complete = [seed.seed for seed in row.seeds if seed.complete]
    if not complete:
        return None
    return sum(cell["seconds"] for cell in row.finished if cell["seed"] in complete) / 60 / len(complete)


def costs(row: RowResults) -> list[tuple[float | None, str]]:
    """Return minutes of a seed, trainable parameters, and millions of operations of one sample, each with its text."""
    network, time = row.network, minutes(row)
    trainable = network["trainable"] if network else None
    flops = network["flops"] if network else None
    mega = None if flops is None else flops / 1e6
    return [
        (time, MISSING if time is None else three_digits(time)),
        (trainable, MISSING if trainable is None else f"{trainable:,}"),
        (mega, MISSING if mega is None else three_digits(mega)),
    ]


def cost_texts(row: RowResults) -> list[str]:
    """Return the texts of `costs`; a dash for what is not known, or for a method without a network."""
    return [text for _, text in costs(row)]


def cost_line(row: RowResults) -> str:
    """Return what is known of a row's cost in one line: ``2.31 minutes, 1,683 parameters, 0.680 MFLOPs``."""
    known = zip(cost_texts(row), HEADINGS, strict=True)
    words = [f"{text} {head if head == HEADINGS[2] else head.lower()}" for text, head in known if text != MISSING]
    return ", ".join(words)


def three_digits(value: float) -> str:
    """Return a number with three digits, and all of those before the point: ``0.0583``, ``2.31``, ``1,234``."""
    if not value:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    # Rounding may add a digit: 9.996 is 10.0.
    rounded = round(value, decimals)
    decimals = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}"
