"""STSTNet: the network is the paper's Table I, and its presets are the published training."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import assert_the_seed_decides, network_of, scores_of_the_rest
from support.moving_maps import motion
from torch import nn

import mer_bench_ststnet
from mer_bench import MerBenchError
from mer_bench.testing import make_method
from mer_bench_ststnet.network import Stream

(SPEC,) = mer_bench_ststnet.mer_bench_methods()

pytestmark = pytest.mark.usefixtures("reproducible")


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 1683),
        ({"batch_norm": False}, 1651),
        ({"padding": "port"}, 1683),
        ({"padding": "port", "batch_norm": False}, 1651),
    ],
)
def test_three_classes_take_the_known_number_of_parameters(settings: dict[str, object], expected: int) -> None:
    assert count(network_of(SPEC, **settings)) == expected


@pytest.mark.parametrize(("streams", "n_classes"), [((3, 5, 8), 5), ((4,), 3), ((2, 2, 2, 6), 7)])
def test_the_number_of_parameters_is_the_sum_over_convolutions_norms_and_one_linear_layer(
    streams: tuple[int, ...], n_classes: int
) -> None:
    maps = sum(streams)
    convolutions, norms, linear = maps * (3 * 3 * 3 + 1), 2 * maps, (25 * maps + 1) * n_classes

    assert count(network_of(SPEC, n_classes=n_classes, streams=streams)) == convolutions + norms + linear


@pytest.mark.parametrize(("padding", "side"), [("same", 28), ("port", 30)])
def test_both_paddings_pool_every_stream_to_10x10(padding: str, side: int) -> None:
    network = network_of(SPEC, padding=padding)
    maps = torch.randn(2, 3, 28, 28)

    assert [tuple(stream[0](maps).shape) for stream in network.streams] == [(2, n, side, side) for n in (3, 5, 8)]
    assert [tuple(stream(maps).shape) for stream in network.streams] == [(2, n, 10, 10) for n in (3, 5, 8)]
    assert network.pool(torch.cat([stream(maps) for stream in network.streams], 1)).shape == (2, 16, 5, 5)
    assert network(maps).shape == (2, 3)


def test_a_stream_convolves_rectifies_normalises_pools_and_drops_in_this_order() -> None:
    stream = Stream(4, 1, True, 0.5).eval()
    convolution, norm = stream[0], stream[2]
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2.0)
    maps = torch.randn(5, 3, 28, 28)

    rectified = F.conv2d(maps, convolution.weight, convolution.bias, padding=1).clamp(min=0)
    deviation = torch.sqrt(norm.running_var + norm.eps)
    scaled = (rectified - norm.running_mean[:, None, None]) / deviation[:, None, None]
    normalised = scaled * norm.weight[:, None, None] + norm.bias[:, None, None]
    framed = F.pad(normalised, (1, 1, 1, 1), value=-torch.inf)
    pooled = framed.reshape(5, 4, 10, 3, 10, 3).amax((3, 5))

    assert [type(part).__name__ for part in stream] == ["Conv2d", "ReLU", "BatchNorm2d", "MaxPool2d", "Dropout"]
    torch.testing.assert_close(stream(maps), pooled)


def test_the_streams_are_averaged_over_2x2_and_classified_by_one_linear_layer() -> None:
    network = network_of(SPEC).eval()
    maps = torch.randn(4, 3, 28, 28)
    joined = torch.cat([stream(maps) for stream in network.streams], 1)
    averaged = joined.reshape(4, 16, 5, 2, 5, 2).mean((3, 5)).reshape(4, 400)

    expected = averaged @ network.classifier.weight.T + network.classifier.bias

    torch.testing.assert_close(network(maps), expected)


def test_the_streams_together_are_one_convolution_of_all_their_maps() -> None:
    network = network_of(SPEC).eval()
    single = network_of(SPEC, streams=(16,)).eval()
    with torch.no_grad():
        single.streams[0][0].weight.copy_(torch.cat([stream[0].weight for stream in network.streams]))
        single.streams[0][0].bias.copy_(torch.cat([stream[0].bias for stream in network.streams]))
        single.classifier.load_state_dict(network.classifier.state_dict())
    maps = torch.randn(3, 3, 28, 28)

    torch.testing.assert_close(single(maps), network(maps))


@pytest.mark.parametrize("settings", [{}, {"batch_norm": False}, {"padding": "port"}])
def test_every_parameter_gets_a_gradient(settings: dict[str, object]) -> None:
    network = network_of(SPEC, **settings)
    F.cross_entropy(network(torch.randn(24, 3, 28, 28)), torch.arange(24) % 3).backward()

    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_dropout_acts_in_training_only() -> None:
    network = network_of(SPEC)
    maps = torch.randn(2, 3, 28, 28)

    assert not torch.equal(network(maps), network(maps))
    network.eval()
    assert torch.equal(network(maps), network(maps))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"streams": ()}, "streams=() must name at least one stream"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_any_work(settings: dict[str, object], message: str) -> None:
    with pytest.raises(MerBenchError) as caught:
        SPEC.resolve("paper", settings)

    assert str(caught.value).startswith("ststnet: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("settings", [{"streams": (3, 0, 8)}, {"dropout": -0.5}, {"dropout": 1.0}])
def test_values_beyond_their_limits_are_refused_by_the_spec(settings: dict[str, object]) -> None:
    (name,) = settings
    with pytest.raises(MerBenchError, match=f"{name}="):
        SPEC.resolve("paper", settings)


@pytest.mark.parametrize("settings", [{"padding": "valid"}, {"initialisation": "zeros"}, {"streams": (3, 10**20)}])
def test_values_that_are_not_allowed_are_refused_by_the_spec(settings: dict[str, object]) -> None:
    (name,) = settings
    with pytest.raises(MerBenchError, match=f"{name}="):
        SPEC.resolve("paper", settings)


def test_glorot_weights_are_uniform_with_zero_biases_and_torchs_are_the_default() -> None:
    glorot, default = network_of(SPEC, initialisation="glorot"), network_of(SPEC)
    for module in glorot.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            fans = (module.weight.shape[0] + module.weight.shape[1]) * module.weight[0, 0].numel()
            assert not module.bias.any()
            assert 0.8 < module.weight.abs().max().item() / (6 / fans) ** 0.5 <= 1

    assert default.classifier.bias.any()
    assert 0.9 < default.classifier.weight.abs().max().item() / 400**-0.5 <= 1


def test_the_paper_preset_is_the_published_training() -> None:
    paper = SPEC.resolve("paper", {})
    published = {
        "epochs": 500,
        "lr": 0.00005,
        "batch_size": 256,
        "optimizer": "adam",
        "weight_decay": 0.0,
        "class_weights": "none",
        "normalisation": "pixel-mean",
        "streams": (3, 5, 8),
        "dropout": 0.5,
        "batch_norm": True,
        "padding": "same",
        "initialisation": "torch",
    }

    assert paper == published
    assert SPEC.default_preset == "paper"
    assert (SPEC.representation.name, SPEC.family, SPEC.trains_by_epoch) == ("face-flow", "deep", True)


def test_the_quick_preset_keeps_the_network() -> None:
    paper, quick = SPEC.resolve("paper", {}), SPEC.resolve("quick", {})

    assert {name for name in paper if paper[name] != quick[name]} == {"epochs", "lr", "batch_size"}
    assert quick["epochs"] < 100


def test_every_parameter_of_the_network_reaches_it() -> None:
    values = {"streams": (2, 7), "padding": "port", "batch_norm": False, "dropout": 0.25, "initialisation": "glorot"}
    network = network_of(SPEC, n_classes=4, **values)

    assert [stream[0].out_channels for stream in network.streams] == [2, 7]
    assert {stream[0].padding for stream in network.streams} == {(2, 2)}
    assert {stream[4].p for stream in network.streams} == {0.25}
    assert not any(isinstance(part, nn.BatchNorm2d) for part in network.modules())
    assert network.classifier.out_features == 4
    assert not network.classifier.bias.any()


def test_it_learns_maps_that_differ_in_where_they_move() -> None:
    samples = motion(48, by=1.0)
    method = make_method(SPEC, epochs=20, lr=1e-2, batch_size=9)

    scores = scores_of_the_rest(method, samples, 36)

    assert scores.shape == (20, 12, 3)
    assert (scores[-1].argmax(1) == samples.labels[36:]).all()


def test_two_epochs_in_the_trainer_give_probabilities_that_the_seed_decides() -> None:
    assert_the_seed_decides(make_method(SPEC, preset="quick", epochs=2), motion(13))
