"""The network of HTNet (arXiv:2307.14637).

The published 1×1 convolutions are linear layers over tokens here: the same maps, drawn from the same distribution, and
on single tokens much faster.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from timm.layers import LayerNorm2d, Mlp, PatchEmbed
from torch import Tensor, nn

from mer_bench_htnet import MAP_SIDE


class HTNet(nn.Module):
    """Levels of transformer layers joined by aggregations, then a linear head.

    With the published settings a 28×28×3 map becomes 4×4, 2×2 and 1×1 tokens of 256, 512 and 1024 channels.

    Parameters
    ----------
    n_classes : int
    attention, width, heads, patch, blocks, mlp_ratio, dropout
        As in the method's spec, whose `validate` says what fits.
    """

    def __init__(
        self,
        n_classes: int,
        *,
        attention: str,
        width: int,
        heads: int,
        patch: int,
        blocks: tuple[int, ...],
        mlp_ratio: int,
        dropout: float,
    ) -> None:
        super().__init__()
        widths = [width << level for level in range(len(blocks))]
        sides = [MAP_SIDE // patch >> level for level in range(len(blocks))]
        # As published, every level cuts its map into blocks of the size that is left on the top level.
        block_sides = sides if attention == "intended" else [sides[-1]] * len(blocks)
        self.patch_embedding = PatchEmbed(MAP_SIDE, patch, in_chans=3, embed_dim=width, flatten=False)
        self.joins = nn.ModuleList((nn.Identity(), *(Aggregation(below, above) for below, above in pairwise(widths))))
        self.levels = nn.ModuleList(
            Level(
                widths[level],
                heads << level,
                block_side=block_sides[level],
                count=blocks[level],
                mlp_ratio=mlp_ratio,
                dropout=dropout,
            )
            for level in range(len(blocks))
        )
        self.norm = LayerNorm2d(widths[-1], eps=1e-5)
        self.classifier = nn.Linear(widths[-1], n_classes)

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits (n, n_classes) of maps (n, 3, 28, 28)."""
        x = self.patch_embedding(maps)
        for join, level in zip(self.joins, self.levels, strict=True):
            x = level(join(x))
        logits: Tensor = self.classifier(self.norm(x).mean((2, 3)))
        return logits

    @torch.no_grad()
    def attention_weights(self, maps: Tensor) -> list[Tensor]:
        """Return what each transformer layer attends to, low level to high.

        Parameters
        ----------
        maps : Tensor of shape (n, 3, 28, 28)

        Returns
        -------
        list of Tensor of shape (n · blocks, heads, tokens, tokens)
            One for each layer: how much a token (third axis) takes of each token of its block (last axis). The blocks
            of a map follow each other.
        """
        weights: list[Tensor] = []
        x = self.patch_embedding(maps)
        for join, level in zip(self.joins, self.levels, strict=True):
            x = level(join(x), weights)
        return weights


class Level(nn.Module):
    """Transformer layers on the blocks that a map of tokens is cut into."""

    def __init__(self, width: int, heads: int, *, block_side: int, count: int, mlp_ratio: int, dropout: float) -> None:
        super().__init__()
        self.block_side = block_side
        # One number a token, for all of its channels and for every block.
        self.position = nn.Parameter(torch.randn(block_side**2))
        self.layers = nn.ModuleList(TransformerLayer(width, heads, mlp_ratio, dropout) for _ in range(count))

    def forward(self, x: Tensor, weights: list[Tensor] | None = None) -> Tensor:
        """Return a map of the shape of ``x``, (n, width, side, side); append each layer's attention to ``weights``."""
        n, width, side, _ = x.shape
        grid, block = side // self.block_side, self.block_side
        cut = x.reshape(n, width, grid, block, grid, block).permute(0, 2, 4, 3, 5, 1)
        tokens = cut.reshape(n * grid * grid, block * block, width) + self.position[:, None]
        for layer in self.layers:
            tokens, attention = layer(tokens)
            if weights is not None:
                weights.append(attention)
        joined = tokens.reshape(n, grid, grid, block, block, width).permute(0, 5, 1, 3, 2, 4)
        return joined.reshape(n, width, side, side)


class TransformerLayer(nn.Module):
    """Attention and feed-forward, each after a layer normalisation and with a residual path around it."""

    def __init__(self, width: int, heads: int, mlp_ratio: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = Mlp(width, width * mlp_ratio, drop=dropout)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens of the shape of ``tokens``, (blocks, tokens, width), and the attention among them."""
        mixed, weights = self.attention(self.attention_norm(tokens))
        tokens = tokens + mixed
        return tokens + self.mlp(self.mlp_norm(tokens)), weights


class Attention(nn.Module):
    """Scaled dot-product attention among the tokens of a block, in heads of ``width // heads`` channels."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.head_width = width // heads
        inner = heads * self.head_width
        self.qkv = nn.Linear(width, 3 * inner, bias=False)
        self.out = nn.Linear(inner, width)
        self.weights_dropout = nn.Dropout(dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens (blocks, tokens, width) and undropped weights (blocks, heads, tokens, tokens)."""
        v, weights = self._values_and_weights(tokens)
        mixed = (self.weights_dropout(weights) @ v).transpose(1, 2).flatten(2)
        return self.dropout(self.out(mixed)), weights

    def _values_and_weights(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        blocks, count, _ = tokens.shape
        if count == 1:  # its weight is 1, whatever its query and its key are
            v = F.linear(tokens, self.qkv.weight[2 * self.heads * self.head_width :])
            return v.reshape(blocks, self.heads, 1, self.head_width), v.new_ones(blocks, self.heads, 1, 1)
        split = (blocks, count, 3, self.heads, self.head_width)
        q, k, v = self.qkv(tokens).reshape(split).permute(2, 0, 3, 1, 4)
        return v, (q @ k.transpose(-1, -2) / self.head_width**0.5).softmax(-1)


class Aggregation(nn.Sequential):
    """Convolution 3×3, layer normalisation over the channels, and max pooling to half the side."""

    def __init__(self, width: int, out_width: int) -> None:
        super().__init__(
            nn.Conv2d(width, out_width, 3, padding=1),
            LayerNorm2d(out_width, eps=1e-5),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
