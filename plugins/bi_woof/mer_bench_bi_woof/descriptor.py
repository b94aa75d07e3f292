"""The bi-weighted oriented optical flow of one flow field."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mer_bench import FloatArray, IntArray

_Doubles = NDArray[np.float64]


def bi_woof(flow: FloatArray, blocks: tuple[int, int], bins: int, overlap: int, remainder: str) -> FloatArray:
    """Return where a face moves, and in which directions: one histogram of orientations per block, weighted twice.

    Within a block, each pixel votes for the bin of its direction with the length of its motion (local weight), and
    the votes are divided by their sum. The histogram is then multiplied by the sum of the block's strain (global
    weight). All blocks' histograms, one after the other, are scaled to Euclidean length 1.

    The direction is atan2(v, u). With v downwards, it turns clockwise on the screen: 0 degrees is to the right, 90
    down, -90 up and -180 to the left. Bin b holds -180 + 360 b / ``bins`` degrees and what follows up to bin b + 1.

    Parameters
    ----------
    flow : ndarray of shape (height, width, 3), float32
        Channels (u, v, os): displacement, u to the right and v down, and optical strain. Their units cancel.
    blocks, bins, overlap, remainder
        As in the method's spec; no more blocks along a side than the map has pixels.

    Returns
    -------
    ndarray of shape (rows * columns * bins,), float32
        Blocks row by row, bins within. A block without motion or strain is zero, and so is a map without either.

    References
    ----------
    Liong, See, Wong and Phan 2018, doi:10.1016/j.image.2017.11.006.
    """
    u, v, strain = np.moveaxis(flow.astype(np.float64), -1, 0)
    rows, columns = (
        _members(_edges(pixels, count, remainder), overlap)
        for pixels, count in zip(flow.shape[:2], blocks, strict=True)
    )
    of_bin = np.arange(bins)[:, None, None] == _bin_of(u, v, bins)
    votes = rows @ (of_bin * np.hypot(u, v)) @ columns.T
    local = _divide(votes, votes.sum(axis=0))
    weighted = np.moveaxis(local * (rows @ strain @ columns.T), 0, -1).ravel()
    return _divide(weighted, np.sqrt((weighted**2).sum())).astype(np.float32)


def _bin_of(u: _Doubles, v: _Doubles, bins: int) -> _Doubles:
    turned = (np.degrees(np.arctan2(v, u)) + 180) / 360
    # 180 degrees, which atan2 gives where v is +0, is -180.
    return np.asarray(np.floor(turned * bins) % bins, dtype=np.float64)


def _edges(pixels: int, blocks: int, remainder: str) -> IntArray:
    """Return where each block begins along one side, and where the last one ends."""
    if remainder == "spread":
        return np.arange(blocks + 1) * pixels // blocks
    return np.append(np.arange(blocks) * (pixels // blocks), pixels)


def _members(edges: IntArray, overlap: int) -> _Doubles:
    """Return a matrix (blocks, pixels) of ones where a pixel belongs to a block along one side, else zeros."""
    place = np.arange(edges[-1])
    inside = (place >= edges[:-1, None] - overlap) & (place < edges[1:, None] + overlap)
    return inside.astype(np.float64)


def _divide(values: _Doubles, by: _Doubles | np.float64) -> _Doubles:
    return np.divide(values, by, out=np.zeros_like(values), where=np.asarray(by) > 0)
