"""What holds for every built-in network: its size, what it computes, how it learns, and what the seed decides."""

from __future__ import annotations

import copy
import re
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import BUILT_IN, network_of, scores_of_the_rest
from support.moving_maps import motion
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from mer_bench.testing import make_method

pytestmark = pytest.mark.usefixtures("reproducible")

Settings = dict[str, Any]


@dataclass(frozen=True)
class Network:
    """What is known of a method's network."""

    sizes: dict[str, int]  # number of parameters for three classes, by preset
    small: Settings  # of a network that is quick to train
    learning: Settings  # with which it then learns from 36 maps
    # Logits of one map by the weights of `filled`, with other settings over the small ones.
    logits: tuple[tuple[Settings, tuple[float, float, float]], ...] = ()
    dropouts: int = 0  # layers that drop values
    dropout: str = "dropout"  # the parameter that is their probability
    silent: str = "none"  # pattern of the weights that cannot learn, whoever implements the paper
    channels: tuple[int, ...] = (0, 1, 2)  # those of u, v and strain that it uses


NETWORKS = {
    "ahmsa": Network(
        sizes={"paper": 6_094_803, "quick": 1_540_587},
        small={"width": 12, "reduction": 2, "blocks": (1, 1, 2)},
        learning={"epochs": 12, "lr": 5e-3, "batch_size": 6},
        logits=(
            ({}, (-0.292953, 1.15057, 0.396933)),
            ({"residual": False}, (0.351693, 0.771413, -0.111807)),
            ({"head_hidden": 5, "heads": 2, "mlp_ratio": 3, "reduction": 5}, (0.537759, -0.189983, -0.125347)),
            ({"patch": 14, "blocks": (1, 3), "reduction": 99}, (0.00932231, -0.0810944, 0.650878)),
        ),
        dropouts=4,
        # A softmax cancels a key's bias; the one patch of the top level has weight 1 whatever its query and key are.
        silent=r"levels\.\d\.\d\.parts\.1\.qkv\.bias\[k\]|levels\.2\.\d\.parts\.1\.qkv\.(weight|bias)\[[qk]\]",
    ),
    "dual-inception": Network(
        sizes={"paper": 6_449_867, "quick": 826_571},
        small={"maps": (2, 3), "hidden": 24},
        learning={"epochs": 12, "lr": 4e-3, "batch_size": 4},
        logits=(({}, (13.392, -15.3248, 9.51132)), ({"branch_channels": 3, "hidden": 5}, (-3.7744, -1.83561, 1.63735))),
        channels=(0, 1),
    ),
    "htnet": Network(
        sizes={"paper": 114_429_446, "quick": 1_019_286},
        small={"width": 14, "blocks": (1, 1, 2)},
        learning={"epochs": 12, "lr": 3e-3, "batch_size": 6, "normalisation": "channel"},
        logits=(
            ({}, (1.44085, 1.21152, 3.1638)),
            ({"attention": "intended"}, (-1.85065, 1.99532, 2.32606)),
            ({"heads": 2, "mlp_ratio": 3, "blocks": (2, 1)}, (-1.22848, 0.66945, 0.359103)),
            ({"patch": 14, "blocks": (1, 3)}, (0.264135, 0.557111, 1.89232)),
        ),
        dropouts=16,
        # A block of one token has weight 1; a layer normalisation cancels a position, where no convolution sees it.
        silent=r"levels\.2\.position|levels\.\d\.layers\.\d\.attention\.qkv\.weight\[[qk]\]",
    ),
    "inceptr": Network(
        sizes={"paper": 109_325_353, "quick": 418_417},
        small={
            **{"paths": (2, 3), "squeeze": 2, "width": 8, "depth": 2, "heads": 2, "channels": 4, "hidden": 24},
            **{"drop_path": 0.0, "msad": 0.0},
        },
        learning={"epochs": 8, "lr": 5e-3, "batch_size": 6, "dropout": 0.0},
        logits=(
            ({}, (-17.091, -22.4941, -6.69744)),
            (
                {"paths": (1, 2, 3), "reduction": 4, "heads": 4, "mlp_ratio": 3, "depth": 1},
                (8.87937, 5.96939, -13.6843),
            ),
        ),
        dropouts=1,
        silent=r"global_branch\.1\.blocks\.\d\.attn\.qkv\.0\.bias\[k\]",
    ),
    "off-apexnet": Network(
        sizes={"paper": 2_664_475, "quick": 473_371},
        small={"hidden": 48},
        learning={"epochs": 8, "lr": 5e-3, "batch_size": 6},
        logits=(
            ({}, (-14.8985, -494.977, 190.466)),
            ({"conv_activation": "none", "maps": (3, 5)}, (-152.045, 456.36, 338.523)),
        ),
        dropouts=2,
        channels=(0, 1),
    ),
    "rcn-a": Network(
        sizes={"paper": 55_747, "readme": 15_331, "quick": 5_107},
        small={"maps": 8, "pool": 5},
        learning={"epochs": 20, "lr": 5e-2, "batch_size": 6},
        logits=(
            ({}, (3.06553, 1.76172, -1.26584)),
            ({"recurrences": 3, "pool": 12, "attention_eps": 0.5}, (4.42892, 8.50133, 6.84084)),
            ({"recurrences": 1, "pool": 2}, (0.275973, -1.63239, -1.29741)),
        ),
        dropouts=2,
        # Batch normalisation takes a convolution's bias out again.
        silent=r"(stem|recurrent\.first|recurrent\.shared)\.0\.bias",
    ),
    "ststnet": Network(
        sizes={"paper": 1_683, "pytorch": 1_683, "quick": 1_683},
        small={},
        learning={"epochs": 15, "lr": 1e-2, "batch_size": 9, "normalisation": "pixel-mean"},
        logits=(
            ({}, (-7.42806, 12.4698, 1.52353)),
            ({"padding": "port", "streams": (2, 7)}, (0.000774066, -0.327277, -0.601314)),
            ({"batch_norm": False}, (-39.4908, 39.5024, -9.82145)),
        ),
        dropouts=1,
    ),
    "timm-backbone": Network(
        sizes={"resnet18": 11_178_051, "quick": 372_979},
        small={"model": "test_resnet"},
        learning={"epochs": 10, "lr": 3e-3, "batch_size": 12},
        dropout="drop_rate",
    ),
}
EVERY = pytest.mark.parametrize("name", NETWORKS)


