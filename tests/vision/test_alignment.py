from __future__ import annotations

import cv2
import numpy as np
import pytest
from support.portrait import PORTRAIT

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError
from mer_bench.vision.alignment import (
    CROP_LANDMARKS,
    align,
    aligning_transform,
    match_brightness,
    to_grey,
    transform_points,
    whole_frame_transform,
)

GREY = to_grey(PORTRAIT)


def test_crop_landmarks_are_these_numbers() -> None:
    # Chosen by this project, with the proportions of an adult face: see the comment above CROP_LANDMARKS.
    expected = [(0.33, 0.33), (0.67, 0.33), (0.50, 0.535), (0.36, 0.69), (0.64, 0.69)]
    np.testing.assert_allclose(CROP_LANDMARKS, expected, rtol=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        CROP_LANDMARKS[0, 0] = 0.0


def test_the_transform_is_the_least_squares_fit_of_eyes_and_nose() -> None:
    key_points = np.array([(118, 88), (218, 120), (158, 172), (99, 196), (186, 219)], dtype=np.float32)
    target = CROP_LANDMARKS[:3].astype(np.float64) * 192 - 0.5
    (x, y), one, zero = key_points[:3].T.astype(np.float64), np.ones(3), np.zeros(3)
    design = np.vstack((np.column_stack((x, -y, one, zero)), np.column_stack((y, x, zero, one))))
    a, b, dx, dy = np.linalg.lstsq(design, target.T.ravel(), rcond=None)[0]
    np.testing.assert_allclose(aligning_transform(key_points, 192), [(a, -b, dx), (b, a, dy)], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "key_points",
    [
        np.eye(5, 2, dtype=np.float32) * np.float32(1e-20),
        np.where(np.arange(10).reshape(5, 2) == 3, np.inf, 1).astype(np.float32),
        np.zeros((68, 2), dtype=np.float32),
    ],
)
def test_points_that_are_not_a_face_are_refused(key_points: FloatArray) -> None:
    with pytest.raises(MerBenchError, match="detect the face again"):
        aligning_transform(key_points, 192)


def test_without_a_face_the_largest_centred_square_is_the_crop() -> None:
    frame = np.zeros((100, 200), dtype=np.uint8)
    frame[:, 50:150] = GREY[:100, 100:200]
    assert np.array_equal(align(frame, whole_frame_transform(frame.shape, 100), 100), GREY[:100, 100:200])
    corners = np.array([(-0.5, 49.5), (99.5, 149.5)], dtype=np.float32)
    mapped = transform_points(corners, whole_frame_transform((200, 100, 3), 28))
    assert np.allclose(mapped, [(-0.5, -0.5), (27.5, 27.5)], atol=1e-4)


@pytest.mark.parametrize("scale", [0.11, 0.26, 0.45, 0.6, 1.7])
def test_scaling_adds_no_shift(scale: float) -> None:
    # A blob's centre of mass is where the transform puts it: no half pixel is lost, in x or in y.
    rows, columns = np.mgrid[:300, :420]
    width = max(2.0, 2.0 / scale)
    blob = 250 * np.exp(-((columns - 203.3) ** 2 + (rows - 141.8) ** 2) / (2 * width**2))
    transform = np.array([[scale, 0, 24 - 203.3 * scale], [0, scale, 25 - 141.8 * scale]], dtype=np.float32)
    crop = align(blob.astype(np.uint8), transform, 48).astype(np.float64)
    rows, columns = np.mgrid[:48, :48]
    assert np.sum(crop * columns) / crop.sum() == pytest.approx(24, abs=0.03)
    assert np.sum(crop * rows) / crop.sum() == pytest.approx(25, abs=0.03)


@pytest.mark.parametrize("size", [128, 205, 384])
def test_details_are_averaged_over_areas_only_below_half_size(size: int) -> None:
    scale = size / 512
    transform = np.array([[scale, 0, 0.5 * scale - 0.5], [0, scale, 0.5 * scale - 0.5]], dtype=np.float32)
    method = cv2.INTER_LINEAR if size == 384 else cv2.INTER_AREA
    expected = cv2.resize(GREY, (size, size), interpolation=method).astype(float)
    assert np.abs(align(PORTRAIT, transform, size) - expected)[2:-2, 2:-2].max() < 4


def test_outside_the_frame_its_border_is_repeated() -> None:
    shifted = np.array([[1, 0, 10], [0, 1, -20]], dtype=np.float32)
    padded = np.pad(GREY, ((0, 0), (10, 0)), mode="edge")[20:52, :32]
    assert np.array_equal(align(GREY, shifted, 32), padded)


def test_a_margin_shows_the_frame_around_the_crop() -> None:
    shifted = np.array([[1, 0, -100], [0, 1, -60]], dtype=np.float32)
    assert np.array_equal(align(GREY, shifted, 32, margin=7), GREY[53:99, 93:139])
    halved = np.array([[0.25, 0, -30], [0, 0.25, -15]], dtype=np.float32)
    assert np.array_equal(align(GREY, halved, 48, margin=5)[5:-5, 5:-5], align(GREY, halved, 48))


def test_grey_is_the_luma_of_rgb_and_grey_images_are_unchanged() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 10, 10]]], dtype=np.uint8)
    assert to_grey(colours).tolist() == [[76, 150, 29, 10]]
    assert to_grey(GREY) is GREY


def test_the_gain_is_the_median_over_pixels_that_are_not_dark_and_levels_are_rounded_and_clipped() -> None:
    image = np.array([[15, 15, 15, 15, 15], [16, 20, 100, 200, 120]], dtype=np.uint8)
    reference = np.array([[200, 200, 200, 200, 200], [25, 32, 159, 255, 200]], dtype=np.uint8)
    # The median ratio of the pixels that are not dark is 1.59.
    assert match_brightness(image, reference).tolist() == [[24] * 5, [25, 32, 159, 255, 191]]


def test_a_black_image_is_unchanged() -> None:
    black = np.full((4, 4), 15, dtype=np.uint8)

    np.testing.assert_array_equal(match_brightness(black, black + 9), black)
