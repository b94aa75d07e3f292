"""Networks as the field writes them: maps of (n, channels, height, width), 1×1 convolutions, a module for each layer.

They compute what the built-in networks compute. `fold_parallel.py` times a plain loop with them.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from timm.layers import ConvMlp, LayerNorm2d, Mlp, PatchEmbed
from timm.layers.cbam import ChannelAttn
from torch import Tensor, nn

from mer_bench.methods.torch_method import TorchMethod
from mer_bench_ahmsa import heads_of_levels
from mer_bench_htnet import MAP_SIDE
from mer_bench_htnet.network import Aggregation
from mer_bench_rcn_a.network import RCNA


def plain_network(method: TorchMethod) -> nn.Module:
    """Return the plain form of a method's network, with initial weights from torch's generator."""
    return PLAIN_NETWORKS[method.spec.name](method.n_classes, **method.network_params())


class PlainAHMSANet(nn.Module):
    """AHMSA-Net on maps (n, width, side, side), as the paper names its layers."""

    def __init__(
        self,
        n_classes: int,
        *,
        side: int,
        width: int,
        heads: int,
        level_heads: str,
        patch: int,
        factor: int,
        blocks: tuple[int, ...],
        head_hidden: int,
        norm_eps: float,
        head_norm_eps: float,
        **of_block: Any,
    ) -> None:
        super().__init__()
        self.patch_embedding = PatchEmbed(side, patch, in_chans=3, embed_dim=width, flatten=False)
        block = partial(MultiScaleAttention, width, norm_eps=norm_eps, **of_block)
        self.levels = nn.ModuleList(
            nn.Sequential(*(block(heads=own) for _ in range(count)))
            for own, count in zip(heads_of_levels(heads, level_heads, len(blocks)), blocks, strict=True)
        )
        self.downsampling = nn.ModuleList(
            AdaptiveDownsampling(width, side // patch // factor**level, norm_eps) for level in range(1, len(blocks))
        )
        classifier = Mlp(width, head_hidden, n_classes) if head_hidden else nn.Linear(width, n_classes)
        self.head = nn.Sequential(nn.Flatten(), nn.LayerNorm(width, eps=head_norm_eps), classifier)

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits (n, n_classes) of maps (n, 3, side, side)."""
        x = self.levels[0](self.patch_embedding(maps))
        for downsample, level in zip(self.downsampling, self.levels[1:], strict=True):
            x = level(downsample(x))
        logits: Tensor = self.head(x)
        return logits


class AdaptiveDownsampling(nn.Sequential):
    """Eq. 2: 3×3 convolution, layer normalisation over the channels, adaptive max pooling to side × side patches."""

    def __init__(self, width: int, side: int, norm_eps: float) -> None:
        norm = LayerNorm2d(width, eps=norm_eps)
        super().__init__(nn.Conv2d(width, width, 3, padding=1), norm, nn.AdaptiveMaxPool2d(side))


