"""Counts by subject, and the scores that come from them."""

from __future__ import annotations

import numpy as np
import pytest

from mer_bench.errors import MerBenchError
from mer_bench.scoring.metrics import score
from mer_bench.statistics.subjects import SubjectCounts

FIRST = {
    "smic/s1/a": (0, 0),
    "smic/s1/b": (0, 1),
    "smic/s10/a": (1, 1),
    "samm/006/a": (2, 0),
    "samm/006/b": (2, 2),
    "samm/007/c": (1, 0),
}
SECOND = {**FIRST, "smic/s1/b": (0, 0), "samm/007/c": (1, 2)}


def test_predictions_are_counted_by_seed_and_subject() -> None:
    counted = SubjectCounts.of([FIRST, SECOND], 3)
    assert counted.subjects == ("samm/006", "samm/007", "smic/s1", "smic/s10")
    assert counted.counts.shape == (2, 4, 3, 3)
    assert counted.counts[0, 0].tolist() == [[0, 0, 0], [0, 0, 0], [1, 0, 1]]
    assert counted.counts[:, 1].tolist() == [[[0] * 3, [1, 0, 0], [0] * 3], [[0] * 3, [0, 0, 1], [0] * 3]]
    assert counted.counts[:, 2, 0].tolist() == [[1, 1, 0], [2, 0, 0]]
    assert counted.correct.tolist() == [1, 0, 1.5, 1]
    assert counted.n_samples.tolist() == [2, 1, 2, 1]


def test_scores_are_those_of_the_pooled_predictions_averaged_over_seeds() -> None:
    expected = []
    for predictions in (FIRST, SECOND):
        truth, predicted = zip(*predictions.values(), strict=True)
        scored = score(truth, predicted, 3)
        expected.append((scored.uf1, scored.uar))
    assert SubjectCounts.of([FIRST, SECOND], 3).scores() == pytest.approx(np.mean(expected, axis=0))
    assert expected[0] != expected[1]


def test_only_some_databases_are_kept_and_the_rule_for_absent_classes_holds() -> None:
    for rule, expected in (("exclude", 2), ("zero", 3)):
        smic = SubjectCounts.of([FIRST], 3, absent_class=rule).only({"smic"})
        assert smic.subjects == ("smic/s1", "smic/s10")
        # Recall 1/2 and 1; no sample of the third class.
        assert smic.scores()[1] == pytest.approx(1.5 / expected)


@pytest.mark.parametrize("other", [{**FIRST, "samm/008/a": (0, 0)}, {**FIRST, "samm/006/a": (1, 0)}, {}])
def test_seeds_of_other_samples_or_labels_are_refused(other: dict[str, tuple[int, int]]) -> None:
    with pytest.raises(MerBenchError, match="seeds of one row have other samples or labels"):
        SubjectCounts.of([FIRST, other], 3)


def test_nothing_to_count_is_refused() -> None:
    with pytest.raises(MerBenchError, match="there are no predictions to count"):
        SubjectCounts.of([], 3)
