"""No pair of a real matrix is called impossible, whatever its size and rounding; and verdicts known by hand."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.small_matrices import Matrix, scores

from mer_bench.audit.explanation import explain
from mer_bench.audit.matrices import macro
from mer_bench.audit.printed import read_printed
from mer_bench.audit.reasons import reasons
from mer_bench.audit.search import NOTHING, Found
from mer_bench.audit.verdict import Verdict, judge
from mer_bench.scoring.metrics import class_means

CDE = {"full": (250, 109, 83), "smic": (70, 51, 43), "samm": (92, 26, 15), "casme2": (88, 32, 25)}
MORE = [(457, 55, 187), (88, 32, 25, 99), (63, 32, 27, 25, 99), (250, 187, 161, 86, 64, 57, 55), (40, 0, 31)]


def planted(counts: tuple[int, ...], seed: int) -> Matrix:
    """Return a random matrix; its predictions are from nearly all right to nearly all one class."""
    draws = np.random.default_rng(seed)
    skill, bias = draws.uniform(0, 12), draws.dirichlet(np.full(len(counts), 0.7)) * draws.uniform(0, 8)
    lines = []
    for c, n in enumerate(counts):
        shares = draws.dirichlet(0.2 + bias + skill * (np.arange(len(counts)) == c))
        lines.append(tuple(int(k) for k in draws.multinomial(n, shares)))
    return tuple(lines)


def text_of(score: Fraction, decimals: int, rounding: str) -> str:
    exact = Decimal(score.numerator) / Decimal(score.denominator)
    return str(exact.quantize(Decimal(1).scaleb(-decimals), rounding=rounding))


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    counts=st.sampled_from([*CDE.values(), *MORE]),
    seed=st.integers(0, 10**6),
    decimals=st.integers(2, 5),
    roundings=st.tuples(*[st.sampled_from([ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_DOWN])] * 2),
)
def test_the_pair_of_a_matrix_is_never_impossible(
    counts: tuple[int, ...], seed: int, decimals: int, roundings: tuple[str, str]
) -> None:
    matrix = planted(counts, seed)
    texts = [text_of(score, decimals, rounding) for score, rounding in zip(scores(matrix), roundings, strict=True)]
    uf1, uar = map(read_printed, texts)
    verdict = judge(counts, uf1, uar)
    assert verdict.kind != "impossible"
    if ROUND_DOWN not in roundings and verdict.kind != "undecided":
        assert verdict.kind == "possible"
    if verdict.found.matrix is not None:
        check(verdict, counts)


def check(verdict: Verdict, counts: tuple[int, ...]) -> None:
    """Compare the matrix of a verdict with the counts, and its scores with those of mer-bench's own scoring."""
    assert verdict.found.matrix is not None
    assert verdict.found.scores is not None
    matrix = np.array(verdict.found.matrix)
    assert tuple(matrix.sum(axis=1)) == counts
    assert np.array(class_means(matrix)) == pytest.approx(np.array([float(s) for s in verdict.found.scores]), abs=1e-12)


@pytest.mark.parametrize("counts", [*CDE.values(), *MORE])
def test_scores_are_those_of_scoring(counts: tuple[int, ...]) -> None:
    matrix = planted(counts, 3)
    assert [float(s) for s in macro(counts).of_matrix(matrix)] == pytest.approx([float(s) for s in scores(matrix)])
    assert np.array(class_means(np.array(matrix))) == pytest.approx(np.array([float(s) for s in scores(matrix)]))


@pytest.mark.parametrize(
    ("name", "uf1", "uar", "kind"),
    [
        ("smic", ".2000", ".5280", "impossible"),
        ("samm", ".7601", ".6715", "impossible"),
        ("casme2", ".8512", ".8123", "impossible"),
        ("casme2", ".8382", ".8686", "impossible"),
        ("samm", ".6588", ".6810", "possible if truncated"),
        ("samm", ".7572", ".7186", "impossible"),
        ("casme2", ".8740", ".8491", "impossible"),
        ("casme2", ".8166", ".8202", "impossible"),
        ("casme2", ".8764", ".8681", "impossible"),
        ("full", ".8040", ".7821", "possible"),
        ("samm", ".8131", ".8124", "possible"),
        ("casme2", ".9811", ".9858", "possible"),
    ],
)
def test_known_verdicts(name: str, uf1: str, uar: str, kind: str) -> None:
    assert judge(CDE[name], read_printed(uf1), read_printed(uar)).kind == kind


