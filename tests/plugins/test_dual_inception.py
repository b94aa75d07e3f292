"""Dual-Inception: two branches of two inception blocks, of the published size."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import assert_the_seed_decides, network_of, scores_of_the_rest
from support.moving_maps import motion
from torch import Tensor, nn

import mer_bench_dual_inception
from mer_bench import MerBenchError
from mer_bench.testing import make_method
from mer_bench_dual_inception.network import Inception

(SPEC,) = mer_bench_dual_inception.mer_bench_methods()

pytestmark = pytest.mark.usefixtures("reproducible")
SMALL = {"maps": (2, 3), "hidden": 24}


def convolved(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    padding = convolution.kernel_size[0] // 2
    return F.conv2d(x, convolution.weight, convolution.bias, padding=padding).clamp(min=0)


@pytest.mark.parametrize(
    ("settings", "n_classes", "expected"),
    [
        ({}, 3, 6_449_867),
        ({"branch_channels": 3}, 3, 6_449_963),
        ({}, 5, 6_451_917),
        ({"maps": (2, 3), "hidden": 24}, 3, 2 * (4 * 4 + 38 + 102 + 4 * 27 + 84 + 228) + 28_248 + 75),
    ],
)
def test_the_number_of_parameters_is_the_published_one(
    settings: dict[str, object], n_classes: int, expected: int
) -> None:
    network = network_of(SPEC, n_classes=n_classes, **settings)

    assert sum(parameter.numel() for parameter in network.parameters()) == expected


def test_the_blocks_give_24_maps_of_28x28_and_64_of_14x14() -> None:
    network = network_of(SPEC)
    shapes: list[tuple[int, ...]] = []
    for module in network.modules():
        if isinstance(module, (Inception, nn.Flatten)):
            module.register_forward_hook(lambda _module, _inputs, output: shapes.append(tuple(output.shape)))

    logits = network(torch.randn(5, 3, 28, 28))

    assert shapes == [(5, 24, 28, 28), (5, 64, 14, 14), (5, 3136)] * 2
    assert logits.shape == (5, 3)
    assert [(m.in_features, m.out_features) for m in network.head if isinstance(m, nn.Linear)] == [
        (6272, 1024),
        (1024, 3),
    ]


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


def test_one_branch_sees_u_the_other_v_and_none_the_strain() -> None:
    network = network_of(SPEC, **SMALL).eval()
    seen: list[Tensor] = []
    for branch in network.branches:
        branch.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    maps = torch.randn(2, 3, 28, 28)
    strained = maps.clone()
    strained[:, 2] += 5.0

    assert torch.equal(network(maps), network(strained))
    assert torch.equal(seen[0], maps[:, :1])
    assert torch.equal(seen[1], maps[:, 1:2])
    assert not torch.allclose(network(maps.flip(1)), network(maps))


def test_three_channels_of_a_branch_are_three_times_the_same_map() -> None:
    """So a network of one channel, whose first weights are their sums, is the same function."""
    repeated, single = network_of(SPEC, branch_channels=3, **SMALL), network_of(SPEC, **SMALL)
    weights = repeated.state_dict()
    for name, narrower in single.state_dict().items():
        weights[name] = weights[name] if weights[name].shape == narrower.shape else weights[name].sum(1, keepdim=True)
    single.load_state_dict(weights)
    maps = torch.randn(2, 3, 28, 28)

    torch.testing.assert_close(repeated(maps), single(maps))


def test_glorot_weights_are_uniform_with_zero_biases() -> None:
    glorot, default = network_of(SPEC), network_of(SPEC, initialisation="torch")
    for module in glorot.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            receptive = module.weight[0, 0].numel()
            limit = (6 / ((module.weight.shape[0] + module.weight.shape[1]) * receptive)) ** 0.5
            assert module.weight.abs().max() <= limit
            assert not module.bias.any()
    dense = glorot.head[0].weight

    assert dense.std().item() == pytest.approx((2 / (6272 + 1024)) ** 0.5, rel=0.01)
    assert default.head[0].bias.any()
    assert default.head[0].weight.abs().max().item() == pytest.approx(6272**-0.5, rel=0.01)


def test_the_gradient_reaches_every_parameter() -> None:
    network = network_of(SPEC)
    F.cross_entropy(network(torch.randn(12, 3, 28, 28)), torch.arange(12) % 3).backward()

    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_there_is_no_dropout_and_no_batch_normalisation() -> None:
    network = network_of(SPEC, **SMALL)
    maps = torch.randn(4, 3, 28, 28)

    assert torch.equal(network(maps), network(maps))
    assert torch.equal(network(maps), network.eval()(maps))
    assert not list(network.buffers())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"branch_channels": 2}, "branch_channels=2 is not one of: 1, 3"),
        ({"initialisation": "zeros"}, "initialisation='zeros' is not one of: glorot, torch"),
        ({"maps": (6, 0)}, "below the smallest allowed value, 1"),
        ({"hidden": 0}, "hidden=0 is below"),
        ({"hidden": 10**20}, f"hidden={10**20} is above"),
        ({"maps": (6, 10**9)}, "is above the largest allowed value"),
        ({"maps": (6,)}, "maps=6 has 1 numbers, not 2"),
    ],
)
def test_values_that_are_not_allowed_are_refused_by_the_spec(settings: dict[str, object], message: str) -> None:
    with pytest.raises(MerBenchError, match="method dual-inception") as caught:
        SPEC.resolve("paper", settings)

    assert message in str(caught.value)


def test_every_parameter_of_the_network_reaches_it() -> None:
    values = {"maps": (3, 5), "hidden": 20, "branch_channels": 3, "initialisation": "torch"}
    network = network_of(SPEC, n_classes=4, **values)
    convolutions = [m for m in network.branches[1].modules() if isinstance(m, nn.Conv2d)]

    assert [m.out_channels for m in convolutions] == [3] * 6 + [5] * 6
    assert convolutions[0].in_channels == 3
    assert convolutions[0].bias.any()
    assert [m.out_features for m in network.head if isinstance(m, nn.Linear)] == [20, 4]


def test_the_paper_preset_is_the_training_that_the_code_uses() -> None:
    paper, quick = SPEC.resolve("paper", {}), SPEC.resolve("quick", {})
    known = {"epochs": 40, "lr": 1e-4, "batch_size": 3, "optimizer": "adam", "weight_decay": 0.0}

    assert {name: paper[name] for name in known} == known
    assert (paper["class_weights"], paper["normalisation"], paper["branch_channels"]) == ("none", "unit", 1)
    assert {name for name in paper if paper[name] != quick[name]} == {"hidden", "epochs", "lr", "batch_size"}
    assert (SPEC.default_preset, SPEC.representation.name, SPEC.trains_by_epoch) == ("paper", "face-flow", True)


def test_two_epochs_in_the_trainer_give_probabilities_that_the_seed_decides() -> None:
    assert_the_seed_decides(make_method(SPEC, epochs=2, **SMALL), motion(12, either_channel=True))


def test_it_learns_maps_that_differ_in_where_they_move() -> None:
    samples = motion(either_channel=True)
    settings = {**SMALL, "epochs": 15, "lr": 3e-3}
    method = make_method(SPEC, **settings)

    scores = scores_of_the_rest(method, samples, 18)

    assert (scores[-1].argmax(1) == samples.labels[18:]).all()
    assert scores[-1].max(1).mean() > 0.8 > scores[0].max(1).mean()
