"""RCN-A: the published sizes, one shared recurrent convolution, and attention from the classifier's own weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import BUILT_IN, network_of
from torch import nn

SPEC = BUILT_IN["rcn-a"]

pytestmark = pytest.mark.usefixtures("reproducible")


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
    """A gradient that treats the attention as a constant is another one."""
    network = network_of(SPEC, maps=4, pool=3).double().eval()
    nn.init.normal_(network.classifier.weight, std=0.3)
    weight, maps = network.classifier.weight, torch.rand(3, 3, 28, 28, dtype=torch.float64)
    (whole,) = torch.autograd.grad(F.cross_entropy(network(maps), torch.arange(3)), weight)
    x = network.stem(maps)
    features = network.pool(network.settle(network.recurrent(x))) * network.attention(x).detach()
    (direct,) = torch.autograd.grad(F.cross_entropy(network.classifier(features.flatten(1)), torch.arange(3)), weight)

    assert not torch.allclose(whole, direct, rtol=1e-2, atol=1e-6)


def test_the_initial_weights_are_kaimings_by_fan_out_and_small_in_the_classifier() -> None:
    network = network_of(SPEC)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]

    assert [m.kernel_size[0] for m in convolutions] == [5, 1, 3]
    for module in convolutions:
        fan_out = 64 * module.kernel_size[0] ** 2
        assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
    assert network.classifier.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not network.classifier.bias.any()
