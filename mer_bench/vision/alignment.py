"""Faces brought to one place and size: a similarity transform from the onset frame, used for every frame of a clip.

Points are (x, y); integer coordinates are the centres of pixels, so an image of width w reaches from -0.5 to w - 0.5.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.errors import MerBenchError

# On an adult face, in distances between the eyes: the nose tip lies 0.6 below the eyes, the mouth 1.05 and the chin
# 1.75, the mouth is 0.82 wide and the face 2.2. An eye distance of 0.34 leaves 0.97 above the eyes (raised brows and
# the forehead they wrinkle) and 1.97 below (a dropped jaw); the temples are inside with a little background.
CROP_LANDMARKS: FloatArray = np.array(
    [(0.33, 0.33), (0.67, 0.33), (0.50, 0.535), (0.36, 0.69), (0.64, 0.69)], dtype=np.float32
)
"""(x, y) of `mer_bench.vision.regions.REGIONS` in the crop, whose sides are 0 and 1."""
CROP_LANDMARKS.setflags(write=False)


_DARKEST = 16
"""Of darker pixels, noise decides what they differ by."""


def aligning_transform(key_points: FloatArray, size: int) -> FloatArray:
    """Return the similarity transform that brings a face to its place in the crop.

    Rotation, uniform scale and shift, never a reflection: the least squares fit of both eye centres and the nose tip
    to `CROP_LANDMARKS`. The lip corners are left out, because expressions move them.

    Parameters
    ----------
    key_points : ndarray of shape (5, 2), float32
        (x, y) in pixels of the frame, in the order of `mer_bench.vision.regions.REGIONS`.
    size : int
        Side of the crop in pixels.

    Returns
    -------
    ndarray of shape (2, 3), float32
        Takes (x, y, 1) in pixels of the frame to (x, y) in pixels of the crop.

    Raises
    ------
    MerBenchError
        Points of another shape, not finite, or all in one place.

    References
    ----------
    Umeyama, PAMI 1991; in the plane the fit is one complex factor: Σ conj(p) q / Σ |p|² of the centred points.
    """
    if key_points.shape != CROP_LANDMARKS.shape or not np.isfinite(key_points).all():
        raise MerBenchError(
            f"key points must be five finite (x, y), but are {np.asarray(key_points).tolist()}; detect the face again"
        )
    source, target = _complex(key_points[:3]), _complex(CROP_LANDMARKS[:3]) * size - (0.5 + 0.5j)
    spread = source - source.mean()
    extent = float(np.sum(np.abs(spread) ** 2))
    # Closer together than a thousandth of a pixel, points are one point and rounding.
    factor = complex(np.sum(spread.conj() * (target - target.mean()))) / extent if extent > 1e-6 else 0j
    if factor == 0:
        raise MerBenchError(
            f"the eyes and the nose of a face are at {np.asarray(key_points[:3]).tolist()}, which gives no size and "
            "direction of a face; detect it again"
        )
    shift = complex(target.mean() - factor * source.mean())
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]], dtype=np.float32)


def whole_frame_transform(shape: tuple[int, ...], size: int) -> FloatArray:
    """Return the transform that brings the largest centred square of a frame to the crop, where no face was found.

    Parameters
    ----------
    shape : tuple of int
        (height, width, ...) of the frame.
    size : int
        Side of the crop in pixels.

    Returns
    -------
    ndarray of shape (2, 3), float32
        As of `aligning_transform`.
    """
    height, width = shape[:2]
    scale = size / min(height, width)
    middle = (size - 1) / 2
    return np.array(
        [[scale, 0, middle - scale * (width - 1) / 2], [0, scale, middle - scale * (height - 1) / 2]], dtype=np.float32
    )


def align(image: ByteArray, transform: FloatArray, size: int) -> ByteArray:
    """Cut the aligned grey face out of a frame.

    A frame that shrinks to less than a half is averaged over areas first: by then linear interpolation skips pixels,
    and what is finer than the crop's would alias into motion. What lies outside the frame repeats its border.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3) or (height, width), uint8
        RGB or grey.
    transform : ndarray of shape (2, 3), float32
        As of `aligning_transform`; the same for every frame of a clip, so that alignment adds no motion.
    size : int
        Side of the crop in pixels.

    Returns
    -------
    ndarray of shape (size, size), uint8
        Grey.
    """
    grey = to_grey(image)
    matrix = transform.astype(np.float64)
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    height, width = grey.shape
    if scale < 0.5:
        smaller = (max(1, round(width * scale)), max(1, round(height * scale)))
        grey = np.asarray(cv2.resize(grey, smaller, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        matrix = matrix @ _enlarging(width / smaller[0], height / smaller[1])
    crop = cv2.warpAffine(grey, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, dtype=np.uint8)


def to_grey(image: ByteArray) -> ByteArray:
    """Return the luma of an RGB image (0.299 R + 0.587 G + 0.114 B), or a grey image as it is.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3) or (height, width), uint8

    Returns
    -------
    ndarray of shape (height, width), uint8
    """
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def match_brightness(image: ByteArray, reference: ByteArray) -> ByteArray:
    """Scale an image's grey levels by the one factor that most of its pixels differ from the reference by.

    The factor is the median over the pixels: a part that moves or darkens by itself, such as an opening mouth, does
    not change the rest.

    Parameters
    ----------
    image, reference : ndarray of shape (height, width), uint8

    Returns
    -------
    ndarray of shape (height, width), uint8
        The image itself where it is black.
    """
    bright = image >= _DARKEST
    if not bright.any():
        return image
    gain = float(np.median(reference[bright] / image[bright]))
    return np.asarray(np.clip(np.rint(image * gain), 0, 255), dtype=np.uint8)


def transform_points(points: FloatArray, transform: FloatArray) -> FloatArray:
    """Return where a transform takes points.

    Parameters
    ----------
    points : ndarray of shape (n, 2), float32
        (x, y).
    transform : ndarray of shape (2, 3), float32

    Returns
    -------
    ndarray of shape (n, 2), float32
    """
    matrix = transform.astype(np.float64)
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float32)


def _complex(points: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.complex128]]:
    exact = points.astype(np.float64)
    return exact[:, 0] + 1j * exact[:, 1]


def _enlarging(x: float, y: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    # Edges meet edges, so centres move: the first pixel of the small image covers x·y pixels of the large one.
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
