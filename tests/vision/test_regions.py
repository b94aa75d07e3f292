from __future__ import annotations

import numpy as np
import pytest

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError
from mer_bench.vision.choices import LAYOUTS, layout_tiles
from mer_bench.vision.regions import REGIONS, TEMPLATE_LANDMARKS, recombine_regions

Rectangle = tuple[int, int, int, int]


def noise(height: int = 28, width: int = 28) -> FloatArray:
    """A map whose values are all different and of which no two interpolations agree."""
    return np.random.default_rng(0).normal(size=(height, width, 3)).astype(np.float32)


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
    "whole-face": {(0, 28, 0, 28): (0, 28, 0, 28)},
}


def test_template_landmarks_are_the_constants_of_htnets_code() -> None:
    # The fallback in HTNet's main_HTNet.py (github.com/wangzhifengharrison/HTNet), to three decimals: (x, y) of the
    # left eye, right eye, nose, left and right lip corner.
    published = [
        (9.528073, 11.062551),
        (21.396168, 10.919773),
        (15.380184, 17.380562),
        (10.255435, 22.121233),
        (20.583706, 22.25584),
    ]
    np.testing.assert_allclose(TEMPLATE_LANDMARKS, published, rtol=0, atol=6e-4)
    assert REGIONS == ("left eye", "right eye", "nose", "left lip corner", "right lip corner")
    with pytest.raises(ValueError, match="read-only"):
        TEMPLATE_LANDMARKS[0, 0] = 0


@pytest.mark.parametrize("layout", TEMPLATE_TILES)
def test_each_tile_is_at_its_position(layout: str) -> None:
    source = noise()
    result = recombine_regions(source, TEMPLATE_LANDMARKS, layout)

    assert (result.shape, result.dtype) == ((28, 28, 3), np.float32)
    for target, origin in TEMPLATE_TILES[layout].items():
        np.testing.assert_array_equal(cut(result, target), cut(source, origin))


def test_htnet_computes_what_its_public_code_computes() -> None:
    source = noise()
    for landmarks in np.random.default_rng(1).uniform(-10, 40, size=(50, 5, 2)).astype(np.float32):
        crops = []
        for x, y in np.clip(landmarks[[0, 1, 3, 4]], 7, 21).astype(int):
            crops.append(source[x - 7 : x + 7, y - 7 : y + 7])
        expected = np.vstack((np.hstack(crops[:2]), np.hstack(crops[2:])))

        np.testing.assert_array_equal(recombine_regions(source, landmarks, "htnet"), expected)


def test_a_window_beyond_a_border_is_shifted_back_inside() -> None:
    source = noise()
    beyond = np.array([(-50, 13.9), (500, 13.9), (14, -3), (14, -1e30), (13.9, 1e30)], dtype=np.float32)
    result = recombine_regions(source, beyond, "five-mosaic")

    np.testing.assert_array_equal(result[:14, :14], source[6:20, :14])  # left
    np.testing.assert_array_equal(result[:14, 14:], source[6:20, 14:])  # right
    np.testing.assert_array_equal(result[14:, 10:18], source[:14, 10:18])  # above
    np.testing.assert_array_equal(result[14:, :10], source[:14, 9:19])
    np.testing.assert_array_equal(result[14:, 18:], source[14:, 8:18])  # below


def test_a_full_size_map_is_averaged_over_areas_down_to_each_tile() -> None:
    source = noise(140, 112)
    landmarks = np.array([(40, 50), (80, 50), (56, 80), (40, 110), (76, 110)], dtype=np.float32)
    result = recombine_regions(source, landmarks, "five-mosaic")

    # One pixel of a tile is the mean of 5×4 pixels of the map.
    averaged = {(14, 28, 0, 10): (70, 140, 20, 60), (14, 28, 10, 18): (45, 115, 40, 72)}
    for target, origin in averaged.items():
        window = cut(source, origin)
        means = window.reshape(14, 5, -1, 4, 3).mean(axis=(1, 3))
        np.testing.assert_allclose(cut(result, target), means, rtol=1e-4, atol=1e-5)
    whole = recombine_regions(source, landmarks, "whole-face")
    np.testing.assert_allclose(whole, source.reshape(28, 5, 28, 4, 3).mean(axis=(1, 3)), rtol=1e-4, atol=1e-5)


def test_at_another_side_the_tiles_scale_with_the_map() -> None:
    source = noise(36, 36)
    result = recombine_regions(source, np.full((5, 2), 17.6, dtype=np.float32), "five-mosaic", 36)

    # Eyes of 18×18; below them 13, 10 and 13 of the 36 columns. Windows of the same sizes, around (17.6, 17.6).
    assert result.shape == (36, 36, 3)
    np.testing.assert_array_equal(result[:18, :18], source[8:26, 8:26])
    np.testing.assert_array_equal(result[:18, 18:], source[8:26, 8:26])
    np.testing.assert_array_equal(result[18:, :13], source[8:26, 11:24])
    np.testing.assert_array_equal(result[18:, 13:23], source[8:26, 12:22])
    np.testing.assert_array_equal(result[18:, 23:], source[8:26, 11:24])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_even_side_is_tiled_without_gap_and_with_halves_of_one_size(layout: str) -> None:
    for side in range(14, 226, 2):
        covered = np.zeros((side, side), dtype=int)
        tiles = layout_tiles(layout, side)
        for tile in tiles:
            covered[tile.row : tile.row + tile.height, tile.col : tile.col + tile.width] += 1
        sizes = {tile.region: (tile.height, tile.width) for tile in tiles}
        assert (covered.min(), covered.max()) == (1, 1)
        assert (sizes.get(0), sizes.get(3)) == (sizes.get(1), sizes.get(4))


def test_a_side_that_a_layout_cannot_halve_is_refused() -> None:
    sentence = r"^layout=htnet has regions on the left and .* equally into side=35; choose an even side$"
    with pytest.raises(MerBenchError, match=sentence):
        recombine_regions(noise(), TEMPLATE_LANDMARKS, "htnet", 35)
    assert layout_tiles("whole-face", 35)[0].width == 35


def test_a_transposed_layout_scales_landmarks_to_the_other_axis() -> None:
    source = noise(140, 112)
    landmarks = np.full((5, 2), (28, 100), dtype=np.float32)
    result = recombine_regions(source, landmarks, "htnet")

    # x is 1/4 of the width: row 35 of 140. y is 5/7 of the height: column 80 of 112.
    window = source[0:70, 52:108].reshape(14, 5, 14, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(result[:14, :14], window, rtol=1e-4, atol=1e-5)
