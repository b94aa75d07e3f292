"""Made-up recordings: the frames of one clip, with the motion that is truly in them."""

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
        Share by which the light's brightness swings.
    grey : bool
        Whether frames have no colour.
    rest : float
        Share of the apex's expression that is left at the offset.
    """

    height: int
    width: int
    face_width: float
    noise: float
    flicker: float = 0.0
    grey: bool = False
    rest: float = 0.2


# SMIC marks no apex and the field takes the offset for it, so there the face is far from calm again; the release is
# known for its flickering light.
CAMERAS: Mapping[str, Camera] = MappingProxyType(
    {
        "smic": Camera(256, 288, 150.0, 2.0, flicker=0.01, rest=0.75),
        "samm": Camera(320, 320, 190.0, 1.2, grey=True),
        "casme2": Camera(288, 352, 170.0, 1.0),
        "casme3": Camera(320, 320, 180.0, 1.6),
    }
)


@dataclass(frozen=True)
class Moments:
    """The frame numbers of a clip.

    Parameters
    ----------
    onset, apex, offset : int
        Of the expression, which is strongest at its apex.
    key : int
        Where its strength is given: the frame that methods compare with the onset.
    """

    onset: int
    apex: int
    offset: int
    key: int


class Recording:
    """One clip, rendered frame by frame; a frame depends on its own number alone, not on those rendered before.

    Parameters
    ----------
    seed : int
    database, subject, clip : str
        Canonical names: with the seed they decide person, expression, sway and noise.
    kind : str
        One of `mer_bench.synthesis.motion.KINDS`.
    moments : Moments
    """

    def __init__(self, seed: int, database: str, subject: str, clip: str, kind: str, moments: Moments) -> None:
        self.camera = CAMERAS[database]
        self._names = (database, subject, clip)
        self._seed = seed
        self._moments = moments
        self._face = face_of(seed, database, subject)
        self._sway = HeadSway(self._rng("sway"), self.camera.height, self.camera.width)
        expression = expression_of(seed, database, subject, clip, kind)
        shape = expression_field(self._face, expression, style_of(seed, database, subject))
        at_key = scaled_to_peak(shape, self._sway.field(moments.key - moments.onset), expression.peak)
        self._field = at_key / np.float32(self._intensity(moments.key))

    def motion(self, frame: int) -> FloatArray:
        """Return the true displacement from the onset frame to ``frame``.

        Returns
        -------
        ndarray of shape (height, width, 2), float32
            (u, v) in pixels, u to the right, v down, at the pixels of the onset frame: what is seen at x in the onset
            frame is seen at x + motion[x] in the other.
        """
        sway = self._sway.field(frame - self._moments.onset)
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
        moments = self._moments
        return intensity(frame, moments.onset, moments.apex, moments.offset, self.camera.rest)

    def _brightness(self, number: int) -> np.float32:
        # Light that pulses 100 times a second, seen by a camera of nearly 100 frames a second: a slow beat is left.
        phase, beat = self._rng("light").uniform((0.0, 0.25), (2.0 * np.pi, 0.6))
        return np.float32(1.0 + self.camera.flicker * np.sin(phase + beat * (number - self._moments.onset)))

    def _rng(self, purpose: str) -> np.random.Generator:
        return generator(self._seed, *self._names, purpose)


def expression_of(seed: int, database: str, subject: str, clip: str, kind: str) -> Expression:
    """Return what a clip's face does: the workbook states its action units."""
    style = style_of(seed, database, subject)
    return draw_expression(generator(seed, database, subject, clip, "expression"), kind, style)


def style_of(seed: int, database: str, subject: str) -> Style:
    """Return how a person moves."""
    return Style.draw(generator(seed, database, subject, "style"))


# Clips are rendered subject by subject: a few faces are enough to draw each but once.
@lru_cache(maxsize=4)
def face_of(seed: int, database: str, subject: str) -> Face:
    """Return a person's face as the database's camera sees it."""
    camera = CAMERAS[database]
    return draw_face(generator(seed, database, subject, "face"), camera.height, camera.width, camera.face_width)
