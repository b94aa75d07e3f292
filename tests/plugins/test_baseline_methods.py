"""The baselines without training: guesses by class frequencies, and the majority class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.method_instances import BUILT_IN

from mer_bench import LabelledSamples, UnlabelledSamples
from mer_bench.arrays import FloatArray, IntArray
from mer_bench.testing import make_method


def maps(count: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(count, 4, 4, 3)).astype(np.float32)


def guesses(labels: list[int], test: FloatArray, *, seed: int = 0, n_classes: int = 3) -> IntArray:
    method = make_method(BUILT_IN["random"], n_classes=n_classes)
    method.fit(LabelledSamples(maps(len(labels)), np.array(labels), np.array(["smic/s1"] * len(labels))), seed=seed)
    scores = method.predict(UnlabelledSamples(test))

    assert (scores.shape, scores.dtype) == ((len(test), n_classes), np.float32)
    np.testing.assert_array_equal(np.sort(scores, axis=1), np.tile([0.0] * (n_classes - 1) + [1.0], (len(test), 1)))
    return scores.argmax(axis=1)


@pytest.mark.parametrize("labels", [[0] * 250 + [1] * 109 + [2] * 83, [0, 0, 2, 2, 2]])
def test_a_class_is_guessed_as_often_as_the_training_set_has_it(labels: list[int]) -> None:
    drawn = np.bincount(guesses(labels, maps(4000)), minlength=3) / 4000

    np.testing.assert_allclose(drawn, np.bincount(labels, minlength=3) / len(labels), atol=0.03)


@given(order=st.permutations(range(20)), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_neither_the_order_nor_the_number_of_the_test_samples_changes_a_guess(order: list[int], seed: int) -> None:
    labels, test = [0, 0, 0, 1, 1, 2], maps(20, seed=1)
    together = guesses(labels, test, seed=seed)

    np.testing.assert_array_equal(guesses(labels, test[order], seed=seed), together[order])
    np.testing.assert_array_equal(guesses(labels, test[order[:3]], seed=seed), together[order[:3]])


def test_another_seed_gives_other_guesses_and_the_same_seed_the_same() -> None:
    labels, test = [0, 1, 2], maps(300, seed=1)
    first, again, other = (guesses(labels, test, seed=seed) for seed in (5, 5, 6))

    np.testing.assert_array_equal(first, again)
    assert np.mean(first == other) == pytest.approx(1 / 3, abs=0.09)


def test_a_guess_does_not_depend_on_the_memory_layout_of_the_sample() -> None:
    labels, test = [0, 1, 2], maps(40, seed=1)
    in_columns = np.ascontiguousarray(test.transpose(0, 3, 2, 1)).transpose(0, 3, 2, 1)

    assert in_columns[0].flags.f_contiguous
    np.testing.assert_array_equal(guesses(labels, in_columns), guesses(labels, test))


def test_random_guesses_are_the_same_on_every_platform() -> None:
    """And with every NumPy: else stored results would not be what a new run gives."""
    test = np.arange(12 * 48, dtype=np.float32).reshape(12, 4, 4, 3)

    assert guesses([0] * 4 + [1] * 3 + [2] * 2, test, seed=1).tolist() == [1, 1, 2, 2, 0, 1, 1, 1, 0, 1, 2, 1]


def test_the_majority_methods_scores_are_the_training_sets_class_frequencies() -> None:
    method = make_method(BUILT_IN["majority"], n_classes=4)
    method.fit(LabelledSamples(maps(8), np.array([2, 0, 2, 2, 0, 3, 2, 2]), np.array(["smic/s1"] * 8)), seed=0)

    scores = method.predict(UnlabelledSamples(maps(2)))

    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, [[2 / 8, 0, 5 / 8, 1 / 8]] * 2)
