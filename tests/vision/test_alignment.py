from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

from mer_bench.arrays import ByteArray, FloatArray
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
from mer_bench.vision.landmarks import detect_face

FACE: ByteArray = data.astronaut()


def placed(size: int, angle: float = 0.0, scale: float = 1.0, shift: complex = 0j) -> FloatArray:
    """Key points of a face that is CROP_LANDMARKS at a size, then turned, scaled and shifted."""
    points = (CROP_LANDMARKS.astype(np.float64) * size - 0.5) @ (1, 1j)
    moved = points * scale * np.exp(1j * angle) + shift
    return np.stack((moved.real, moved.imag), axis=1).astype(np.float32)


@given(
    angle=st.floats(-3.1, 3.1),
    scale=st.floats(0.1, 20),
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
    size=st.sampled_from([28, 192, 224]),
)
def test_a_face_comes_to_its_place_wherever_it_was(angle: float, scale: float, x: float, y: float, size: int) -> None:
    key_points = placed(size, angle, scale, complex(x, y))
    aligned = transform_points(key_points, aligning_transform(key_points, size))
    assert np.allclose((aligned + 0.5) / size, CROP_LANDMARKS, atol=2e-3)


@given(st.lists(st.floats(-1000, 1000, width=32), min_size=10, max_size=10))
def test_the_transform_is_a_similarity_and_never_a_reflection(numbers: list[float]) -> None:
    try:
        transform = aligning_transform(np.array(numbers, dtype=np.float32).reshape(5, 2), 192)
    except MerBenchError:
        return
    (a, b), (c, d) = transform[:, :2]
    assert np.isfinite(transform).all()
    assert (a, b) == (d, -c)
    assert a * d - b * c >= 0


def test_the_mouth_does_not_move_the_face() -> None:
    still, smiling = placed(192), placed(192)
    smiling[3:] += np.array([[-6, -3], [6, -3]], dtype=np.float32)
    assert np.array_equal(aligning_transform(still, 192), aligning_transform(smiling, 192))


@pytest.mark.parametrize("size", [28, 192, 224])
def test_eyes_and_nose_are_where_crop_landmarks_says(size: int) -> None:
    face = detect_face(FACE, ("mediapipe",))
    assert face is not None
    aligned = (transform_points(face.key_points, aligning_transform(face.key_points, size)) + 0.5) / size
    assert np.abs(aligned[:3] - CROP_LANDMARKS[:3]).max() < 0.02
    assert np.abs(aligned[3:] - CROP_LANDMARKS[3:]).max() < 0.08  # A smile: wider than at rest, and higher.


def test_a_detector_finds_the_aligned_face_where_it_was_put() -> None:
    face = detect_face(FACE, ("mediapipe",))
    assert face is not None
    transform = aligning_transform(face.key_points, 224)
    again = detect_face(align(FACE, transform, 224), ("mediapipe",))
    assert again is not None
    assert np.abs(again.key_points - transform_points(face.key_points, transform)).max() < 4.0


def test_brows_and_chin_are_inside_the_crop() -> None:
    face = detect_face(FACE, ("dlib",))
    assert face is not None
    outline = (transform_points(face.points, aligning_transform(face.key_points, 192)) + 0.5) / 192
    assert outline[17:27, 1].min() > 0.1
    assert outline[8, 1] < 0.95
    assert 0.0 < outline[:17, 0].min() < outline[:17, 0].max() < 1.0


def test_crop_landmarks_are_symmetric_and_cannot_be_changed() -> None:
    mirrored = CROP_LANDMARKS[[1, 0, 2, 4, 3]] * (-1, 1) + (1, 0)
    assert np.allclose(mirrored, CROP_LANDMARKS)
    with pytest.raises(ValueError, match="read-only"):
        CROP_LANDMARKS[0, 0] = 0.0


@pytest.mark.parametrize(
    "key_points",
    [
        np.full((5, 2), 7, dtype=np.float32),
        np.eye(5, 2, dtype=np.float32) * np.float32(1e-20),
        np.full((5, 2), np.nan, dtype=np.float32),
        np.where(np.arange(10).reshape(5, 2) == 3, np.inf, 1).astype(np.float32),
        np.zeros((68, 2), dtype=np.float32),
    ],
)
def test_points_that_make_no_face_are_refused(key_points: FloatArray) -> None:
    with pytest.raises(MerBenchError, match="again"):
        aligning_transform(key_points, 192)


