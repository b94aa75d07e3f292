"""Synthetic people: the astronaut's face, warped and lit differently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import skimage.data

from mer_bench.arrays import FloatArray
from mer_bench.synthesis.warping import Bump, displacement, grid, look_up

Point = tuple[float, float]


@dataclass(frozen=True)
class Face:
    """One synthetic person, at rest.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), float32
        RGB, 0 to 255.
    points : mapping of str to (x, y)
        Position of each of `POINTS` in the image, in pixels; left is the image's left (smaller x).
    eye_distance : float
        Between the eyes' centres, in pixels: the unit in which widths of motion are given.
    """

    image: FloatArray
    points: Mapping[str, Point]
    eye_distance: float


# Measured once on `skimage.data.astronaut()` (512×512) with dlib's 68 points at four times the size; cheeks, and the
# sides of the nose where it wrinkles, were placed by hand.
POINTS: Mapping[str, Point] = {
    "left outer brow": (192.0, 88.8),
    "left brow": (204.0, 87.9),
    "left inner brow": (217.2, 93.0),
    "right inner brow": (236.0, 94.0),
    "right brow": (248.0, 90.8),
    "right outer brow": (260.5, 92.5),
    "left eye": (204.1, 101.6),
    "right eye": (246.9, 103.9),
    "left upper lid": (204.0, 98.4),
    "right upper lid": (247.1, 100.6),
    "left lower lid": (203.2, 104.2),
    "right lower lid": (247.2, 106.4),
    "left cheek": (201.0, 121.0),
    "right cheek": (250.0, 122.0),
    "left nose": (216.5, 119.0),
    "right nose": (234.0, 119.5),
    "nose tip": (225.2, 127.8),
    "left lip corner": (201.0, 139.8),
    "right lip corner": (246.0, 141.2),
    "lower lip": (223.0, 155.5),
    "left jaw": (185.0, 149.8),
    "right jaw": (261.0, 154.0),
    "chin": (220.5, 178.5),
}

_CENTRE = (225, 122)
_JAW_WIDTH = 92.5
"""From ear to ear in the astronaut's image, in its pixels."""


def draw_face(rng: np.random.Generator, height: int, width: int, face_width: float) -> Face:
    """Draw a person.

    Parameters
    ----------
    rng : Generator
        Determines everything about the person.
    height, width : int
        Of the image, in pixels.
    face_width : float
        From ear to ear, in pixels, on average over people.

    Returns
    -------
    Face
    """
    source, points = _astronaut(mirrored=bool(rng.random() < 0.5))
    bumps = _traits(rng, points)
    to_frame = _placement(rng, height, width, face_width)
    to_source = cv2.invertAffineTransform(to_frame)
    plain = cv2.transform(grid(height, width), to_source).astype(np.float32)
    where = plain - displacement(plain, bumps)
    lit = _light(rng, look_up(source, where), plain)
    placed = {name: _place(point, bumps, to_frame) for name, point in points.items()}
    eyes = np.subtract(placed["right eye"], placed["left eye"])
    return Face(lit, placed, float(np.hypot(*eyes)))


@cache
def _astronaut(mirrored: bool) -> tuple[FloatArray, Mapping[str, Point]]:
    image = np.asarray(skimage.data.astronaut(), dtype=np.float32)
    if not mirrored:
        return image, POINTS
    swap = {"left": "right", "right": "left"}
    points = {}
    for name, (x, y) in POINTS.items():
        side, _, rest = name.partition(" ")
        points[f"{swap[side]} {rest}" if side in swap else name] = (2 * _CENTRE[0] - x, y)
    # Cropped so that the face is in the middle: mirrored, it stays where it was.
    return np.ascontiguousarray(image[:, 2 * _CENTRE[0] :: -1]), points


def _traits(rng: np.random.Generator, points: Mapping[str, Point]) -> tuple[Bump, ...]:
    """Return how the person differs from the astronaut: bumps in the pixels of the astronaut's image."""
    eyes, jaw, mouth = rng.uniform(-1.0, 1.0, 3) * (1.8, 3.5, 2.0)
    brows, nose, lips, chin, cheeks = rng.uniform(-1.0, 1.0, 5) * (1.8, 2.2, 1.6, 3.5, 1.5)
    bumps = [
        Bump(points["nose tip"], (0.0, nose), 11.0),
        Bump(points["lower lip"], (0.0, lips), 10.0),
        Bump(points["chin"], (0.0, chin), 20.0),
    ]
    for side, outward in (("left", -1.0), ("right", 1.0)):
        bumps += [
            Bump(points[f"{side} eye"], (outward * eyes, 0.0), 13.0),
            Bump(points[f"{side} brow"], (0.0, brows), 12.0),
            Bump(points[f"{side} jaw"], (outward * jaw, 0.0), 19.0),
            Bump(points[f"{side} lip corner"], (outward * mouth, 0.0), 10.0),
            Bump(points[f"{side} cheek"], (outward * cheeks, 0.0), 14.0),
        ]
    return tuple(bumps)


def _placement(rng: np.random.Generator, height: int, width: int, face_width: float) -> FloatArray:
    """Return the 2×3 map from the astronaut's image to the frame: size, proportions, tilt and place."""
    angle = np.deg2rad(rng.uniform(-3.0, 3.0))
    size = face_width / _JAW_WIDTH * rng.uniform(0.96, 1.05)
    slimness = rng.uniform(0.96, 1.04)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([size * slimness, size / slimness])
    middle = np.array([width / 2.0, height / 2.0]) + rng.uniform(-0.02, 0.02, 2) * (width, height)
    return np.column_stack((linear, middle - linear @ _CENTRE)).astype(np.float32)


def _place(point: Point, bumps: tuple[Bump, ...], to_frame: FloatArray) -> Point:
    """Return where a point of the astronaut's image ends up in the frame: the inverse of the rendering's map."""
    where = np.array([point], dtype=np.float32)
    for _ in range(20):
        where = np.array([point], dtype=np.float32) + displacement(where, bumps)
    x, y = cv2.transform(where[None], to_frame)[0, 0]
    return float(x), float(y)


def _light(rng: np.random.Generator, image: FloatArray, plain: FloatArray) -> FloatArray:
    """Change skin tone, contrast, hair and backdrop, and where the light comes from; add the grain of skin.

    The grain moves with the face: the astronaut's face, enlarged, has less texture than a real one.
    """
    height, width = image.shape[:2]
    tone = rng.uniform(0.8, 1.06) * np.array([1.0, rng.uniform(0.93, 1.0), rng.uniform(0.86, 1.02)])
    surround = rng.uniform(0.65, 1.02) * rng.uniform(0.95, 1.05, 3)
    across = (plain - np.array(_CENTRE)) / (46.0, 58.0)
    inside = 1.0 / (1.0 + np.exp(6.0 * (np.hypot(across[..., 0], across[..., 1] - 0.12) - 1.0)))[..., None]
    direction = rng.uniform(-0.12, 0.12, 2)
    shading = 1.0 + np.clip(across @ direction, -0.25, 0.25)[..., None]
    grain = cv2.GaussianBlur(rng.standard_normal((height, width), dtype=np.float32), (0, 0), 1.0)
    contrast = rng.uniform(0.85, 1.1)
    lit = ((image - 128.0) * contrast + 128.0) * (inside * tone + (1.0 - inside) * surround) * shading
    lit += 9.0 * grain[..., None]
    return np.asarray(np.clip(lit, 2.0, 253.0), dtype=np.float32)
