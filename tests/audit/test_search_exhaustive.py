"""Every verdict of the search against all confusion matrices of small counts, made one by one."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from support.small_matrices import all_matrices, possible_pairs, scores

from mer_bench.audit import columns, search
from mer_bench.audit.matrices import exists, macro, matrix_of
from mer_bench.audit.printed import Window, read_printed
from mer_bench.audit.search import every, find, nearest, nearest_with_first, nearest_with_second
from mer_bench.audit.verdict import WAYS, judge

COUNTS = [(7, 4), (5, 4, 3), (6, 1, 2), (3, 0, 4), (4, 2, 3, 1), (2, 1, 1, 2, 1)]


def printed_pairs(counts: tuple[int, ...], decimals: int) -> list[tuple[str, str]]:
    """Return printed pairs all over the square, and next to possible pairs."""
    draws = np.random.default_rng(sum(counts))
    unit = Fraction(1, 10**decimals)
    near = sorted(possible_pairs(counts))
    chosen = [near[int(n)] for n in draws.integers(len(near), size=6)]
    steps = [
        tuple(int(score / unit) + int(step) for score, step in zip(pair, draws.integers(-1, 2, 2), strict=True))
        for pair in chosen
    ]
    exact = [tuple(int(score / unit + Fraction(1, 2)) for score in pair) for pair in chosen[:4]]
    anywhere = [tuple(int(n) for n in draws.integers(0, 10**decimals, 2)) for _ in range(8)]
    return [
        (f"{float(x * unit):.{decimals}f}", f"{float(y * unit):.{decimals}f}")
        for x, y in [*exact, *steps, *anywhere]
        if 0 <= x * unit <= 1 and 0 <= y * unit <= 1
    ]


@pytest.mark.parametrize("counts", COUNTS)
def test_a_matrix_exists_where_one_is_made(counts: tuple[int, ...]) -> None:
    margins = {
        (tuple(m[c][c] for c in range(len(m))), tuple(map(sum, zip(*m, strict=True)))) for m in all_matrices(counts)
    }
    diagonals = product(*(range(n + 1) for n in counts))
    for hits in diagonals:
        for predicted in product(*(range(sum(counts) + 1) for _ in counts[1:])):
            whole = (*predicted, sum(counts) - sum(predicted))
            assert exists(counts, hits, whole) == ((hits, whole) in margins)
            if (hits, whole) in margins:
                made = matrix_of(counts, hits, whole)
                assert min(map(min, made)) >= 0
                assert tuple(map(sum, made)) == counts
                assert tuple(made[c][c] for c in range(len(counts))) == hits
                assert tuple(map(sum, zip(*made, strict=True))) == whole


@pytest.mark.parametrize("decimals", [2, 3])
@pytest.mark.parametrize("counts", COUNTS)
def test_verdicts_are_those_of_all_matrices(counts: tuple[int, ...], decimals: int) -> None:
    pairs = possible_pairs(counts)
    kinds = set()
    for texts in printed_pairs(counts, decimals):
        uf1, uar = map(read_printed, texts)
        verdict = judge(counts, uf1, uar)
        ways = [way for way in WAYS if any(a in uf1.window(way[0]) and b in uar.window(way[1]) for a, b in pairs)]
        assert verdict.ways == (ways[0] if ways else None)
        assert verdict.kind == (
            "impossible" if not ways else "possible" if ways[0] == WAYS[0] else "possible if truncated"
        )
        if verdict.found.matrix is not None:
            assert tuple(map(sum, verdict.found.matrix)) == counts
            assert scores(verdict.found.matrix) == verdict.found.scores
        kinds.add(verdict.kind)
    assert {"possible", "impossible"} <= kinds


@pytest.mark.parametrize("counts", COUNTS)
def test_nearest_pairs_are_those_of_all_matrices(counts: tuple[int, ...]) -> None:
    pairs, measure = possible_pairs(counts), macro(counts)
    for texts in printed_pairs(counts, 3):
        x, y = (read_printed(text) for text in texts)
        window = x.window("rounded"), y.window("rounded")
        found = nearest(measure, x.value, y.value)
        assert found.complete
        assert found.scores is not None
        assert max(abs(found.scores[0] - x.value), abs(found.scores[1] - y.value)) == min(
            max(abs(a - x.value), abs(b - y.value)) for a, b in pairs
        )
        kept = nearest_with_first(measure, window[0], y.value).scores
        beside = [abs(b - y.value) for a, b in pairs if a in window[0]]
        assert (None if kept is None else abs(kept[1] - y.value)) == min(beside, default=None)
        kept = nearest_with_second(measure, x.value, window[1]).scores
        beside = [abs(a - x.value) for a, b in pairs if b in window[1]]
        assert (None if kept is None else abs(kept[0] - x.value)) == min(beside, default=None)


@pytest.mark.parametrize("counts", COUNTS)
def test_all_matrices_of_two_intervals_are_found(counts: tuple[int, ...]) -> None:
    first, second = Window(Fraction(2, 5), Fraction(3, 5)), Window(Fraction(3, 7), Fraction(5, 7))
    found = every(macro(counts), first, second, 10**6)
    assert found is not None
    lines = [(*hits, *predicted) for hits, predicted in zip(*(part.tolist() for part in found), strict=True)]
    margins = {
        (*(matrix[c][c] for c in range(len(matrix))), *map(sum, zip(*matrix, strict=True))): matrix
        for matrix in all_matrices(counts)
    }
    pairs = {margin: scores(matrix) for margin, matrix in margins.items()}
    expected = {margin for margin, (uf1, uar) in pairs.items() if uf1 in first and uar in second}
    assert len(lines) == len(set(lines))
    assert set(lines) == expected


def test_small_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    measure, window = macro((4, 2, 3, 1)), Window(Fraction(2, 5), Fraction(3, 5))
    whole = every(measure, window, window, 10**6)
    monkeypatch.setattr(columns, "BATCH", 7)
    parts = every(measure, window, window, 10**6)
    assert whole is not None
    assert parts is not None
    assert sorted(map(tuple, np.hstack(whole).tolist())) == sorted(map(tuple, np.hstack(parts).tolist()))


@pytest.mark.parametrize("counts", [(5, 4, 3), (4, 2, 3, 1)])
def test_a_search_that_is_cut_short_decides_nothing(monkeypatch: pytest.MonkeyPatch, counts: tuple[int, ...]) -> None:
    pairs = possible_pairs(counts)
    monkeypatch.setattr(search, "MOST_HITS", 0)
    monkeypatch.setattr(search, "BATCH", 300)
    monkeypatch.setattr(search, "_SAMPLES", 300)
    kinds = set()
    for texts in printed_pairs(counts, 3):
        uf1, uar = map(read_printed, texts)
        verdict = judge(counts, uf1, uar)
        if verdict.kind == "impossible":  # no diagonal at all has such a UAR
            assert not any(b in uar.window(way) for _, b in pairs for way in ("rounded", "truncated"))
        if verdict.kind == "possible":
            assert any(a in uf1.window("rounded") and b in uar.window("rounded") for a, b in pairs)
        kinds.add(verdict.kind)
        assert not nearest(macro(counts), uf1.value, uar.value).complete
    assert "undecided" in kinds


def test_a_search_without_rows_left_decides_nothing() -> None:
    uf1, uar = read_printed("0.311"), read_printed("0.444")
    measure = macro((5, 4, 3))
    hit = find(measure, uf1.window("rounded"), uar.window("rounded"))
    cut = find(measure, uf1.window("rounded"), uar.window("rounded"), most_rows=0)
    assert hit.complete
    assert cut.matrix is not None or not cut.complete
