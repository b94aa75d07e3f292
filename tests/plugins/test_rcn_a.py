"""RCN-A: the published sizes, one shared recurrent convolution, and attention from the classifier's own weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import assert_the_seed_decides, network_of, scores_of_the_rest
from support.moving_maps import motion
from torch import Tensor, nn

import mer_bench_rcn_a
from mer_bench import MerBenchError
from mer_bench.testing import make_method
from mer_bench_rcn_a.network import RecurrentBlock

(SPEC,) = mer_bench_rcn_a.mer_bench_methods()

pytestmark = pytest.mark.usefixtures("reproducible")


@pytest.mark.parametrize(
    ("preset", "n_classes", "expected"),
    [("paper", 3, 55_747), ("readme", 3, 15_331), ("paper", 5, 62_021)],
)
def test_the_number_of_parameters_is_the_published_one(preset: str, n_classes: int, expected: int) -> None:
    network = network_of(SPEC, preset=preset, n_classes=n_classes)

    assert sum(parameter.numel() for parameter in network.parameters()) == expected


@pytest.mark.parametrize(("preset", "maps", "pool"), [("paper", 64, 7), ("readme", 32, 5), ("quick", 16, 5)])
def test_a_28x28_map_is_12x12_then_6x6_before_it_is_pooled(preset: str, maps: int, pool: int) -> None:
    network = network_of(SPEC, preset=preset)
    shapes: dict[str, tuple[int, ...]] = {}
    for name in ("stem", "recurrent", "settle", "classifier"):
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: shapes.update({name: tuple(output.shape)})
        )

    network(torch.rand(5, 3, 28, 28))

    assert shapes == {
        "stem": (5, maps, 12, 12),
        "recurrent": (5, maps, 12, 12),
        "settle": (5, maps, 6, 6),
        "classifier": (5, 3),
    }
    assert network.attention(torch.rand(5, maps, 12, 12)).shape == (5, 1, pool, pool)
    assert network.classifier.in_features == maps * pool**2


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


def test_the_attention_of_a_fresh_network_spans_0_to_1_for_one_class() -> None:
    """The span's guard is small against what the initial weights give."""
    network = network_of(SPEC, n_classes=1)
    attention = network.attention(torch.rand(8, 64, 12, 12)).flatten(1)

    assert torch.equal(attention.amin(1), torch.zeros(8))
    torch.testing.assert_close(attention.amax(1), torch.ones(8), atol=0.01, rtol=0)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_constant_map_gives_a_finite_attention_and_gradient(value: float) -> None:
    network = network_of(SPEC, maps=4, pool=3, dropout=0.0).eval()
    nn.init.ones_(network.classifier.weight)
    maps = torch.full((2, 3, 28, 28), value)

    network(maps).sum().backward()

    assert torch.equal(network.attention(torch.full((2, 4, 12, 12), value)), torch.zeros(2, 1, 3, 3))
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


def test_the_attention_weighs_every_feature_map_alike_before_the_classifier() -> None:
    network = network_of(SPEC, maps=4, pool=3).eval()
    maps = torch.rand(2, 3, 28, 28)
    x = network.stem(maps)
    features = F.adaptive_avg_pool2d(F.max_pool2d(network.recurrent(x), 2), 3)
    weighed = torch.stack([features[:, channel] * network.attention(x)[:, 0] for channel in range(4)], dim=1)

    torch.testing.assert_close(
        network(maps), weighed.flatten(1) @ network.classifier.weight.T + network.classifier.bias
    )


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


def test_more_recurrences_add_no_parameters() -> None:
    assert len({sum(p.numel() for p in network_of(SPEC, recurrences=r).parameters()) for r in (1, 2, 5)}) == 1


