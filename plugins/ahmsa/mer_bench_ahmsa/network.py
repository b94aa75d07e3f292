"""The network of AHMSA-Net (arXiv:2501.02539), sections 3.3 and 3.4, Figures 1 and 2, Table 3."""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from timm.layers import ConvMlp, LayerNorm2d, Mlp, PatchEmbed
from timm.layers.cbam import ChannelAttn
from torch import Tensor, nn

from mer_bench_ahmsa import MAP_SIDE


class AHMSANet(nn.Module):
    """Levels of multi-scale attention joined by adaptive downsampling, then an MLP head.

    With the paper's settings a 28×28×3 map becomes 4×4, 2×2 and 1×1 patches.

    Parameters
    ----------
    n_classes : int
    width : int
        Embedding channels, the same on every level.
    heads, patch, blocks, mlp_ratio, reduction, head_hidden, dropout, residual
        As in the method's spec, whose `validate` says what fits.
    """

    def __init__(
        self,
        n_classes: int,
        *,
        width: int,
        heads: int,
        patch: int,
        blocks: tuple[int, ...],
        mlp_ratio: int,
        reduction: int,
        head_hidden: int,
        dropout: float,
        residual: bool,
    ) -> None:
        super().__init__()
        self.patch_embedding = PatchEmbed(MAP_SIDE, patch, in_chans=3, embed_dim=width, flatten=False)
        sides = [MAP_SIDE // patch >> level for level in range(len(blocks))]
        block = partial(
            MultiScaleAttention,
            width,
            heads,
            mlp_ratio=mlp_ratio,
            reduction=reduction,
            dropout=dropout,
            residual=residual,
        )
        self.levels = nn.ModuleList(nn.Sequential(*(block() for _ in range(count))) for count in blocks)
        self.downsampling = nn.ModuleList(AdaptiveDownsampling(width, side) for side in sides[1:])
        classifier = Mlp(width, head_hidden, n_classes) if head_hidden else nn.Linear(width, n_classes)
        self.head = nn.Sequential(nn.Flatten(), nn.LayerNorm(width), classifier)

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits (n, n_classes) of maps (n, 3, 28, 28)."""
        x = self.levels[0](self.patch_embedding(maps))
        for downsample, level in zip(self.downsampling, self.levels[1:], strict=True):
            x = level(downsample(x))
        logits: Tensor = self.head(x)
        return logits


class AdaptiveDownsampling(nn.Sequential):
    """Eq. 2: 3×3 convolution, layer normalisation over the channels, adaptive max pooling to side × side patches."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__(nn.Conv2d(width, width, 3, padding=1), LayerNorm2d(width), nn.AdaptiveMaxPool2d(side))


class MultiScaleAttention(nn.Module):
    """Section 3.4: channel attention, spatial attention and feed-forward, each after a layer normalisation."""

    def __init__(
        self, width: int, heads: int, *, mlp_ratio: int, reduction: int, dropout: float, residual: bool
    ) -> None:
        super().__init__()
        self.residual = residual
        self.norms = nn.ModuleList(LayerNorm2d(width) for _ in range(3))
        self.parts = nn.ModuleList(
            (
                ChannelAttn(width, rd_channels=max(1, width // reduction), mlp_bias=True),
                SpatialAttention(width, heads),
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

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Conv2d(width, 3 * width, 1)
        self.out = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return patches of the shape of ``x``, (n, width, side, side)."""
        n, width, height, breadth = x.shape
        split = (n, 3, self.heads, width // self.heads, height * breadth)
        q, k, v = self.qkv(x).reshape(split).transpose(-1, -2).unbind(1)
        z = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.out(z.transpose(-1, -2).reshape(n, width, height, breadth))
        return out
