"""OFF-ApexNet: u and v in branches of their own, and the layers that give the published size."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
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


@pytest.mark.parametrize("activation", ["relu", "none"])
def test_a_branch_is_twice_a_5x5_convolution_the_activation_and_max_pooling(activation: str) -> None:
    branch = network_of(SPEC, conv_activation=activation).branches[0]
    x = torch.randn(2, 1, 28, 28)
    expected = x
    for convolution in (module for module in branch if isinstance(module, nn.Conv2d)):
        expected = F.conv2d(expected, convolution.weight, convolution.bias, padding=2)
        expected = expected.clamp(min=0) if activation == "relu" else expected
        n, channels, side, _ = expected.shape
        expected = expected.reshape(n, channels, side // 2, 2, side // 2, 2).amax((3, 5))

    torch.testing.assert_close(branch(x), expected.flatten(1))
    assert bool((branch(x) < 0).any()) is (activation == "none")
