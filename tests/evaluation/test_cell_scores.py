"""How two cells compare: their predictions, the scores of every epoch, and the selected epoch."""

from __future__ import annotations

import numpy as np
import pytest

from mer_bench.evaluation.cell_scores import CellScores, compare

LAYERS = np.random.default_rng(5).normal(size=(4, 6, 3))
"""Of the predictions and three epochs."""
SAME = CellScores(LAYERS, 2)


def changed(layer: int, n: int, by: float = 9.0) -> CellScores:
    """Change the scores of the first ``n`` samples so that their labels change, unless ``by`` is small."""
    layers = LAYERS.copy()
    for sample in range(n):
        layers[layer, sample, layers[layer, sample].argmin()] += by
    return CellScores(layers, 2)


@pytest.mark.parametrize(
    ("again", "stored", "reason"),
    [
        (None, SAME, "it failed"),
        (SAME, None, "its stored scores of every epoch are missing or damaged"),
        (CellScores(LAYERS[:3], 2), SAME, "it has another number of epochs"),
        (changed(0, 1, 1e-12), SAME, "other predictions"),
        (changed(2, 1, 1e-12), SAME, "other scores of epoch 1"),
        (CellScores(LAYERS, 0), SAME, "epoch 0 is selected, and not 2"),
    ],
)
def test_any_difference_counts_where_bits_must_be_equal(
    again: CellScores | None, stored: CellScores | None, reason: str
) -> None:
    assert compare(again, stored, None)[:2] == ("differs", reason)


def test_equal_scores_are_the_same() -> None:
    assert compare(CellScores(LAYERS.copy(), 2), SAME, None) == ("same", "", 0.0)


@pytest.mark.parametrize(
    ("again", "outcome"),
    [
        (changed(0, 2), "within-spread"),
        (changed(0, 3), "differs"),
        (changed(3, 3), "within-spread"),
        (changed(3, 4), "differs"),
    ],
)
def test_elsewhere_as_many_labels_may_differ_as_between_two_seeds(again: CellScores, outcome: str) -> None:
    both = CellScores(np.concatenate([changed(0, 2).layers[:1], changed(1, 3).layers[1:]]), 2)

    assert compare(again, SAME, lambda: [SAME, both])[0] == outcome
    assert compare(again, SAME, lambda: [SAME])[0] == "differs"
