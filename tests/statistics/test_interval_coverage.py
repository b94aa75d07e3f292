"""Simulated studies: intervals hold the true score, and equal methods are rarely called different."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from interval_coverage import (
    SPREADS,
    Composition,
    coverage,
    coverage_of_few,
    false_leaders,
    false_positives,
    made_composition,
    real_composition,
)
from support.real_maps import FOLDER, NEEDS_MAPS

from mer_bench.statistics.subjects import database_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["made", pytest.param("real", marks=[*NEEDS_MAPS, pytest.mark.slow])])
def composition(request: pytest.FixtureRequest) -> Composition:
    found = made_composition() if request.param == "made" else real_composition(str(FOLDER))
    assert found.counts.shape == (68, 3)
    assert sorted(found.counts.sum(axis=0)) == [83, 109, 250]
    assert Counter(map(database_of, found.subjects)) == {"casme2": 24, "samm": 28, "smic": 16}
    assert list(found.subjects) == sorted(found.subjects)
    return found


@pytest.mark.parametrize("folder", [pytest.param(FOLDER, marks=NEEDS_MAPS)])
def test_real_samples_are_those_of_their_database(folder: Path) -> None:
    found = real_composition(str(folder))
    sizes: Counter[str] = Counter()
    for subject, counts in zip(found.subjects, found.counts, strict=True):
        sizes[database_of(subject)] += int(counts.sum())
    assert sizes == {"casme2": 145, "samm": 133, "smic": 164}


@pytest.mark.parametrize("spread", SPREADS)
def test_intervals_hold_the_true_score(composition: Composition, spread: float) -> None:
    share, _ = coverage(composition, spread, studies=500, resamples=500)
    assert (share >= 0.92).all()
    assert (share <= 0.985).all()


@pytest.mark.parametrize("spread", SPREADS)
def test_intervals_over_seeds_hold_the_true_score(composition: Composition, spread: float) -> None:
    share, _ = coverage(composition, spread, studies=400, resamples=400, n_seeds=3)
    assert (share >= 0.92).all()


@pytest.mark.parametrize("spread", SPREADS)
def test_equal_methods_are_rarely_called_different(composition: Composition, spread: float) -> None:
    share = false_positives(composition, spread, studies=1500, swaps=199)
    assert (share <= 0.06).all()
    assert (share >= 0.02).all()


def test_intervals_of_resampled_samples_are_too_narrow(composition: Composition) -> None:
    share, _ = coverage(composition, 1.5, studies=100, resamples=400, unit="samples")
    assert (share < 0.85).all()


@pytest.mark.parametrize(("n_rows", "swaps"), [(2, 199), (5, 199), (8, 599)])
def test_the_best_of_equal_rows_is_rarely_called_better(composition: Composition, n_rows: int, swaps: int) -> None:
    """The best is chosen by the same scores: adjusted for its own comparisons only, it is in 8 to 15 % of tables."""
    assert 0 < false_leaders(composition, 0.8, n_rows, studies=400, swaps=swaps) <= 0.06


def test_intervals_of_a_few_subjects_hold_the_true_score_too_rarely(composition: Composition) -> None:
    shares = [coverage_of_few(composition, 0.8, n, studies=200, resamples=200)[0] for n in (2, 3, 8)]
    assert shares[0] < 0.6 < shares[1] < 0.85 < 0.92 < shares[2]
