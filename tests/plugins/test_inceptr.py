"""IncepTR: two branches to 256 maps of 14×14, attention dropping on heads, a second loss between the branches."""

from __future__ import annotations

import pytest
import torch
from support.method_instances import BUILT_IN, network_of
from torch import Tensor, nn

from mer_bench_inceptr.network import AttentionDropping, IncepTR, Transformer

SPEC = BUILT_IN["inceptr"]

pytestmark = pytest.mark.usefixtures("reproducible")
SMALL = {"paths": (2, 3), "squeeze": 2, "width": 8, "depth": 2, "heads": 2, "channels": 4, "hidden": 6}


def shapes(branch: nn.Sequential, x: Tensor) -> list[tuple[int, ...]]:
    """Return the shape of each step's output."""
    steps = []
    for step in branch:
        x = step(x)
        steps.append(tuple(x.shape))
    return steps


def on_paper() -> IncepTR:
    """Return a network without memory for its weights."""
    with torch.device("meta"):
        network: IncepTR = network_of(SPEC)
        return network


def test_either_branch_gives_256_maps_of_14x14() -> None:
    network, maps = on_paper(), torch.zeros(2, 3, 28, 28, device="meta")
    sizes = [sum(p.numel() for p in part.parameters()) for part in (network.local_branch, network.global_branch)]

    assert [type(step).__name__ for step in network.local_branch] == [
        *("Inception", "Inception", "MaxPool2d", "ChannelAttn", "SpatialAttention", "Conv2d")
    ]
    assert shapes(network.local_branch, maps) == [
        *((2, 24, 28, 28), (2, 48, 28, 28), (2, 48, 14, 14), (2, 48, 14, 14), (2, 48, 14, 14), (2, 256, 14, 14))
    ]
    assert shapes(network.global_branch, maps) == [(2, 3, 14, 14), (2, 512, 14, 14), (2, 256, 14, 14)]
    assert sizes == [17_702, 6_543_104]


def test_the_blocks_are_those_of_the_description() -> None:
    transformer = on_paper().global_branch[1]

    assert [getattr(block.drop_path1, "drop_prob", 0.0) for block in transformer.blocks] == [0.0, 0.15, 0.3]
    assert all(block.attn.num_heads == 4 and block.mlp.fc1.out_features == 1024 for block in transformer.blocks)
    assert all(block.attn.qkv[0].bias is not None for block in transformer.blocks)
    assert transformer.norm.eps == 1e-6


def test_the_blocks_and_positions_begin_with_small_normal_weights_and_zero_biases() -> None:
    transformer = Transformer(4, 64, depth=2, mlp_ratio=2, drop_path=0.0, dropping=AttentionDropping(2, 0.0, "head"))
    linear = [module for module in transformer.blocks.modules() if isinstance(module, nn.Linear)]

    assert len(linear) == 8
    assert not any(module.bias.any() for module in linear)
    for weight in (transformer.position, *(module.weight for module in linear)):
        assert weight.std().item() == pytest.approx(0.02, rel=0.1)


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


@pytest.mark.parametrize("part", ["head", "token"])
def test_in_training_a_sample_loses_the_values_of_one_head_or_one_of_the_first_tokens_at_most(part: str) -> None:
    heads, tokens = dropped(part, 0.3)
    lost, others = (heads, tokens) if part == "head" else (tokens, heads)

    assert set(lost.sum(1).tolist()) == {0, 1}
    assert 0.25 < lost.any(1).float().mean() < 0.35
    assert (lost.float().mean(0)[:4] > 0.04).all()
    assert not lost[:, 4:].any()
    assert not others.any()


def test_the_settings_of_attention_dropping_reach_every_block() -> None:
    transformer = network_of(SPEC, msad=0.2, msad_part="token", drop_path=0.4, **SMALL).global_branch[1]

    dropping = [block.attn.qkv[1] for block in transformer.blocks]
    assert [(d.heads, d.probability, d.part) for d in dropping] == [(2, 0.2, "token")] * 2
    assert transformer.blocks[1].drop_path2.drop_prob == 0.4


@pytest.mark.parametrize("part", ["head", "token"])
def test_a_probability_of_one_always_drops_in_training_and_of_zero_never(part: str) -> None:
    always, never = dropped(part, 1.0), dropped(part, 0.0)
    qkv = torch.rand(50, 6, 24)

    assert torch.equal(AttentionDropping(4, 1.0, part).eval()(qkv), qkv)

    assert int(sum(lost.sum() for lost in always)) == 2000
    assert not any(lost.any() for lost in never)


def test_in_training_the_branches_cosine_distance_comes_beside_the_logits() -> None:
    network = network_of(SPEC, similarity=0.7, drop_path=0.0, msad=0.0, **SMALL)
    maps = torch.randn(4, 3, 28, 28)
    local, whole = network.local_branch(maps), network.global_branch(maps)
    cosine = (local * whole).sum(1) / (local.norm(dim=1) * whole.norm(dim=1))

    logits, penalty = network(maps)

    assert logits.shape == (4, 3)
    assert cosine.shape == (4, 14, 14)
    torch.testing.assert_close(penalty, 0.7 * (1 - cosine).mean((1, 2)))
