"""Dual-Inception: two branches of two inception blocks."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import BUILT_IN, network_of
from torch import Tensor, nn

from mer_bench_dual_inception.network import Inception

SPEC = BUILT_IN["dual-inception"]

pytestmark = pytest.mark.usefixtures("reproducible")


def convolved(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    padding = convolution.kernel_size[0] // 2
    return F.conv2d(x, convolution.weight, convolution.bias, padding=padding).clamp(min=0)


def test_the_blocks_give_24_maps_of_28x28_and_64_of_14x14() -> None:
    network = network_of(SPEC)
    shapes: list[tuple[int, ...]] = []
    for module in network.modules():
        if isinstance(module, (Inception, nn.Flatten)):
            module.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape)))

    network(torch.randn(5, 3, 28, 28))

    assert shapes == [(5, 24, 28, 28), (5, 64, 14, 14), (5, 3136)] * 2
    assert [tuple(m.weight.shape) for m in network.head if isinstance(m, nn.Linear)] == [(1024, 6272), (3, 1024)]


def test_an_inception_block_is_four_paths_beside_each_other() -> None:
    block = Inception(3, 4)
    x = torch.randn(2, 3, 9, 9)
    a, b1, b2, c1, c2, d = (module for module in block.modules() if isinstance(module, nn.Conv2d))
    pooled = F.unfold(F.pad(x, (1, 1, 1, 1), value=-torch.inf), 3).reshape(2, 3, 9, 9, 9).amax(2)
    expected = torch.cat(
        [convolved(a, x), convolved(b2, convolved(b1, x)), convolved(c2, convolved(c1, x)), convolved(d, pooled)], dim=1
    )

    assert [m.kernel_size[0] for m in (a, b1, b2, c1, c2, d)] == [1, 1, 3, 1, 5, 1]
    torch.testing.assert_close(block(x), expected)
