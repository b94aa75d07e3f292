"""HTNet: the network is the published one, with both readings of what its blocks attend to."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.method_instances import BUILT_IN, network_of
from torch import nn

from mer_bench_htnet.network import Attention, Level

SPEC = BUILT_IN["htnet"]

pytestmark = pytest.mark.usefixtures("reproducible")
SMALL: dict[str, Any] = {"width": 16, "blocks": (1, 1, 2)}


@pytest.mark.parametrize(("attention", "tokens"), [("published", (1, 1, 1, 1)), ("intended", (16, 4, 1, 1))])
def test_each_token_shares_its_attention_out_among_the_tokens_of_its_block(
    attention: str, tokens: tuple[int, ...]
) -> None:
    weights = network_of(SPEC, attention=attention, **SMALL).attention_weights(torch.randn(2, 3, 28, 28))

    blocks = [2 * side**2 // n for side, n in zip((4, 2, 1, 1), tokens, strict=True)]
    assert [tuple(w.shape) for w in weights] == [
        (count, heads, n, n) for count, heads, n in zip(blocks, (3, 6, 12, 12), tokens, strict=True)
    ]
    for share in weights:
        torch.testing.assert_close(share.sum(-1), torch.ones(share.shape[:-1]))
        assert bool((share > 0).all())


def test_a_token_attends_within_its_own_block() -> None:
    level = Level(8, 2, block_side=2, count=1, mlp_ratio=4, dropout=0.0)
    x = torch.randn(1, 8, 4, 4).repeat(2, 1, 1, 1)
    x[1, 0, 0, 3] += 1.0

    before, after = level(x)

    assert ((before - after).abs().amax(0) > 1e-6).nonzero().tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]


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


def test_positions_are_drawn_from_a_standard_normal_distribution() -> None:
    position = Level(8, 2, block_side=40, count=0, mlp_ratio=4, dropout=0.0).position

    assert (position.mean().item(), position.std().item()) == pytest.approx((0, 1), abs=0.1)
