"""The key regions of a face (eyes, nose, lip corners), cut from a flow map and recombined into one small map."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mer_bench.arrays import MAP_SIDE, ByteArray, FloatArray
from mer_bench.vision.choices import LAYOUTS, Tile, layout_tiles
from mer_bench.vision.scaling import as_floats

REGIONS = ("left eye", "right eye", "nose", "left lip corner", "right lip corner")
"""In landmark order; left is the left of the image, where x is smaller."""


def recombine_regions(
    flow: FloatArray | ByteArray, landmarks: FloatArray, layout: str, side: int = MAP_SIDE
) -> FloatArray:
    """Cut a window around each landmark and place the windows in one small map.

    A tile of h×w shows a window of (h·height/side)×(w·width/side) pixels, centred on its landmark. A window that would
    leave the map is shifted back inside. On a map of that side the windows are exact copies; on a larger one they are
    averaged over areas to the tile's size. The values keep their unit (pixels of the full-size map); means of 8-bit
    levels are rounded to 8 bits, and become values from 0 to 1.

    Parameters
    ----------
    flow : ndarray of shape (height, width, 3), float32 or uint8
        Channels (u, v, os).
    landmarks : ndarray of shape (5, 2), float32
        (x, y) in pixels of ``flow``, finite, in the order of `REGIONS`; may lie outside the map.
    layout : str
        One of `LAYOUTS`.
    side : int
        Side of the result in pixels; not larger than ``flow``.

    Returns
    -------
    ndarray of shape (side, side, 3), float32
        Channels (u, v, os).

    Raises
    ------
    MerBenchError
        The layout cannot tile a map of that side.

    References
    ----------
    AHMSA-Net cuts and recombines five regions but does not state how; ``htnet`` is the layout of HTNet's public code.
    """
    height, width = flow.shape[:2]
    recombined = np.empty((side, side, flow.shape[2]), dtype=flow.dtype)
    for tile in layout_tiles(layout, side):
        x, y = (float(coordinate) for coordinate in landmarks[tile.region])
        row, col = (x * height / width, y * width / height) if LAYOUTS[layout].transposed else (y, x)
        window = flow[_span(row, tile.height * height / side, height), _span(col, tile.width * width / side, width)]
        rows, columns = slice(tile.row, tile.row + tile.height), slice(tile.col, tile.col + tile.width)
        recombined[rows, columns] = _fit(window, tile)
    return as_floats(recombined)


TEMPLATE_LANDMARKS: FloatArray = np.array(
    [(9.528, 11.063), (21.396, 10.920), (15.380, 17.381), (10.255, 22.121), (20.584, 22.256)], dtype=np.float32
)
"""(x, y) of `REGIONS` on a 28×28 whole-face map: constants of HTNet's code (its fallback) and of CausalNet's."""
TEMPLATE_LANDMARKS.setflags(write=False)


def _span(centre: float, length: float, extent: int) -> slice:
    # On 28 pixels this is HTNet's own rule: clamp the centre to [7, 21], int(), then 7 pixels to either side.
    size = max(1, round(length))
    start = math.floor(min(max(centre - size / 2, 0.0), extent - size))
    return slice(start, start + size)


def _fit(window: FloatArray | ByteArray, tile: Tile) -> NDArray[np.generic]:
    if window.shape[:2] == (tile.height, tile.width):
        return window
    # Imported here: ready-made maps never need it, and importing OpenCV takes most of a second.
    import cv2

    resized = cv2.resize(np.ascontiguousarray(window), (tile.width, tile.height), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=window.dtype)
