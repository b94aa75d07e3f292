"""svm-flow: scikit-learn's SVC, its C and gamma chosen on held-out subjects of each training set."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.svm import SVC
from support.method_instances import BUILT_IN

from mer_bench import LabelledSamples, UnlabelledSamples
from mer_bench.arrays import FloatArray, IntArray, StringArray
from mer_bench.testing import make_method
from mer_bench_svm_flow import nested_svc
from mer_bench_svm_flow.nested_svc import best_pair, subject_parts

SIZES = (11, 9, 8, 6, 5, 4, 3, 2)
"""Samples of each subject, no two alike: no splitter has ties to break."""


def samples(seed: int = 0, sizes: tuple[int, ...] = SIZES, signal: float = 0.6) -> LabelledSamples:
    """Noisy maps of three classes; those of a subject are alike, so that a split across subjects looks too good."""
    rng = np.random.default_rng(seed)
    subjects = np.repeat([f"smic/s{i}" for i in range(len(sizes))], sizes)
    labels = rng.choice(3, p=[0.5, 0.3, 0.2], size=len(subjects))
    habits = rng.normal(size=(len(sizes), 3, 2, 2, 3))
    inputs = rng.normal(size=(len(subjects), 2, 2, 3)) + habits[np.repeat(np.arange(len(sizes)), sizes), labels]
    inputs[np.arange(len(subjects)), 0, 0, labels] += signal
    return LabelledSamples(inputs.astype(np.float32), labels, subjects)


def flat(inputs: FloatArray) -> FloatArray:
    return inputs.reshape(len(inputs), -1)


def fitted(train: LabelledSamples, **values: object) -> Any:
    method = make_method(BUILT_IN["svm-flow"], **values)
    method.fit(train, seed=0)
    return method


def chosen(train: LabelledSamples, **values: object) -> tuple[float, float]:
    pair: tuple[float, float] = fitted(train, **values)._estimator.chosen
    return pair


def scale_of(train: LabelledSamples) -> float:
    values = flat(train.inputs).astype(float)
    return 1 / (values.shape[1] * float(values.var()))


def searched(train: LabelledSamples, groups: IntArray | StringArray, costs: list[float], gammas: list[float]) -> Any:
    """Return the best pair by scikit-learn's own cross-validation, and all pairs' scores."""
    scores = {}
    for cost, gamma in product(costs, gammas):
        svc = SVC(C=cost, gamma=gamma * scale_of(train), class_weight="balanced")
        splitter = GroupKFold(3)
        predicted = cross_val_predict(svc, flat(train.inputs), train.labels, groups=groups, cv=splitter)
        scores[cost, gamma] = round(f1_score(train.labels, predicted, average="macro"), 12)
    return min(scores, key=lambda pair: (-scores[pair], *pair)), scores


def assert_equivalent(method: Any, equivalent: SVC, test: LabelledSamples) -> None:
    predicted = method.predict(UnlabelledSamples(test.inputs)).argmax(axis=1)
    values = method._estimator.decision_function(flat(test.inputs))

    np.testing.assert_array_equal(predicted, equivalent.predict(flat(test.inputs)))
    np.testing.assert_allclose(values, equivalent.decision_function(flat(test.inputs)), rtol=1e-9)


@pytest.mark.parametrize("seed", [4, 9])
def test_c_and_gamma_are_those_with_the_best_pooled_uf1_on_held_out_subjects(seed: int) -> None:
    train = samples(seed)
    costs, gammas = [0.02, 0.2, 2.0, 20.0, 200.0], [0.3, 3.0, 30.0]
    best, scores = searched(train, train.subjects, costs, gammas)
    across_subjects, _ = searched(train, np.arange(len(train)), costs, gammas)

    assert chosen(train, splits=3, C=2.0, gamma=3.0) == pytest.approx(best)
    assert len(set(scores.values())) > 5
    assert best != across_subjects


def test_the_linear_kernel_chooses_c_alone() -> None:
    train = samples(7)
    scores = {}
    for cost in (0.01, 0.1, 1.0, 10.0, 100.0):
        svc = SVC(C=cost, kernel="linear", class_weight="balanced")
        predicted = cross_val_predict(svc, flat(train.inputs), train.labels, groups=train.subjects, cv=GroupKFold(4))
        scores[cost, 1.0] = float(f1_score(train.labels, predicted, average="macro"))

    assert chosen(train, preset="linear", splits=4) == best_pair(scores)
    assert len(set(scores.values())) > 2


def test_of_equal_pairs_the_smaller_c_counts_and_then_the_smaller_gamma() -> None:
    sums = 0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1

    assert sums[0] != sums[1]
    assert best_pair({(10.0, 0.1): sums[0], (0.1, 10.0): sums[1], (0.1, 1.0): sums[1], (0.01, 0.1): 0.5}) == (0.1, 1.0)


@pytest.mark.parametrize(
    ("preset", "values", "equivalent"),
    [
        ("fixed", {}, SVC(C=10.0, class_weight="balanced")),
        ("nested", {"tuning": "fixed"}, SVC(class_weight="balanced")),
        ("fixed", {"C": 0.5, "class_weight": "none"}, SVC(C=0.5)),
        ("linear", {"tuning": "fixed", "C": 3.0}, SVC(C=3.0, kernel="linear", class_weight="balanced")),
    ],
)
def test_with_fixed_settings_it_is_scikit_learns_svc_on_the_raw_maps(
    preset: str, values: dict[str, object], equivalent: SVC
) -> None:
    train, test = samples(1), samples(2)
    method = fitted(train, preset=preset, **values)
    equivalent.fit(flat(train.inputs), train.labels)

    assert_equivalent(method, equivalent, test)


def test_what_is_chosen_is_fitted_to_the_whole_training_set() -> None:
    train, test = samples(4), samples(2)
    method = fitted(train)
    cost, gamma = method._estimator.chosen
    equivalent = SVC(C=cost, gamma=gamma * scale_of(train), class_weight="balanced")
    equivalent.fit(flat(train.inputs), train.labels)

    assert (cost, gamma) != (1.0, 1.0)
    assert_equivalent(method, equivalent, test)


def test_with_a_single_subject_c_and_gamma_stay_as_given() -> None:
    train = samples(4, sizes=(30,))

    assert chosen(train, C=3.0, gamma=0.7) == (3.0, 0.7)


def test_a_part_that_leaves_one_class_gets_that_class() -> None:
    """Each of the two subjects shows one class: held out, it is taken for the other one's at every C and gamma."""
    rng = np.random.default_rng(5)
    inputs, labels = rng.normal(size=(9, 2, 2, 3)).astype(np.float32), np.array([0, 0, 0, 0, 2, 2, 2, 2, 2])
    train = LabelledSamples(inputs, labels, np.where(labels == 0, "samm/006", "samm/007"))

    assert chosen(train, C=3.0, gamma=0.7) == pytest.approx((0.03, 0.07))


def test_subjects_are_dealt_out_as_by_group_k_fold_and_equally_large_ones_by_name() -> None:
    subjects = samples(0).subjects
    expected = np.empty(len(subjects), dtype=int)
    for part, (_, test) in enumerate(GroupKFold(3).split(subjects, groups=subjects)):
        expected[test] = part

    np.testing.assert_array_equal(subject_parts(subjects, 3), expected)
    np.testing.assert_array_equal(subject_parts(np.array(["b", "a", "c", "a", "d", "d"]), 3), [2, 1, 2, 1, 0, 0])
    np.testing.assert_array_equal(subject_parts(np.array(["a", "b", "b"]), 5), [1, 0, 0])


def test_the_distances_between_samples_are_computed_once_for_the_whole_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps a baseline of every run cheap: they cost far more than an SVM whose kernel is given."""
    calls = []
    distances = nested_svc.euclidean_distances
    monkeypatch.setattr(nested_svc, "euclidean_distances", lambda *a, **b: calls.append(1) or distances(*a, **b))
    fitted(samples(4))

    assert len(calls) == 1
