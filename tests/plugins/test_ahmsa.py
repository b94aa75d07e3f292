"""AHMSA-Net: the network is the paper's sections 3.3 and 3.4."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import BUILT_IN, network_of
from torch import Tensor, nn

from mer_bench_ahmsa.network import AdaptiveDownsampling, MultiScaleAttention, SpatialAttention

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


def conv1x1(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    return torch.einsum("oi,nihw->nohw", weight[:, :, 0, 0], x) + bias[:, None, None]


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


def test_spatial_attention_is_the_scaled_dot_product_of_each_head() -> None:
    """Eq. 4, with D the channels of a head."""
    width, heads = 6, 3
    module = SpatialAttention(width, heads)
    randomise(module)
    x = torch.randn(4, width, 2, 2)
    q, k, v = conv1x1(module.qkv.weight, module.qkv.bias, x).flatten(2).split(width, dim=1)
    outputs = []
    for head in range(heads):
        part = slice(head * 2, head * 2 + 2)
        logits = torch.einsum("ndq,ndk->nqk", q[:, part], k[:, part]) / math.sqrt(2)
        attention = logits.exp() / logits.exp().sum(-1, keepdim=True)
        outputs.append(torch.einsum("nqk,ndk->ndq", attention, v[:, part]))
    z = torch.cat(outputs, dim=1).reshape(4, width, 2, 2)

    torch.testing.assert_close(module(x), conv1x1(module.out.weight, module.out.bias, z))


def test_channel_attention_weighs_channels_by_pooled_averages_and_maxima() -> None:
    module = MultiScaleAttention(8, 2, mlp_ratio=4, reduction=2, dropout=0.0, residual=True).parts[0]
    randomise(module)
    x = torch.randn(3, 8, 4, 4)

    def shared(pooled: Tensor) -> Tensor:
        hidden = pooled @ module.fc1.weight[:, :, 0, 0].T + module.fc1.bias
        return hidden.clamp(min=0) @ module.fc2.weight[:, :, 0, 0].T + module.fc2.bias

    weights = torch.sigmoid(shared(x.mean((2, 3))) + shared(x.amax((2, 3))))

    torch.testing.assert_close(module(x), x * weights[..., None, None])


@pytest.mark.parametrize("residual", [True, False])
def test_a_block_normalises_before_each_part_and_adds_a_residual_around_it(residual: bool) -> None:
    block = MultiScaleAttention(6, 3, mlp_ratio=4, reduction=2, dropout=0.0, residual=residual)
    randomise(block)
    x = expected = torch.randn(3, 6, 2, 2)
    for norm, part in zip(block.norms, block.parts, strict=True):
        step = part(layer_norm(expected, norm))
        expected = expected + step if residual else step

    assert [type(part).__name__ for part in block.parts] == ["ChannelAttn", "SpatialAttention", "ConvMlp"]
    torch.testing.assert_close(block(x), expected)


def test_the_head_normalises_before_a_linear_layer_or_an_mlp() -> None:
    linear, hidden = network_of(SPEC, width=12).head, network_of(SPEC, head_hidden=20, width=12).head
    x = torch.randn(4, 12, 1, 1)
    mlp = hidden[2]

    torch.testing.assert_close(linear(x), linear[2](layer_norm(x, linear[1])[..., 0, 0]))
    torch.testing.assert_close(hidden(x), mlp.fc2(F.gelu(mlp.fc1(layer_norm(x, hidden[1])[..., 0, 0]))))
