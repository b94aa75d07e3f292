"""The array types used in signatures, and the shape of the maps that most methods take."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]
StringArray = NDArray[np.str_]

MAP_SIDE = 28
"""Height and width of a ready-made map, as the field's networks expect."""

FLOW_CHANNELS = ("u", "v", "os")
"""A map's channels: horizontal and vertical displacement, and optical strain."""
