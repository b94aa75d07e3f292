"""The base class for scikit-learn estimators, and the simplest method: the majority class."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import all_estimators
from support.method_instances import instance_of

import mer_bench_majority
from mer_bench import LabelledSamples, SklearnMethod, UnlabelledSamples
from mer_bench.arrays import FloatArray
from mer_bench.methods.sklearn_method import _SEARCH
from mer_bench.testing import make_method


class Voting(ClassifierMixin, BaseEstimator):
    """An estimator that only predicts: the class of the nearest mean."""

    def fit(self, x: FloatArray, y: FloatArray) -> Voting:
        self.classes_ = np.unique(y)
        self.means_ = np.stack([x[y == label].mean(axis=0) for label in self.classes_])
        return self

    def predict(self, x: FloatArray) -> FloatArray:
        return self.classes_[((x[:, None] - self.means_) ** 2).sum(axis=2).argmin(axis=1)]


class Contrary(Voting):
    """Its probabilities always favour the first class, as Platt scaling may do against the votes."""

    def predict_proba(self, x: FloatArray) -> FloatArray:
        return np.tile([0.8, *[0.2 / (len(self.classes_) - 1)] * (len(self.classes_) - 1)], (len(x), 1))


class Tied(Voting):
    def decision_function(self, x: FloatArray) -> FloatArray:
        return np.zeros((len(x), len(self.classes_)))


ESTIMATORS: dict[str, Callable[[], Any]] = {
    "probabilities": lambda: LogisticRegression(max_iter=500),
    "decision values": lambda: SVC(kernel="linear"),
    "one-vs-one values": lambda: SVC(kernel="linear", decision_function_shape="ovo"),
    "votes": Voting,
    "contrary": Contrary,
    "tied": Tied,
}


def wrapped(name: str, n_classes: int = 3) -> SklearnMethod:
    class Wrapped(SklearnMethod):
        def build_estimator(self, n_classes: int, seed: int) -> Any:
            self.built, self.arguments = ESTIMATORS[name](), (n_classes, seed)
            return self.built

    return instance_of(Wrapped, n_classes=n_classes)


def samples(labels: list[int], seed: int = 0) -> LabelledSamples:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(len(labels), 2, 2, 3)).astype(np.float32)
    inputs[np.arange(len(labels)), 0, 0, np.array(labels) % 3] += 2.0
    return LabelledSamples(inputs, np.array(labels), np.array(["smic/s1"] * len(labels)))


def flat(inputs: FloatArray) -> FloatArray:
    return inputs.reshape(len(inputs), -1)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("labels", [[0, 1, 2, 3, 1, 2, 1], [3, 1, 3, 1, 1, 3], [0, 2, 3, 2, 2, 0, 3, 2]])
def test_the_largest_score_is_the_estimators_own_prediction(name: str, labels: list[int]) -> None:
    train, test = samples(labels, 5), samples([0, 1, 2, 3, 0, 1, 3], 105)
    method = wrapped(name, n_classes=4)
    method.fit(train, seed=77)
    scores = method.predict(UnlabelledSamples(test.inputs))
    predicted = method.built.predict(flat(test.inputs))

    assert method.arguments == (4, 77)
    assert (scores.shape, scores.dtype) == ((7, 4), np.float32)
    assert np.isfinite(scores).all()
    assert (scores.argmax(axis=1) == predicted).all()
    if name in ("votes", "one-vs-one values") and len(set(labels)) == 4:
        np.testing.assert_array_equal(scores, np.eye(4)[predicted])


@pytest.mark.parametrize("name", ["probabilities", "decision values"])
@pytest.mark.parametrize("labels", [[0, 2] * 6, [1, 2] * 6, [0, 1] * 6, [0, 1, 3] * 4])
def test_a_class_that_the_training_set_lacks_scores_below_all_others(name: str, labels: list[int]) -> None:
    method = wrapped(name, n_classes=4)
    method.fit(samples(labels), seed=0)
    scores = method.predict(UnlabelledSamples(samples([0, 1, 2, 3], seed=5).inputs))
    present = sorted(set(labels))
    absent = sorted(set(range(4)) - set(labels))

    assert (scores[:, absent].max(axis=1) < scores[:, present].min(axis=1)).all()


@pytest.mark.parametrize("label", [0, 2])
def test_a_training_set_of_one_class_needs_no_estimator(label: int) -> None:
    method = wrapped("decision values")
    method.fit(samples([label] * 5), seed=0)

    assert not hasattr(method, "built")
    np.testing.assert_array_equal(
        method.predict(UnlabelledSamples(samples([0, 1]).inputs)), np.eye(3, dtype=np.float32)[[label, label]]
    )


def test_probabilities_and_decision_values_are_returned_unchanged() -> None:
    train, test = samples([0, 1, 2] * 5), samples([0, 1, 2, 0], seed=3)
    for name, values in (("probabilities", "predict_proba"), ("decision values", "decision_function")):
        method = wrapped(name)
        method.fit(train, seed=0)
        scores = method.predict(UnlabelledSamples(test.inputs))
        np.testing.assert_allclose(scores, getattr(method.built, values)(flat(test.inputs)), rtol=1e-6)


def test_the_single_decision_value_of_two_classes_is_the_score_of_both() -> None:
    method = wrapped("decision values")
    method.fit(samples([0, 2] * 6), seed=0)
    test = samples([0, 2, 0], seed=3)
    values = method.built.decision_function(flat(test.inputs))
    expected = np.stack([-values, -np.abs(values) - 1, values], axis=1)

    np.testing.assert_allclose(method.predict(UnlabelledSamples(test.inputs)), expected, rtol=1e-5)


@pytest.mark.parametrize("labels", [[0, 1, 1, 2], [2, 2, 2], [1, 1, 0, 0]])
def test_majority_scores_every_sample_with_the_training_frequencies(labels: list[int]) -> None:
    method = make_method(*mer_bench_majority.mer_bench_methods())
    method.fit(samples(labels), seed=0)
    scores = method.predict(UnlabelledSamples(samples([0, 1]).inputs))

    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, [[labels.count(c) / len(labels) for c in range(3)]] * 2)


class Grouped(Voting):
    """An estimator of a plugin's own whose `fit` takes groups."""

    def fit(self, x: FloatArray, y: FloatArray, groups: Any = None) -> Grouped:
        self.groups = groups
        super().fit(x, y)
        return self


