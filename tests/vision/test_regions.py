from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mer_bench.arrays import FloatArray
from mer_bench.vision.regions import LAYOUTS, REGIONS, TEMPLATE_LANDMARKS, recombine_regions

Rectangle = tuple[int, int, int, int]


def indexed(height: int = 28, width: int = 28) -> FloatArray:
    """A map whose pixels say where they are: channels (row, column, 1000·row + column)."""
    rows, cols = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack((rows, cols, 1000 * rows + cols), axis=-1)


def points(*pairs: tuple[float, float]) -> FloatArray:
    return np.array(pairs, dtype=np.float32)


def cut(source: FloatArray, rectangle: Rectangle) -> FloatArray:
    top, bottom, left, right = rectangle
    return source[top:bottom, left:right]


# (rows and columns of the result) to (rows and columns of the source), for the template landmarks.
TEMPLATE_TILES: dict[str, dict[Rectangle, Rectangle]] = {
    "five-mosaic": {
        (0, 14, 0, 14): (4, 18, 2, 16),
        (0, 14, 14, 28): (3, 17, 14, 28),
        (14, 28, 0, 10): (14, 28, 5, 15),
        (14, 28, 10, 18): (10, 24, 11, 19),
        (14, 28, 18, 28): (14, 28, 15, 25),
    },
    "four-corners": {
        (0, 14, 0, 14): (4, 18, 2, 16),
        (0, 14, 14, 28): (3, 17, 14, 28),
        (14, 28, 0, 14): (14, 28, 3, 17),
        (14, 28, 14, 28): (14, 28, 13, 27),
    },
    "htnet": {
        (0, 14, 0, 14): (2, 16, 4, 18),
        (0, 14, 14, 28): (14, 28, 3, 17),
        (14, 28, 0, 14): (3, 17, 14, 28),
        (14, 28, 14, 28): (13, 27, 14, 28),
    },
    "whole-face": {(0, 28, 0, 28): (0, 28, 0, 28)},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_tile_stands_where_it_should(layout: str) -> None:
    source = indexed()
    result = recombine_regions(source, TEMPLATE_LANDMARKS, layout)

    assert (result.shape, result.dtype) == ((28, 28, 3), np.float32)
    for target, origin in TEMPLATE_TILES[layout].items():
        np.testing.assert_array_equal(cut(result, target), cut(source, origin))


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_tiles_cover_the_result_once(name: str) -> None:
    covered = np.zeros((28, 28), dtype=int)
    for tile in LAYOUTS[name].tiles:
        covered[tile.row : tile.row + tile.height, tile.col : tile.col + tile.width] += 1

    assert (covered == 1).all()
    assert {tile.region for tile in LAYOUTS[name].tiles} <= set(range(len(REGIONS)))


def test_htnet_follows_its_codes_own_arithmetic() -> None:
    rng = np.random.default_rng(0)
    source = rng.random((28, 28, 3), dtype=np.float32)
    for _ in range(50):
        landmarks = rng.uniform(-10, 40, size=(5, 2)).astype(np.float32)
        crops = []
        for x, y in np.clip(landmarks[[0, 1, 3, 4]], 7, 21).astype(int):
            crops.append(source[x - 7 : x + 7, y - 7 : y + 7])
        expected = np.vstack((np.hstack(crops[:2]), np.hstack(crops[2:])))

        np.testing.assert_array_equal(recombine_regions(source, landmarks, "htnet"), expected)


def test_a_landmark_outside_the_map_takes_the_nearest_window() -> None:
    source = indexed()
    far = points((-50, -50), (500, -3), (14, 14), (-1, 99), (1e30, 1e30))
    result = recombine_regions(source, far, "five-mosaic")

    np.testing.assert_array_equal(result[:14, :14], source[:14, :14])
    np.testing.assert_array_equal(result[:14, 14:], source[:14, 14:])
    np.testing.assert_array_equal(result[14:, :10], source[14:, :10])
    np.testing.assert_array_equal(result[14:, 18:], source[14:, 18:])


def test_a_full_size_map_is_averaged_down_to_each_tile() -> None:
    source = indexed(140, 112)
    landmarks = points((40, 50), (80, 50), (56, 80), (40, 110), (76, 110))
    result = recombine_regions(source, landmarks, "four-corners")

    # A 14×14 tile takes 70×56 pixels here, 5×4 for each of its own.
    window = source[15:85, 12:68]
    np.testing.assert_allclose(result[:14, :14], window.reshape(14, 5, 14, 4, 3).mean(axis=(1, 3)), rtol=1e-5)
    np.testing.assert_allclose(result[14:, 14:, 0].max(), source[70:140, 48:104, 0].max() - 2, rtol=1e-5)


def test_a_full_size_whole_face_is_the_map_made_small() -> None:
    source = indexed(140, 112)
    result = recombine_regions(source, TEMPLATE_LANDMARKS * 4, "whole-face")

    np.testing.assert_allclose(result, source.reshape(28, 5, 28, 4, 3).mean(axis=(1, 3)), rtol=1e-5)


def test_a_transposed_layout_finds_the_same_place_on_a_map_of_another_shape() -> None:
    source = indexed(140, 112) / 5
    landmarks = points((56, 70), (56, 70), (56, 70), (56, 70), (56, 70))
    result = recombine_regions(source, landmarks, "htnet")

    # The middle of the map stays its middle: rows 35 to 105 of 140.
    np.testing.assert_allclose(result[:14, :14, 0].mean(), source[35:105, :, 0].mean(), rtol=1e-5)


def test_the_result_is_a_copy() -> None:
    source = indexed()
    recombine_regions(source, TEMPLATE_LANDMARKS, "whole-face")[:] = -1

    np.testing.assert_array_equal(source, indexed())
    with pytest.raises(ValueError, match="read-only"):
        TEMPLATE_LANDMARKS[0, 0] = 0


@given(
    arrays(np.float32, (5, 2), elements=st.floats(allow_nan=False, allow_infinity=False, width=32)),
    st.sampled_from(sorted(LAYOUTS)),
    st.sampled_from([(28, 28), (140, 112), (170, 140), (9, 40), (1, 1)]),
)
def test_finite_landmarks_always_give_a_map_of_the_sources_values(
    landmarks: FloatArray, layout: str, size: tuple[int, int]
) -> None:
    source = np.random.default_rng(0).uniform(-3, 3, (*size, 3)).astype(np.float32)
    result = recombine_regions(source, landmarks, layout)

    assert (result.shape, result.dtype) == ((28, 28, 3), np.float32)
    for channel in range(3):
        assert source[..., channel].min() - 1e-5 <= result[..., channel].min()
        assert result[..., channel].max() <= source[..., channel].max() + 1e-5
    if size == (28, 28):
        assert np.isin(result, source).all()


def test_a_map_of_28_by_28_needs_no_opencv() -> None:
    code = (
        "import sys, numpy as np; from mer_bench.vision import regions as r;"
        "[r.recombine_regions(np.zeros((28, 28, 3), np.float32), r.TEMPLATE_LANDMARKS, name) for name in r.LAYOUTS];"
        "sys.exit('cv2' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
