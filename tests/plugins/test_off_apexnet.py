"""OFF-ApexNet: u and v in branches of their own, and the layers that give the published size."""

from __future__ import annotations

import pytest
import torch
from support.method_instances import BUILT_IN, network_of
from torch import nn

SPEC = BUILT_IN["off-apexnet"]

pytestmark = pytest.mark.usefixtures("reproducible")


def test_two_branches_of_784_features_are_joined_by_three_dense_layers() -> None:
    network = network_of(SPEC)
    dense = [tuple(m.weight.shape) for m in network.head if isinstance(m, nn.Linear)]

    assert [tuple(branch(torch.randn(5, 1, 28, 28)).shape) for branch in network.branches] == [(5, 784), (5, 784)]
    assert dense == [(1024, 2 * 784), (1024, 1024), (3, 1024)]
    assert [type(m).__name__ for m in network.head] == ["Linear", "ReLU", "Dropout"] * 2 + ["Linear"]
