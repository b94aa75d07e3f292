"""The network of AHMSA-Net (arXiv:2501.02539), sections 3.3 and 3.4, Figures 1 and 2, Table 3.

A level's patches are tokens (n, patches, width), row by row, so that 1×1 convolutions are linear layers and the
normalised channels lie side by side: the same function, with the same initial weights, and on small maps much faster.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from timm.layers import Mlp
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
        self.patch_embedding = PatchEmbedding(patch, width)
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
            AdaptiveDownsampling(width, side // patch // factor**level, factor, norm_eps)
            for level in range(1, len(blocks))
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


class PatchEmbedding(nn.Linear):
    """Section 3.3: each patch × patch × 3 patch as one token, by a linear layer."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__(3 * patch * patch, width)
        self.patch = patch

    def forward(self, maps: Tensor) -> Tensor:
        """Return tokens (n, patches, width) of maps (n, 3, side, side)."""
        n, channels, side, _ = maps.shape
        grid = side // self.patch
        cut = maps.reshape(n, channels, grid, self.patch, grid, self.patch).permute(0, 2, 4, 1, 3, 5)
        return super().forward(cut.reshape(n, grid * grid, self.in_features))


class AdaptiveDownsampling(nn.Module):
    """Eq. 2: 3×3 convolution, layer normalisation over the channels, adaptive max pooling to side × side patches."""

    def __init__(self, width: int, side: int, factor: int, norm_eps: float) -> None:
        super().__init__()
        self.before = side * factor
        self.convolution = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.LayerNorm(width, eps=norm_eps)
        self.pool = nn.MaxPool2d(factor)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens (n, side², width) of x (n, (factor · side)², width)."""
        n, _, width = x.shape
        # A permuted view is a map whose channels lie side by side, so no value moves.
        convolved = self.convolution(x.reshape(n, self.before, self.before, width).permute(0, 3, 1, 2))
        normalised = self.norm(convolved.permute(0, 2, 3, 1))
        pooled: Tensor = self.pool(normalised.permute(0, 3, 1, 2))
        return pooled.permute(0, 2, 3, 1).flatten(1, 2)


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
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=norm_eps) for _ in range(3))
        self.parts = nn.ModuleList(
            (
                ChannelAttention(width, max(1, width // reduction)),
                SpatialAttention(width, heads, attention_scale),
                Mlp(width, width * mlp_ratio, drop=(dropout, 0.0)),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the shape of ``x``, (n, patches, width)."""
        for norm, part in zip(self.norms, self.parts, strict=True):
            x = x + part(norm(x)) if self.residual else part(norm(x))
        return x


class ChannelAttention(nn.Module):
    """CBAM's channel attention: one perceptron on the mean and the largest value of the patches weighs each channel."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the shape of ``x``, (n, patches, width)."""
        if x.shape[1] == 1:  # its mean and its largest value are itself
            return x * torch.sigmoid(2 * self.fc2(F.relu(self.fc1(x))))
        pooled = torch.stack((x.mean(1), x.amax(1)))
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(pooled))).sum(0))[:, None]


class SpatialAttention(nn.Module):
    """Eq. 4: scaled dot-product attention among a level's patches."""

    def __init__(self, width: int, heads: int, attention_scale: str) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width if attention_scale == "embedding" else width // heads) ** -0.5
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the shape of ``x``, (n, patches, width)."""
        out: Tensor = self.out(self._attended(x) if x.shape[1] > 1 else self._value(x))
        return out

    def _attended(self, x: Tensor) -> Tensor:
        n, patches, width = x.shape
        split = (n, patches, 3, self.heads, width // self.heads)
        q, k, v = self.qkv(x).reshape(split).permute(2, 0, 3, 1, 4).unbind(0)
        # torch.vmap has no rule for the gradient of scaled_dot_product_attention, which is no faster on a few patches.
        z = (q @ k.transpose(-1, -2) * self.scale).softmax(-1) @ v
        joined: Tensor = z.transpose(1, 2).reshape(n, patches, width)
        return joined

    def _value(self, x: Tensor) -> Tensor:
        """Return a single patch's value: its weight is 1, whatever its query and its key are."""
        weight, bias = (parameter[2 * x.shape[2] :] for parameter in (self.qkv.weight, self.qkv.bias))
        return F.linear(x, weight, bias)
