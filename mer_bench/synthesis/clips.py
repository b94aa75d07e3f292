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
from mer_bench.synthesis.motion import Expression, HeadSway, Style, draw_expression, expression_field, intensity
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
        Share of the apex's displacement that is left at the offset.
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
        "smic": Camera(256, 288, 150.0, 2.0, flicker=0.01, rest=0.6),
        "samm": Camera(320, 320, 190.0, 1.2, grey=True),
        "casme2": Camera(288, 352, 170.0, 1.0),
        "casme3": Camera(320, 320, 180.0, 1.6),
    }
)


@dataclass(frozen=True)
class Moments:
    """The frame numbers of a clip: the expression's onset, apex (its strongest moment) and offset."""

    onset: int
    apex: int
    offset: int


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
    motion_scale : float
        Multiplies expression and sway; 0 gives a face that does not move at all, under the sensor's noise.
    """

    def __init__(
        self, seed: int, database: str, subject: str, clip: str, kind: str, moments: Moments, motion_scale: float = 1.0
    ) -> None:
        self.camera = CAMERAS[database]
        self._names = (database, subject, clip)
        self._seed = seed
        self._moments = moments
        self._scale = np.float32(motion_scale)
        self._face = face_of(seed, database, subject)
        style = style_of(seed, database, subject)
        self._field = expression_field(self._face, expression_of(seed, database, subject, clip, kind), style)
        self._sway = HeadSway(self._rng("sway"), self.camera.height, self.camera.width)

    def motion(self, frame: int) -> FloatArray:
        """Return the true displacement from the onset frame to ``frame``.

        Returns
        -------
        ndarray of shape (height, width, 2), float32
            (u, v) in pixels, u to the right, v down, at the pixels of the onset frame: what is seen at x in the onset
            frame is seen at x + motion[x] in the other.
        """
        moments = self._moments
        share = intensity(frame, moments.onset, moments.apex, moments.offset, self.camera.rest)
        sway = self._sway.field(frame - moments.onset)
        return np.asarray(self._scale * (np.float32(share) * self._field + sway), dtype=np.float32)

    def frame(self, number: int) -> ByteArray:
        """Return one frame: (height, width, 3) RGB, or (height, width) from a camera without colour; uint8."""
        scene = move(self._face.image, self.motion(number))
        if self.camera.grey:
            scene = np.asarray(cv2.cvtColor(scene, cv2.COLOR_RGB2GRAY), dtype=np.float32)
        rng = self._rng(f"noise {number}")
        noise = rng.standard_normal(scene.shape, dtype=np.float32) * np.float32(self.camera.noise)
        return np.clip(np.rint(scene * self._brightness(number) + noise), 0, 255).astype(np.uint8)

    def _brightness(self, number: int) -> np.float32:
        # Light that pulses 100 times a second, seen by a camera of nearly 100 frames a second: a slow beat is left.
        phase, beat = self._rng("light").uniform((0.0, 0.25), (2.0 * np.pi, 0.6))
        return np.float32(1.0 + self.camera.flicker * np.sin(phase + beat * (number - self._moments.onset)))

    def _rng(self, purpose: str) -> np.random.Generator:
        return generator(self._seed, *self._names, purpose)


@dataclass(frozen=True)
class RenderedClip:
    """A clip in memory.

    Parameters
    ----------
    frames : tuple of ndarray, uint8
        From onset to offset, RGB or grey.
    apex : int
        Index into ``frames``.
    motion : ndarray of shape (height, width, 2), float32
        True displacement from the first frame to the apex.
    """

    frames: tuple[ByteArray, ...]
    apex: int
    motion: FloatArray


def render_clip(
    database: str,
    subject: str,
    clip: str,
    kind: str,
    *,
    seed: int = 0,
    length: int = 9,
    apex: int = 4,
    motion_scale: float = 1.0,
) -> RenderedClip:
    """Render one clip without writing it: ``length`` frames, the first is the onset and the last the offset.

    Parameters
    ----------
    database : str
        Whose camera is used: ``smic``, ``samm``, ``casme2`` or ``casme3``.
    subject, clip : str
        Any names: with the seed they decide person, expression, sway and noise.
    kind : str
        ``negative``, ``positive``, ``surprise`` or ``other``.
    seed, length, apex : int
        ``apex`` is the index of the strongest frame.
    motion_scale : float
        0 gives a face that does not move at all, under the sensor's noise.

    Returns
    -------
    RenderedClip
    """
    recording = Recording(seed, database, subject, clip, kind, Moments(0, apex, length - 1), motion_scale)
    return RenderedClip(tuple(recording.frame(n) for n in range(length)), apex, recording.motion(apex))


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
