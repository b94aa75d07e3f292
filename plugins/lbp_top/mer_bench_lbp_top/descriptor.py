"""LBP-TOP of a clip: the codes of its three orthogonal planes, and their block histograms."""

from __future__ import annotations

from math import cos, floor, pi, prod, sin

import numpy as np
from numpy.typing import NDArray

from mer_bench import FloatArray, IntArray, MerBenchError

Codes = NDArray[np.uint16]

PLANES = {"XY": (1, 2), "XT": (0, 2), "YT": (0, 1)}
"""The axes of a clip (time, y, x) that are a plane's rows and columns."""

_ULPS = 4


def lbp_top(
    clip: FloatArray,
    radii: tuple[int, ...],
    neighbours: tuple[int, ...],
    mapping: str,
    blocks: tuple[int, ...],
    histogram: str,
) -> FloatArray:
    """Describe a clip by the histograms of its local binary patterns on three orthogonal planes.

    Only positions whose neighbours lie inside the clip on all three planes count, so that the three histograms of a
    block tell of the same positions. The grid of blocks divides these positions.

    Parameters
    ----------
    clip : ndarray of shape (frames, height, width), float32
        Grey values.
    radii : tuple of int
        R_X, R_Y, R_T.
    neighbours : tuple of int
        P_XY, P_XT, P_YT.
    mapping : str
        ``raw`` for 2^P bins, or ``uniform`` for P (P - 1) + 3.
    blocks : tuple of int
        Rows, columns and blocks in time.
    histogram : str
        ``l1`` for histograms that sum to one, or ``counts``.

    Returns
    -------
    ndarray of shape (blocks × bins of the three planes,), float32
        Block after block, column by column within row by row within time; of each, the bins of XY, XT and YT.

    Raises
    ------
    MerBenchError
        A setting has not three values, or the clip is too small for the radii or the blocks.

    References
    ----------
    Zhao and Pietikäinen, IEEE TPAMI 29(6), 2007, doi:10.1109/TPAMI.2007.1110.
    """
    for name, values in (("radii", radii), ("neighbours", neighbours), ("blocks", blocks)):
        if len(values) != 3:
            raise MerBenchError(f"lbp-top: {name}={_listed(values)} has {len(values)} values; give three")
    usable = _usable_positions(clip.shape, radii)
    block_of, n_blocks = _block_of_position(usable, blocks, radii)
    histograms = []
    for plane, points in zip(PLANES, neighbours, strict=True):
        table, bins = _bin_of_code(points, mapping)
        places = block_of * bins + table[plane_codes(clip, plane, points, radii)]
        counts = np.bincount(places.ravel(), minlength=n_blocks * bins).reshape(n_blocks, bins)
        histograms.append(counts / counts.sum(axis=1, keepdims=True) if histogram == "l1" else counts)
    described: FloatArray = np.concatenate(histograms, axis=1).ravel().astype(np.float32)
    return described


def plane_codes(clip: FloatArray, plane: str, points: int, radii: tuple[int, ...]) -> Codes:
    """Return the local binary pattern of a plane through each usable position.

    Bit p is set where neighbour p is not darker than the centre. Neighbour 0 lies a radius along the plane's columns,
    the others follow counter-clockwise on the ellipse of its two radii; between pixels, grey values are interpolated
    bilinearly.

    Parameters
    ----------
    clip : ndarray of shape (frames, height, width), float32
        Larger than twice the radius along each axis.
    plane : str
        ``XY``, ``XT`` or ``YT``; rows are y, time and time, columns x, x and y.
    points : int
        Neighbours, 16 at most.
    radii : tuple of int
        R_X, R_Y, R_T.

    Returns
    -------
    ndarray of shape (frames - 2 R_T, height - 2 R_Y, width - 2 R_X), uint16
    """
    borders = radii[::-1]
    centre = _shifted(clip, borders, (0, 0, 0))
    # What is equal but for float32 rounding (a clip that stands still, interpolated in time) must count as equal.
    tie = -np.float32(_ULPS * np.finfo(np.float32).eps * np.abs(clip).max())
    codes: Codes = np.zeros(centre.shape, dtype=np.uint16)
    excess, part = np.empty((2, *centre.shape), dtype=np.float32)
    for point in range(points):
        # Interpolating differences to the centre, not grey values, makes flat regions exact ties.
        for number, (shift, share) in enumerate(_corners(plane, 2 * pi * point / points, borders)):
            target = part if number else excess
            np.subtract(_shifted(clip, borders, shift), centre, out=target)
            if share != 1:
                np.multiply(target, np.float32(share), out=target)
            if number:
                np.add(excess, part, out=excess)
        codes |= (excess >= tie).astype(np.uint16) << np.uint16(point)
    return codes


def _corners(plane: str, angle: float, borders: tuple[int, ...]) -> list[tuple[tuple[int, ...], float]]:
    """Return the pixels around a neighbour as steps (time, y, x) from the centre, and their shares of its value.

    The centre itself is left out: it does not differ from itself.
    """
    row_axis, column_axis = PLANES[plane]
    corners = []
    for row, row_share in _fractions(-borders[row_axis] * sin(angle)):
        for column, column_share in _fractions(borders[column_axis] * cos(angle)):
            shift = [0, 0, 0]
            shift[row_axis], shift[column_axis] = row, column
            if any(shift):
                corners.append((tuple(shift), row_share * column_share))
    return corners


def _shifted(clip: FloatArray, borders: tuple[int, ...], shift: tuple[int, ...]) -> FloatArray:
    """Return the grey values that lie ``shift`` (time, y, x) from each usable position."""
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


def _usable_positions(shape: tuple[int, ...], radii: tuple[int, ...]) -> tuple[int, ...]:
    usable = tuple(size - 2 * radius for size, radius in zip(shape, radii[::-1], strict=True))
    cures = ("--set length", "--prepare size", "--prepare size")
    for axis, size, left, cure in zip("TYX", shape, usable, cures, strict=True):
        if left < 1:
            raise MerBenchError(
                f"lbp-top: radii={_listed(radii)} leave no position whose neighbours lie inside the clip, which is "
                f"{size} long along {axis}; set a smaller R_{axis}, or {cure}={size - left + 1} or more"
            )
    return usable


def _block_of_position(
    usable: tuple[int, ...], blocks: tuple[int, ...], radii: tuple[int, ...]
) -> tuple[IntArray, int]:
    """Return the number of each position's block; blocks are of equal size to within one position an axis."""
    rows, columns, times = blocks
    counts = (times, rows, columns)
    for axis, count, left in zip("TYX", counts, usable, strict=True):
        if count > left:
            raise MerBenchError(
                f"lbp-top: blocks={_listed(blocks)} (rows,columns,temporal) ask for {count} blocks along {axis}, where "
                f"radii={_listed(radii)} leave {left} positions; ask for at most {left}, or for a larger clip"
            )
    time, row, column = (np.arange(left) * count // left for left, count in zip(usable, counts, strict=True))
    return (time[:, None, None] * rows + row[:, None]) * columns + column, prod(blocks)


def _listed(values: tuple[int, ...]) -> str:
    return ",".join(map(str, values))
