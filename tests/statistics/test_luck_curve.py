"""The luck of a guesser who keeps the best of many epochs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from mer_bench.statistics.luck import luck_curve


def test_one_epoch_is_chance_and_more_are_better() -> None:
    folds = [np.repeat([0, 1, 2], (5, 3, 2)) for _ in range(20)]
    curve = luck_curve(folds, 3, [100, 1, 10], repetitions=100)
    assert curve.epochs == (1, 10, 100)
    assert curve.mean[0] == pytest.approx([1 / 3, 1 / 3], abs=0.02)
    assert (np.diff(curve.mean, axis=0) > 0.1).all()
    assert (curve.low < curve.mean).all()
    assert (curve.mean < curve.high).all()


def test_the_score_of_folds_of_one_sample_is_the_chance_of_a_hit() -> None:
    """With E epochs, a sample of a class with share q is guessed at least once with probability 1 - (1 - q)^E."""
    folds = [np.array([label]) for label in np.repeat([0, 1], (300, 100))]
    curve = luck_curve(folds, 2, [3], repetitions=200)
    hits = 1 - (1 - np.array([0.75, 0.25])) ** 3
    assert curve.mean[0, 1] == pytest.approx(hits.mean(), abs=0.01)


def test_a_fold_is_chosen_as_a_whole() -> None:
    """In a large fold the best epoch is still near chance: each sample cannot have an epoch of its own."""
    apart = [np.array([label]) for label in np.repeat([0, 1], (60, 40))]
    together = [np.concatenate(apart)]
    scores = [luck_curve(folds, 2, [20], repetitions=50).mean[0, 0] for folds in (apart, together)]
    assert scores[0] > 0.99
    assert 0.5 < scores[1] < 0.7


def test_the_same_seed_gives_the_same_curve() -> None:
    folds = [np.array([0, 1, 1]), np.array([2])]
    first, again, other = (luck_curve(folds, 3, [5], repetitions=20, seed=seed).mean for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_score_is_found_on_the_curve() -> None:
    folds = [np.repeat([0, 1, 2], (5, 3, 2)) for _ in range(20)]
    curve = luck_curve(folds, 3, [1, 10, 100], repetitions=50)
    uf1, uar = curve.at(10)
    assert (uf1.value, uar.value) == tuple(curve.mean[1])
    assert (uf1.low, uar.high) == (curve.low[1, 0], curve.high[1, 1])
    assert curve.needed(uf1.value) == 10
    assert curve.needed(uf1.value + 0.01) == 100
    assert curve.needed(0.0) == 1
    assert curve.needed(0.99) is None


def test_95_percent_of_the_guessers_lie_between_the_limits() -> None:
    """With two classes of 200 samples and one epoch, UAR is the share of hits among 400 tosses of a coin."""
    folds = [np.array([label]) for label in np.repeat([0, 1], 200)]
    curve = luck_curve(folds, 2, [1], repetitions=4000)
    assert curve.low[0, 1] == pytest.approx(binom.ppf(0.025, 400, 0.5) / 400, abs=0.004)
    assert curve.high[0, 1] == pytest.approx(binom.ppf(0.975, 400, 0.5) / 400, abs=0.004)


def test_a_class_that_the_data_lacks_counts_as_the_rule_says() -> None:
    folds = [np.array([0, 1, 1]), np.array([1, 0])]
    excluded, zero = (
        luck_curve(folds, 3, [1, 4], absent_class=rule, repetitions=20).mean for rule in ("exclude", "zero")
    )
    assert zero == pytest.approx(excluded * 2 / 3)
