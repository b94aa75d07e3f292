"""The scores of every epoch: what the oracle chooses, and the test scores after each epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.store_factory import (
    N_EPOCHS,
    always,
    make_row,
    new_store,
    right,
    scattered,
    write_seed,
    wrong_for,
)

from mer_bench.results import read_row
from mer_bench.scoring.metrics import score
from mer_bench.store import Store
from mer_bench.store.schema import RowRecord


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def samples_of_row(row: RowRecord) -> dict[str, int]:
    return {key: label for fold in row["folds"].values() for key, label in fold["samples"].items()}


def test_each_epoch_is_scored_over_all_folds_and_averaged_over_complete_seeds(store: Store) -> None:
    row = make_row("net", epochs=True)
    predictors = [(scattered("a", 3), scattered("b", 9)), (scattered("c", 2), wrong_for("samm"))]
    for seed, (later, first) in enumerate(predictors):
        write_seed(store, row, later, seed=seed, oracle=first)
    write_seed(store, row, right, seed=2, oracle=right, missing=["smic-s1"])
    samples = samples_of_row(row)
    expected = np.zeros((N_EPOCHS, 2))
    for later, first in predictors:
        for epoch in range(N_EPOCHS):
            choose = later if epoch else first
            scored = score(list(samples.values()), [choose(*sample) for sample in samples.items()], 3)
            expected[epoch] += np.array([scored.uf1, scored.uar]) / len(predictors)

    read = read_row(store, row)

    assert list(read.epochs.curves) == [0, 1]
    assert (read.epochs.fewest, read.epochs.most) == (N_EPOCHS, N_EPOCHS)
    assert read.epochs.curve is not None
    assert read.epochs.curve == pytest.approx(expected)
    assert read.epochs.curve[0, 0] != pytest.approx(read.epochs.curve[1, 0])
    assert read.epochs.curve[-1, 0] == pytest.approx(read.means["full", "uf1"].value)


@pytest.mark.parametrize("stopped", ["smic-s1", "casme2-sub02"])
def test_a_fold_that_stopped_early_keeps_its_last_epoch(store: Store, stopped: str) -> None:
    """Whether it is the first fold or the last; its two epochs are wrong, then right."""
    row = make_row("net", epochs=True)
    write_seed(store, row, right, oracle=always(0))
    cell = store.read_cell(row, 0, stopped)
    assert cell is not None
    ids = list(row["folds"][stopped]["samples"])
    one_hot = np.eye(3, dtype=np.float32)
    cell["epoch_scores"] = store.write_epoch_scores(
        cell["key"], ids, one_hot[[[1] * len(ids), list(row["folds"][stopped]["samples"].values())]]
    )
    cell["selected_epoch"] = 1
    store.write_cell(row, cell)
    samples = samples_of_row(row)
    predicted = [1 if key in ids else 0 for key in samples]

    epochs = read_row(store, row).epochs

    assert (epochs.fewest, epochs.most) == (2, N_EPOCHS)
    assert epochs.curve is not None
    assert epochs.curve[0, 0] == pytest.approx(score(list(samples.values()), predicted, 3).uf1)
    assert epochs.curve[1:] == pytest.approx(np.ones((2, 2)))


def test_seeds_with_other_numbers_of_epochs_are_averaged_to_the_end(store: Store) -> None:
    row = make_row("net", epochs=True)
    one_hot = np.eye(3, dtype=np.float32)
    for seed, n_epochs in ((0, 4), (1, 2)):
        write_seed(store, row, right, seed=seed, oracle=right)
        for fold, known in row["folds"].items():
            cell = store.read_cell(row, seed, fold)
            assert cell is not None
            labels = list(known["samples"].values())
            cell["epoch_scores"] = store.write_epoch_scores(
                cell["key"], list(known["samples"]), one_hot[[*[[0] * len(labels)] * (n_epochs - 1), labels]]
            )
            cell["selected_epoch"] = n_epochs - 1
            store.write_cell(row, cell)

    curve = read_row(store, row).epochs.curve

    assert curve is not None
    # Always the first of three classes: UAR 1/3. The second seed is right from its second epoch on.
    assert curve[:, 1] == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1])


def test_a_row_without_an_oracle_has_no_curve(store: Store) -> None:
    plain, inner = make_row("plain"), make_row("net", epochs=True, training="inner")
    write_seed(store, plain, right)
    write_seed(store, inner, right, oracle=right)
    for row in (plain, inner):
        epochs = read_row(store, row).epochs
        assert (epochs.curve, dict(epochs.chosen), epochs.most) == (None, {}, 0)