def test_without_a_face_the_largest_centred_square_is_the_crop() -> None:
    frame = np.zeros((100, 200), dtype=np.uint8)
    frame[:, 50:150] = 200
    assert np.array_equal(align(frame, whole_frame_transform(frame.shape, 100), 100), np.full((100, 100), 200))
    corners = np.array([(49.5, -0.5), (149.5, 99.5)], dtype=np.float32)
    assert np.allclose(
        transform_points(corners, whole_frame_transform((100, 200, 3), 28)), [(-0.5, -0.5), (27.5, 27.5)], atol=1e-4
    )


def test_the_identity_leaves_a_frame_as_it_is() -> None:
    grey = to_grey(FACE)
    assert np.array_equal(align(grey, whole_frame_transform(grey.shape, 512), 512), grey)


@pytest.mark.parametrize("scale", [0.11, 0.26, 0.45, 0.6, 1.7])
def test_shrinking_moves_nothing(scale: float) -> None:
    # The centre of mass of a blob is where the transform says, to a hundredth of a pixel: no half-pixel slips in.
    rows, columns = np.mgrid[:300, :420]
    width = max(2.0, 2.0 / scale)
    blob = 250 * np.exp(-((columns - 203.3) ** 2 + (rows - 141.8) ** 2) / (2 * width**2))
    transform = np.array([[scale, 0, 24 - 203.3 * scale], [0, scale, 25 - 141.8 * scale]], dtype=np.float32)
    crop = align(blob.astype(np.uint8), transform, 48).astype(np.float64)
    rows, columns = np.mgrid[:48, :48]
    assert np.sum(crop * columns) / crop.sum() == pytest.approx(24, abs=0.03)
    assert np.sum(crop * rows) / crop.sum() == pytest.approx(25, abs=0.03)


def test_what_is_finer_than_the_crop_is_averaged_and_does_not_alias() -> None:
    stripes = np.zeros((400, 400), dtype=np.uint8)
    stripes[:, ::2] = 255
    inner = align(stripes, whole_frame_transform(stripes.shape, 90), 90)[5:-5, 5:-5]
    assert inner.std() < 0.15 * stripes.std()


def test_outside_the_frame_the_border_is_repeated() -> None:
    grey = np.full((50, 50), 90, dtype=np.uint8)
    shifted = np.array([[1, 0, 200], [0, 1, -300]], dtype=np.float32)
    assert np.array_equal(align(grey, shifted, 32), np.full((32, 32), 90))


def test_grey_is_the_luma_of_rgb_and_grey_stays_grey() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 10, 10]]], dtype=np.uint8)
    assert to_grey(colours).tolist() == [[76, 150, 29, 10]]
    assert np.array_equal(to_grey(to_grey(FACE)), cv2.cvtColor(FACE, cv2.COLOR_RGB2GRAY))


@pytest.mark.parametrize("gain", [0.5, 0.9, 1.0, 1.1])
def test_brightness_is_matched_by_one_gain(gain: float) -> None:
    reference = np.random.default_rng(0).integers(40, 200, size=(50, 60), dtype=np.uint8)
    darker = np.rint(reference * gain).astype(np.uint8)
    matched = match_brightness(darker, reference)

    assert abs(float(matched.mean()) - float(reference.mean())) < 1.0
    assert np.abs(matched.astype(int) - reference).max() <= 1 / gain + 1


def test_a_part_that_darkens_by_itself_changes_no_other() -> None:
    reference = np.random.default_rng(0).integers(40, 200, size=(50, 60), dtype=np.uint8)
    opened = reference.copy()
    opened[30:45, 15:45] //= 4

    np.testing.assert_array_equal(match_brightness(opened, reference), opened)


def test_a_black_image_has_no_brightness_to_match() -> None:
    black = np.zeros((4, 4), dtype=np.uint8)

    np.testing.assert_array_equal(match_brightness(black, black + 9), black)
