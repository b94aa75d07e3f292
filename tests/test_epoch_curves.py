"""The test scores of a row after each epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.store_factory import N_EPOCHS, make_row, new_store, right, scattered, write_seed, wrong_for

from mer_bench.epoch_curves import epoch_curve
from mer_bench.results import read_row
from mer_bench.scoring.metrics import score
from mer_bench.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def test_each_epoch_is_scored_over_all_folds_and_averaged_over_complete_seeds(store: Store) -> None:
    row = make_row("net", epochs=True)
    predictors = [(scattered("a", 3), scattered("b", 9)), (scattered("c", 2), wrong_for("samm"))]
    for seed, (later, first) in enumerate(predictors):
        write_seed(store, row, later, seed=seed, oracle=first)
    write_seed(store, row, right, seed=2, oracle=right, missing=["smic-s1"])
    samples = {key: label for fold in row["folds"].values() for key, label in fold["samples"].items()}
    expected = np.zeros((N_EPOCHS, 2))
    for later, first in predictors:
        for epoch in range(N_EPOCHS):
            choose = later if epoch else first
            scored = score(list(samples.values()), [choose(*sample) for sample in samples.items()], 3)
            expected[epoch] += np.array([scored.uf1, scored.uar]) / len(predictors)

    curve = epoch_curve(read_row(store, row))

    assert curve is not None
    assert curve == pytest.approx(expected)
    assert curve[0, 0] != pytest.approx(curve[1, 0])


def test_a_row_without_scores_of_every_epoch_has_no_curve(store: Store) -> None:
    plain, inner = make_row("plain"), make_row("net", epochs=True, training="inner")
    write_seed(store, plain, right)
    write_seed(store, inner, right, oracle=right)
    assert [epoch_curve(read_row(store, row)) for row in (plain, inner)] == [None, None]
