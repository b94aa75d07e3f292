"""Numbers as a source prints them, and the intervals of what they may stand for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from mer_bench.errors import MerBenchError

Way = Literal["rounded", "truncated"]
"""How the last digit came about."""

MOST_DECIMALS = 6
"""More are not searched: the margin of the float arithmetic must stay far below the last digit."""

_NUMBER = re.compile(r"\d*\.?\d+|\d+\.", re.ASCII)


@dataclass(frozen=True)
class Window:
    """A closed interval of exact numbers."""

    low: Fraction
    high: Fraction

    @property
    def middle(self) -> Fraction:
        return (self.low + self.high) / 2

    @property
    def half(self) -> Fraction:
        return (self.high - self.low) / 2

    def __contains__(self, value: object) -> bool:
        return isinstance(value, Fraction) and self.low <= value <= self.high


@dataclass(frozen=True)
class Printed:
    """A number as printed.

    Parameters
    ----------
    text : str
        As the source prints it, ``.7353`` or, in percent, ``73.53``.
    value : Fraction
        The number, a share of 1.
    decimals : int
        Digits behind the point of ``value``; 4 for ``.7353`` and for 73.53 %.
    """

    text: str
    value: Fraction
    decimals: int

    @property
    def unit(self) -> Fraction:
        """One of the last digit."""
        return Fraction(1, 10**self.decimals)

    def window(self, way: Way) -> Window:
        """Return all numbers that are printed so. Both ends count, so that no rule for ties excludes a real score."""
        if way == "truncated":
            return Window(self.value, self.value + self.unit)
        return Window(self.value - self.unit / 2, self.value + self.unit / 2)


def read_printed(text: str, *, percent: bool = False) -> Printed:
    """Read a printed score.

    Raises
    ------
    MerBenchError
        It is not a decimal number, is outside 0 to 1 (with ``percent``, 0 to 100), or has too many decimals.
    """
    stated = text.strip().removesuffix("%").strip()
    percent = percent or text.strip().endswith("%")
    if len(stated) > 40 or not _NUMBER.fullmatch(stated):
        raise MerBenchError(f"score {text[:40]!r} is not a decimal number; write it as printed, such as 0.7353")
    value = Fraction(stated.rstrip(".")) / (100 if percent else 1)
    decimals = len(stated.partition(".")[2]) + (2 if percent else 0)
    if value > 1:
        cure = "a share of 100 is at most 100" if percent else "for percent, add --percent or the sign %"
        raise MerBenchError(f"score {text!r} is larger than 1; {cure}")
    if decimals > MOST_DECIMALS:
        raise MerBenchError(f"score {text!r} has more than {MOST_DECIMALS} decimals; leave out the last ones")
    return Printed(text.strip(), value, decimals)


def with_common_decimals(numbers: Sequence[Printed]) -> list[Printed]:
    """Return numbers of a table whose trailing zeros are lost, with the decimals of the longest one."""
    decimals = max((number.decimals for number in numbers), default=0)
    return [replace(number, decimals=decimals) for number in numbers]
