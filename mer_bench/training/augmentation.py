"""Augmentation of a batch on the device: of maps of optical flow, whose vectors turn with the face, or of frames.

Each sample draws its own changes, all of them from the fold's `Draws`: no number depends on what else is in a stack.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mer_bench.methods.augmentation_config import AugmentationConfig
from mer_bench.methods.draws import Draws
from mer_bench.methods.input_kind import InputKind
from mer_bench.vision.choices import PHYSICAL, UNKNOWN_SCALE, WHOLE_FACE, layout_tiles

_ERASED = (1 / 8, 1 / 2)
"""The least and the largest side of an erased rectangle, as a share of the map's."""
_WHITE = 255.0


class Augmenter:
    """Changes batches before they are normalised. Its calls work under ``torch.vmap`` over the key of the draws.

    Create it before a CUDA graph is captured: it keeps tables on the device.

    Parameters
    ----------
    config : AugmentationConfig
    kind : InputKind
    height, width : int
        Of a map or a frame, in pixels.
    device : torch.device or str

    Raises
    ------
    MerBenchError
        The inputs are of a kind that one of the settings would make wrong.
    """

    def __init__(
        self, config: AugmentationConfig, kind: InputKind, height: int, width: int, device: torch.device | str
    ) -> None:
        config.check(kind)
        self._config = config
        self._kind = kind
        self._tiles = _Tiles.of(kind, height, width, device)

    def __call__(self, inputs: Tensor, draws: Draws) -> Tensor:
        """Return a changed copy; the inputs themselves if nothing is switched on.

        Parameters
        ----------
        inputs : Tensor of shape (n, 3, height, width) or (n, 1, length, height, width), float32
            Maps with the channels u, v and strain, or clips, not normalised. All frames of a clip are moved in the
            same way, because anything else would be motion; each has noise of its own, as a sensor's is.
        draws : Draws
        """
        config, x = self._config, inputs
        if config.flip:
            x = torch.where(_each(draws.happens(config.flip, (len(x),)), x), mirrored(x, self._kind), x)
        if config.shift or config.rotation:
            x = self._moved(x, draws)
        if config.noise:
            x = _within_range(x + config.noise * _spread(x, self._kind) * draws.normal(x.shape), self._kind)
        if config.erasing:
            x = torch.where(_erased(x, draws, config.erasing), _nothing(x, self._kind), x)
        return x

    def _moved(self, x: Tensor, draws: Draws) -> Tensor:
        most = self._config.shift
        shifts = draws.below(2 * most + 1, (len(x), 2)) - most if most else x.new_zeros((len(x), 2))
        if not self._config.rotation:
            return moved(x, shifts, self._tiles)
        largest = math.radians(self._config.rotation)
        return rotated(x, shifts, draws.uniform((len(x),), -largest, largest), self._tiles, self._kind)


class _Tiles(NamedTuple):
    """For each pixel, (height, width): its own place, and the borders and the middle of its region's tile."""

    row: Tensor
    column: Tensor
    top: Tensor
    bottom: Tensor
    left: Tensor
    right: Tensor

    @classmethod
    def of(cls, kind: InputKind, height: int, width: int, device: torch.device | str) -> _Tiles:
        """Return the tiles of a layout. Only a map of regions has one that is not itself, and it is square."""
        row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        tiles = cls(row, column, *(torch.zeros(height, width, dtype=torch.int64) for _ in range(4)))
        corners = [(0, 0, height, width)]
        if kind.layout != WHOLE_FACE:
            corners = [(tile.row, tile.col, tile.height, tile.width) for tile in layout_tiles(kind.layout, height)]
        for top, left, high, wide in corners:
            inside = slice(top, top + high), slice(left, left + wide)
            tiles.top[inside], tiles.bottom[inside] = top, top + high - 1
            tiles.left[inside], tiles.right[inside] = left, left + wide - 1
        return cls(*(table.to(device) for table in tiles))


def mirrored(x: Tensor, kind: InputKind) -> Tensor:
    """Mirror maps or frames left to right.

    Regions change sides with it: every layout but the transposed one is symmetric. In a map scaled by its own range,
    -u is 1 - u, because what was least is now largest; a channel without any range is 0, and stays so.
    """
    turned = x.flip(-1)
    if kind.is_frames:
        return turned
    u, others = turned[:, :1], turned[:, 1:]
    if kind.scale == PHYSICAL:
        return torch.cat((-u, others), 1)
    has_range = u.amax((-2, -1), keepdim=True) > u.amin((-2, -1), keepdim=True)
    return torch.cat((torch.where(has_range, 1 - u, u), others), 1)


