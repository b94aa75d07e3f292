"""HTNet: the network is the published one, with both readings of what its blocks attend to."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import assert_the_seed_decides, network_of, scores_of_the_rest
from support.moving_maps import motion
from torch import Tensor, nn

import mer_bench_htnet
from mer_bench import MerBenchError
from mer_bench.testing import make_method
from mer_bench_htnet.network import Aggregation, Attention, HTNet, Level, TransformerLayer

(SPEC,) = mer_bench_htnet.mer_bench_methods()

pytestmark = pytest.mark.usefixtures("reproducible")
READINGS = ("published", "intended")
SMALL: dict[str, Any] = {"width": 16, "blocks": (1, 1, 2)}


def weightless(**settings: Any) -> HTNet:
    """Return a network whose tensors have shapes only: the published one takes half a gigabyte."""
    with torch.device("meta"):
        network: HTNet = network_of(SPEC, **settings)
        return network


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def layer_norm(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Over the last axis."""
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5) * norm.weight + norm.bias


def randomise(module: nn.Module) -> None:
    """Leave no weight at a neutral value, which would hide a scale or shift that is not applied."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)


@pytest.mark.parametrize(
    ("blocks", "attention", "expected"),
    [
        ((2, 2, 8), "published", 114_429_446),
        ((2, 2, 10), "published", 139_582_982),
        ((2, 2, 8), "intended", 114_429_464),
        ((2, 2, 10), "intended", 139_583_000),
    ],
)
def test_three_classes_take_the_known_number_of_parameters(
    blocks: tuple[int, ...], attention: str, expected: int
) -> None:
    assert count(weightless(blocks=blocks, attention=attention)) == expected


@pytest.mark.parametrize("attention", READINGS)
@pytest.mark.parametrize(
    ("width", "heads", "mlp_ratio", "blocks"), [(256, 3, 4, (2, 2, 8)), (24, 3, 4, (2, 2, 8)), (10, 4, 2, (1, 3, 2))]
)
def test_the_number_of_parameters_is_the_sum_over_the_layers(
    width: int, heads: int, mlp_ratio: int, blocks: tuple[int, ...], attention: str
) -> None:
    head_width = width // heads
    expected = 7 * 7 * 3 * width + width
    for level, repeats in enumerate(blocks):
        w, inner = width * 2**level, heads * 2**level * head_width
        attending = w * 3 * inner + (inner * w + w)
        feed_forward = (w * mlp_ratio * w + mlp_ratio * w) + (mlp_ratio * w * w + w)
        expected += repeats * (attending + feed_forward + 2 * 2 * w)
        expected += 1 if attention == "published" else 4 ** (2 - level)
        expected += (9 * w * 2 * w + 2 * w) + 2 * 2 * w if level < 2 else 2 * w + 3 * w + 3

    network = weightless(width=width, heads=heads, mlp_ratio=mlp_ratio, blocks=blocks, attention=attention)

    assert count(network) == expected


def test_heads_are_85_channels_wide_and_doubled_from_level_to_level() -> None:
    attentions = [level.layers[0].attention for level in weightless().levels]

    assert [a.heads for a in attentions] == [3, 6, 12]
    assert {a.head_width for a in attentions} == {85}
    assert [tuple(a.qkv.weight.shape) for a in attentions] == [(765, 256), (1530, 512), (3060, 1024)]
    assert [tuple(a.out.weight.shape) for a in attentions] == [(256, 255), (512, 510), (1024, 1020)]
    assert {a.qkv.bias for a in attentions} == {None}


@pytest.mark.parametrize("attention", READINGS)
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


def test_as_published_every_block_holds_one_token_with_the_whole_attention() -> None:
    weights = network_of(SPEC, attention="published", **SMALL).attention_weights(torch.randn(2, 3, 28, 28))

    assert [tuple(w.shape) for w in weights] == [(2 * 16, 3, 1, 1), (2 * 4, 6, 1, 1), (2, 12, 1, 1), (2, 12, 1, 1)]
    assert all(bool((w == 1).all()) for w in weights)


def test_as_intended_the_attention_of_a_token_is_shared_out_among_its_level() -> None:
    weights = network_of(SPEC, attention="intended", **SMALL).attention_weights(torch.randn(2, 3, 28, 28))

    assert [tuple(w.shape) for w in weights] == [(2, 3, 16, 16), (2, 6, 4, 4), (2, 12, 1, 1), (2, 12, 1, 1)]
    for attention in weights:
        torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:-1]))
        assert bool((attention > 0).all())
    assert float(weights[0].max()) < 0.5
    assert float(weights[0].std()) > 0


@pytest.mark.parametrize(("attention", "reached"), [("published", [[1, 3]]), ("intended", None)])
def test_a_token_reaches_the_others_of_its_level_only_as_intended(
    attention: str, reached: list[list[int]] | None
) -> None:
    network = network_of(SPEC, attention=attention, **SMALL)
    maps = torch.randn(1, 3, 28, 28).repeat(2, 1, 1, 1)
    maps[1, :, 7:14, 21:28] += 1.0

    before, after = network.levels[0](network.patch_embedding(maps))
    changed = (before - after).abs().amax(0) > 1e-6

    assert changed.nonzero().tolist() == (reached or [[row, col] for row in range(4) for col in range(4)])


def test_as_published_attention_is_one_linear_map_of_each_token() -> None:
    attention = Attention(16, 3, 0.0)
    tokens = torch.randn(6, 1, 16)
    values = tokens @ attention.qkv.weight[2 * 15 :].T

    torch.testing.assert_close(attention(tokens)[0], values @ attention.out.weight.T + attention.out.bias)


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


@pytest.mark.parametrize("block_side", [1, 2, 4])
def test_cutting_into_blocks_and_joining_them_leaves_every_token_in_its_place(block_side: int) -> None:
    level = Level(8, 2, block_side=block_side, count=0, mlp_ratio=4, dropout=0.0)
    x = torch.randn(3, 8, 4, 4)
    tiles = level.position.reshape(block_side, block_side).repeat(4 // block_side, 4 // block_side)

    torch.testing.assert_close(level(x), x + tiles)


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


def test_the_patch_embedding_is_a_1x1_convolution_of_the_147_values_of_a_patch() -> None:
    embedding = network_of(SPEC, **SMALL).patch_embedding
    maps = torch.randn(2, 3, 28, 28)
    patches = F.unfold(maps, 7, stride=7)
    weight = embedding.proj.weight.reshape(16, 147)

    expected = (torch.einsum("cv,nvp->ncp", weight, patches) + embedding.proj.bias[:, None]).reshape(2, 16, 4, 4)

    torch.testing.assert_close(embedding(maps), expected)


def test_the_head_normalises_each_token_averages_them_and_is_linear() -> None:
    network = network_of(SPEC, patch=14, blocks=(1,), width=16)
    randomise(network)
    maps = torch.randn(2, 3, 28, 28)
    tokens = network.levels[0](network.patch_embedding(maps)).flatten(2).transpose(1, 2)

    averaged = layer_norm(tokens, network.norm).mean(1)

    assert tokens.shape == (2, 4, 16)
    expected = averaged @ network.classifier.weight.T + network.classifier.bias
    torch.testing.assert_close(network(maps), expected)


@pytest.mark.parametrize("attention", READINGS)
def test_every_weight_learns_but_those_that_a_softmax_or_the_head_cancels(attention: str) -> None:
    """Where a block holds one token, its weight is 1 whatever the queries and keys are.

    A position adds one number to all of a token's channels, which a layer normalisation takes out again: only a
    convolution sees it, and none follows the top level.
    """
    network = network_of(SPEC, attention=attention, **SMALL).double()
    maps = torch.randn(24, 3, 28, 28, dtype=torch.float64)
    F.cross_entropy(network(maps), torch.arange(24) % 3).backward()

    silent = set()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        pieces = zip("qkv", parameter.grad.chunk(3), strict=True) if ".qkv." in name else [("", parameter.grad)]
        silent |= {f"{name}[{piece}]" for piece, gradient in pieces if gradient.abs().max() < 1e-15}

    alone = {"published": [(0, 0), (1, 0), (2, 0), (2, 1)], "intended": [(2, 0), (2, 1)]}[attention]
    mute = {f"levels.{level}.layers.{layer}.attention.qkv.weight[{part}]" for level, layer in alone for part in "qk"}
    assert silent == mute | {"levels.2.position[]"}


def test_dropout_acts_in_training_only() -> None:
    network = network_of(SPEC, dropout=0.5, **SMALL)
    maps = torch.randn(2, 3, 28, 28)

    assert not torch.equal(network(maps), network(maps))
    network.eval()
    assert torch.equal(network(maps), network(maps))


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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 2}, "width=2 leaves no channel for each of heads=3"),
        ({"patch": 9}, "patch=9 cuts a 28×28 map into 3.11111 patches a side, which 3 levels"),
        ({"patch": 14}, "into 2 patches a side, which 3 levels (blocks=(2, 2, 8)) do not halve"),
        ({"blocks": (2, 2, 2, 8)}, "which 4 levels (blocks=(2, 2, 2, 8)) do not halve"),
        ({"blocks": ()}, "which 0 levels"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_any_work(settings: dict[str, object], message: str) -> None:
    with pytest.raises(MerBenchError) as caught:
        SPEC.resolve("quick", settings)

    assert str(caught.value).startswith("htnet: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attention": "local"}, "attention='local' is not one of: published, intended"),
        ({"dropout": 1.0}, "dropout=1.0 is above the largest allowed value"),
        ({"blocks": (2, 2, 10**9)}, "above the largest allowed value"),
        *(({name: 10**20}, f"{name}={10**20} is above") for name in ("width", "heads", "patch", "mlp_ratio")),
    ],
)
def test_values_that_are_not_allowed_are_refused_by_the_spec(settings: dict[str, object], message: str) -> None:
    with pytest.raises(MerBenchError) as caught:
        SPEC.resolve("paper", settings)

    assert message in str(caught.value)


@pytest.mark.parametrize("attention", READINGS)
@pytest.mark.parametrize(("patch", "blocks"), [(28, (2,)), (14, (1, 2)), (14, (1,)), (7, (1, 1)), (7, (1, 1, 2))])
def test_any_number_of_levels_that_fits_the_patch_gives_logits(
    patch: int, blocks: tuple[int, ...], attention: str
) -> None:
    network = network_of(SPEC, n_classes=5, patch=patch, blocks=blocks, width=16, attention=attention)

    assert network(torch.randn(2, 3, 28, 28)).shape == (2, 5)


def test_the_paper_preset_is_the_published_training() -> None:
    paper = SPEC.resolve("paper", {})
    published = {
        "layout": "htnet",
        "attention": "published",
        "width": 256,
        "heads": 3,
        "patch": 7,
        "blocks": (2, 2, 8),
        "mlp_ratio": 4,
        "dropout": 0.0,
        "epochs": 800,
        "lr": 0.00005,
        "batch_size": 256,
        "optimizer": "adam",
        "weight_decay": 0.0,
        "class_weights": "none",
        "normalisation": "unit",
    }

    assert paper == published
    assert SPEC.default_preset == "paper"
    assert (SPEC.representation.name, SPEC.representation.parameters) == ("region-flow", ("layout",))
    assert (SPEC.family, SPEC.trains_by_epoch) == ("deep", True)


def test_the_quick_preset_keeps_the_published_structure() -> None:
    paper, quick = SPEC.resolve("paper", {}), SPEC.resolve("quick", {})

    changed = {name for name in paper if paper[name] != quick[name]}
    assert changed == {"width", "epochs", "lr", "batch_size", "normalisation"}
    assert quick["width"] % quick["heads"] == 0
    assert quick["epochs"] < 100


def test_every_parameter_of_the_network_reaches_it() -> None:
    values = {"width": 12, "heads": 2, "patch": 14, "blocks": (1, 3), "mlp_ratio": 2, "dropout": 0.25}
    network = network_of(SPEC, n_classes=4, attention="intended", **values)
    layer = network.levels[1].layers[2]

    assert [len(level.layers) for level in network.levels] == [1, 3]
    assert [level.block_side for level in network.levels] == [2, 1]
    assert network.patch_embedding.proj.kernel_size == (14, 14)
    assert (layer.attention.heads, layer.mlp.fc1.in_features, layer.mlp.fc1.out_features) == (4, 24, 48)
    assert {part.p for part in network.modules() if isinstance(part, nn.Dropout)} == {0.25}
    assert network.classifier.out_features == 4


@pytest.mark.parametrize("attention", READINGS)
def test_it_learns_maps_that_differ_in_where_they_move(attention: str) -> None:
    samples = motion(48, by=1.0)
    settings = {**SMALL, "attention": attention, "epochs": 20, "lr": 2e-3, "batch_size": 6, "normalisation": "channel"}
    method = make_method(SPEC, **settings)

    scores = scores_of_the_rest(method, samples, 36)

    assert scores.shape == (20, 12, 3)
    assert (scores[-1].argmax(1) == samples.labels[36:]).all()


def test_two_epochs_in_the_trainer_give_probabilities_that_the_seed_decides() -> None:
    assert_the_seed_decides(make_method(SPEC, preset="quick", epochs=2), motion(13))
