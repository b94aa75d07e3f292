"""Rates of each class against counts and scores."""

from __future__ import annotations

from fractions import Fraction

import pytest
from support.small_matrices import Matrix, scores

from mer_bench import MerBenchError
from mer_bench.audit import rates
from mer_bench.audit.printed import read_printed
from mer_bench.audit.rates import Rates, judge_rates, read_rates
from mer_bench.audit.slices import Part

COUNTS = (92, 26, 15)
MATRIX: Matrix = ((81, 8, 3), (6, 16, 4), (2, 3, 10))


def part_of(matrix: Matrix, shift: Fraction = Fraction(0)) -> Part:
    uf1, uar = scores(matrix)
    return Part(COUNTS, read_printed(f"{float(uf1 + shift):.4f}"), read_printed(f"{float(uar):.4f}"))


def rates_of(matrix: Matrix, decimals: int = 4) -> Rates:
    lines = [",".join(f"{k / sum(row):.{decimals}f}" for k in row) for row in matrix]
    return read_rates("\n".join(lines), len(matrix))[0]


def test_the_rates_of_a_matrix_fit_its_scores() -> None:
    found = judge_rates(part_of(MATRIX), rates_of(MATRIX))
    uf1, uar = scores(MATRIX)
    assert (found.fit, found.transposed) == ("fit", False)
    assert found.uf1 == pytest.approx((float(uf1), float(uf1)))
    assert found.uar == pytest.approx((float(uar), float(uar)))


def test_coarse_rates_give_a_range_with_the_scores_in_it() -> None:
    found = judge_rates(part_of(MATRIX), rates_of(MATRIX, 1))
    assert found.fit == "fit"
    assert found.uf1 is not None
    assert found.uf1[0] < float(scores(MATRIX)[0]) < found.uf1[1]


def test_other_scores_do_not_fit() -> None:
    assert judge_rates(part_of(MATRIX, Fraction(2, 1000)), rates_of(MATRIX)).fit == "do not fit"


def test_rates_of_other_counts_are_named() -> None:
    other: Matrix = ((70, 11, 6), (6, 16, 5), (2, 3, 12))
    assert judge_rates(part_of(MATRIX), rates_of(other)).fit == "not of these counts"


def test_rates_whose_columns_are_the_truth_are_recognised() -> None:
    turned = tuple(zip(*rates_of(MATRIX), strict=True))
    found = judge_rates(part_of(MATRIX), turned)
    assert (found.fit, found.transposed) == ("fit", True)


def test_a_diagonal_is_enough() -> None:
    diagonal, _ = read_rates("88.04,61.54,66.67", 3)
    assert judge_rates(part_of(MATRIX), diagonal).fit == "fit"
    assert judge_rates(part_of(((81, 8, 3), (6, 17, 3), (2, 3, 10))), diagonal).fit == "do not fit"
    assert judge_rates(part_of(MATRIX), read_rates("88.04,61.54,66.1", 3)[0]).fit == "not of these counts"
    found = judge_rates(part_of(MATRIX), diagonal)
    assert found.uf1 is not None
    assert found.uf1[0] < float(scores(MATRIX)[0]) < found.uf1[1]


def test_too_many_matrices_decide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_MATRICES", 20)
    assert judge_rates(part_of(MATRIX), rates_of(MATRIX, 1)).fit == "undecided"


@pytest.mark.parametrize(
    ("text", "percent"), [("0.5,0.25,0.125", False), ("50,25,12.5", True), ("0.5%,0.25%,1%", True)]
)
def test_percent_is_recognised(text: str, percent: bool) -> None:
    found, is_percent = read_rates(text, 3)
    assert is_percent == percent
    assert found[0][1].value == (Fraction(1, 400) if "%" in text else Fraction(1, 4))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.5,0.5", "1 lines of 2 numbers; give 3 lines of 3 numbers"),
        ("", "0 lines of no numbers"),
        ("0.5,x,0.1", "score 'x' is not a decimal number"),
        ("50,120,1", "larger than 1"),
        ("." + "1" * 140_000 + ",0.5,0.1", "the rates are not a CSV: field larger"),
    ],
)
def test_bad_rates_are_refused(text: str, message: str) -> None:
    with pytest.raises(MerBenchError, match=message):
        read_rates(text, 3)
