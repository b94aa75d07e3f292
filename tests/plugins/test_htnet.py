"""HTNet: the network is the published one, with both readings of what its blocks attend to."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import BUILT_IN, network_of
from torch import Tensor, nn

from mer_bench_htnet.network import Aggregation, Attention, HTNet, Level, TransformerLayer

SPEC = BUILT_IN["htnet"]

pytestmark = pytest.mark.usefixtures("reproducible")
SMALL: dict[str, Any] = {"width": 16, "blocks": (1, 1, 2)}


def weightless(**settings: Any) -> HTNet:
    """Return a network whose tensors have shapes only: the published one takes half a gigabyte."""
    with torch.device("meta"):
        network: HTNet = network_of(SPEC, **settings)
        return network


def layer_norm(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Over the last axis."""
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5) * norm.weight + norm.bias


def randomise(module: nn.Module) -> None:
    """Leave no weight at a neutral value, which would hide a scale or shift that is not applied."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)


@pytest.mark.parametrize(
    ("settings", "more"),
    [({"blocks": (2, 2, 10)}, 139_582_982 - 114_429_446), ({"attention": "intended"}, 18)],
)
def test_two_more_layers_take_25_million_parameters_and_the_intended_attention_18(settings: Any, more: int) -> None:
    usual, other = (sum(p.numel() for p in weightless(**s).parameters()) for s in ({}, settings))

    assert other - usual == more


@pytest.mark.parametrize("attention", ["published", "intended"])
def test_the_levels_hold_4x4_then_2x2_then_1x1_tokens_of_doubled_width(attention: str) -> None:
    network = weightless(attention=attention)
    x = network.patch_embedding(torch.empty(2, 3, 28, 28, device="meta"))
    shapes = [tuple(x.shape)]
    for join, level in zip(network.joins, network.levels, strict=True):
        x = level(join(x))
        shapes.append(tuple(x.shape))

    assert shapes == [(2, 256, 4, 4), (2, 256, 4, 4), (2, 512, 2, 2), (2, 1024, 1, 1)]
    assert [len(level.layers) for level in network.levels] == [2, 2, 8]
    assert network(torch.empty(2, 3, 28, 28, device="meta")).shape == (2, 3)


@pytest.mark.parametrize(("attention", "tokens"), [("published", (1, 1, 1, 1)), ("intended", (16, 4, 1, 1))])
def test_each_token_shares_its_attention_out_among_the_tokens_of_its_block(
    attention: str, tokens: tuple[int, ...]
) -> None:
    weights = network_of(SPEC, attention=attention, **SMALL).attention_weights(torch.randn(2, 3, 28, 28))

    blocks = [2 * side**2 // n for side, n in zip((4, 2, 1, 1), tokens, strict=True)]
    assert [tuple(w.shape) for w in weights] == [
        (count, heads, n, n) for count, heads, n in zip(blocks, (3, 6, 12, 12), tokens, strict=True)
    ]
    for share in weights:
        torch.testing.assert_close(share.sum(-1), torch.ones(share.shape[:-1]))
        assert bool((share > 0).all())


def test_attention_is_the_scaled_dot_product_of_each_head() -> None:
    attention = Attention(7, 3, 0.0)
    randomise(attention)
    tokens = torch.randn(5, 4, 7)
    q, k, v = (tokens @ part.T for part in attention.qkv.weight.split(6))
    mixed, weights = [], []
    for head in range(3):
        part = slice(2 * head, 2 * head + 2)
        logits = torch.einsum("bqd,bkd->bqk", q[..., part], k[..., part]) / 2**0.5
        weights.append(logits.exp() / logits.exp().sum(-1, keepdim=True))
        mixed.append(torch.einsum("bqk,bkd->bqd", weights[-1], v[..., part]))

    out, given = attention(tokens)

    torch.testing.assert_close(given, torch.stack(weights, 1))
    torch.testing.assert_close(out, torch.cat(mixed, -1) @ attention.out.weight.T + attention.out.bias)


def test_a_layer_normalises_before_each_part_and_adds_a_residual_around_it() -> None:
    layer = TransformerLayer(8, 2, 3, 0.0)
    randomise(layer)
    tokens = torch.randn(3, 4, 8)
    attended = tokens + layer.attention(layer_norm(tokens, layer.attention_norm))[0]
    hidden = F.gelu(layer_norm(attended, layer.mlp_norm) @ layer.mlp.fc1.weight.T + layer.mlp.fc1.bias)
    expected = attended + hidden @ layer.mlp.fc2.weight.T + layer.mlp.fc2.bias

    assert hidden.shape[-1] == 24
    torch.testing.assert_close(layer(tokens)[0], expected)


def test_a_token_attends_within_its_own_block() -> None:
    level = Level(8, 2, block_side=2, count=1, mlp_ratio=4, dropout=0.0)
    x = torch.randn(1, 8, 4, 4).repeat(2, 1, 1, 1)
    x[1, 0, 0, 3] += 1.0

    before, after = level(x)

    assert ((before - after).abs().amax(0) > 1e-6).nonzero().tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]


def test_an_aggregation_is_convolution_then_layer_norm_then_max_pooling_to_half_the_side() -> None:
    module = Aggregation(4, 6)
    randomise(module)
    convolution, norm = module[0], module[1]
    x = torch.randn(5, 4, 4, 4)
    convolved = F.conv2d(x, convolution.weight, convolution.bias, padding=1)
    normalised = layer_norm(convolved.movedim(1, -1), norm).movedim(-1, 1)
    framed = F.pad(normalised, (1, 1, 1, 1), value=-torch.inf)
    pooled = framed.unfold(2, 3, 2).unfold(3, 3, 2).amax((-2, -1))

    assert pooled.shape == (5, 6, 2, 2)
    torch.testing.assert_close(module(x), pooled)


def test_the_head_normalises_each_token_averages_them_and_is_linear() -> None:
    network = network_of(SPEC, patch=14, blocks=(1,), width=16)
    randomise(network)
    maps = torch.randn(2, 3, 28, 28)
    tokens = network.levels[0](network.patch_embedding(maps)).flatten(2).transpose(1, 2)

    averaged = layer_norm(tokens, network.norm).mean(1)

    assert tokens.shape == (2, 4, 16)
    expected = averaged @ network.classifier.weight.T + network.classifier.bias
    torch.testing.assert_close(network(maps), expected)


def test_dropout_acts_on_the_weights_of_the_attention_too() -> None:
    """Each weight is kept, at twice its value, or lost; the weights that are shown are those before."""
    attention = Attention(4, 1, 0.5)
    attention.dropout = nn.Identity()
    attention.out = nn.Identity()
    tokens = torch.randn(200, 4, 4)
    with torch.no_grad():
        attention.qkv.weight[8:] = torch.eye(4)
    out, weights = attention(tokens)

    shares = (torch.linalg.solve(tokens.transpose(1, 2), out.transpose(1, 2)).transpose(1, 2) / weights[:, 0]).flatten()
    torch.testing.assert_close(weights.sum(-1), torch.ones(200, 1, 4))
    lost, kept = (shares.abs() < 0.01).float().mean(), ((shares - 2).abs() < 0.01).float().mean()
    assert lost + kept > 0.97
    assert 0.4 < lost < 0.6


def test_positions_are_drawn_from_a_standard_normal_distribution() -> None:
    position = Level(8, 2, block_side=40, count=0, mlp_ratio=4, dropout=0.0).position

    assert (position.mean().item(), position.std().item()) == pytest.approx((0, 1), abs=0.1)
