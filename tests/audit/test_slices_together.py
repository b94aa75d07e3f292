"""Scores of databases against those of all of them, by all matrices of small counts and by planted ones."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from support.small_matrices import add, all_matrices, possible_pairs, scores

from mer_bench.audit import slices
from mer_bench.audit.cases import audit, whole_and_members
from mer_bench.audit.printed import Printed, read_printed
from mer_bench.audit.slices import Part, judge_together, rounded_or_truncated
from mer_bench.plugin_manager import load_catalogue
from mer_bench.protocol import load_protocol

COUNTS = ((2, 3, 1), (1, 2, 2))
WHOLE = (3, 5, 3)
REAL = {"smic": (70, 51, 43), "samm": (92, 26, 15), "casme2": (88, 32, 25)}


def printed(score: Fraction, decimals: int) -> Printed:
    return read_printed(f"{float(score):.{decimals}f}")


def part_of(counts: tuple[int, ...], pair: tuple[Fraction, Fraction], decimals: int = 3) -> Part:
    return Part(counts, printed(pair[0], decimals), printed(pair[1], decimals))


def all_sums(parts: list[Part], *, truncated: bool) -> set[tuple[Fraction, Fraction]]:
    """Return the scores of the whole of all matrices that have the scores of the parts."""
    fitting = []
    for part in parts:
        windows = part.windows(truncated=truncated)
        margins = {}
        for matrix in all_matrices(part.counts):
            uf1, uar = scores(matrix)
            if uf1 in windows[0] and uar in windows[1]:
                margins[tuple(matrix[c][c] for c in range(3)), tuple(map(sum, zip(*matrix, strict=True)))] = matrix
        fitting.append(list(margins.values()))
    return {scores(add(chosen)) for chosen in product(*fitting)}


@pytest.mark.parametrize("seed", range(6))
def test_verdicts_are_those_of_all_sums(seed: int) -> None:
    draws = np.random.default_rng(seed)
    pairs = [sorted(possible_pairs(counts)) for counts in COUNTS]
    parts = [part_of(counts, own[draws.integers(len(own))]) for counts, own in zip(COUNTS, pairs, strict=True)]
    sums = {way: all_sums(parts, truncated=way) for way in (False, True)}
    near = sorted(sums[False])[0]
    for step in (0, 1, 2, -3, 40):
        shifted = (near[0] + Fraction(step, 1000), near[1])
        whole = part_of(WHOLE, (min(shifted[0], Fraction(1)), shifted[1]))
        found = judge_together(parts, whole)
        fits = {
            way: any(
                a in whole.windows(truncated=way)[0] and b in whole.windows(truncated=way)[1] for a, b in sums[way]
            )
            for way in (False, True)
        }
        assert found.kind == ("possible" if fits[False] else "possible if truncated" if fits[True] else "impossible")
        if found.matrices:
            for part, matrix in zip(parts, found.matrices, strict=True):
                assert tuple(map(sum, matrix)) == part.counts
                uf1, uar = scores(matrix)
                assert uf1 in rounded_or_truncated(part.uf1)
                assert uar in rounded_or_truncated(part.uar)
            uf1, uar = scores(add(found.matrices))
            assert uf1 in rounded_or_truncated(whole.uf1)
            assert uar in rounded_or_truncated(whole.uar)
        else:
            x, y = whole.uf1.value, whole.uar.value
            at = min(max(abs(a - x), abs(b - y)) for a, b in sums[False])
            assert found.nearest is not None
            assert max(abs(found.nearest[0] - float(x)), abs(found.nearest[1] - float(y))) == pytest.approx(float(at))


@pytest.mark.parametrize("decimals", [3, 4])
def test_slices_of_one_set_of_predictions_are_possible_together(decimals: int) -> None:
    draws = np.random.default_rng(decimals)
    matrices = [
        tuple(
            tuple(
                map(int, draws.multinomial(n, draws.dirichlet((2 + 5 * (c == 0), 2 + 5 * (c == 1), 2 + 5 * (c == 2)))))
            )
            for c, n in enumerate(counts)
        )
        for counts in REAL.values()
    ]
    parts = {name: part_of(REAL[name], scores(matrix), decimals) for name, matrix in zip(REAL, matrices, strict=True)}
    parts["full"] = part_of((250, 109, 83), scores(add(matrices)), decimals)
    found = audit(parts, "full", tuple(REAL))
    assert [pair.verdict.kind for pair in found.pairs] == ["possible"] * 4
    assert found.joint is not None
    assert found.joint.kind == "possible"
    assert scores(add(found.joint.matrices))[0] in parts["full"].uf1.window("rounded")


def test_a_search_that_is_cut_short_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [sorted(possible_pairs(counts)) for counts in COUNTS]
    parts = [part_of(counts, own[len(own) // 2]) for counts, own in zip(COUNTS, pairs, strict=True)]
    whole = part_of(WHOLE, (Fraction(1, 50), Fraction(49, 50)))
    assert judge_together(parts, whole).kind == "impossible"
    monkeypatch.setattr(slices, "MOST_SOLUTIONS", 0)
    assert judge_together(parts, whole).kind == "undecided"
    monkeypatch.undo()
    monkeypatch.setattr(slices, "_MOST_LEFT", 0)
    assert judge_together(parts, whole).kind == "undecided"


def test_pairs_are_not_compared_where_a_slice_is_missing() -> None:
    parts = {"full": Part((250, 109, 83), read_printed(".7353"), read_printed(".7186"))}
    parts["smic"] = Part(REAL["smic"], read_printed(".6801"), read_printed(".6703"))
    assert audit(parts, "full", tuple(REAL)).joint is None


def test_databases_without_a_slice_of_their_own_leave_nothing_to_compare() -> None:
    cde = load_protocol(load_catalogue().protocol("cde").path, "cde")
    assert whole_and_members(cde) == ("full", ("smic", "samm", "casme2"))
    fewer = replace(cde, slices={name: cde.slices[name] for name in ("full", "smic", "samm")})
    assert whole_and_members(fewer) == ("full", ())
