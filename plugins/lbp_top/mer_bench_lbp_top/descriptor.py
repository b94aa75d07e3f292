"""LBP-TOP of a clip: the codes of its three orthogonal planes, and their block histograms."""

from __future__ import annotations

from math import cos, floor, pi, prod, sin

import numpy as np
from numpy.typing import NDArray

from mer_bench import FloatArray, IntArray
from mer_bench_lbp_top.geometry import PLANES, usable_span

Codes = NDArray[np.uint16]

_ULPS = 4
"""Roundings that a difference to a neighbour may be off by, in float32 steps of the lightest grey value.

One is the input's, half a step for each of two grey values. Subtracting, rounding the share and multiplying by it are
half a step each, and the shares sum to one: 1.5. Adding up four corners takes three additions: 1.5.
"""


def lbp_top(
    clip: FloatArray,
    *,
    radii: tuple[int, ...],
    radii_of: str,
    neighbours: tuple[int, ...],
    mapping: str,
    blocks: tuple[int, ...],
    histogram: str,
) -> FloatArray:
    """Describe a clip by the histograms of its local binary patterns on three orthogonal planes.

    Only positions whose neighbours lie inside the clip on all three planes count, so that the three histograms of a
    block describe the same positions. The grid of blocks divides these positions.

    Parameters
    ----------
    clip : ndarray of shape (frames, height, width), float32
        Grey values.
    radii, radii_of, neighbours, mapping, blocks, histogram
        As in the method's spec; ``raw`` codes of P neighbours have 2^P bins, ``uniform`` ones P (P - 1) + 3.

    Returns
    -------
    ndarray of shape (blocks × bins of the three planes,), float32
        Block after block, column by column within row by row within time; of each, the bins of XY, XT and YT.

    Raises
    ------
    MerBenchError
        The clip is too small for the radii or the blocks.

    References
    ----------
    Zhao and Pietikäinen, IEEE TPAMI 29(6), 2007, doi:10.1109/TPAMI.2007.1110.
    """
    spans = [usable_span(axis, size, radii, radii_of, blocks) for axis, size in zip("TYX", clip.shape, strict=True)]
    borders, usable, grid = zip(*spans, strict=True)
    block_of, n_blocks = _block_of_position(usable, grid), prod(grid)
    histograms = []
    for plane, points in zip(PLANES, neighbours, strict=True):
        table, bins = _bin_of_code(points, mapping)
        reach = radii if radii_of == "axes" else (radii[tuple(PLANES).index(plane)],) * 3
        places = block_of * bins + table[plane_codes(clip, plane, points, reach, borders)]
        counts = np.bincount(places.ravel(), minlength=n_blocks * bins).reshape(n_blocks, bins)
        histograms.append(counts / counts.sum(axis=1, keepdims=True) if histogram == "l1" else counts)
    described: FloatArray = np.concatenate(histograms, axis=1).ravel().astype(np.float32)
    return described


def plane_codes(
    clip: FloatArray, plane: str, points: int, radii: tuple[int, ...], borders: tuple[int, ...] | None = None
) -> Codes:
    """Return the local binary pattern of a plane through each position inside the borders.

    Bit p is set where neighbour p is not darker than the centre. Neighbour 0 lies a radius along the plane's columns,
    the others follow counter-clockwise on the ellipse of its two radii; between pixels, grey values are interpolated
    bilinearly.

    Parameters
    ----------
    clip : ndarray of shape (frames, height, width), float32
        Larger than twice the border along each axis.
    plane : str
        ``XY``, ``XT`` or ``YT``; rows are y, time and time, columns x, x and y.
    points : int
        Neighbours, 16 at most.
    radii : tuple of int
        R_X, R_Y, R_T.
    borders : tuple of int, optional
        How far the positions keep from the clip's ends in time, y and x; R_T, R_Y, R_X where not given.

    Returns
    -------
    ndarray of shape (frames - 2 border in time, height - 2 border in y, width - 2 border in x), uint16
    """
    borders = radii[::-1] if borders is None else borders
    centre = _shifted(clip, borders, (0, 0, 0))
    # What is equal but for float32 rounding (a clip without motion, interpolated in time) must count as equal.
    tie = -np.float32(_ULPS * np.finfo(np.float32).eps * np.abs(clip).max())
    codes: Codes = np.zeros(centre.shape, dtype=np.uint16)
    excess, part = np.empty((2, *centre.shape), dtype=np.float32)
    for point in range(points):
        # Interpolating differences to the centre, not grey values, makes flat regions exact ties.
        for number, (shift, share) in enumerate(_corners(plane, 2 * pi * point / points, radii)):
            target = part if number else excess
            np.subtract(_shifted(clip, borders, shift), centre, out=target)
            if share != 1:
                np.multiply(target, np.float32(share), out=target)
            if number:
                np.add(excess, part, out=excess)
        codes |= (excess >= tie).astype(np.uint16) << np.uint16(point)
    return codes


def _corners(plane: str, angle: float, radii: tuple[int, ...]) -> list[tuple[tuple[int, ...], float]]:
    """Return the pixels around a neighbour as steps (time, y, x) from the centre, and their shares of its value.

    The centre itself is left out: it does not differ from itself.
    """
    row_axis, column_axis = PLANES[plane]
    radius = radii[::-1]
    corners = []
    for row, row_share in _fractions(-radius[row_axis] * sin(angle)):
        for column, column_share in _fractions(radius[column_axis] * cos(angle)):
            shift = [0, 0, 0]
            shift[row_axis], shift[column_axis] = row, column
            if any(shift):
                corners.append((tuple(shift), row_share * column_share))
    return corners


def _shifted(clip: FloatArray, borders: tuple[int, ...], shift: tuple[int, ...]) -> FloatArray:
    """Return the grey values that lie ``shift`` (time, y, x) from each position inside the borders."""
    spans = zip(clip.shape, borders, shift, strict=True)
    return clip[tuple(slice(border + by, size - border + by) for size, border, by in spans)]


def _fractions(offset: float) -> list[tuple[int, float]]:
    """Return the whole steps around an offset with their shares; one where it is whole.

    Rounding puts the neighbours that are meant to lie on a pixel there; five digits are scikit-image's too.
    """
    offset = round(offset, 5)
    below = floor(offset)
    share = offset - below
    return [(below, 1.0 - share), (below + 1, share)] if share else [(below, 1.0)]


def _bin_of_code(points: int, mapping: str) -> tuple[IntArray, int]:
    """Return each code's bin and the number of bins; uniform codes in scikit-image's order (``nri_uniform``)."""
    if mapping == "raw":
        return np.arange(2**points, dtype=np.int64), 2**points
    others = points * (points - 1) + 2
    table = np.full(2**points, others, dtype=np.int64)
    table[0], table[-1] = 0, others - 1
    for ones in range(1, points):
        for start in range(points):
            code = sum(1 << (start + step) % points for step in range(ones))
            table[code] = 1 + (ones - 1) * points + -start % points
    return table, others + 1


def _block_of_position(usable: tuple[int, ...], counts: tuple[int, ...]) -> IntArray:
    """Return the number of each position's block; blocks are of equal size to within one position an axis."""
    time, row, column = (np.arange(left) * count // left for left, count in zip(usable, counts, strict=True))
    _, rows, columns = counts
    return (time[:, None, None] * rows + row[:, None]) * columns + column
