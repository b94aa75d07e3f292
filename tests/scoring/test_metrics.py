"""Scores: hand-worked values, the absent-class rules, agreement with scikit-learn, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, recall_score
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix

from mer_bench.errors import MerBenchError
from mer_bench.scoring.metrics import score

LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


def test_hand_worked_case() -> None:
    scores = score([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 0], 3)
    # Class 0: TP 2, FP 1, FN 1; class 1: TP 1, FP 1, FN 1; class 2: TP 0, FP 1, FN 1.
    assert scores.confusion == ((2, 1, 0), (0, 1, 1), (1, 0, 0))
    assert scores.uf1 == pytest.approx((4 / 6 + 2 / 4 + 0) / 3)
    assert scores.uar == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert scores.accuracy == pytest.approx(3 / 6)
    assert (scores.n_samples, scores.absent) == (6, ())


@pytest.mark.parametrize(("rule", "divisor"), [("exclude", 2), ("zero", 3)])
def test_an_absent_class_leaves_both_means_or_counts_as_zero(rule: str, divisor: int) -> None:
    scores = score([0, 0, 1, 1], [0, 0, 1, 2], 3, absent_class=rule)
    assert scores.uf1 == pytest.approx((1 + 2 / 3) / divisor)
    assert scores.uar == pytest.approx((1 + 1 / 2) / divisor)
    assert scores.accuracy == pytest.approx(3 / 4)
    assert scores.absent == (2,)


def test_counts_of_a_published_log_give_its_uf1_and_corrected_uar() -> None:
    # The SMIC slice of STSTNet's MEGC2019 log. The .7013 printed as its UAR is the mean precision: the wrong axis.
    counts = np.array([[54, 10, 6], [17, 30, 4], [14, 1, 28]])
    truth, prediction = (np.repeat(labels, counts.ravel()) for labels in np.indices(counts.shape).reshape(2, -1))
    scores = score(truth, prediction, 3)
    assert scores.uf1 == pytest.approx(0.6801, abs=5e-5)
    assert scores.uar == pytest.approx(0.6703, abs=5e-5)
    assert score(prediction, truth, 3).uar == pytest.approx(0.7013, abs=5e-5)


@settings(deadline=None, max_examples=25)
@given(LABELS)
def test_agrees_with_scikit_learn_where_all_classes_are_present(labels: list[tuple[int, int]]) -> None:
    classes = list(range(4))
    truth, prediction = zip(*labels, *((label, 0) for label in classes), strict=True)
    scores = score(truth, prediction, 4)
    assert scores.uf1 == pytest.approx(f1_score(truth, prediction, labels=classes, average="macro", zero_division=0))
    assert scores.uar == pytest.approx(recall_score(truth, prediction, labels=classes, average="macro"))
    assert scores.accuracy == pytest.approx(accuracy_score(truth, prediction))
    assert np.array_equal(scores.confusion, sklearn_confusion_matrix(truth, prediction, labels=classes))
    assert score(truth, prediction, 4, absent_class="zero") == scores


def test_scores_hold_plain_python_numbers() -> None:
    scores = score(np.array([0, 1], dtype=np.int8), np.array([0, 1], dtype=np.uint8), 3)
    assert [type(value) for value in (scores.uf1, scores.uar, scores.accuracy)] == [float] * 3
    assert [type(value) for value in (scores.n_samples, scores.confusion[0][0], scores.absent[0])] == [int] * 3


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        ([0, 1], [0], "y_true has 2 labels and y_pred 1"),
        ([], [], "y_true holds no samples"),
        ([0, 3], [0, 0], "y_true holds label 3; labels go from 0 to 2"),
        ([0, 1], [0, -1], "y_pred holds label -1; labels go from 0 to 2"),
        ([0, 1], [0.5, 1], "y_pred holds float64 values such as 0.5"),
        ([True, False], [0, 1], "y_true holds bool values such as True"),
        ([0, 2**70], [0, 1], "y_true holds object values"),
        ([[0, 1]], [[0, 1]], r"y_true has shape \(1, 2\)"),
        ([[0], [0, 1]], [0, 1], "y_true is a ragged list"),
    ],
)
def test_bad_labels_are_refused_with_the_offending_value(truth: Any, prediction: Any, message: str) -> None:
    with pytest.raises(MerBenchError, match=message):
        score(truth, prediction, 3)


@pytest.mark.parametrize(("rule", "hint"), [("exlude", r" \(did you mean 'exclude'\?\)"), (None, "")])
def test_unknown_absent_class_rule_is_refused_with_the_known_ones(rule: Any, hint: str) -> None:
    with pytest.raises(MerBenchError, match=rf"absent_class={rule!r} is not one of: exclude, zero{hint}$"):
        score([0], [0], 3, absent_class=rule)