def moved(x: Tensor, shifts: Tensor, tiles: _Tiles) -> Tensor:
    """Move each sample by its own whole pixels, (n, 2) of x and y, inside the tiles.

    What enters at a rim repeats the rim, as alignment repeats a frame's border: zeros would be an edge of motion that
    no face has, and in maps scaled by their own range no zero means rest. In a map of regions, the regions move inside
    their tiles: their windows follow the face, so what moves in a recombined map is what its key points are off by.
    """
    x_shift, y_shift = (shifts[:, i, None, None].to(torch.int64) for i in range(2))
    row = torch.clamp(tiles.row - y_shift, tiles.top, tiles.bottom)
    column = torch.clamp(tiles.column - x_shift, tiles.left, tiles.right)
    return _taken(x, row, column)


def rotated(x: Tensor, shifts: Tensor, angles: Tensor, tiles: _Tiles, kind: InputKind) -> Tensor:
    """Rotate each sample around the middle of its tiles, and move it, with one linear interpolation.

    Angles are in radians, positive from x (to the right) to y (down). The vectors of a map turn by the same angle;
    strain is a magnitude and only moves.
    """
    cos, sin = (turn[:, None, None] for turn in (angles.cos(), angles.sin()))
    x_shift, y_shift = (shifts[:, i, None, None].to(torch.float32) for i in range(2))
    across, down = (tiles.left + tiles.right) / 2, (tiles.top + tiles.bottom) / 2
    from_x, from_y = tiles.column - across - x_shift, tiles.row - down - y_shift
    column = torch.clamp(across + cos * from_x + sin * from_y, tiles.left, tiles.right)
    row = torch.clamp(down - sin * from_x + cos * from_y, tiles.top, tiles.bottom)
    top, left = row.floor().to(torch.int64), column.floor().to(torch.int64)
    bottom, right = torch.minimum(top + 1, tiles.bottom), torch.minimum(left + 1, tiles.right)
    below, beyond = _each(row - top, x, 2), _each(column - left, x, 2)
    upper = torch.lerp(_taken(x, top, left), _taken(x, top, right), beyond)
    lower = torch.lerp(_taken(x, bottom, left), _taken(x, bottom, right), beyond)
    turned = torch.lerp(upper, lower, below)
    if kind.is_frames:
        return turned
    u, v = turned[:, 0], turned[:, 1]
    return torch.cat((torch.stack((cos * u - sin * v, sin * u + cos * v), 1), turned[:, 2:]), 1)


def _taken(x: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Return each sample's pixels at its own rows and columns (n, height, width), from all of its planes."""
    height, width = x.shape[-2:]
    planes = x.reshape(len(x), -1, height * width)
    index = (row * width + column).reshape(len(x), 1, -1).expand(planes.shape)
    return planes.gather(2, index).reshape(x.shape)


def _within_range(x: Tensor, kind: InputKind) -> Tensor:
    """Return noisy inputs inside the range that their kind can have."""
    if kind.is_frames:
        return x.clamp(0, _WHITE)
    if kind.scale == PHYSICAL:
        return torch.cat((x[:, :2], x[:, 2:].clamp(min=0)), 1)
    return x if kind.scale == UNKNOWN_SCALE else x.clamp(0, 1)


def _erased(x: Tensor, draws: Draws, probability: float) -> Tensor:
    """Return which pixels are erased: of some samples, a rectangle of its own."""
    inside = _each(draws.happens(probability, (len(x),)), x)
    for axis in (-2, -1):
        extent = x.shape[axis]
        length = (draws.uniform((len(x),), *_ERASED) * extent).floor().clamp(min=1)
        start = (draws.uniform((len(x),)) * (extent - length + 1)).floor()
        place = torch.arange(extent, device=x.device)
        place = place[:, None] if axis == -2 else place
        first = _each(start, x)
        inside = inside & (place >= first) & (place < first + _each(length, x))
    return inside


def _nothing(x: Tensor, kind: InputKind) -> Tensor:
    """Return what an erased pixel shows: no motion, or the mean where what means rest is unknown."""
    if not kind.is_frames and kind.scale == PHYSICAL:
        return torch.zeros_like(x)
    # In float64, because the order of a sum depends on the shape of the whole stack; rounded, it does not.
    return x.mean(_plane(kind), keepdim=True, dtype=torch.float64).to(x.dtype)


def _spread(x: Tensor, kind: InputKind) -> Tensor:
    """Return each plane's largest value minus its least, which no order of summation can change."""
    return x.amax(_plane(kind), keepdim=True) - x.amin(_plane(kind), keepdim=True)


def _plane(kind: InputKind) -> tuple[int, ...]:
    """Return the axes that are measured together: of a map's channel, or of a whole clip."""
    return (-3, -2, -1) if kind.is_frames else (-2, -1)


def _each(values: Tensor, x: Tensor, kept: int = 0) -> Tensor:
    """Return one value a sample, or one a pixel if the last two axes are kept, in a shape that fits the inputs."""
    last = values.shape[values.dim() - kept :] if kept else (1, 1)
    return values.reshape(len(values), *(1,) * (x.dim() - 3), *last)
