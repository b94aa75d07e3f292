"""OFF-ApexNet: u and v in branches of their own, and the layers that give the published size."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import assert_the_seed_decides, network_of, scores_of_the_rest
from support.moving_maps import motion
from torch import nn

import mer_bench_off_apexnet
from mer_bench import MerBenchError
from mer_bench.testing import make_method

(SPEC,) = mer_bench_off_apexnet.mer_bench_methods()

pytestmark = pytest.mark.usefixtures("reproducible")


@pytest.mark.parametrize(
    ("settings", "n_classes", "expected"),
    [({}, 3, 2_664_475), ({}, 5, 2_666_525), ({"maps": (2, 4), "hidden": 10}, 3, 2 * (52 + 204) + 3930 + 110 + 33)],
)
def test_the_number_of_parameters_is_that_of_the_rebuild(
    settings: dict[str, object], n_classes: int, expected: int
) -> None:
    network = network_of(SPEC, n_classes=n_classes, **settings)

    assert sum(parameter.numel() for parameter in network.parameters()) == expected


def test_the_parameters_lie_where_the_layers_say() -> None:
    network = network_of(SPEC)
    branch = (5 * 5 * 1 * 6 + 6) + (5 * 5 * 6 * 16 + 16)

    assert [sum(p.numel() for p in part.parameters()) for part in network.branches] == [branch, branch]
    assert [(m.in_features, m.out_features) for m in network.head if isinstance(m, nn.Linear)] == [
        (2 * 784, 1024),
        (1024, 1024),
        (1024, 3),
    ]


@pytest.mark.parametrize("n_classes", [3, 7])
def test_each_branch_gives_784_features_and_the_head_logits(n_classes: int) -> None:
    network = network_of(SPEC, n_classes=n_classes)
    maps = torch.randn(5, 3, 28, 28)

    assert [tuple(branch(maps[:, :1]).shape) for branch in network.branches] == [(5, 784), (5, 784)]
    assert network(maps).shape == (5, n_classes)


@pytest.mark.parametrize("activation", ["relu", "none"])
def test_a_branch_is_twice_a_5x5_convolution_the_activation_and_max_pooling(activation: str) -> None:
    branch = network_of(SPEC, conv_activation=activation).branches[0]
    first, second = (module for module in branch if isinstance(module, nn.Conv2d))
    x = torch.randn(2, 1, 28, 28)
    expected = x
    for convolution in (first, second):
        expected = F.conv2d(expected, convolution.weight, convolution.bias, padding=2)
        expected = expected.clamp(min=0) if activation == "relu" else expected
        n, channels, side, _ = expected.shape
        expected = expected.reshape(n, channels, side // 2, 2, side // 2, 2).amax((3, 5))

    torch.testing.assert_close(branch(x), expected.flatten(1))
    assert bool((branch(x) < 0).any()) is (activation == "none")


def test_one_branch_sees_u_the_other_v_and_none_the_strain() -> None:
    network = network_of(SPEC).eval()
    seen: list[torch.Tensor] = []
    for branch in network.branches:
        branch.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    maps = torch.randn(2, 3, 28, 28)
    strained = maps.clone()
    strained[:, 2] += 5.0

    assert torch.equal(network(maps), network(strained))
    assert torch.equal(seen[0], maps[:, :1])
    assert torch.equal(seen[1], maps[:, 1:2])
    assert not torch.allclose(network(maps.flip(1)), network(maps))


def test_the_gradient_reaches_every_parameter() -> None:
    network = network_of(SPEC)
    F.cross_entropy(network(torch.randn(12, 3, 28, 28)), torch.arange(12) % 3).backward()

    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_dropout_acts_in_training_only() -> None:
    network = network_of(SPEC)
    maps = torch.randn(2, 3, 28, 28)

    assert not torch.equal(network(maps), network(maps))
    network.eval()
    assert torch.equal(network(maps), network(maps))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"conv_activation": "gelu"}, "conv_activation='gelu' is not one of: relu, none"),
        ({"maps": (0, 16)}, "below the smallest allowed value, 1"),
        ({"hidden": 0}, "hidden=0 is below"),
        ({"hidden": 10**20}, f"hidden={10**20} is above"),
        ({"maps": (6, 10**9)}, "is above the largest allowed value"),
        ({"maps": (6,)}, "maps=6 has 1 numbers, not 2"),
        ({"maps": (6, 16, 32)}, "maps=6,16,32 has 3 numbers, not 2"),
        ({"dropout": 1.0}, "dropout=1.0 is above"),
    ],
)
def test_values_that_are_not_allowed_are_refused_by_the_spec(settings: dict[str, object], message: str) -> None:
    with pytest.raises(MerBenchError, match="method off-apexnet") as caught:
        SPEC.resolve("paper", settings)

    assert message in str(caught.value)


def test_every_parameter_of_the_network_reaches_it() -> None:
    values = {"maps": (3, 5), "hidden": 20, "dropout": 0.25, "conv_activation": "none"}
    network = network_of(SPEC, n_classes=4, **values)

    assert [m.out_channels for m in network.branches[1] if isinstance(m, nn.Conv2d)] == [3, 5]
    assert not any(isinstance(module, nn.ReLU) for module in network.branches.modules())
    assert [m.out_features for m in network.head if isinstance(m, nn.Linear)] == [20, 20, 4]
    assert [m.p for m in network.head if isinstance(m, nn.Dropout)] == [0.25, 0.25]


def test_the_paper_preset_is_what_the_rebuilds_agree_on() -> None:
    paper, quick = SPEC.resolve("paper", {}), SPEC.resolve("quick", {})
    known = {"epochs": 3000, "lr": 1e-4, "batch_size": 64, "optimizer": "adam", "weight_decay": 0.0, "hidden": 1024}

    assert {name: paper[name] for name in known} == known
    assert {name for name in paper if paper[name] != quick[name]} == {"hidden", "epochs", "lr"}
    assert (SPEC.default_preset, SPEC.representation.name, SPEC.trains_by_epoch) == ("paper", "face-flow", True)


def test_two_epochs_in_the_trainer_give_probabilities_that_the_seed_decides() -> None:
    assert_the_seed_decides(make_method(SPEC, preset="quick", epochs=2, hidden=8), motion(12, either_channel=True))


def test_it_learns_maps_that_differ_in_where_they_move() -> None:
    samples = motion(either_channel=True)
    settings = {"hidden": 48, "epochs": 15, "lr": 3e-3, "batch_size": 6}
    method = make_method(SPEC, **settings)

    scores = scores_of_the_rest(method, samples, 18)

    assert (scores[-1].argmax(1) == samples.labels[18:]).all()
    assert scores[-1].max(1).mean() > 0.8 > scores[0].max(1).mean()
