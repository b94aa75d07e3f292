"""AHMSA-Net: the network is the paper's sections 3.3 and 3.4."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import BUILT_IN, network_of
from torch import Tensor, nn

from mer_bench_ahmsa.network import AdaptiveDownsampling

SPEC = BUILT_IN["ahmsa"]

pytestmark = pytest.mark.usefixtures("reproducible")


def layer_norm(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Eq. 3 over the channels of (n, channels, height, width)."""
    mean, variance = x.mean(1, keepdim=True), x.var(1, unbiased=False, keepdim=True)
    scale, shift = norm.weight[:, None, None], norm.bias[:, None, None]
    return (x - mean) / torch.sqrt(variance + norm.eps) * scale + shift


def randomise(module: nn.Module) -> None:
    """Leave no weight at a neutral value, which would hide a scale or shift that is not applied."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)


def test_the_levels_hold_4x4_then_2x2_then_1x1_patches_joined_by_downsampling() -> None:
    with torch.device("meta"):
        network = network_of(SPEC)
        maps = torch.randn(2, 3, 28, 28)
    names = ["patch_embedding", "levels.0", "downsampling.0", "levels.1", "downsampling.1", "levels.2", "head"]
    outputs: list[tuple[str, tuple[int, ...]]] = []
    for name in names:
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: outputs.append((name, tuple(output.shape)))
        )
    network(maps)

    shapes = [(2, 192, 4, 4)] * 2 + [(2, 192, 2, 2)] * 2 + [(2, 192, 1, 1)] * 2 + [(2, 3)]
    assert outputs == list(zip(names, shapes, strict=True))
    assert [len(level) for level in network.levels] == [2, 2, 8]


def test_downsampling_is_convolution_then_layer_norm_then_adaptive_max_pooling() -> None:
    """Eq. 2."""
    module = AdaptiveDownsampling(6, 2)
    randomise(module)
    convolution, norm = module[0], module[1]
    x = torch.randn(5, 6, 4, 4)
    convolved = F.conv2d(x, convolution.weight, convolution.bias, padding=1)
    pooled = layer_norm(convolved, norm).reshape(5, 6, 2, 2, 2, 2).amax((3, 5))

    torch.testing.assert_close(module(x), pooled)
