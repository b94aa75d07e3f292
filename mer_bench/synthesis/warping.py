"""Smooth displacement fields: sums of Gaussian bumps, and images moved exactly by such a field."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from mer_bench.arrays import FloatArray


@dataclass(frozen=True)
class Bump:
    """``push`` (u right, v down) at ``centre`` (x, y), fading as a Gaussian of standard deviation ``width``."""

    centre: tuple[float, float]
    push: tuple[float, float]
    width: float


def grid(height: int, width: int) -> FloatArray:
    """Return the (x, y) of every pixel, shape (height, width, 2), float32."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.stack((x, y), axis=-1)


def displacement(points: FloatArray, bumps: Iterable[Bump]) -> FloatArray:
    """Return the sum of the bumps at points of shape (..., 2): (u, v), same shape, float32."""
    total = np.zeros(points.shape, dtype=np.float32)
    for bump in bumps:
        away = points - np.asarray(bump.centre, dtype=np.float32)
        weight = np.exp(-(away[..., 0] ** 2 + away[..., 1] ** 2) / np.float32(2.0 * bump.width**2))
        total += weight[..., None] * np.asarray(bump.push, dtype=np.float32)
    return total


def move(image: FloatArray, motion: FloatArray) -> FloatArray:
    """Return the image after every point x of ``image`` has moved to x + motion(x).

    Each pixel y is looked up at the x that solves x = y - motion(x), found by fixed-point iteration; it converges
    because the field changes by far less than a pixel from one pixel to the next.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), float32
    motion : ndarray of shape (height, width, 2), float32
        Forward displacement (u, v) in pixels.

    Returns
    -------
    ndarray of shape (height, width, 3), float32
        Exact to within OpenCV's interpolation, which rounds positions to 1/32 of a pixel.
    """
    target = grid(*motion.shape[:2])
    source = target - motion
    for _ in range(4):
        source = target - look_up(motion, source, cv2.INTER_LINEAR)
    return look_up(image, source)


def look_up(image: FloatArray, where: FloatArray, interpolation: int = cv2.INTER_CUBIC) -> FloatArray:
    """Return the image's values at ``where``, (x, y) in its pixels, shape (..., 2); mirrored beyond the border."""
    x, y = np.ascontiguousarray(where[..., 0]), np.ascontiguousarray(where[..., 1])
    return np.asarray(cv2.remap(image, x, y, interpolation, borderMode=cv2.BORDER_REFLECT_101), dtype=np.float32)
