"""The network of STSTNet (arXiv:1902.03634), Figure 2 and Table I."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_RIM = {"same": 1, "port": 2}


class STSTNet(nn.Module):
    """Shallow streams side by side, averaged and classified by one linear layer.

    A stream is a convolution 3×3, ReLU, batch normalisation, max pooling 3×3 and dropout. Streams differ only in their
    number of maps, so one convolution computes them all: a map goes from (n, 3, 28, 28) to (n, sum(streams), 10, 10).

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
        total = sum(streams)
        own = [nn.Conv2d(3, maps, 3) for maps in streams]
        # Glorot's bounds depend on how many maps a stream has, so each stream is initialised alone.
        classifier = nn.Linear(total * 5 * 5, n_classes)
        if initialisation == "glorot":
            for convolution in own:
                _glorot(convolution)
            _glorot(classifier)
        self.streams = nn.Sequential(
            _joined(own, _RIM[padding]),
            nn.ReLU(),
            nn.BatchNorm2d(total) if batch_norm else nn.Identity(),
            nn.MaxPool2d(3, stride=3, padding=1),
            nn.Dropout(dropout),
        )
        self.pool = nn.AvgPool2d(2)
        self.classifier = classifier

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits (n, n_classes) of maps (n, 3, 28, 28)."""
        # With its channels side by side, a map is pooled and normalised much faster.
        x = maps.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        logits: Tensor = self.classifier(self.pool(self.streams(x)).flatten(1))
        return logits


def _joined(convolutions: list[nn.Conv2d], rim: int) -> nn.Conv2d:
    """Return one convolution that gives the maps of all, one after the other."""
    # On "meta", a layer draws no weights of its own.
    joined = nn.Conv2d(3, sum(each.out_channels for each in convolutions), 3, padding=rim, device="meta")
    joined.weight, joined.bias = (
        nn.Parameter(torch.cat([getattr(each, name).detach() for each in convolutions])) for name in ("weight", "bias")
    )
    return joined


def _glorot(layer: nn.Conv2d | nn.Linear) -> None:
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
