"""A fold's scores do not depend on which folds are trained with it, nor on its place among them, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from support.stacked import SmallMethod, built_in, built_in_stacks, in_worker, own_method, stacks_that_differ

from mer_bench import TorchMethod

RICH = {
    **{"schedule": "cosine", "clip_norm": 0.5, "label_smoothing": 0.1, "class_weights": "balanced", "mixup": 0.4},
    **{"average": 0.9, "shift": 1, "noise": 0.05, "erasing": 0.3, "optimizer": "adamw", "weight_decay": 0.01},
}
NETWORKS: dict[str, dict[str, object]] = {
    "ahmsa": {"width": 12, "blocks": (1, 1, 1), "dropout": 0.2},
    "dual-inception": {"hidden": 8, "maps": (2, 3)},
    "htnet": {"width": 12, "blocks": (1, 1, 1), "dropout": 0.2},
    "inceptr": {"depth": 1, "width": 8, "channels": 8, "hidden": 8},
    "off-apexnet": {"hidden": 8, "maps": (2, 3)},
    "rcn-a": {"maps": 4},
    "ststnet": {},
    # Adam's first steps have the length lr, wherever a gradient is all but rounding.
    "timm-backbone": {"lr": 1e-4},
}


def rich() -> TorchMethod:
    return own_method(SmallMethod, **RICH)


def focal_sgd() -> TorchMethod:
    return own_method(SmallMethod, optimizer="sgd", loss="focal", sampling="balanced", schedule="one-cycle", epochs=3)


def parts(n: int) -> dict[str, list[int]]:
    """The first folds of a stack in stacks of 34, 17 and 2, all in another order, and one alone in its stack."""
    shuffled = np.random.default_rng(1).permutation(n).tolist()
    return {**{str(size): [*range(size)] for size in (34, 17, 2) if size < n}, "shuffled": shuffled, "one": [5]}


@pytest.mark.slow
@pytest.mark.parametrize(("method", "n"), [(rich, 68), (focal_sgd, 34)])
def test_a_fold_of_68_has_the_same_bits_in_stacks_of_34_17_and_2_and_in_any_order(method: object, n: int) -> None:
    assert in_worker(stacks_that_differ, method, n, parts(n)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_the_same_bits_in_stacks_of_68_34_17_and_2_and_in_any_order(name: str) -> None:
    assert in_worker(built_in_stacks, name, NETWORKS[name], 68, parts(68)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_the_same_bits_in_any_stack_and_nearly_those_of_a_training_alone(name: str) -> None:
    same, largest = in_worker(built_in, name, NETWORKS[name])

    assert same
    assert 0 < largest < 1e-5
