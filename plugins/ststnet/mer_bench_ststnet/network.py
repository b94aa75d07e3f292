"""The network of STSTNet (arXiv:1902.03634), Figure 2 and Table I."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_RIM = {"same": 1, "port": 2}


class STSTNet(nn.Module):
    """Shallow streams side by side, joined, averaged and classified by one linear layer.

    Parameters
    ----------
    n_classes : int
    streams, padding, batch_norm, dropout, initialisation
        As in the method's spec.
    """

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
        self.streams = nn.ModuleList(Stream(maps, _RIM[padding], batch_norm, dropout) for maps in streams)
        self.pool = nn.AvgPool2d(2)
        self.classifier = nn.Linear(sum(streams) * 5 * 5, n_classes)
        if initialisation == "glorot":
            self.apply(_glorot)

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits (n, n_classes) of maps (n, 3, 28, 28)."""
        joined = torch.cat([stream(maps) for stream in self.streams], dim=1)
        logits: Tensor = self.classifier(self.pool(joined).flatten(1))
        return logits


class Stream(nn.Sequential):
    """Convolution 3×3, ReLU, batch normalisation, max pooling 3×3 and dropout: (n, 3, 28, 28) to (n, maps, 10, 10)."""

    def __init__(self, maps: int, rim: int, batch_norm: bool, dropout: float) -> None:
        super().__init__(
            nn.Conv2d(3, maps, 3, padding=rim),
            nn.ReLU(),
            nn.BatchNorm2d(maps) if batch_norm else nn.Identity(),
            nn.MaxPool2d(3, stride=3, padding=1),
            nn.Dropout(dropout),
        )


def _glorot(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