def small(name: str, **settings: Any) -> nn.Module:
    network: nn.Module = network_of(BUILT_IN[name], **{**NETWORKS[name].small, **settings})
    return network


def logits_of(output: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    return output[0] if isinstance(output, tuple) else output


def filled(network: nn.Module) -> nn.Module:
    """Give a network weights that depend on nobody's generator but NumPy's frozen one, and leave none neutral."""
    draws = np.random.RandomState(0)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            values = torch.from_numpy(np.asarray(draws.standard_normal(tuple(tensor.shape)) * 0.4))
            tensor.copy_(values.abs() + 0.5 if name.endswith("running_var") else values)
    return network


def maps(n: int) -> Tensor:
    return torch.from_numpy(np.random.RandomState(1).standard_normal((n, 3, 28, 28)))


def test_every_built_in_network_is_in_the_table() -> None:
    assert {name for name, spec in BUILT_IN.items() if spec.family == "deep"} == set(NETWORKS)


@EVERY
def test_a_network_has_the_known_number_of_parameters(name: str) -> None:
    with torch.device("meta"):
        sizes = {
            preset: sum(parameter.numel() for parameter in network_of(BUILT_IN[name], preset=preset).parameters())
            for preset in BUILT_IN[name].presets
        }

    assert sizes == NETWORKS[name].sizes


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        pytest.param(name, settings, expected, id=f"{name}-{number}")
        for name, network in NETWORKS.items()
        for number, (settings, expected) in enumerate(network.logits)
    ],
)
def test_the_same_weights_give_the_same_logits_as_ever(
    name: str, settings: Settings, expected: tuple[float, float, float]
) -> None:
    """If this fails on purpose, raise the method's version: stored results are of the network as it was."""
    network = filled(small(name, **settings).double()).eval()

    with torch.no_grad():
        logits = network(maps(2))[1]

    assert logits.tolist() == pytest.approx(expected, rel=1e-5)


@EVERY
def test_a_network_sees_the_channels_that_its_paper_names_and_can_tell_them_apart(name: str) -> None:
    network = filled(small(name).double()).eval()
    given = maps(2)
    before = network(given)

    changed = set()
    for channel in range(3):
        other = given.clone()
        other[:, channel] += 1.0 + given[:, channel].flip(-1)
        if not torch.allclose(network(other), before):
            changed.add(channel)

    assert changed == set(NETWORKS[name].channels)
    assert not torch.allclose(network(given[:, [1, 0, 2]]), before)


@EVERY
def test_dropout_acts_in_training_alone_and_with_the_probability_that_was_set(name: str) -> None:
    known = NETWORKS[name]
    given = torch.randn(6, 3, 28, 28)
    rate = {known.dropout: 0.375} if known.dropouts or name == "timm-backbone" else {}
    network = small(name, **rate)

    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout) and m.p] == [0.375] * known.dropouts
    assert torch.equal(logits_of(network(given)), logits_of(network(given))) is not bool(rate)
    network.eval()
    assert torch.equal(network(given), network(given))
    torch.testing.assert_close(network(given)[:1], network(given[:1]))


