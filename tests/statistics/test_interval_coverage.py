"""Simulated studies: intervals hold the true score, and equal methods are rarely called different."""

from __future__ import annotations

import os
from pathlib import Path
from runpy import run_path

import pytest

from mer_bench.arrays import IntArray

SIMULATION = run_path(str(Path(__file__).parents[2] / "benchmarks" / "interval_coverage.py"))
FOLDER = Path(os.environ.get("MER_BENCH_REAL_DATA", ""))


@pytest.fixture(
    scope="module",
    params=[
        "made",
        pytest.param(
            "real",
            marks=[
                pytest.mark.real_data,
                pytest.mark.skipif(
                    not (FOLDER / "labels.csv").is_file(), reason="MER_BENCH_REAL_DATA names no folder of real maps"
                ),
            ],
        ),
    ],
)
def composition(request: pytest.FixtureRequest) -> IntArray:
    counts: IntArray
    counts = SIMULATION["made_composition"]() if request.param == "made" else SIMULATION["real_composition"](FOLDER)
    assert counts.shape == (68, 3)
    assert sorted(counts.sum(axis=0)) == [83, 109, 250]
    return counts


@pytest.mark.parametrize("spread", SIMULATION["SPREADS"])
def test_intervals_hold_the_true_score(composition: IntArray, spread: float) -> None:
    share, _ = SIMULATION["coverage"](composition, spread, studies=500, resamples=500)
    assert (share >= 0.92).all()
    assert (share <= 0.985).all()


@pytest.mark.parametrize("spread", SIMULATION["SPREADS"])
def test_intervals_over_seeds_hold_the_true_score(composition: IntArray, spread: float) -> None:
    share, _ = SIMULATION["coverage"](composition, spread, studies=200, resamples=400, n_seeds=3)
    assert (share >= 0.92).all()


@pytest.mark.parametrize("spread", SIMULATION["SPREADS"])
def test_equal_methods_are_rarely_called_different(composition: IntArray, spread: float) -> None:
    share = SIMULATION["false_positives"](composition, spread, studies=1500, swaps=199)
    assert (share <= 0.06).all()
    assert (share >= 0.02).all()


def test_intervals_of_resampled_samples_are_too_narrow(composition: IntArray) -> None:
    share, _ = SIMULATION["coverage"](composition, 1.5, studies=100, resamples=400, unit="samples")
    assert (share < 0.85).all()
