"""The network of OFF-ApexNet (arXiv:1805.08699), with the layers that rebuilds of it agree with its size on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SIDE = 28 // 2 // 2


class OFFApexNet(nn.Module):
    """A branch for u and one for v, joined by two hidden dense layers; the strain is not used.

    Parameters
    ----------
    n_classes : int
    maps, hidden, dropout, conv_activation
        As in the method's spec.
    """

    def __init__(
        self,
        n_classes: int,
        *,
        maps: tuple[int, ...],
        hidden: int,
        dropout: float,
        conv_activation: str,
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(_branch(maps, conv_activation) for _ in "uv")
        self.head = nn.Sequential(
            *_dense(2 * maps[1] * _SIDE**2, hidden, dropout),
            *_dense(hidden, hidden, dropout),
            nn.Linear(hidden, n_classes),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits (n, n_classes) of maps (n, 3, 28, 28) with channels (u, v, os)."""
        # Strides with the channels last, though there is one only: convolution and pooling are faster for them.
        alone = [maps[:, channel, :, :, None].contiguous().permute(0, 3, 1, 2) for channel in range(2)]
        features = [branch(component) for branch, component in zip(self.branches, alone, strict=True)]
        logits: Tensor = self.head(torch.cat(features, dim=1))
        return logits


def _branch(maps: tuple[int, ...], activation: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in zip((1, *maps), maps, strict=False):
        layers.append(nn.Conv2d(before, after, 5, padding=2))
        if activation == "relu":
            layers.append(nn.ReLU())
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten())


def _dense(before: int, after: int, dropout: float) -> tuple[nn.Module, ...]:
    return nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)
