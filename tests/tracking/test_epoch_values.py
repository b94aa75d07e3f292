"""What a training says of its epochs: the same bits with and without, each epoch once, also after an interruption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from support.stacked import folds_of, own_method, same, trained

from mer_bench.training.checkpoint import Checkpoint
from mer_bench.training.folds import TrainedFold, TrainingFold
from mer_bench.training.progress import EpochValues

NUMBERS = (7, 5, 11)


def tracked(epochs: int, **params: object) -> tuple[list[TrainingFold], list[TrainingFold]]:
    """Return folds, and the same folds with values that are wanted."""
    plain = folds_of(partial(own_method, epochs=epochs, **params), 3)
    return plain, [replace(fold, tracked=number) for fold, number in zip(plain, NUMBERS, strict=True)]


def heard(folds: Sequence[TrainingFold], *, stacked: bool, **options: object) -> tuple[list[TrainedFold], list[object]]:
    said: list[object] = []
    return trained(folds, stacked=stacked, tell=said.append, **options), said


def by_fold(said: Sequence[object]) -> dict[int, list[tuple[int, float, float]]]:
    """Return the epochs of each fold, with loss and learning rate."""
    values: dict[int, list[tuple[int, float, float]]] = {}
    for message in said:
        if isinstance(message, EpochValues):
            for number, losses, rates in message.folds:
                epochs = [epoch for epoch, _ in message.epochs]
                values.setdefault(number, []).extend(zip(epochs, losses, rates, strict=False))
    return values


@pytest.mark.parametrize("stacked", [True, False])
def test_tracking_changes_no_bit_and_names_each_epoch_of_each_fold_once(stacked: bool) -> None:
    plain, asked = tracked(3, schedule="step", schedule_epochs=1, schedule_factor=0.5)
    without, nothing = heard(plain, stacked=stacked)
    with_values, said = heard(asked, stacked=stacked)
    values = by_fold(said)

    assert not any(isinstance(message, EpochValues) for message in nothing)
    assert all(same(one, other) for one, other in zip(without, with_values, strict=True))
    assert set(values) == set(NUMBERS)
    assert [epoch for epoch, _, _ in values[5]] == [1, 2, 3]
    assert [rate for _, _, rate in values[11]] == pytest.approx([0.01, 0.005, 0.0025])
    losses = [loss for own in values.values() for _, loss, _ in own]
    assert len(set(losses)) == 9
    assert all(0.1 < loss < 5 for loss in losses)


def test_a_training_that_goes_on_names_only_the_epochs_that_it_trains(tmp_path: Path) -> None:
    _, asked = tracked(4)
    whole, said = heard(asked[:1], stacked=False)

    class Ended(BaseException):
        pass

    def checkpoint(numbers: Sequence[int]) -> Checkpoint:
        return Checkpoint(tmp_path / "one.checkpoint", seconds=0.0)

    first: list[object] = []

    def end(message: object) -> None:
        first.append(message)
        if isinstance(message, EpochValues) and message.epochs[-1][0] == 3:
            raise Ended

    with pytest.raises(Ended):
        trained(asked[:1], stacked=False, tell=end, checkpoint=checkpoint)
    resumed, second = heard(asked[:1], stacked=False, checkpoint=checkpoint)

    # The third was not saved yet.
    assert [epoch for epoch, _, _ in by_fold(first)[7]] == [1, 2, 3]
    assert by_fold(second)[7] == by_fold(said)[7][2:]
    assert same(resumed[0], whole[0])