def test_every_weight_learns_but_the_biases_that_batch_normalisation_takes_out() -> None:
    network = network_of(SPEC, maps=8, pool=5).double()
    maps = torch.randn(24, 3, 28, 28, dtype=torch.float64)
    F.cross_entropy(network(maps), torch.arange(24) % 3).backward()

    silent = {name for name, parameter in network.named_parameters() if parameter.grad.abs().max() < 1e-14}

    assert silent == {"stem.0.bias", "recurrent.first.0.bias", "recurrent.shared.0.bias"}
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_initial_weights_are_kaimings_by_fan_out_and_small_in_the_classifier() -> None:
    network = network_of(SPEC)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]

    assert [m.kernel_size[0] for m in convolutions] == [5, 1, 3]
    for module in convolutions:
        fan_out = 64 * module.kernel_size[0] ** 2
        assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
    assert network.classifier.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not network.classifier.bias.any()


def test_dropout_and_the_batchs_statistics_act_in_training_only() -> None:
    network = network_of(SPEC, maps=8, pool=5)
    maps = torch.rand(6, 3, 28, 28)

    assert not torch.equal(network(maps), network(maps))
    network.eval()
    assert torch.equal(network(maps), network(maps))
    torch.testing.assert_close(network(maps)[:1], network(maps[:1]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pool": 1}, "pool=1 is below the smallest allowed value, 2"),
        ({"pool": 13}, "pool=13 is above the largest allowed value, 12"),
        ({"maps": 0}, "maps=0 is below"),
        ({"maps": 10**20}, f"maps={10**20} is above"),
        ({"recurrences": 10**9}, f"recurrences={10**9} is above"),
        ({"dropout": 1.0}, "dropout=1.0 is above"),
        ({"attention_eps": 2.0}, "attention_eps=2.0 is above"),
        ({"recurrences": 0}, "recurrences=0 is below"),
        ({"attention_eps": 0.0}, "attention_eps=0.0 is below"),
    ],
)
def test_values_that_are_not_allowed_are_refused_by_the_spec(settings: dict[str, object], message: str) -> None:
    with pytest.raises(MerBenchError, match="method rcn-a") as caught:
        SPEC.resolve("paper", settings)

    assert message in str(caught.value)


@pytest.mark.parametrize("pool", [2, 5, 7, 12])
def test_every_allowed_pool_gives_logits(pool: int) -> None:
    assert network_of(SPEC, n_classes=5, maps=4, pool=pool)(torch.rand(2, 3, 28, 28)).shape == (2, 5)


def test_every_parameter_of_the_network_reaches_it() -> None:
    network = network_of(SPEC, maps=6, pool=4, recurrences=3, dropout=0.25, attention_eps=0.5)

    assert network.classifier.in_features == 6 * 4 * 4
    assert (network.recurrent.recurrences, network.attention_eps) == (3, 0.5)
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.25, 0.25]


def test_the_presets_are_the_codes_defaults_and_its_readmes_example() -> None:
    paper, readme, quick = (SPEC.resolve(preset, {}) for preset in ("paper", "readme", "quick"))
    known = {"epochs": 100, "lr": 5e-4, "batch_size": 64, "optimizer": "sgd", "maps": 64, "pool": 7, "recurrences": 2}

    assert {name: paper[name] for name in known} == known
    assert (paper["normalisation"], paper["weight_decay"], paper["dropout"]) == ("unit", 0.0, 0.5)
    assert {name: readme[name] for name in readme if readme[name] != paper[name]} == {
        "maps": 32,
        "pool": 5,
        "epochs": 20,
    }
    assert {name for name in paper if paper[name] != quick[name]} == {"maps", "pool", "epochs", "lr"}
    assert (SPEC.default_preset, SPEC.representation.name, SPEC.trains_by_epoch) == ("paper", "face-flow", True)


def test_two_epochs_in_the_trainer_give_probabilities_that_the_seed_decides() -> None:
    assert_the_seed_decides(make_method(SPEC, preset="quick", epochs=2, batch_size=6), motion(13))


def test_it_learns_maps_that_differ_in_where_they_move() -> None:
    samples = motion()
    settings = {"maps": 8, "pool": 5, "epochs": 30, "lr": 3e-2, "batch_size": 6}
    method = make_method(SPEC, **settings)

    scores = scores_of_the_rest(method, samples, 18)

    assert (scores[-1].argmax(1) == samples.labels[18:]).all()
    assert scores[-1].max(1).mean() > 0.8 > scores[0].max(1).mean()
