"""Synthetic clips in memory, with the motion that is truly in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.synthesis.clips import Recording
from mer_bench.synthesis.plans import ClipPlan


@dataclass(frozen=True)
class RenderedClip:
    """Frames from onset to offset, the key frame's place among them, and the true motion from the first to it."""

    frames: tuple[ByteArray, ...]
    apex: int
    motion: FloatArray


class BarePlan(ClipPlan):
    """A clip of any name that is compared at its apex, whatever the database."""

    @property
    def clip(self) -> str:
        return self.name

    @property
    def key_frame(self) -> int:
        return self.apex


class StillRecording(Recording):
    """A face that does not move at all, under the sensor's noise."""

    def motion(self, frame: int) -> FloatArray:
        return np.zeros((self.camera.height, self.camera.width, 2), dtype=np.float32)


def render_clip(
    database: str, subject: str, clip: str, kind: str, *, length: int = 9, apex: int = 4, still: bool = False
) -> RenderedClip:
    """Render a clip whose first frame is its onset, and whose frame ``apex`` is strongest and is compared with it."""
    maker = StillRecording if still else Recording
    recording = maker(BarePlan(database, subject, clip, kind, kind, 0, apex, length - 1), seed=0)
    return RenderedClip(tuple(recording.frame(n) for n in range(length)), apex, recording.motion(apex))
