"""Simulated studies: intervals hold the true score, and equal methods are rarely called different."""

from __future__ import annotations

import pytest
from interval_coverage import SPREADS, coverage, false_positives, made_composition, real_composition
from support.real_maps import FOLDER, NEEDS_MAPS

from mer_bench.arrays import IntArray


@pytest.fixture(scope="module", params=["made", pytest.param("real", marks=NEEDS_MAPS)])
def composition(request: pytest.FixtureRequest) -> IntArray:
    counts = made_composition() if request.param == "made" else real_composition(str(FOLDER))
    assert counts.shape == (68, 3)
    assert sorted(counts.sum(axis=0)) == [83, 109, 250]
    return counts


@pytest.mark.parametrize("spread", SPREADS)
def test_intervals_hold_the_true_score(composition: IntArray, spread: float) -> None:
    share, _ = coverage(composition, spread, studies=500, resamples=500)
    assert (share >= 0.92).all()
    assert (share <= 0.985).all()


@pytest.mark.parametrize("spread", SPREADS)
def test_intervals_over_seeds_hold_the_true_score(composition: IntArray, spread: float) -> None:
    share, _ = coverage(composition, spread, studies=200, resamples=400, n_seeds=3)
    assert (share >= 0.92).all()


@pytest.mark.parametrize("spread", SPREADS)
def test_equal_methods_are_rarely_called_different(composition: IntArray, spread: float) -> None:
    share = false_positives(composition, spread, studies=1500, swaps=199)
    assert (share <= 0.06).all()
    assert (share >= 0.02).all()


def test_intervals_of_resampled_samples_are_too_narrow(composition: IntArray) -> None:
    share, _ = coverage(composition, 1.5, studies=100, resamples=400, unit="samples")
    assert (share < 0.85).all()