def test_what_is_possible_instead_of_a_gross_pair() -> None:
    found = explain(CDE["smic"], read_printed(".2000"), read_printed(".5280"))
    low, high = (float(end.scores[0]) for end in found.uf1_range if end.scores)
    assert (round(low, 3), round(high, 3)) == (0.398, 0.555)
    assert found.no_mean
    assert not found.reasons


def test_precision_is_named_where_it_was_printed() -> None:
    found = explain(CDE["casme2"], read_printed(".8382"), read_printed(".8686"))
    assert "precision" in [reason.name for reason in found.reasons]
    assert not found.no_mean
    assert found.nearest.scores is not None
    assert max(abs(float(found.nearest.scores[0]) - 0.8382), abs(float(found.nearest.scores[1]) - 0.8686)) < 0.0003


@pytest.mark.parametrize("n_runs", [2, 3])
def test_a_mean_of_runs_is_inside_the_hull(n_runs: int) -> None:
    pairs = [scores(planted(CDE["samm"], seed)) for seed in range(n_runs)]
    texts = [f"{float(sum(column, Fraction(0)) / n_runs):.4f}" for column in zip(*pairs, strict=True)]
    uf1, uar = map(read_printed, texts)
    assert not explain(CDE["samm"], uf1, uar).no_mean


def test_a_truncated_mean_of_runs_is_inside_the_hull() -> None:
    pairs = [scores(((2, 7), (1, 0))), scores(((3, 6), (1, 0)))]
    uf1, uar = (sum(column, Fraction(0)) / 2 for column in zip(*pairs, strict=True))
    assert (round(float(uf1), 4), round(float(uar), 4)) == (0.1987, 0.1389)
    assert not explain((9, 1), read_printed(".20"), read_printed(".13")).no_mean


def test_other_measures_become_reasons() -> None:
    counts, matrix = CDE["samm"], ((90, 1, 1), (15, 9, 2), (9, 1, 5))
    hits, columns = [90, 9, 5], [114, 11, 8]
    accuracy = Fraction(sum(hits), sum(counts))
    weighted = sum(
        (Fraction(n, 133) * Fraction(2 * t, n + p) for n, t, p in zip(counts, hits, columns, strict=True)), Fraction(0)
    )
    macro_f1, recall = scores(matrix)
    for first, second, name in (
        (macro_f1, accuracy, "accuracy"),
        (weighted, recall, "weighted-f1"),
        (weighted, accuracy, "both-weighted"),
        (recall, macro_f1, "swapped"),
    ):
        uf1, uar = (read_printed(f"{float(score):.5f}") for score in (first, second))
        found = reasons(counts, uf1, uar, NOTHING, no_mean=True)
        assert name in [reason.name for reason in found]
    uf1, uar = read_printed(".20000"), read_printed(".52800")
    assert reasons(counts, uf1, uar, NOTHING, no_mean=True) == []


def test_a_mean_of_two_runs_is_a_reason() -> None:
    near, last = scores(planted(CDE["samm"], 4)), scores(planted(CDE["samm"], 3))
    uf1, uar = (read_printed(f"{float((a + b) / 2):.4f}") for a, b in zip(near, last, strict=True))
    found = reasons(CDE["samm"], uf1, uar, Found(None, near, complete=True), no_mean=False)
    assert [reason.text for reason in found if reason.name == "mean-of-runs"] == [
        "both numbers are means of 2 runs (seeds)"
    ]


def test_fewer_samples_are_a_reason() -> None:
    uf1, uar = (read_printed(f"{float(score):.6f}") for score in scores(((85, 4, 2), (7, 15, 3), (2, 3, 10))))
    assert judge(CDE["samm"], uf1, uar).kind == "impossible"
    [text] = [reason.text for reason in explain(CDE["samm"], uf1, uar).reasons if reason.name == "other-counts"]
    assert "91/25/15" in text