class OwnSearch(GridSearchCV):
    """A plugin's search, whose constructor has other arguments."""

    def __init__(self, largest: float) -> None:
        self.largest = largest
        super().__init__(SVC(), {"C": [0.01, largest]}, cv=GroupKFold(3))


class Configured(Voting):
    """An estimator whose `fit` takes further arguments, and knows no groups."""

    def fit(self, x: FloatArray, y: FloatArray, **params: object) -> Configured:
        assert not params
        super().fit(x, y)
        return self


SEARCHES: dict[str, Callable[[], Any]] = {
    "grid": lambda: GridSearchCV(SVC(), {"C": [0.01, 1.0, 30.0]}, cv=GroupKFold(3)),
    "halving": lambda: HalvingGridSearchCV(
        SVC(), {"C": [0.01, 1.0, 30.0]}, cv=GroupKFold(3), min_resources=12, random_state=0
    ),
    "own": lambda: OwnSearch(30.0),
    "random": lambda: RandomizedSearchCV(SVC(), {"C": [0.01, 1.0]}, n_iter=2, cv=GroupKFold(3), random_state=0),
}
SUBJECTS = np.repeat(["smic/s1", "smic/s2", "samm/006", "casme2/sub01"], [9, 7, 5, 3])


@pytest.mark.parametrize("search", SEARCHES)
def test_a_scikit_learn_search_chooses_on_held_out_subjects_of_the_training_set(
    search: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ESTIMATORS, search, SEARCHES[search])
    train = replace(samples([0, 1, 2] * 8), subjects=SUBJECTS)
    expected = SEARCHES[search]().fit(flat(train.inputs), train.labels, groups=SUBJECTS)
    across_subjects = SEARCHES[search]().fit(flat(train.inputs), train.labels, groups=np.arange(24) % 4)
    method = wrapped(search)
    method.fit(train, seed=0)

    def scores(fitted: Any) -> list[float]:
        return [round(score, 9) for score in fitted.cv_results_["mean_test_score"]]

    assert scores(method.built) == scores(expected) != scores(across_subjects)
    assert method.predict(UnlabelledSamples(train.inputs)).shape == (24, 3)


@pytest.mark.parametrize(
    "build",
    [
        lambda: make_pipeline(StandardScaler(), SVC()),
        lambda: make_pipeline(StandardScaler(), GridSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=3)),
        lambda: CalibratedClassifierCV(SVC(), cv=3, ensemble=False),
        Configured,
    ],
)
def test_no_other_estimator_gets_groups(build: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ESTIMATORS, "other", build)
    method = wrapped("other")
    method.fit(replace(samples([0, 1, 2] * 8), subjects=SUBJECTS), seed=0)
    assert method.predict(UnlabelledSamples(samples([0]).inputs)).shape == (1, 3)


def test_a_search_is_known_by_settings_that_nothing_else_in_scikit_learn_has() -> None:
    known = [name for name, kind in all_estimators() if set(_SEARCH) <= set(inspect.signature(kind).parameters)]
    assert known == ["GridSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV", "RandomizedSearchCV"]


def test_an_estimator_whose_fit_takes_groups_gets_the_training_sets_subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ESTIMATORS, "grouped", Grouped)
    method = wrapped("grouped")
    method.fit(replace(samples([0, 1, 2] * 8), subjects=SUBJECTS), seed=0)

    np.testing.assert_array_equal(method.built.groups, SUBJECTS)
