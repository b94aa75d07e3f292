"""Clips of the public-domain face of scikit-image, whose brows rise from onset to apex."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import skimage.data

from mer_bench import DataSource, Sample, SampleTable
from mer_bench.cache import content_digest
from mer_bench.databases.base import CLIP, Clip

SAMPLES = {"smic/s1/a": 1.5, "smic/s1/b": 2.5, "smic/s2/a": 0.0}
"""Sample id to how far the brows rise, in pixels."""


@cache
def face_png(rise: float) -> bytes:
    """Return the face, 240×240 RGB, with its brows ``rise`` pixels higher, as a PNG file."""
    image = cv2.resize(skimage.data.astronaut()[10:210, 125:325], (240, 240), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.mgrid[0:240, 0:240].astype(np.float32)
    lift = rise * np.exp(-(((rows - 92) / 18) ** 2) - ((columns - 120) / 45) ** 2)
    moved = cv2.remap(image, columns, (rows + lift).astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return cv2.imencode(".png", cv2.cvtColor(moved, cv2.COLOR_RGB2BGR))[1].tobytes()


class Clips(DataSource):
    """Three clips of five frames, the third of which is the apex; a test may overwrite the files."""

    native = CLIP

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, {})
        self.folder = folder
        for sample_id, rise in SAMPLES.items():
            (folder / sample_id).mkdir(parents=True, exist_ok=True)
            for number, share in enumerate((0.0, 0.5, 1.0, 0.6, 0.2)):
                self.frame(sample_id, number).write_bytes(face_png(rise * share))

    def frame(self, sample_id: str, number: int) -> Path:
        return self.folder / sample_id / f"img{number}.png"

    def read_samples(self) -> SampleTable:
        return SampleTable(Sample(*sample_id.split("/"), "surprise", "memory") for sample_id in SAMPLES)

    def clip(self, sample_id: str) -> Clip:
        return Clip(sample_id, tuple(self.frame(sample_id, number) for number in range(5)), 2)

    def digest(self, sample_id: str) -> str:
        return f"{content_digest(self.clip(sample_id).frames)}, apex 2"
