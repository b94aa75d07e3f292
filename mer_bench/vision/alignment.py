"""Alignment of faces: one similarity transform, fitted on the onset frame, is applied to every frame of a clip.

Points are (x, y). Integer coordinates are pixel centres, so an image of width w extends from -0.5 to w - 0.5.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.errors import MerBenchError

# On an adult face, in units of the distance between the eyes: the nose tip lies 0.6 below the eyes, the mouth 1.05 and
# the chin 1.75; the mouth is 0.82 wide and the face 2.2. An eye distance of 0.34 leaves 0.97 above the eyes (raised
# brows and the forehead they wrinkle) and 1.97 below (a dropped jaw); the temples fit in, with a little background.
CROP_LANDMARKS: FloatArray = np.array(
    [(0.33, 0.33), (0.67, 0.33), (0.50, 0.535), (0.36, 0.69), (0.64, 0.69)], dtype=np.float32
)
"""(x, y) of `mer_bench.vision.regions.REGIONS` in the crop, from 0 (left or upper edge) to 1 (right or lower edge)."""
CROP_LANDMARKS.setflags(write=False)

_DARKEST = 16
"""Darker pixels are ignored when two images are compared: their ratio is mostly noise."""


def aligning_transform(key_points: FloatArray, size: int) -> FloatArray:
    """Return the similarity transform that maps a face to its standard position in the crop.

    It consists of rotation, uniform scale and shift, never a reflection: the least squares fit of both eye centres and
    the nose tip to `CROP_LANDMARKS`. The lip corners are left out, because expressions move them.

    Parameters
    ----------
    key_points : ndarray of shape (5, 2), float32
        (x, y) in pixels of the frame, in the order of `mer_bench.vision.regions.REGIONS`.
    size : int
        Side of the crop in pixels.

    Returns
    -------
    ndarray of shape (2, 3), float32
        Maps (x, y, 1) in pixels of the frame to (x, y) in pixels of the crop.

    Raises
    ------
    MerBenchError
        The points have another shape, are not finite, or coincide.

    References
    ----------
    Umeyama, PAMI 1991. In the plane the fit is one complex factor: Σ conj(p) q / Σ |p|² over the centred points.
    """
    if key_points.shape != CROP_LANDMARKS.shape or not np.isfinite(key_points).all():
        raise MerBenchError(
            f"key points must be five finite (x, y), but are {np.asarray(key_points).tolist()}; detect the face again"
        )
    source, target = _complex(key_points[:3]), _complex(CROP_LANDMARKS[:3]) * size - (0.5 + 0.5j)
    spread = source - source.mean()
    extent = float(np.sum(np.abs(spread) ** 2))
    # Points closer together than a thousandth of a pixel differ only by rounding.
    factor = complex(np.sum(spread.conj() * (target - target.mean()))) / extent if extent > 1e-6 else 0j
    if factor == 0:
        raise MerBenchError(
            f"the eyes and the nose of a face are at {np.asarray(key_points[:3]).tolist()}, from which the size and "
            "direction of the face cannot be computed; detect the face again"
        )
    shift = complex(target.mean() - factor * source.mean())
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]], dtype=np.float32)


def whole_frame_transform(shape: tuple[int, ...], size: int) -> FloatArray:
    """Return the transform that maps the largest centred square of a frame to the crop, for a frame without a face.

    Parameters
    ----------
    shape : tuple of int
        (height, width, ...) of the frame.
    size : int
        Side of the crop in pixels.

    Returns
    -------
    ndarray of shape (2, 3), float32
        As `aligning_transform` returns it.
    """
    height, width = shape[:2]
    scale = size / min(height, width)
    middle = (size - 1) / 2
    return np.array(
        [[scale, 0, middle - scale * (width - 1) / 2], [0, scale, middle - scale * (height - 1) / 2]], dtype=np.float32
    )


def align(image: ByteArray, transform: FloatArray, size: int, margin: int = 0) -> ByteArray:
    """Cut the aligned face out of a frame, in grey.

    A frame that shrinks to less than half its size is averaged over areas first: linear interpolation alone would skip
    pixels, and details finer than the crop's pixels would alias into motion. Outside the frame, its border is repeated.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3) or (height, width), uint8
        RGB or grey.
    transform : ndarray of shape (2, 3), float32
        As `aligning_transform` returns it; the same for every frame of a clip, so that alignment adds no motion.
    size : int
        Side of the crop in pixels.
    margin : int
        Pixels around the crop, on every side, that are cut out with it.

    Returns
    -------
    ndarray of shape (size + 2 margin, size + 2 margin), uint8
        Grey.
    """
    grey = to_grey(image)
    matrix = transform.astype(np.float64)
    matrix[:, 2] += margin
    side = size + 2 * margin
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    height, width = grey.shape
    if scale < 0.5:
        smaller = (max(1, round(width * scale)), max(1, round(height * scale)))
        grey = np.asarray(cv2.resize(grey, smaller, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        matrix = matrix @ _enlarging(width / smaller[0], height / smaller[1])
    crop = cv2.warpAffine(grey, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
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
    """Scale an image's grey levels by one factor, so that its brightness matches the reference's.

    The factor is the median over the pixels of reference / image: a part that moves or darkens alone, such as an
    opening mouth, does not change the rest.

    Parameters
    ----------
    image, reference : ndarray of shape (height, width), uint8

    Returns
    -------
    ndarray of shape (height, width), uint8
        The image itself if all its pixels are nearly black.
    """
    bright = image >= _DARKEST
    if not bright.any():
        return image
    gain = float(np.median(reference[bright] / image[bright]))
    return np.asarray(np.clip(np.rint(image * gain), 0, 255), dtype=np.uint8)


def transform_points(points: FloatArray, transform: FloatArray) -> FloatArray:
    """Apply a transform to points.

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
    # The edges of both images coincide, so pixel centres move: the small image's first pixel covers x·y large ones.
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]])