@EVERY
def test_every_weight_learns_but_those_that_cannot(name: str) -> None:
    """A qkv weight counts as three."""
    network = filled(small(name).double()).train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    F.cross_entropy(logits_of(network(maps(24))), torch.arange(24) % 3).backward()

    gradients: dict[str, Tensor] = {}
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        pieces = parameter.grad.chunk(3) if ".qkv." in parameter_name else (parameter.grad,)
        kinds = ("[q]", "[k]", "[v]") if len(pieces) == 3 else ("",)
        gradients |= {f"{parameter_name}{kind}": piece for kind, piece in zip(kinds, pieces, strict=True)}
    largest = max(gradient.abs().max() for gradient in gradients.values())

    silent = {name for name, gradient in gradients.items() if gradient.abs().max() < 1e-13 * largest}
    assert silent == {each for each in gradients if re.fullmatch(NETWORKS[name].silent, each)}


@EVERY
def test_torch_vmap_trains_a_stack_of_networks_as_it_trains_each(name: str) -> None:
    """With stacked weights and statistics of batch normalisation, and without a warning that an operator loops."""
    known = NETWORKS[name]
    networks = [small(name, **({known.dropout: 0.0} if known.dropouts else {})).train() for _ in range(2)]
    inputs, labels = torch.randn(2, 6, 3, 28, 28), torch.arange(6) % 3
    shell = copy.deepcopy(networks[0])

    def loss(parameters: dict[str, Tensor], buffers: dict[str, Tensor], given: Tensor) -> Tensor:
        output = functional_call(shell, (parameters, buffers), (given,))
        penalty = output[1].mean() if isinstance(output, tuple) else 0.0
        return F.cross_entropy(logits_of(output), labels) + penalty

    parameters, buffers = stack_module_state(networks)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = vmap(loss)(parameters, buffers, inputs)
        losses.sum().backward()

    for place, network in enumerate(networks):
        alone = dict(network.named_parameters()), dict(network.named_buffers())
        expected = loss(*alone, inputs[place])
        expected.backward()
        torch.testing.assert_close(losses[place], expected)
        largest = max(parameter.grad.abs().max().item() for parameter in alone[0].values())
        for key, parameter in alone[0].items():
            torch.testing.assert_close(parameters[key].grad[place], parameter.grad, rtol=1e-3, atol=1e-5 * largest)
        for key, buffer in alone[1].items():
            torch.testing.assert_close(buffers[key][place], buffer)


@pytest.mark.slow
@EVERY
def test_a_network_learns_where_maps_move_and_the_seed_decides_how(name: str) -> None:
    samples = motion(48, by=1.5)
    settings = {**NETWORKS[name].small, **NETWORKS[name].learning}
    method, brief = (make_method(BUILT_IN[name], **{**settings, **more}) for more in ({}, {"epochs": 1}))
    scores = scores_of_the_rest(method, samples, 36)
    same, other = (scores_of_the_rest(brief, samples, 36, seed) for seed in (1, 2))

    assert scores.shape == (settings["epochs"], 12, 3)
    np.testing.assert_allclose(scores.sum(axis=2), 1, rtol=1e-5)
    assert (scores[-1].argmax(1) == samples.labels[36:]).mean() > 0.9
    np.testing.assert_array_equal(scores[0], same[0])
    assert not np.array_equal(scores[0], other[0])


@pytest.mark.parametrize("name", ["dual-inception", "ststnet"])
def test_glorot_weights_are_uniform_with_zero_biases_and_torchs_are_not(name: str) -> None:
    glorot, usual = (network_of(BUILT_IN[name], initialisation=kind) for kind in ("glorot", "torch"))
    layers = [module for module in glorot.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    shares, of_many = [], []
    for layer in layers:
        # STSTNet's streams share a layer, but each has its own bound.
        streams = (3, 5, 8) if (name, len(layer.weight)) == ("ststnet", 16) else (len(layer.weight),)
        for weight in layer.weight.split(streams):
            fans = (weight.shape[0] + weight.shape[1]) * weight[0, 0].numel()
            shares.append(weight.abs().max().item() / (6 / fans) ** 0.5)
            of_many += shares[-1:] if weight.numel() > 60 else []

    assert max(shares) <= 1
    assert min(of_many) > 0.8
    assert not any(layer.bias.any() for layer in layers)
    assert all(m.bias.any() for m in usual.modules() if isinstance(m, nn.Linear))
