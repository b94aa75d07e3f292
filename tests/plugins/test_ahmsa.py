"""AHMSA-Net: the network is the paper's sections 3.3 and 3.4."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import BUILT_IN, network_of
from torch import Tensor, nn

from mer_bench_ahmsa.network import AdaptiveDownsampling, ChannelAttention, SpatialAttention

SPEC = BUILT_IN["ahmsa"]

pytestmark = pytest.mark.usefixtures("reproducible")


def tokens(maps: Tensor) -> Tensor:
    """Return the places of maps (n, channels, height, width) as (n, places, channels)."""
    return maps.flatten(2).transpose(1, 2)


def layer_norm(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Eq. 3 over the channels of (n, channels, height, width)."""
    mean, variance = x.mean(1, keepdim=True), x.var(1, unbiased=False, keepdim=True)
    scale, shift = norm.weight[:, None, None], norm.bias[:, None, None]
    return (x - mean) / torch.sqrt(variance + norm.eps) * scale + shift


def randomise(module: nn.Module) -> None:
    """Leave no weight at a neutral value, which would hide a scale or shift that is not applied."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)


@pytest.mark.parametrize(
    ("settings", "sides"),
    [
        ({}, (4, 2, 1)),
        # Section 4.5.2: three levels of factor 3, with 81 patches on the lowest, and other numbers of levels.
        ({"side": 36, "patch": 4, "factor": 3}, (9, 3, 1)),
        ({"side": 56, "blocks": (2, 2, 8, 1)}, (8, 4, 2, 1)),
        ({"patch": 14, "blocks": (2, 8)}, (2, 1)),
        ({"side": 24, "patch": 24, "blocks": (3,)}, (1,)),
    ],
)
def test_the_levels_hold_fewer_patches_each_down_to_one_joined_by_downsampling(
    settings: dict[str, Any], sides: tuple[int, ...]
) -> None:
    with torch.device("meta"):
        network = network_of(SPEC, **settings)
        maps = torch.randn(2, 3, settings.get("side", 28), settings.get("side", 28))
    joined = [name for level in range(1, len(sides)) for name in (f"downsampling.{level - 1}", f"levels.{level}")]
    names = ["patch_embedding", "levels.0", *joined, "head"]
    outputs: list[tuple[str, tuple[int, ...]]] = []
    for name in names:
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: outputs.append((name, tuple(output.shape)))
        )
    network(maps)

    shapes = [(2, side**2, 192) for side in sides for _ in range(2)] + [(2, 3)]
    assert outputs == list(zip(names, shapes, strict=True))
    assert [len(level) for level in network.levels] == list(settings.get("blocks", (2, 2, 8)))


@pytest.mark.parametrize(("side", "factor"), [(1, 2), (2, 2), (1, 3), (2, 3)])
def test_downsampling_is_convolution_then_layer_norm_then_adaptive_max_pooling(side: int, factor: int) -> None:
    """Eq. 2."""
    module = AdaptiveDownsampling(6, side, factor, norm_eps=0.25)
    randomise(module)
    x = torch.randn(5, 6, side * factor, side * factor)
    convolved = F.conv2d(x, module.convolution.weight, module.convolution.bias, padding=1)
    pooled = layer_norm(convolved, module.norm).reshape(5, 6, side, factor, side, factor).amax((3, 5))

    torch.testing.assert_close(module(tokens(x)), tokens(pooled))


@pytest.mark.parametrize(("scale", "root"), [("head", 4), ("embedding", 12)])
def test_attention_divides_its_scores_by_the_root_of_the_channels_of_a_head_or_of_the_embedding(
    scale: str, root: int
) -> None:
    """Eq. 4, written out for each head."""
    module = SpatialAttention(12, 3, scale)
    randomise(module)
    x = torch.randn(2, 10, 12)
    q, k, v = (part.reshape(2, 10, 3, 4) for part in module.qkv(x).chunk(3, dim=-1))
    shares = torch.einsum("nihd,njhd->nhij", q, k).div(root**0.5).softmax(-1)
    attended = torch.einsum("nhij,njhd->nihd", shares, v).reshape(2, 10, 12)

    torch.testing.assert_close(module(x), module.out(attended))


def test_the_query_and_the_key_of_a_single_patch_have_a_gradient_of_exactly_zero() -> None:
    module = SpatialAttention(12, 3, "head")
    module(torch.randn(4, 1, 12)).square().sum().backward()

    queries_and_keys, values = module.qkv.weight.grad.split((24, 12))
    assert not queries_and_keys.any()
    assert values.all()
    assert not module.qkv.bias.grad[:24].any()


@pytest.mark.parametrize("patches", [1, 6])
def test_channel_attention_weighs_by_the_mean_and_the_largest_value(patches: int) -> None:
    module = ChannelAttention(8, 3)
    randomise(module)
    x = torch.randn(5, patches, 8)
    gate = sum(module.fc2(F.relu(module.fc1(pooled))) for pooled in (x.mean(1), x.amax(1)))

    torch.testing.assert_close(module(x), x * torch.sigmoid(gate)[:, None])


@pytest.mark.parametrize(("level_heads", "heads"), [("same", [3, 3, 3]), ("doubled", [3, 6, 12])])
def test_higher_levels_have_the_same_heads_or_twice_as_many(level_heads: str, heads: list[int]) -> None:
    with torch.device("meta"):
        network = network_of(SPEC, level_heads=level_heads)

    of_levels = [{m.heads for m in level.modules() if isinstance(m, SpatialAttention)} for level in network.levels]
    assert of_levels == [{count} for count in heads]


@pytest.mark.parametrize(("settings", "block", "head"), [({}, 1e-6, 1e-5), ({"norm_eps": 1e-5}, 1e-5, 1e-5)])
def test_the_epsilon_of_the_layer_normalisations_is_a_parameter(
    settings: dict[str, float], block: float, head: float
) -> None:
    with torch.device("meta"):
        networks = [network_of(SPEC, **settings, **more) for more in ({}, {"head_norm_eps": 0.125})]

    for network, last in zip(networks, (head, 0.125), strict=True):
        epsilons = {name: m.eps for name, m in network.named_modules() if isinstance(m, nn.LayerNorm)}
        assert epsilons.pop("head.1") == last
        assert len(epsilons) == 3 * 12 + 2
        assert set(epsilons.values()) == {block}


def test_a_width_of_the_147_values_of_a_patch_is_a_network_of_known_size() -> None:
    """ "Patches with dimensions P×P×3" can be read as width 147 = 7 × 7 × 3, which three heads share: 49 each."""
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in network_of(SPEC, width=147).parameters()) == 3_584_118


@pytest.mark.parametrize(
    ("preset", "digest", "logits"),
    [
        ("paper", "a2c3b95b971d56a6", (0.376453, 0.598586, -0.564492)),
        ("quick", "8636e207a1fcc373", (-0.911185, -0.0456583, -0.211152)),
    ],
)
def test_the_presets_are_the_networks_whose_results_are_known(
    preset: str, digest: str, logits: tuple[float, ...]
) -> None:
    """Names and shapes of the weights, and what a seed makes of them: stored results are of these networks."""
    torch.manual_seed(5)
    network = network_of(SPEC, preset=preset)
    shapes = "".join(f"{name} {tuple(tensor.shape)}\n" for name, tensor in network.state_dict().items())
    maps = torch.linspace(-2, 2, 2 * 3 * 28 * 28).reshape(2, 3, 28, 28).sin()

    assert hashlib.sha256(shapes.encode()).hexdigest()[:16] == digest
    assert network(maps)[1].tolist() == pytest.approx(logits, rel=1e-4)
