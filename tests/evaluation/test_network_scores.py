"""Networks' scores of test sets: which epoch counts, when a training stops, and that a failure is one fold's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.group_case import SMALL, small_plan
from support.stacked import folds_of, own_method, with_nan

from mer_bench import MerBenchError, MethodError
from mer_bench.evaluation.fold_scores import FoldScores
from mer_bench.evaluation.network_scores import NetworkFold, learning_size, train_networks
from mer_bench.evaluation.selection import validation_subjects
from mer_bench.training.folds import TrainingFold


def network_fold(fold: TrainingFold, inner: str | None = None) -> NetworkFold:
    subjects = np.array([f"smic/s{place % 6}" for place in fold.train])
    return NetworkFold(fold.method, fold.inputs, fold.train, fold.labels, subjects, fold.held_out[0], fold.seed, inner)


def networks(n: int, inner: str | None = None, **params: object) -> list[NetworkFold]:
    return [
        network_fold(fold, inner) for fold in folds_of(lambda: own_method(**{"epochs": 6, **params}), n, ragged=False)
    ]


def scores(folds: list[NetworkFold], *, stacked: bool) -> list[FoldScores | MethodError]:
    done = dict(train_networks(folds, device="cpu", stacked=stacked))
    return [done[number] for number in range(len(folds))]


def sized(folds: list[NetworkFold]) -> list[NetworkFold]:
    """Return folds that know how many samples the others learn from."""
    sizes = tuple(learning_size(fold.subjects, seed=fold.seed, inner=fold.inner is not None) for fold in folds)
    return [replace(fold, peers=sizes) for fold in folds]


@pytest.mark.parametrize("stacked", [False, True])
def test_with_patience_a_training_ends_earlier_and_is_the_same_until_then(stacked: bool) -> None:
    whole = scores(sized(networks(4, "exclude", epochs=12)), stacked=stacked)
    patient = scores(sized(networks(4, "exclude", epochs=12, patience=2)), stacked=stacked)
    lengths = []
    for one, other in zip(whole, patient, strict=True):
        assert isinstance(one, FoldScores)
        assert isinstance(other, FoldScores)
        assert one.epoch_scores is not None
        assert other.epoch_scores is not None
        lengths.append(len(other.epoch_scores))
        np.testing.assert_array_equal(other.epoch_scores, one.epoch_scores[: lengths[-1]])
        assert other.selected_epoch is not None
        assert other.selected_epoch < lengths[-1]
        np.testing.assert_array_equal(other.scores, other.epoch_scores[other.selected_epoch])
    assert min(lengths) >= 3
    assert min(lengths) < 12


def test_patience_without_validation_subjects_is_refused_when_rows_are_planned() -> None:
    assert small_plan(overrides={**SMALL, "patience": 3}, selection="inner").rows
    with pytest.raises(MerBenchError, match=r"^off-apexnet: patience=3 needs validation subjects, which only --select"):
        small_plan(overrides={**SMALL, "patience": 3}, selection="last")


def test_a_fold_that_fails_is_an_error_among_the_others() -> None:
    own = networks(3)
    folds = folds_of(lambda: own_method(epochs=6), 3, ragged=False)
    nan = with_nan(folds[1])
    spoilt = [replace(fold, inputs=nan.inputs) for fold in own]
    spoilt[1] = replace(spoilt[1], train=nan.train)
    before, after = scores(own, stacked=True), scores(spoilt, stacked=True)

    assert isinstance(after[1], MethodError)
    assert str(after[1]) == "the training loss is not finite in epoch 1; a smaller lr may fix it"
    for number in (0, 2):
        one, other = before[number], after[number]
        assert isinstance(one, FoldScores)
        assert isinstance(other, FoldScores)
        np.testing.assert_array_equal(one.scores, other.scores)
        assert (one.stack, one.selected_epoch) == (3, 5)


@pytest.mark.parametrize("stacked", [False, True])
def test_a_fold_without_subjects_to_validate_on_fails_alone(stacked: bool) -> None:
    own = networks(4, "exclude")
    others = sized([own[0], own[2], own[3]])
    lonely = replace(own[1], subjects=np.array(["smic/s1"] * len(own[1].train)), peers=others[0].peers)
    asked: list[list[int]] = []
    done = dict(
        train_networks(
            [others[0], lonely, *others[1:]],
            device="cpu",
            stacked=stacked,
            checkpoint=lambda numbers: asked.append(list(numbers)),
        )
    )

    assert isinstance(done[1], MethodError)
    assert str(done[1]).startswith("selection 'inner' needs two training subjects of one database")
    for number, expected in zip((0, 2, 3), scores(others, stacked=stacked), strict=True):
        result = done[number]
        assert isinstance(result, FoldScores)
        assert isinstance(expected, FoldScores)
        np.testing.assert_array_equal(result.scores, expected.scores)
        assert (result.stack, result.selected_epoch) == (expected.stack, expected.selected_epoch)
    assert asked == ([[0, 2, 3]] if stacked else [[0], [2], [3]])
    assert [type(result) for result in scores([lonely], stacked=stacked)] == [MethodError]


def test_a_network_learns_from_those_that_do_not_validate() -> None:
    (fold,) = networks(1, "exclude")
    out = validation_subjects(fold.subjects, seed=fold.seed)
    n_out = sum(subject in out for subject in fold.subjects)

    assert 0 < n_out < len(fold.train)
    assert learning_size(fold.subjects, seed=fold.seed, inner=True) == len(fold.train) - n_out
    assert learning_size(fold.subjects, seed=fold.seed, inner=False) == len(fold.train)
    (result,) = scores([fold], stacked=False)
    assert isinstance(result, FoldScores)
    assert result.scores.shape == (len(fold.test), 3)
