"""The array types used in signatures, and the shape of the maps that most methods take."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
ByteArray = NDArray[np.uint8]
StringArray = NDArray[np.str_]
MapArray = TypeVar("MapArray", FloatArray, ByteArray)
"""A flow map in floats or in 8 bits, where the result is of the same type."""

MAP_SIDE = 28
"""Height and width of a ready-made map, as the field's networks expect."""

FLOW_CHANNELS = ("u", "v", "os")
"""A map's channels: horizontal and vertical displacement, and optical strain."""
