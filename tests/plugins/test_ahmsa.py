"""AHMSA-Net: the network is the paper's sections 3.3 and 3.4, and its presets are Table 3."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import network_of, scores_of_the_rest
from support.moving_maps import motion
from torch import Tensor, nn

import mer_bench_ahmsa
from mer_bench import MerBenchError
from mer_bench.testing import make_method
from mer_bench_ahmsa.network import AdaptiveDownsampling, MultiScaleAttention, SpatialAttention

(SPEC,) = mer_bench_ahmsa.mer_bench_methods()

pytestmark = pytest.mark.usefixtures("reproducible")
SMALL = {"width": 12, "reduction": 2}


def outputs_of(network: nn.Module, kind: type[nn.Module], maps: Tensor) -> list[Tensor]:
    """Return what every module of a kind gives, in the order in which they are run."""
    found: list[Tensor] = []
    for module in network.modules():
        if isinstance(module, kind):
            module.register_forward_hook(lambda _module, _inputs, output: found.append(output))
    network(maps)
    return found


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


def test_the_levels_hold_4x4_then_2x2_then_1x1_patches() -> None:
    network = network_of(SPEC)
    maps = torch.randn(2, 3, 28, 28)

    shapes = [tuple(x.shape) for x in outputs_of(network, MultiScaleAttention, maps)]

    assert shapes == [(2, 192, 4, 4)] * 2 + [(2, 192, 2, 2)] * 2 + [(2, 192, 1, 1)] * 8
    assert network.patch_embedding(maps).shape == (2, 192, 4, 4)
    assert network(maps).shape == (2, 3)


def test_each_level_is_followed_by_its_own_downsampling_and_the_last_by_the_head() -> None:
    network = network_of(SPEC, **SMALL)
    order: list[str] = []
    names = ["patch_embedding", "levels.0", "downsampling.0", "levels.1", "downsampling.1", "levels.2", "head"]
    for name in names:
        network.get_submodule(name).register_forward_hook(lambda *_, name=name: order.append(name))

    network(torch.randn(1, 3, 28, 28))

    assert order == names
    assert len(network.levels) == len(network.downsampling) + 1 == 3


def test_a_patch_sees_its_own_7x7_pixels_and_no_others() -> None:
    network = network_of(SPEC, **SMALL)
    maps = torch.zeros(2, 3, 28, 28)
    maps[1, :, 7:14, 21:28] = 1.0

    changed = (network.patch_embedding(maps)[1] != network.patch_embedding(maps)[0]).any(0)

    assert changed.nonzero().tolist() == [[1, 3]]


@pytest.mark.parametrize(
    ("settings", "head"),
    [({}, 0), ({"width": 96}, 0), ({"width": 36, "heads": 4, "mlp_ratio": 2, "reduction": 3}, 0), ({"width": 24}, 40)],
)
def test_the_number_of_parameters_is_the_sum_over_the_layers_of_the_paper(settings: dict[str, int], head: int) -> None:
    w, ratio = settings.get("width", 192), settings.get("mlp_ratio", 4)
    squeezed = w // settings.get("reduction", 16)
    norm = 2 * w
    channel = (w * squeezed + squeezed) + (squeezed * w + w)
    spatial = (w * 3 * w + 3 * w) + (w * w + w)
    feed_forward = (w * ratio * w + ratio * w) + (ratio * w * w + w)
    patches = 7 * 7 * 3 * w + w
    downsampling = (3 * 3 * w * w + w) + norm
    classifier = (w * head + head) + (head * 3 + 3) if head else w * 3 + 3
    expected = (
        patches + (2 + 2 + 8) * (3 * norm + channel + spatial + feed_forward) + 2 * downsampling + (norm + classifier)
    )

    network = network_of(SPEC, head_hidden=head, **settings)

    assert sum(parameter.numel() for parameter in network.parameters()) == expected


def test_downsampling_is_convolution_then_layer_norm_then_adaptive_max_pooling() -> None:
    """Eq. 2."""
    module = AdaptiveDownsampling(6, 2)
    randomise(module)
    convolution, norm = module[0], module[1]
    x = torch.randn(5, 6, 4, 4)
    convolved = F.conv2d(x, convolution.weight, convolution.bias, padding=1)
    normalised = layer_norm(convolved, norm)
    pooled = normalised.reshape(5, 6, 2, 2, 2, 2).amax((3, 5))
    other_order = layer_norm(convolved.reshape(5, 6, 2, 2, 2, 2).amax((3, 5)), norm)

    torch.testing.assert_close(module(x), pooled)
    assert not torch.allclose(pooled, other_order, atol=1e-2)


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
        torch.testing.assert_close(attention.sum(-1), torch.ones(4, 4))
        outputs.append(torch.einsum("nqk,ndk->ndq", attention, v[:, part]))
    z = torch.cat(outputs, dim=1).reshape(4, width, 2, 2)

    torch.testing.assert_close(module(x), conv1x1(module.out.weight, module.out.bias, z))


def test_attention_weights_sum_to_one() -> None:
    """So that values which are the same in every patch come out as they went in."""
    module = SpatialAttention(6, 3)
    randomise(module)
    with torch.no_grad():
        module.qkv.weight[12:].zero_()
        module.out.weight.copy_(torch.eye(6)[:, :, None, None])
        module.out.bias.zero_()

    values = module.qkv.bias[12:, None, None].expand(5, 6, 4, 4)

    torch.testing.assert_close(module(torch.randn(5, 6, 4, 4)), values)


def test_spatial_attention_knows_no_order_of_the_patches() -> None:
    module = SpatialAttention(6, 3)
    x = torch.randn(2, 6, 2, 2)

    torch.testing.assert_close(module(x.transpose(2, 3)), module(x).transpose(2, 3))


def test_channel_attention_weighs_channels_by_pooled_averages_and_maxima() -> None:
    module = MultiScaleAttention(8, 2, mlp_ratio=4, reduction=2, dropout=0.0, residual=True).parts[0]
    randomise(module)
    x = torch.randn(3, 8, 4, 4)

    def shared(pooled: Tensor) -> Tensor:
        hidden = pooled @ module.fc1.weight[:, :, 0, 0].T + module.fc1.bias
        return hidden.clamp(min=0) @ module.fc2.weight[:, :, 0, 0].T + module.fc2.bias

    average, maximum = F.adaptive_avg_pool2d(x, 1)[..., 0, 0], F.adaptive_max_pool2d(x, 1)[..., 0, 0]
    weights = 1 / (1 + torch.exp(-(shared(average) + shared(maximum))))

    assert module.fc1.weight.shape[:2] == (4, 8)
    torch.testing.assert_close(module(x), x * weights[..., None, None])


def test_the_feed_forward_is_two_1x1_convolutions_around_a_gelu() -> None:
    module = MultiScaleAttention(4, 2, mlp_ratio=3, reduction=2, dropout=0.0, residual=True).parts[2]
    x = torch.randn(2, 4, 2, 2)
    hidden = conv1x1(module.fc1.weight, module.fc1.bias, x)
    activated = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2

    assert hidden.shape[1] == 12
    torch.testing.assert_close(module(x), conv1x1(module.fc2.weight, module.fc2.bias, activated))


@pytest.mark.parametrize("residual", [True, False])
def test_a_block_normalises_before_each_part_and_adds_a_residual_around_it(residual: bool) -> None:
    block = MultiScaleAttention(6, 3, mlp_ratio=4, reduction=2, dropout=0.0, residual=residual)
    randomise(block)
    x = expected = torch.randn(3, 6, 2, 2)
    for norm, part in zip(block.norms, block.parts, strict=True):
        step = part(layer_norm(expected, norm))
        expected = expected + step if residual else step

    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("residual", [True, False])
def test_without_residual_nothing_passes_a_silent_part(residual: bool) -> None:
    block = MultiScaleAttention(6, 3, mlp_ratio=4, reduction=2, dropout=0.0, residual=residual)
    silent = block.parts[2].fc2
    nn.init.zeros_(silent.weight)
    nn.init.zeros_(silent.bias)

    assert bool(block(torch.randn(3, 6, 2, 2)).any()) is residual


def test_the_head_normalises_before_a_linear_layer_or_an_mlp() -> None:
    linear, hidden = network_of(SPEC, **SMALL).head, network_of(SPEC, head_hidden=20, **SMALL).head
    x = torch.randn(4, 12, 1, 1)
    normalised = layer_norm(x, hidden[1])[..., 0, 0]
    mlp = hidden[2]

    torch.testing.assert_close(linear(x), linear[2](layer_norm(x, linear[1])[..., 0, 0]))
    torch.testing.assert_close(hidden(x), mlp.fc2(F.gelu(mlp.fc1(normalised))))
    assert (mlp.fc1.out_features, mlp.fc2.out_features) == (20, 3)


def test_dropout_acts_in_training_only() -> None:
    network = network_of(SPEC, dropout=0.5, **SMALL)
    maps = torch.randn(2, 3, 28, 28)

    assert not torch.equal(network(maps), network(maps))
    network.eval()
    assert torch.equal(network(maps), network(maps))


@pytest.mark.parametrize("residual", [True, False])
def test_every_weight_learns_but_those_that_a_softmax_cancels(residual: bool) -> None:
    """Two sets of weights cannot learn, whoever implements the paper.

    A key's bias adds the same to a query's product with every key, which the softmax takes out again; and on the top
    level there is one patch, so one key, whose weight is 1 whatever the queries and keys are.
    """
    width = 12
    network = network_of(SPEC, residual=residual, blocks=(1, 1, 2), **SMALL).double()
    maps = torch.randn(24, 3, 28, 28, dtype=torch.float64)
    F.cross_entropy(network(maps), torch.arange(24) % 3).backward()

    silent = set()
    for name, parameter in network.named_parameters():
        pieces = zip("qkv", parameter.grad.split(width), strict=True) if ".qkv." in name else [("", parameter.grad)]
        silent |= {f"{name}[{piece}]" for piece, gradient in pieces if gradient.abs().max() < 1e-15}

    top = {
        f"levels.2.{block}.parts.1.qkv.{kind}[{piece}]"
        for block in (0, 1)
        for kind in ("weight", "bias")
        for piece in "qk"
    }
    assert silent == top | {f"levels.{level}.0.parts.1.qkv.bias[k]" for level in (0, 1)}


def test_on_the_top_level_queries_and_keys_change_nothing() -> None:
    network = network_of(SPEC, **SMALL).eval()
    maps = torch.randn(2, 3, 28, 28)
    before = network(maps)
    with torch.no_grad():
        for block in network.levels[2]:
            block.parts[1].qkv.weight[:24] += 1.0

    torch.testing.assert_close(network(maps), before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 100}, "width=100 is not a multiple of heads=3"),
        ({"patch": 9}, "patch=9 cuts a 28×28 map into 3.11111 patches a side"),
        ({"patch": 14}, "into 2 patches a side, which 3 levels (blocks=(2, 2, 8)) do not halve down to one"),
        ({"patch": 4}, "into 7 patches a side"),
        ({"patch": 56}, "into 0.5 patches a side"),
        ({"blocks": (2, 8)}, "which 2 levels (blocks=(2, 8)) do not halve"),
        ({"blocks": (2, 2, 2, 8)}, "which 4 levels"),
        ({"blocks": ()}, "which 0 levels"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_any_work(settings: dict[str, object], message: str) -> None:
    with pytest.raises(MerBenchError) as caught:
        SPEC.resolve("paper", settings)

    assert str(caught.value).startswith("ahmsa: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["width", "heads", "patch", "blocks", "mlp_ratio", "head_hidden", "dropout"])
def test_a_size_beyond_all_reason_is_refused_before_anything_is_built(name: str) -> None:
    huge = 10**20

    with pytest.raises(MerBenchError, match=f"^method ahmsa: {name}=.* is above the largest allowed value"):
        SPEC.resolve("paper", {name: (huge, 1, 1) if name == "blocks" else huge})


@pytest.mark.parametrize(("patch", "blocks"), [(28, (2,)), (14, (1, 2)), (7, (1, 1, 8))])
def test_any_number_of_levels_that_fits_the_patch_gives_logits(patch: int, blocks: tuple[int, ...]) -> None:
    network = network_of(SPEC, n_classes=5, patch=patch, blocks=blocks, **SMALL)

    assert network(torch.randn(2, 3, 28, 28)).shape == (2, 5)


def test_a_reduction_beyond_the_width_leaves_one_hidden_unit() -> None:
    assert network_of(SPEC, width=12, reduction=99).levels[0][0].parts[0].fc1.out_channels == 1


def test_the_paper_preset_is_table_3() -> None:
    paper = SPEC.resolve("paper", {})
    table3 = {
        "epochs": 800,
        "lr": 0.000005,
        "batch_size": 256,
        "optimizer": "adam",
        "blocks": (2, 2, 8),
        "patch": 7,
        "heads": 3,
    }

    assert {name: paper[name] for name in table3} == table3
    assert paper["width"] == 3 * 64
    assert (paper["weight_decay"], paper["class_weights"], paper["dropout"]) == (0.0, "none", 0.0)
    assert SPEC.default_preset == "paper"
    assert (SPEC.representation.name, SPEC.representation.parameters) == ("region-flow", ("layout",))


def test_the_quick_preset_keeps_the_papers_structure() -> None:
    paper, quick = SPEC.resolve("paper", {}), SPEC.resolve("quick", {})

    assert {name for name in paper if paper[name] != quick[name]} == {"width", "epochs", "lr", "batch_size"}
    assert quick["epochs"] < 100


def test_every_parameter_of_the_network_reaches_it() -> None:
    values = {"width": 8, "heads": 2, "patch": 14, "blocks": (1, 3), "mlp_ratio": 2, "reduction": 4}
    network = network_of(SPEC, n_classes=4, **values, head_hidden=5, dropout=0.25, residual=False)
    block = network.levels[1][2]

    assert [len(level) for level in network.levels] == [1, 3]
    assert network.patch_embedding.proj.kernel_size == (14, 14)
    assert (block.parts[0].fc1.out_channels, block.parts[1].heads, block.parts[2].fc1.out_channels) == (2, 2, 16)
    assert (block.parts[2].drop.p, block.residual) == (0.25, False)
    assert (network.head[2].fc1.out_features, network.head[2].fc2.out_features) == (5, 4)


def test_it_learns_maps_that_differ_in_where_they_move() -> None:
    samples = motion(24, by=1.0)
    settings = {"width": 12, "reduction": 2, "blocks": (1, 1, 1), "epochs": 25, "lr": 3e-3, "batch_size": 6}
    method = make_method(SPEC, **settings)

    scores = scores_of_the_rest(method, samples, 18)

    assert (scores[-1].argmax(1) == samples.labels[18:]).all()
    assert scores[-1].max(1).mean() > 0.8 > scores[0].max(1).mean()
