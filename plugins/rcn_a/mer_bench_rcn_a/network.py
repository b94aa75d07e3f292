"""The network of RCN-A (arXiv:2006.09674): recurrent convolutions under a parameter-free attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RCNA(nn.Module):
    """A 5×5 convolution, a recurrent block, and a linear classifier whose weights also show where to look.

    A 28×28 map is 12×12 in the recurrent block and 6×6 after it, before it is pooled to pool × pool.

    Parameters
    ----------
    n_classes : int
    maps, pool, recurrences, dropout, attention_eps
        As in the method's spec.
    """

    def __init__(
        self,
        n_classes: int,
        *,
        maps: int,
        pool: int,
        recurrences: int,
        dropout: float,
        attention_eps: float,
    ) -> None:
        super().__init__()
        self.attention_eps = attention_eps
        self.stem = nn.Sequential(*_convolution(3, maps, 5, padding=0), nn.MaxPool2d(2), nn.Dropout(dropout))
        self.recurrent = RecurrentBlock(maps, recurrences)
        self.settle = nn.Sequential(nn.MaxPool2d(2), nn.Dropout(dropout))
        self.pool = nn.AdaptiveAvgPool2d(pool)
        self.classifier = nn.Linear(maps * pool**2, n_classes)
        self.apply(_initialise)

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits (n, n_classes) of maps (n, 3, 28, 28)."""
        # With its channels side by side, a map is convolved, pooled and normalised faster.
        x = self.stem(maps.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2))
        attention = self.attention(x)
        x = self.pool(self.settle(self.recurrent(x)))
        logits: Tensor = self.classifier((x * attention).flatten(1))
        return logits

    def attention(self, x: Tensor) -> Tensor:
        """Return the attention maps (n, 1, pool, pool), 0 to 1, of x (n, maps, height, width).

        The gradient flows through the classifier's weights here too, as in the authors' code.
        """
        pooled: Tensor = self.pool(x)
        weight = self.classifier.weight.reshape(-1, *pooled.shape[1:])
        evidence = torch.einsum("nfhw,cfhw->nchw", pooled, weight) / pooled.shape[1]
        least, largest = evidence.amin((2, 3), keepdim=True), evidence.amax((2, 3), keepdim=True)
        scaled = (evidence - least) / (largest - least + self.attention_eps)
        attention: Tensor = scaled.mean(dim=1, keepdim=True)
        return attention


class RecurrentBlock(nn.Module):
    """y = ReLU(BN(1×1 x)), then ``recurrences`` times y = R(x + y) with one shared R, a 3×3 convolution."""

    def __init__(self, maps: int, recurrences: int) -> None:
        super().__init__()
        self.recurrences = recurrences
        self.first = nn.Sequential(*_convolution(maps, maps, 1, padding=0))
        self.shared = nn.Sequential(*_convolution(maps, maps, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the shape of ``x``, (n, maps, height, width)."""
        y: Tensor = self.first(x)
        for _ in range(self.recurrences):
            y = self.shared(x + y)
        return y


def _convolution(before: int, after: int, side: int, *, padding: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, side, padding=padding), nn.BatchNorm2d(after), nn.ReLU()


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)