class MultiScaleAttention(nn.Module):
    """Section 3.4: channel attention, spatial attention and feed-forward, each after a layer normalisation."""

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        attention_scale: str,
        mlp_ratio: int,
        reduction: int,
        dropout: float,
        residual: bool,
        norm_eps: float,
    ) -> None:
        super().__init__()
        self.residual = residual
        self.norms = nn.ModuleList(LayerNorm2d(width, eps=norm_eps) for _ in range(3))
        self.parts = nn.ModuleList(
            (
                ChannelAttn(width, rd_channels=max(1, width // reduction), mlp_bias=True),
                SpatialAttention(width, heads, attention_scale),
                ConvMlp(width, width * mlp_ratio, act_layer=nn.GELU, drop=dropout),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return patches of the shape of ``x``, (n, width, side, side)."""
        for norm, part in zip(self.norms, self.parts, strict=True):
            x = x + part(norm(x)) if self.residual else part(norm(x))
        return x


class SpatialAttention(nn.Module):
    """Eq. 4: scaled dot-product attention among a level's patches; Q, K, V and the output by 1×1 convolutions."""

    def __init__(self, width: int, heads: int, attention_scale: str) -> None:
        super().__init__()
        self.heads = heads
        # None divides by the root of a head's channels.
        self.scale = width**-0.5 if attention_scale == "embedding" else None
        self.qkv = nn.Conv2d(width, 3 * width, 1)
        self.out = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return patches of the shape of ``x``, (n, width, side, side)."""
        n, width, height, breadth = x.shape
        split = (n, 3, self.heads, width // self.heads, height * breadth)
        q, k, v = self.qkv(x).reshape(split).transpose(-1, -2).unbind(1)
        z = F.scaled_dot_product_attention(q, k, v, scale=self.scale)
        out: Tensor = self.out(z.transpose(-1, -2).reshape(n, width, height, breadth))
        return out


class PlainHTNet(nn.Module):
    """HTNet with the published 1×1 convolutions, and the blocks of a level in the batch."""

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
        block_sides = sides if attention == "intended" else [sides[-1]] * len(blocks)
        self.patch_embedding = PatchEmbed(MAP_SIDE, patch, in_chans=3, embed_dim=width, flatten=False)
        self.joins = nn.ModuleList((nn.Identity(), *(Aggregation(below, above) for below, above in pairwise(widths))))
        self.levels = nn.ModuleList(
            PlainLevel(widths[level], heads << level, block_sides[level], blocks[level], mlp_ratio, dropout)
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


class PlainLevel(nn.Module):
    """Transformer layers on the blocks that a map is cut into."""

    def __init__(self, width: int, heads: int, block_side: int, count: int, mlp_ratio: int, dropout: float) -> None:
        super().__init__()
        self.block_side = block_side
        self.position = nn.Parameter(torch.randn(block_side**2))
        self.layers = nn.ModuleList(
            nn.ModuleList(
                (
                    LayerNorm2d(width, eps=1e-5),
                    PlainAttention(width, heads, dropout),
                    LayerNorm2d(width, eps=1e-5),
                    ConvMlp(width, width * mlp_ratio, act_layer=nn.GELU, drop=dropout),
                )
            )
            for _ in range(count)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the shape of ``x``, (n, width, side, side)."""
        n, width, side, _ = x.shape
        block, grid = self.block_side, side // self.block_side
        x = x.reshape(n, width, grid, block, grid, block).permute(0, 2, 4, 1, 3, 5).reshape(-1, width, block, block)
        x = x + self.position.reshape(block, block)
        for attention_norm, attention, mlp_norm, mlp in self.layers:
            x = x + attention(attention_norm(x))
            x = x + mlp(mlp_norm(x))
        joined = x.reshape(n, grid, grid, width, block, block).permute(0, 3, 1, 4, 2, 5)
        return joined.reshape(n, width, side, side)


class PlainAttention(nn.Module):
    """Scaled dot-product attention among the tokens of a block, by 1×1 convolutions."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.head_width = width // heads
        self.qkv = nn.Conv2d(width, 3 * heads * self.head_width, 1, bias=False)
        self.weights_dropout = nn.Dropout(dropout)
        self.out = nn.Sequential(nn.Conv2d(heads * self.head_width, width, 1), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the shape of ``x``, (blocks, width, side, side)."""
        n, _, height, breadth = x.shape
        q, k, v = self.qkv(x).reshape(n, 3, self.heads, self.head_width, height * breadth).unbind(1)
        weights = self.weights_dropout((q.transpose(-1, -2) @ k * self.head_width**-0.5).softmax(-1))
        mixed: Tensor = self.out((v @ weights.transpose(-1, -2)).reshape(n, -1, height, breadth))
        return mixed


class PlainSTSTNet(nn.Module):
    """STSTNet with three streams side by side."""

    def __init__(
        self,
        n_classes: int,
        *,
        streams: tuple[int, ...],
        padding: str,
        batch_norm: bool,
        dropout: float,
        initialisation: str,
    ) -> None:
        super().__init__()
        self.streams = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(3, maps, 3, padding={"same": 1, "port": 2}[padding]),
                nn.ReLU(),
                nn.BatchNorm2d(maps) if batch_norm else nn.Identity(),
                nn.MaxPool2d(3, stride=3, padding=1),
                nn.Dropout(dropout),
            )
            for maps in streams
        )
        self.pool = nn.AvgPool2d(2)
        self.classifier = nn.Linear(sum(streams) * 5 * 5, n_classes)
        assert initialisation == "torch"

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits (n, n_classes) of maps (n, 3, 28, 28)."""
        joined = torch.cat([stream(maps) for stream in self.streams], dim=1)
        logits: Tensor = self.classifier(self.pool(joined).flatten(1))
        return logits


class PlainRCNA(RCNA):
    """RCN-A on maps whose channels do not lie side by side."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits (n, n_classes) of maps (n, 3, 28, 28)."""
        x = self.stem(maps)
        features = self.pool(self.settle(self.recurrent(x))) * self.attention(x)
        logits: Tensor = self.classifier(features.flatten(1))
        return logits


PLAIN_NETWORKS: dict[str, type[nn.Module]] = {
    "ahmsa": PlainAHMSANet,
    "htnet": PlainHTNet,
    "ststnet": PlainSTSTNet,
    "rcn-a": PlainRCNA,
}
"""The plain form of a method's network, by the method's name."""
