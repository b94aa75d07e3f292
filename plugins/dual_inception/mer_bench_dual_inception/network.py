"""The network of Dual-Inception (Zhou, Mao and Xue 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SIDE = 28 // 2 // 2


class DualInception(nn.Module):
    """A branch of two inception blocks for u and one for v, joined by a hidden dense layer; the strain is not used.

    Parameters
    ----------
    n_classes : int
    maps, hidden, branch_channels, initialisation
        As in the method's spec.
    """

    def __init__(
        self,
        n_classes: int,
        *,
        maps: tuple[int, ...],
        hidden: int,
        branch_channels: int,
        initialisation: str,
    ) -> None:
        super().__init__()
        self.branch_channels = branch_channels
        self.branches = nn.ModuleList(_branch(branch_channels, maps) for _ in "uv")
        self.head = nn.Sequential(
            nn.Linear(2 * 4 * maps[1] * _SIDE**2, hidden), nn.ReLU(), nn.Linear(hidden, n_classes)
        )
        if initialisation == "glorot":
            self.apply(_glorot)

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits (n, n_classes) of maps (n, 3, 28, 28) with channels (u, v, os)."""
        shape = (-1, self.branch_channels, -1, -1)
        features = [branch(maps[:, channel, None].expand(shape)) for channel, branch in enumerate(self.branches)]
        logits: Tensor = self.head(torch.cat(features, dim=1))
        return logits


class Inception(nn.Module):
    """Four paths side by side, each of ``maps`` feature maps: 1×1; 1×1, 3×3; 1×1, 5×5; max-pool, 1×1."""

    def __init__(self, channels: int, maps: int) -> None:
        super().__init__()
        self.paths = nn.ModuleList(
            (
                _convolution(channels, maps, 1),
                nn.Sequential(_convolution(channels, maps, 1), _convolution(maps, maps, 3)),
                nn.Sequential(_convolution(channels, maps, 1), _convolution(maps, maps, 5)),
                nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), _convolution(channels, maps, 1)),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return maps (n, 4 * maps, height, width) of x (n, channels, height, width)."""
        return torch.cat([path(x) for path in self.paths], dim=1)


def _branch(channels: int, maps: tuple[int, ...]) -> nn.Sequential:
    a, b = maps
    return nn.Sequential(Inception(channels, a), nn.MaxPool2d(2), Inception(4 * a, b), nn.MaxPool2d(2), nn.Flatten())


def _convolution(before: int, after: int, side: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, side, padding=side // 2), nn.ReLU())


def _glorot(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
