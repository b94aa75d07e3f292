"""Synthetic clips in memory, with their true motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.synthesis.clips import Recording
from mer_bench.synthesis.plans import ClipPlan


@dataclass(frozen=True)
class RenderedClip:
    """Frames from onset to offset, the index of the apex frame, and the true motion from onset to apex."""

    frames: tuple[ByteArray, ...]
    apex: int
    motion: FloatArray


class BarePlan(ClipPlan):
    """A clip with any name, whose key frame is its apex in every database."""

    @property
    def clip(self) -> str:
        return self.name

    @property
    def key_frame(self) -> int:
        return self.apex


class StillRecording(Recording):
    """A face that does not move, recorded with the sensor's noise."""

    def motion(self, frame: int) -> FloatArray:
        return np.zeros((self.camera.height, self.camera.width, 2), dtype=np.float32)


def render_clip(
    database: str, subject: str, clip: str, kind: str, *, length: int = 9, apex: int = 4, still: bool = False
) -> RenderedClip:
    """Render a clip whose first frame is the onset, and whose frame ``apex`` shows the strongest expression."""
    maker = StillRecording if still else Recording
    recording = maker(BarePlan(database, subject, clip, kind, kind, 0, apex, length - 1), seed=0)
    return RenderedClip(tuple(recording.frame(n) for n in range(length)), apex, recording.motion(apex))
