"""The network of IncepTR (doi 10.1007/s00530-023-01164-0), its attention dropping and its second loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from timm.layers import LayerNorm, PatchEmbed, trunc_normal_
from timm.layers.cbam import ChannelAttn
from timm.models.vision_transformer import Block
from torch import Tensor, nn

_HALF_SIDE = 28 // 2


class IncepTR(nn.Module):
    """A local and a global branch, each to maps of half the side, joined before a hidden layer.

    Parameters
    ----------
    n_classes : int
    paths, squeeze, reduction, width, depth, heads, mlp_ratio, drop_path, msad, msad_part, channels, hidden
        As in the method's spec, whose `validate` says what fits.
    dropout, similarity
        As in the method's spec.
    """

    def __init__(
        self,
        n_classes: int,
        *,
        paths: tuple[int, ...],
        squeeze: int,
        reduction: int,
        width: int,
        depth: int,
        heads: int,
        mlp_ratio: int,
        drop_path: float,
        msad: float,
        msad_part: str,
        channels: int,
        hidden: int,
        dropout: float,
        similarity: float,
    ) -> None:
        super().__init__()
        self.similarity = similarity
        self.local_branch = LocalBranch(paths, squeeze, reduction, channels)
        dropping = AttentionDropping(heads, msad, msad_part)
        transformer = Transformer(
            _HALF_SIDE, width, depth=depth, mlp_ratio=mlp_ratio, drop_path=drop_path, dropping=dropping
        )
        self.global_branch = nn.Sequential(nn.AvgPool2d(2), transformer, nn.Conv2d(width, channels, 1))
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Linear(2 * channels * _HALF_SIDE**2, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, n_classes),
        )

    def forward(self, maps: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return logits (n, n_classes) of maps (n, 3, 28, 28); in training, the second loss beside them."""
        local, whole = self.local_branch(maps), self.global_branch(maps)
        logits: Tensor = self.head(torch.cat((local, whole), dim=1))
        if self.training:
            return logits, self.similarity * (1 - F.cosine_similarity(local, whole, dim=1)).mean((1, 2))
        return logits


class LocalBranch(nn.Sequential):
    """Inception modules, max pooling to half the side, CBAM, 1×1 convolution to ``channels`` maps."""

    def __init__(self, paths: tuple[int, ...], squeeze: int, reduction: int, channels: int) -> None:
        inputs = (3, *(4 * maps for maps in paths))
        joined = inputs[-1]
        super().__init__(
            *(Inception(before, squeeze, maps) for before, maps in zip(inputs, paths, strict=False)),
            nn.MaxPool2d(2),
            ChannelAttn(joined, rd_channels=max(1, joined // reduction), mlp_bias=True),
            SpatialAttention(3),
            nn.Conv2d(joined, channels, 1),
        )


class SpatialAttention(nn.Module):
    """CBAM's second half: each position is weighed by a convolution of its mean and its largest value.

    As in the published code, the convolution has a bias and no batch normalisation; timm's has it the other way round.
    """

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 1, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the shape of ``x``, (n, channels, side, side)."""
        summary = torch.cat((x.mean(1, keepdim=True), x.amax(1, keepdim=True)), dim=1)
        return x * torch.sigmoid(self.convolution(summary))


class Inception(nn.Module):
    """Four paths of ``maps`` maps each, joined: 1×1; 1×1 and 3×3; 1×1 and 5×5; max pooling and 1×1."""

    def __init__(self, channels: int, squeeze: int, maps: int) -> None:
        super().__init__()
        self.paths = nn.ModuleList(
            (
                _convolution(channels, maps, 1),
                nn.Sequential(_convolution(channels, squeeze, 1), _convolution(squeeze, maps, 3)),
                nn.Sequential(_convolution(channels, squeeze, 1), _convolution(squeeze, maps, 5)),
                nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), _convolution(channels, maps, 1)),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, 4 × maps, side, side) of (n, channels, side, side)."""
        return torch.cat([path(x) for path in self.paths], dim=1)


class Transformer(nn.Module):
    """A vision transformer whose patches are pixels, without class token; its tokens go back to where they were."""

    def __init__(
        self, side: int, width: int, *, depth: int, mlp_ratio: int, drop_path: float, dropping: AttentionDropping
    ) -> None:
        super().__init__()
        self.patch_embedding = PatchEmbed(side, 1, in_chans=3, embed_dim=width)
        self.position = nn.Parameter(torch.zeros(1, side * side, width))
        trunc_normal_(self.position, std=0.02)
        self.blocks = nn.Sequential()
        for index in range(depth):
            share = drop_path * index / max(1, depth - 1)
            block = Block(width, dropping.heads, mlp_ratio, qkv_bias=True, drop_path=share, norm_layer=LayerNorm)
            block.attn.fused_attn = False  # type: ignore[assignment]  # torch.vmap has no rule for its gradient
            block.attn.qkv = nn.Sequential(block.attn.get_submodule("qkv"), dropping)
            self.blocks.append(block)
        self.norm = LayerNorm(width)
        self.blocks.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, width, side, side) of (n, 3, side, side)."""
        tokens = self.norm(self.blocks(self.patch_embedding(x) + self.position))
        maps: Tensor = tokens.transpose(1, 2).reshape(len(x), -1, *x.shape[-2:])
        return maps


class AttentionDropping(nn.Module):
    """MSAD, on a block's queries, keys and values (n, tokens, 3 × width): in training a sample loses at most one part.

    A head whose values are zero gives zero, so losing a head is losing its values. A token loses all three.
    """

    def __init__(self, heads: int, probability: float, part: str) -> None:
        super().__init__()
        self.heads = heads
        self.probability = probability
        self.part = part

    def forward(self, qkv: Tensor) -> Tensor:
        """Return ``qkv`` with what was dropped set to zero."""
        if not self.training or self.probability == 0:
            return qkv
        n, tokens, _ = qkv.shape
        chosen = torch.randint(self.heads, (n, 1), device=qkv.device)
        loses = torch.rand(n, 1, device=qkv.device) < self.probability
        if self.part == "token":
            kept = ~(loses & (torch.arange(tokens, device=qkv.device) == chosen))
            return qkv * kept[:, :, None]
        kept = ~(loses & (torch.arange(self.heads, device=qkv.device) == chosen))
        queries_and_keys, values = qkv.tensor_split((2 * qkv.shape[-1] // 3,), dim=-1)
        values = values.reshape(n, tokens, self.heads, -1) * kept[:, None, :, None]
        return torch.cat((queries_and_keys, values.flatten(-2)), dim=-1)


def _convolution(channels: int, maps: int, kernel: int) -> nn.Sequential:
    # The batch normalisation that follows takes any bias out again.
    convolution = nn.Conv2d(channels, maps, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(maps), nn.ReLU())


def _initialise(module: nn.Module) -> None:
    """Set a transformer's linear layers as vision transformers usually begin."""
    if isinstance(module, nn.Linear):
        trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
