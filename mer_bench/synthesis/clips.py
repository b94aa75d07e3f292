"""Synthetic recordings: the frames of one clip, and the true motion between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import cv2
import numpy as np

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.synthesis.draws import generator
from mer_bench.synthesis.faces import Face, draw_face
from mer_bench.synthesis.motion import (
    Expression,
    HeadSway,
    Style,
    draw_expression,
    expression_field,
    intensity,
    scaled_to_peak,
)
from mer_bench.synthesis.plans import ClipPlan
from mer_bench.synthesis.warping import move


@dataclass(frozen=True)
class Camera:
    """How a database was recorded.

    Parameters
    ----------
    height, width : int
        Of a frame, in pixels.
    face_width : float
        From ear to ear, in pixels.
    noise : float
        Standard deviation of the sensor's noise, in grey levels.
    flicker : float
        Relative amplitude of the light's brightness.
    grey : bool
        Whether frames have no colour.
    rest : float
        Share of the apex's expression that remains at the offset.
    """

    height: int
    width: int
    face_width: float
    noise: float
    flicker: float = 0.0
    grey: bool = False
    rest: float = 0.2


# SMIC annotates no apex and the field uses the offset, so the face must still be moving there; the release is known
# for its flickering light.
CAMERAS: Mapping[str, Camera] = MappingProxyType(
    {
        "smic": Camera(256, 288, 150.0, 2.0, flicker=0.01, rest=0.75),
        "samm": Camera(320, 320, 190.0, 1.2, grey=True),
        "casme2": Camera(288, 352, 170.0, 1.0),
        "casme3": Camera(320, 320, 180.0, 1.6),
    }
)


class Recording:
    """One clip, rendered frame by frame; a frame depends only on its own number, not on those rendered before.

    The seed and the plan's names determine person, expression, sway and noise.
    """

    def __init__(self, plan: ClipPlan, seed: int) -> None:
        self.camera = CAMERAS[plan.database]
        self._plan = plan
        self._seed = seed
        self._face = face_of(seed, plan.database, plan.subject)
        self._sway = HeadSway(self._rng("sway"), self.camera.height, self.camera.width)
        expression = expression_of(plan, seed)
        shape = expression_field(self._face, expression, style_of(seed, plan.database, plan.subject))
        measured = plan.measured_frame
        peak = scaled_to_peak(shape, self._sway.field(measured - plan.onset), expression.peak)
        self._field = peak / np.float32(self._intensity(measured))

    def motion(self, frame: int) -> FloatArray:
        """Return the true displacement from the onset frame to ``frame``.

        Returns
        -------
        ndarray of shape (height, width, 2), float32
            (u, v) in pixels, u to the right, v down, at the pixels of the onset frame: what is seen at x in the onset
            frame is seen at x + motion[x] in the other.
        """
        sway = self._sway.field(frame - self._plan.onset)
        return np.asarray(np.float32(self._intensity(frame)) * self._field + sway, dtype=np.float32)

    def frame(self, number: int) -> ByteArray:
        """Return one frame: (height, width, 3) RGB, or (height, width) from a camera without colour; uint8."""
        scene = move(self._face.image, self.motion(number))
        if self.camera.grey:
            scene = np.asarray(cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY), dtype=np.float32)
        rng = self._rng(f"noise {number}")
        noise = rng.standard_normal(scene.shape, dtype=np.float32) * np.float32(self.camera.noise)
        return np.clip(np.rint(scene * self._brightness(number) + noise), 0, 255).astype(np.uint8)

    def _intensity(self, frame: int) -> float:
        return intensity(frame, self._plan.onset, self._plan.apex, self._plan.offset, self.camera.rest)

    def _brightness(self, number: int) -> np.float32:
        # Light that pulses 100 times a second, sampled at nearly 100 frames a second, appears as a slow beat.
        phase, beat = self._rng("light").uniform((0.0, 0.25), (2.0 * np.pi, 0.6))
        return np.float32(1.0 + self.camera.flicker * np.sin(phase + beat * (number - self._plan.onset)))

    def _rng(self, purpose: str) -> np.random.Generator:
        return _clip_generator(self._plan, self._seed, purpose)


def expression_of(plan: ClipPlan, seed: int) -> Expression:
    """Return the expression of a clip; the workbook states its action units."""
    style = style_of(seed, plan.database, plan.subject)
    return draw_expression(_clip_generator(plan, seed, "expression"), plan.kind, style)


def style_of(seed: int, database: str, subject: str) -> Style:
    """Return how a person moves."""
    return Style.draw(generator(seed, database, subject, "style"))


# Clips are rendered subject by subject: with a few faces in memory, each is drawn only once.
@lru_cache(maxsize=4)
def face_of(seed: int, database: str, subject: str) -> Face:
    """Return a person's face as the database's camera sees it."""
    camera = CAMERAS[database]
    return draw_face(generator(seed, database, subject, "face"), camera.height, camera.width, camera.face_width)


def _clip_generator(plan: ClipPlan, seed: int, purpose: str) -> np.random.Generator:
    return generator(seed, plan.database, plan.subject, plan.clip, purpose)
