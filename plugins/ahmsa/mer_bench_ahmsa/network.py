"""The network of AHMSA-Net (arXiv:2501.02539), sections 3.3 and 3.4, Figures 1 and 2, Table 3."""

from __future__ import annotations

from functools import partial

import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from timm.layers import ConvMlp, LayerNorm2d, Mlp, PatchEmbed
from timm.layers.cbam import ChannelAttn
from torch import Tensor, nn

from mer_bench_ahmsa import heads_of_levels


class AHMSANet(nn.Module):
    """Levels of multi-scale attention joined by adaptive downsampling, then an MLP head.

    With the paper's settings a 28×28×3 map becomes 4×4, 2×2 and 1×1 patches.

    Parameters
    ----------
    n_classes : int
    side : int
        Of the maps, pixels.
    width : int
        Embedding channels, the same on every level.
    heads, level_heads, patch, factor, blocks, attention_scale, mlp_ratio, reduction, head_hidden, dropout, residual
        As in the method's spec, whose `validate` says what fits.
    norm_eps, head_norm_eps
        As in the method's spec.
    """

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
        attention_scale: str,
        mlp_ratio: int,
        reduction: int,
        head_hidden: int,
        dropout: float,
        residual: bool,
        norm_eps: float,
        head_norm_eps: float,
    ) -> None:
        super().__init__()
        self.patch_embedding = PatchEmbed(side, patch, in_chans=3, embed_dim=width, flatten=False)
        block = partial(
            MultiScaleAttention,
            width,
            attention_scale=attention_scale,
            mlp_ratio=mlp_ratio,
            reduction=reduction,
            dropout=dropout,
            residual=residual,
            norm_eps=norm_eps,
        )
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
