"""A moving face, mirrored or rotated in front of the camera, and the maps that preprocessing makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.strain import stack_strain
from mer_bench.vision.alignment import CROP_LANDMARKS, align, transform_points
from mer_bench.vision.optical_flow import FLOW_MARGIN, optical_flow
from mer_bench.vision.regions import recombine_regions
from mer_bench.vision.scaling import scale_map
from support.portrait import PORTRAIT

SIZE = 196
"""Seven times the side of a small map: windows then have an even number of pixels."""
_FRAME = SIZE + 2 * FLOW_MARGIN
_OFF_AVERAGE = np.array([(3, -2), (-1, 4), (2, 1), (-4, 3), (5, -3)], dtype=np.float32)
_KEY_POINTS: FloatArray = np.rint(CROP_LANDMARKS * SIZE) + _OFF_AVERAGE


@dataclass(frozen=True)
class Recorded:
    """Onset and apex frame with the margin of flow around the face, and the key points in the face's pixels."""

    onset: ByteArray
    apex: ByteArray
    key_points: FloatArray

    def mirrored(self, off: int) -> Recorded:
        """The same face in a mirror: its left eye is the other's right eye.

        Parameters
        ----------
        off : int
            1 for the exact mirror image of the key points. The start of a window is rounded down, so that it lies up to
            two pixels beside the mirrored one; 0 moves the key points so that windows are mirrored.
        """
        x, y = self.key_points.T
        swapped = np.stack((SIZE - off - x, y), axis=1)[[1, 0, 2, 4, 3]]
        return Recorded(self.onset[:, ::-1], self.apex[:, ::-1], swapped.astype(np.float32))

    def rotated(self, degrees: float) -> Recorded:
        """The same face with a tilted head, clockwise on the screen."""
        middle = (_FRAME - 1) / 2
        # OpenCV's angles are counter-clockwise.
        turn = cv2.getRotationMatrix2D((middle, middle), -degrees, 1.0)
        frames = [
            np.asarray(cv2.warpAffine(each, turn, (_FRAME, _FRAME), borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)
            for each in (self.onset, self.apex)
        ]
        points = transform_points(self.key_points + FLOW_MARGIN, turn.astype(np.float32)) - FLOW_MARGIN
        return Recorded(frames[0], frames[1], points.astype(np.float32))

    def map(self, layout: str, scale: str = "physical", side: int = 28) -> torch.Tensor:
        """Return what preprocessing makes of it, (1, 3, side, side)."""
        flow = stack_strain(optical_flow(self.onset, self.apex, "farneback"))
        inside = slice(FLOW_MARGIN, FLOW_MARGIN + SIZE)
        scaled = scale_map(np.ascontiguousarray(flow[inside, inside]), scale)
        made = recombine_regions(scaled, self.key_points, layout, side)
        return torch.from_numpy(np.ascontiguousarray(np.moveaxis(made, -1, 0)))[None]


@cache
def recorded() -> Recorded:
    """The portrait, whose left brow rises outwards, right lip corner sinks, and nose moves to the right."""
    zoom = np.array([[2.0, 0.0, -350.0], [0.0, 2.0, -148.0]], dtype=np.float32)
    onset = align(PORTRAIT, zoom, SIZE, FLOW_MARGIN)
    rows, columns = np.mgrid[:_FRAME, :_FRAME].astype(np.float32)
    x, y = columns.copy(), rows.copy()
    for at, by, width in (((70, 65), (-2.0, -2.6), 26), ((150, 150), (0.7, 3.0), 24), ((110, 118), (2.4, 0.4), 20)):
        weight = np.exp(-((columns - at[0]) ** 2 + (rows - at[1]) ** 2) / (2 * width**2))
        x -= by[0] * weight
        y -= by[1] * weight
    apex = cv2.remap(onset, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return Recorded(onset, np.asarray(apex, dtype=np.uint8), _KEY_POINTS)
