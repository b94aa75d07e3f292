"""Which layout networks take their maps for: of correct ones the maps' own, however they combine pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mer_bench.isolation import isolated
from mer_bench.testing.input_layout import LAYOUTS, misread_as
from mer_bench.testing.samples import make_sample


class Tokens(nn.Module):
    """Attention among tokens that are cut from the maps."""

    def __init__(self, cut: Callable[[Tensor], Tensor], size: int) -> None:
        super().__init__()
        self.cut = cut
        self.embed = nn.Linear(size, 32)
        self.attend = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
        self.head = nn.Linear(32, 3)

    def forward(self, maps: Tensor) -> Tensor:
        logits: Tensor = self.head(self.attend(self.embed(self.cut(maps))).mean(1))
        return logits


class Sum(nn.Module):
    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, maps: Tensor) -> Tensor:
        return torch.stack([branch(maps) for branch in self.branches]).sum(dim=0)


class Coordinates(nn.Module):
    """Coordinate attention: gates by the means of rows and of columns."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.columns, self.head = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Linear(28 * 28 * 3, 3)

    def forward(self, maps: Tensor) -> Tensor:
        rows = self.rows(maps.mean(3, keepdim=True)).sigmoid()
        columns = self.columns(maps.mean(2, keepdim=True)).sigmoid()
        logits: Tensor = self.head((maps * rows * columns).flatten(1))
        return logits


class Behind(nn.Module):
    def __init__(self, wrong: Callable[[Tensor], Tensor], network: nn.Module) -> None:
        super().__init__()
        self.wrong, self.network = wrong, network

    def forward(self, maps: Tensor) -> Tensor:
        logits: Tensor = self.network(self.wrong(maps))
        return logits


def strip(height: int, width: int) -> nn.Module:
    """Return a convolution over whole rows or columns."""
    return nn.Sequential(nn.Conv2d(3, 12, (height, width)), nn.ReLU(), nn.Flatten(), nn.Linear(12 * 28, 3))


def convolution(groups: int = 1) -> nn.Module:
    """Return a small convolutional network; with 3 groups it treats the channels apart."""
    first, second = nn.Conv2d(3, 12, 3, padding=1, groups=groups), nn.Conv2d(12, 12, 3, padding=1, groups=groups)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.AvgPool2d(7), nn.Flatten(), nn.Linear(12 * 16, 3))


CORRECT = {
    "rows as tokens": lambda: Tokens(lambda maps: maps.permute(0, 2, 1, 3).flatten(2), 84),
    "patches as tokens": lambda: Tokens(lambda maps: nn.functional.unfold(maps, 7, stride=7).transpose(1, 2), 147),
    "whole rows": lambda: strip(1, 28),
    "whole rows and whole columns": lambda: Sum(strip(1, 28), strip(28, 1)),
    "coordinate attention": Coordinates,
    "a convolution": convolution,
    "a convolution of channels apart": lambda: convolution(3),
    "a perceptron": lambda: nn.Sequential(nn.Flatten(), nn.Linear(28 * 28 * 3, 16), nn.ReLU(), nn.Linear(16, 3)),
}
RESHAPED: dict[str, Callable[[Tensor], Tensor]] = {
    "(height, width, channels)": lambda maps: maps.reshape(-1, 28, 28, 3).permute(0, 3, 1, 2),
    "(channels, height, width) after a permutation": lambda maps: maps.permute(0, 2, 3, 1).reshape(-1, 3, 28, 28),
}


@cache
def maps() -> Tensor:
    samples = np.stack([make_sample("face-flow", {}, index) for index in range(4)])
    made = torch.from_numpy(samples).permute(0, 3, 1, 2).contiguous()
    return (made - made.mean(dim=(0, 2, 3), keepdim=True)) / made.std(dim=(0, 2, 3), keepdim=True)


def misread(build: Callable[[], nn.Module]) -> str | None:
    with isolated(1):
        return misread_as(build(), maps())


@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_network_takes_its_maps_for_what_they_are(name: str) -> None:
    assert misread(CORRECT[name]) is None


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("layout", RESHAPED)
def test_a_convolution_behind_a_wrong_reshape_is_recognised(layout: str, groups: int) -> None:
    assert misread(lambda: Behind(RESHAPED[layout], convolution(groups))) == layout


def test_every_wrong_layout_has_a_reshape_here() -> None:
    assert list(LAYOUTS)[1:] == list(RESHAPED)
