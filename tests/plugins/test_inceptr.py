"""IncepTR: two branches to 256 maps of 14×14, attention dropping on heads, a second loss between the branches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import network_of, scores_of_the_rest
from support.moving_maps import motion
from torch import Tensor, nn

import mer_bench_inceptr
from mer_bench import MerBenchError
from mer_bench.testing import make_method
from mer_bench_inceptr.network import AttentionDropping, Inception, IncepTR, LocalBranch, SpatialAttention, Transformer

(SPEC,) = mer_bench_inceptr.mer_bench_methods()

pytestmark = pytest.mark.usefixtures("reproducible")
SMALL = {"paths": (2, 3), "squeeze": 2, "width": 8, "depth": 2, "heads": 2, "channels": 4, "hidden": 6}


def numbers(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def shapes(branch: nn.Sequential, x: Tensor) -> list[tuple[int, ...]]:
    """Return what each step of a branch gives."""
    found = []
    for step in branch:
        x = step(x)
        found.append(tuple(x.shape))
    return found


def on_paper() -> IncepTR:
    """Return a network without memory for its weights."""
    with torch.device("meta"):
        network: IncepTR = network_of(SPEC)
        return network


def four_by_four(width: int, *, depth: int, msad: float) -> Transformer:
    """A transformer of 4×4 tokens with two heads, which drops no path."""
    dropping = AttentionDropping(2, msad, "head")
    return Transformer(4, width, depth=depth, mlp_ratio=2, drop_path=0.0, dropping=dropping)


def test_the_published_network_has_109_million_parameters_nearly_all_in_one_layer() -> None:
    def unit(before: int, maps: int, kernel: int) -> int:
        return before * maps * kernel**2 + 2 * maps

    def inception(before: int, maps: int) -> int:
        narrow = 2 * unit(before, 6, 1) + unit(6, maps, 3) + unit(6, maps, 5)
        return 2 * unit(before, maps, 1) + narrow

    cbam = (48 * 3 + 3) + (3 * 48 + 48) + (2 * 3 * 3 + 1)
    local = inception(3, 6) + inception(24, 12) + cbam + (48 * 256 + 256)
    attention = (512 * 3 * 512 + 3 * 512) + (512 * 512 + 512)
    feed_forward = (512 * 1024 + 1024) + (1024 * 512 + 512)
    block = 2 * (2 * 512) + attention + feed_forward
    whole = (3 * 512 + 512) + 196 * 512 + 3 * block + 2 * 512 + (512 * 256 + 256)
    hidden, last = 2 * 256 * 14 * 14 * 1024 + 1024, 1024 * 3 + 3
    network = on_paper()

    assert numbers(network.local_branch) == local == 17_702
    assert numbers(network.global_branch) == whole == 6_543_104
    assert numbers(network.head[1]) == hidden == 102_761_472
    assert numbers(network) == local + whole + hidden + last == 109_325_353


def test_either_branch_gives_256_maps_of_14x14() -> None:
    network, maps = on_paper(), torch.zeros(2, 3, 28, 28, device="meta")

    assert network.local_branch(maps).shape == network.global_branch(maps).shape == (2, 256, 14, 14)
    assert shapes(network.local_branch, maps) == [
        *((2, 24, 28, 28), (2, 48, 28, 28), (2, 48, 14, 14), (2, 48, 14, 14), (2, 48, 14, 14), (2, 256, 14, 14))
    ]
    assert shapes(network.global_branch, maps) == [(2, 3, 14, 14), (2, 512, 14, 14), (2, 256, 14, 14)]
    assert network.eval()(maps).shape == (2, 3)


def test_an_inception_module_joins_four_paths_that_see_1_3_5_and_3_pixels() -> None:
    module = Inception(3, 2, 4).eval()
    spot = torch.zeros(1, 3, 9, 9)
    spot[..., 4, 4] = 1.0

    changed = (module(spot) != module(torch.zeros(1, 3, 9, 9))).squeeze(0)
    reach = [int(path.any(0).any(0).sum()) for path in changed.split(4)]

    assert module(spot).shape == (1, 16, 9, 9)
    assert reach == [1, 3, 5, 3]


def test_between_the_inceptions_nothing_is_pooled_and_attention_comes_after_the_pooling() -> None:
    kinds = [type(module).__name__ for module in LocalBranch((6, 12), 6, 16, 256)]

    assert kinds == ["Inception", "Inception", "MaxPool2d", "ChannelAttn", "SpatialAttention", "Conv2d"]


def test_cbam_has_three_hidden_units_and_a_3x3_kernel() -> None:
    _, _, _, channel, spatial, _ = on_paper().local_branch

    assert (channel.fc1.out_channels, channel.fc1.bias is not None) == (3, True)
    assert spatial.convolution.kernel_size == (3, 3)
    assert LocalBranch((1,), 6, 16, 4)[2].fc1.out_channels == 1


def test_spatial_attention_is_a_biased_convolution_of_mean_and_maximum_without_normalisation() -> None:
    module = SpatialAttention(3)
    x = torch.randn(2, 5, 6, 6)
    weight, bias = module.convolution.weight, module.convolution.bias
    gate = F.conv2d(torch.stack((x.sum(1) / 5, x.max(1).values), dim=1), weight, padding=1) + bias

    assert bias.item() != 0
    torch.testing.assert_close(module(x), x / (1 + torch.exp(-gate)))
    assert torch.equal(module(x), module.eval()(x))


def test_the_transformer_sees_pixels_of_the_map_at_half_size() -> None:
    network = network_of(SPEC, **SMALL)
    maps = torch.randn(2, 3, 28, 28)
    halved = maps.reshape(2, 3, 14, 2, 14, 2).mean((3, 5))
    embedding = network.global_branch[1].patch_embedding
    weight, bias = embedding.proj.weight[:, :, 0, 0], embedding.proj.bias

    tokens = embedding(network.global_branch[0](maps))

    torch.testing.assert_close(tokens, torch.einsum("oc,nchw->nhwo", weight, halved).flatten(1, 2) + bias)
    torch.testing.assert_close(
        network.global_branch[0](maps), F.interpolate(maps, size=14, mode="bilinear", align_corners=False)
    )


def test_tokens_go_back_to_where_they_were() -> None:
    transformer = four_by_four(6, depth=1, msad=0.0)
    transformer.blocks = nn.Sequential()
    transformer.norm = nn.Identity()
    x = torch.randn(2, 3, 4, 4)

    expected = transformer.patch_embedding.proj(x) + transformer.position[0].T.reshape(6, 4, 4)

    torch.testing.assert_close(transformer(x), expected)


def test_every_position_is_learned_and_tells_the_tokens_apart() -> None:
    transformer = four_by_four(6, depth=2, msad=0.0).eval()
    same = transformer(torch.ones(1, 3, 4, 4)).flatten(2)[0]

    assert transformer.position.shape == (1, 16, 6)
    assert len({tuple(column) for column in same.T.tolist()}) == 16


def test_the_blocks_are_those_of_the_description() -> None:
    transformer = on_paper().global_branch[1]

    assert [getattr(block.drop_path1, "drop_prob", 0.0) for block in transformer.blocks] == [0.0, 0.15, 0.3]
    assert all(block.attn.num_heads == 4 and block.mlp.fc1.out_features == 1024 for block in transformer.blocks)
    assert all(block.attn.qkv[0].bias is not None for block in transformer.blocks)
    assert transformer.norm.eps == 1e-6


@pytest.mark.parametrize("training", [False, True])
def test_attention_is_the_scaled_dot_product_of_each_head(training: bool) -> None:
    """And its rows sum to one; dropping changes nothing outside training, or where its probability is zero."""
    block = four_by_four(8, depth=1, msad=0.0 if training else 1.0).train(training).blocks[0]
    x = torch.randn(3, 16, 8)
    q, k, v = block.attn.qkv[0](x).chunk(3, dim=-1)
    outputs = []
    for head in (slice(0, 4), slice(4, 8)):
        attention = (q[..., head] @ k[..., head].transpose(1, 2) / math.sqrt(4)).exp()
        attention = attention / attention.sum(-1, keepdim=True)
        torch.testing.assert_close(attention.sum(-1), torch.ones(3, 16))
        outputs.append(attention @ v[..., head])

    torch.testing.assert_close(block.attn(x), block.attn.proj(torch.cat(outputs, dim=-1)))


def dropped(part: str, probability: float, n: int = 2000) -> tuple[Tensor, Tensor]:
    """Return which (sample, head) and which (sample, token) give nothing, of 4 heads and 6 tokens."""
    module = AttentionDropping(4, probability, part)
    qkv = torch.rand(n, 6, 3 * 8) + 1.0
    kept = module(qkv)
    assert ((kept == qkv) | (kept == 0)).all()
    silent = (kept == 0).reshape(n, 6, 3, 4, 2)
    whole_tokens = silent.all((2, 3, 4))
    heads = silent[:, :, 2].all(-1).all(1)
    assert int(silent.sum()) == int(whole_tokens.sum()) * 24 + int((heads & ~whole_tokens.all(1)[:, None]).sum()) * 12
    return heads, whole_tokens


def test_in_training_a_sample_loses_the_values_of_at_most_one_head() -> None:
    heads, tokens = dropped("head", 0.3)

    assert set(heads.sum(1).tolist()) == {0, 1}
    assert 0.25 < heads.any(1).float().mean() < 0.35
    assert (heads.float().mean(0) > 0.04).all()
    assert not tokens.any()


def test_the_token_variant_silences_one_of_the_first_tokens_never_a_head() -> None:
    heads, tokens = dropped("token", 0.3)

    assert not heads.any()
    assert set(tokens.sum(1).tolist()) == {0, 1}
    assert 0.25 < tokens.any(1).float().mean() < 0.35
    assert (tokens.float().mean(0)[:4] > 0.04).all()
    assert not tokens[:, 4:].any()


def test_a_head_that_was_dropped_adds_nothing_to_the_attention() -> None:
    block = four_by_four(8, depth=1, msad=1.0).blocks[0]
    block.attn.proj = nn.Identity()

    silent = (block.attn(torch.randn(50, 16, 8)) == 0).reshape(50, 16, 2, 4).all(-1).all(1)

    assert (silent.sum(1) == 1).all()


@pytest.mark.parametrize("part", ["head", "token"])
def test_a_probability_of_one_always_drops_and_of_zero_never(part: str) -> None:
    always, never = dropped(part, 1.0), dropped(part, 0.0)

    assert int(sum(found.sum() for found in always)) == 2000
    assert not any(found.any() for found in never)


def test_in_training_the_branches_cosine_distance_comes_beside_the_logits() -> None:
    network = network_of(SPEC, similarity=0.1, drop_path=0.0, msad=0.0, **SMALL)
    maps = torch.randn(4, 3, 28, 28)
    local, whole = network.local_branch(maps), network.global_branch(maps)
    cosine = (local * whole).sum(1) / (local.norm(dim=1) * whole.norm(dim=1))

    logits, penalty = network(maps)

    assert logits.shape == (4, 3)
    assert cosine.shape == (4, 14, 14)
    torch.testing.assert_close(penalty, 0.1 * (1 - cosine).mean())


def test_branches_that_agree_cost_nothing() -> None:
    network = network_of(SPEC, **SMALL)
    network.global_branch = network.local_branch

    _, penalty = network(torch.randn(4, 3, 28, 28))

    assert abs(penalty.item()) < 1e-6


def test_evaluation_gives_logits_alone_and_the_same_each_time() -> None:
    network = network_of(SPEC, n_classes=5, **SMALL).eval()
    maps = torch.randn(3, 3, 28, 28)

    assert network(maps).shape == (3, 5)
    assert torch.equal(network(maps), network(maps))


@pytest.mark.parametrize("part", ["logits", "penalty"])
def test_the_gradient_reaches_every_parameter(part: str) -> None:
    network = network_of(SPEC, drop_path=0.0, dropout=0.0, similarity=1.0, **SMALL).double()
    logits, penalty = network(torch.randn(16, 3, 28, 28, dtype=torch.float64))
    (F.cross_entropy(logits, torch.arange(16) % 3) if part == "logits" else penalty).backward()

    silent = {
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or parameter.grad.abs().max() < 1e-12
    }
    head = {name for name, _ in network.named_parameters() if name.startswith("head.")}
    assert silent == (set() if part == "logits" else head)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 10}, "width=10 is not a multiple of heads=4"),
        ({"paths": ()}, "paths=() leaves no inception module"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_any_work(settings: dict[str, object], message: str) -> None:
    with pytest.raises(MerBenchError) as caught:
        SPEC.resolve("paper", settings)

    assert str(caught.value).startswith(f"inceptr: {message}")


@pytest.mark.parametrize(
    "setting",
    [
        *({"msad": 1.1}, {"msad_part": "block"}, {"heads": 0}, {"similarity": -0.1}, {"similarity": 1e9}),
        *({"dropout": 1.0}, {"drop_path": 1.0}, {"paths": (6, 10**20)}),
        *({name: 10**9} for name in ("squeeze", "reduction", "width", "depth", "heads", "mlp_ratio")),
        *({name: 10**20} for name in ("channels", "hidden")),
    ],
)
def test_values_beyond_their_limits_are_refused_before_any_work(setting: dict[str, object]) -> None:
    with pytest.raises(MerBenchError, match=next(iter(setting))):
        SPEC.resolve("paper", setting)


def test_the_paper_preset_is_the_published_training() -> None:
    paper = SPEC.resolve("paper", {})
    published = {"epochs": 30, "lr": 1e-3, "batch_size": 128, "optimizer": "adamw", "weight_decay": 0.01}

    assert {name: paper[name] for name in published} == published
    assert (paper["normalisation"], paper["class_weights"], paper["msad_part"]) == ("channel", "none", "head")
    assert SPEC.default_preset == "paper"
    assert (SPEC.representation.name, SPEC.family, SPEC.trains_by_epoch) == ("face-flow", "deep", True)


def test_the_quick_preset_shrinks_widths_and_epochs() -> None:
    paper, quick = SPEC.resolve("paper", {}), SPEC.resolve("quick", {})
    changed = {name for name in paper if paper[name] != quick[name]}
    network = network_of(SPEC, preset="quick")

    assert changed == {
        *("paths", "squeeze", "width", "depth", "heads", "channels", "hidden"),
        *("epochs", "batch_size"),
    }
    assert numbers(network) == 418_417


def test_every_parameter_of_the_network_reaches_it() -> None:
    values = {**SMALL, "paths": (1, 2, 3), "depth": 3, "mlp_ratio": 5, "reduction": 6, "drop_path": 0.4}
    more = {"msad": 0.2, "msad_part": "token", "dropout": 0.25, "similarity": 0.7}
    network = network_of(SPEC, n_classes=4, **values, **more)
    block = network.global_branch[1].blocks[2]
    dropping = block.attn.qkv[1]

    assert [module.paths[0][0].out_channels for module in list(network.local_branch)[:3]] == [1, 2, 3]
    assert network.local_branch[0].paths[1][0][0].out_channels == 2
    assert network.local_branch[4].fc1.out_channels == 2
    assert (block.attn.num_heads, block.mlp.fc1.out_features, block.drop_path1.drop_prob) == (2, 40, 0.4)
    assert (dropping.heads, dropping.probability, dropping.part) == (2, 0.2, "token")
    assert (network.head[1].out_features, network.head[3].p, network.head[4].out_features) == (6, 0.25, 4)
    assert (network.local_branch[6].out_channels, network.similarity) == (4, 0.7)


def test_it_learns_maps_that_differ_in_where_they_move() -> None:
    samples = motion(24, by=1.0)
    settings = {**SMALL, "hidden": 24, "dropout": 0.0, "epochs": 12, "lr": 3e-3, "batch_size": 6}
    method = make_method(SPEC, **settings)

    scores = scores_of_the_rest(method, samples, 18)
    again = scores_of_the_rest(method, samples, 18)

    assert (scores[-1].argmax(1) == samples.labels[18:]).all()
    np.testing.assert_array_equal(scores, again)
