"""The scale of a flow map: physical units, or each channel of each map by its own range, as public maps are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.vision.choices import PHYSICAL

_LEVELS = 255


def scale_map(flow: FloatArray, scale: str) -> FloatArray | ByteArray:
    """Scale a full-size map, before it is shrunk or cut.

    By map, a channel's least value becomes 0 and its largest 1 (255 in 8 bits); magnitude and the level of no motion
    are lost. A constant channel has no range and becomes 0, as by OpenCV's ``normalize``, whatever its value was.

    Parameters
    ----------
    flow : ndarray of shape (height, width, 3), float32
        Channels (u, v, os).
    scale : str
        One of `SCALES`.

    Returns
    -------
    ndarray of shape (height, width, 3), float32 or uint8
        uint8 for ``per-map-8bit``.
    """
    if scale == PHYSICAL:
        return flow
    exact = flow.astype(np.float64)
    least, largest = exact.min(axis=(0, 1)), exact.max(axis=(0, 1))
    spread = np.where(largest > least, largest - least, 1.0)
    unit = (exact - least) / spread
    if scale == "per-map":
        return np.asarray(unit, dtype=np.float32)
    return np.asarray(np.rint(unit * _LEVELS), dtype=np.uint8)


def as_floats(image: NDArray[np.generic]) -> FloatArray:
    """Return a map as float32: 8-bit levels divided by 255, floats as they are."""
    if image.dtype == np.uint8:
        return np.asarray(image, dtype=np.float32) / np.float32(_LEVELS)
    return np.asarray(image, dtype=np.float32)
