"""RCN-A: the published sizes, one shared recurrent convolution, and attention from the classifier's own weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import BUILT_IN, network_of
from torch import Tensor, nn

from mer_bench_rcn_a.network import RecurrentBlock

SPEC = BUILT_IN["rcn-a"]

pytestmark = pytest.mark.usefixtures("reproducible")


def test_a_28x28_map_is_12x12_then_6x6_before_it_is_pooled_to_7x7() -> None:
    network = network_of(SPEC)
    stem = network.stem(torch.rand(5, 3, 28, 28))

    assert stem.shape == network.recurrent(stem).shape == (5, 64, 12, 12)
    assert network.settle(stem).shape == (5, 64, 6, 6)
    assert (network.attention(stem).shape, network.classifier.in_features) == ((5, 1, 7, 7), 64 * 7 * 7)


def test_the_attention_is_made_of_the_classifiers_weights_class_by_class() -> None:
    network = network_of(SPEC, n_classes=4, maps=6, pool=3, attention_eps=1e-3)
    nn.init.normal_(network.classifier.weight)
    x = torch.randn(2, 6, 12, 12)
    pooled = x.reshape(2, 6, 3, 4, 3, 4).mean((3, 5))
    expected = torch.zeros(2, 1, 3, 3)
    for sample in range(2):
        for row in network.classifier.weight:
            evidence = (row.reshape(6, 3, 3) * pooled[sample]).mean(0)
            expected[sample, 0] += (evidence - evidence.min()) / (evidence.max() - evidence.min() + 1e-3) / 4

    torch.testing.assert_close(network.attention(x), expected)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_constant_map_gives_a_finite_attention_and_gradient(value: float) -> None:
    network = network_of(SPEC, maps=4, pool=3, dropout=0.0).eval()
    nn.init.ones_(network.classifier.weight)
    maps = torch.full((2, 3, 28, 28), value)

    network(maps).sum().backward()

    assert torch.equal(network.attention(torch.full((2, 4, 12, 12), value)), torch.zeros(2, 1, 3, 3))
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


def test_gradients_flow_through_the_classifiers_weights_inside_the_attention() -> None:
    """The derivative by a weight is the finite difference, which the attention takes part in."""
    network = network_of(SPEC, maps=4, pool=3).double().eval()
    nn.init.normal_(network.classifier.weight, std=0.3)
    maps = torch.rand(3, 3, 28, 28, dtype=torch.float64)
    weight = network.classifier.weight

    def loss() -> Tensor:
        return F.cross_entropy(network(maps), torch.arange(3))

    (whole,) = torch.autograd.grad(loss(), weight)
    x = network.stem(maps)
    features = network.pool(network.settle(network.recurrent(x))) * network.attention(x).detach()
    (direct,) = torch.autograd.grad(F.cross_entropy(network.classifier(features.flatten(1)), torch.arange(3)), weight)
    direction = torch.randn_like(weight)
    step = 1e-6
    with torch.no_grad():
        weight += step * direction
        above = loss()
        weight -= 2 * step * direction
        below = loss()
    difference = (above - below) / (2 * step)

    torch.testing.assert_close((whole * direction).sum(), difference, rtol=1e-5, atol=1e-9)
    assert not torch.allclose(whole, direct, rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("recurrences", [1, 2, 3])
def test_the_recurrent_block_applies_one_shared_convolution_again_and_again(recurrences: int) -> None:
    block = RecurrentBlock(4, recurrences).eval()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    x = torch.randn(2, 4, 12, 12)

    def layer(part: nn.Sequential, inputs: Tensor) -> Tensor:
        convolution, norm = part[0], part[1]
        y = F.conv2d(inputs, convolution.weight, convolution.bias, padding=convolution.kernel_size[0] // 2)
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return ((y - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]).clamp(min=0)

    y = layer(block.first, x)
    for _ in range(recurrences):
        y = layer(block.shared, x + y)

    assert (block.first[0].kernel_size, block.shared[0].kernel_size) == ((1, 1), (3, 3))
    torch.testing.assert_close(block(x), y)


def test_the_initial_weights_are_kaimings_by_fan_out_and_small_in_the_classifier() -> None:
    network = network_of(SPEC)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]

    assert [m.kernel_size[0] for m in convolutions] == [5, 1, 3]
    for module in convolutions:
        fan_out = 64 * module.kernel_size[0] ** 2
        assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
    assert network.classifier.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not network.classifier.bias.any()
