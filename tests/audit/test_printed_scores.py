"""What a printed number stands for."""

from __future__ import annotations

from fractions import Fraction

import pytest

from mer_bench import MerBenchError
from mer_bench.audit.matrices import macro
from mer_bench.audit.printed import read_printed, with_common_decimals


@pytest.mark.parametrize(
    ("text", "percent", "value", "decimals"),
    [
        (".7353", False, "0.7353", 4),
        ("0.650", False, "0.65", 3),
        ("73.53", True, "0.7353", 4),
        ("7.5%", False, "0.075", 3),
        ("1", False, "1", 0),
    ],
)
def test_decimals_are_those_of_the_text(text: str, percent: bool, value: str, decimals: int) -> None:
    printed = read_printed(text, percent=percent)
    assert (printed.value, printed.decimals) == (Fraction(value), decimals)


def test_both_ends_of_an_interval_count() -> None:
    rounded, truncated = (read_printed(".72").window(way) for way in ("rounded", "truncated"))
    assert (rounded.low, rounded.high) == (Fraction("0.715"), Fraction("0.725"))
    assert (truncated.low, truncated.high) == (Fraction("0.72"), Fraction("0.73"))
    for window in (rounded, truncated):
        assert window.low in window
        assert window.high in window
        assert window.high + Fraction(1, 10**9) not in window


def test_a_table_has_the_decimals_of_its_longest_number() -> None:
    assert [n.decimals for n in with_common_decimals([read_printed("0.5"), read_printed("0.125")])] == [3, 3]


@pytest.mark.parametrize("text", ["", "x", "-0.5", "1e-2", "nan", "0.1234567", "73.53", "١", "0." + "1" * 99])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(MerBenchError, match="score"):
        read_printed(text)


@pytest.mark.parametrize("counts", [(), (5,), (5, 0), (3, -1), (100_000, 2)])
def test_counts_of_no_two_classes_are_refused(counts: tuple[int, ...]) -> None:
    with pytest.raises(MerBenchError, match="class counts"):
        macro(counts)
