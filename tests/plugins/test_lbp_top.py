"""LBP-TOP: codes against hand computation, exact arithmetic and scikit-image; then histograms, presets and the SVM."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import ceil, cos, floor, pi, sin
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import local_binary_pattern
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from support.method_instances import BUILT_IN

from mer_bench import MerBenchError
from mer_bench.arrays import FloatArray
from mer_bench.testing import make_method
from mer_bench.vision.choices import INTERPOLATIONS
from mer_bench.vision.sequence import interpolate_frames
from mer_bench_lbp_top.descriptor import lbp_top, plane_codes
from mer_bench_lbp_top.geometry import PLANES
from mer_bench_lbp_top.method import LBPTOP

SPEC = BUILT_IN["lbp-top"]
SETTINGS: dict[str, Any] = {
    "radii": (1, 1, 1),
    "radii_of": "axes",
    "neighbours": (4, 4, 4),
    "mapping": "raw",
    "blocks": (1, 1, 1),
    "histogram": "counts",
}


def clip(shape: tuple[int, ...], seed: int = 0, levels: int = 256) -> FloatArray:
    return np.random.default_rng(seed).integers(0, levels, shape).astype(np.float32)


def method(preset: str = "megc2019", **values: object) -> LBPTOP:
    made: LBPTOP = make_method(SPEC, preset=preset, **values)
    return made


def exact_code(grey: FloatArray, at: tuple[int, ...], plane: str, points: int, radii: tuple[int, ...]) -> int:
    """One code in rational arithmetic, corner by corner, from the definition."""
    row_axis, column_axis = PLANES[plane]
    by_axis = radii[::-1]
    code = 0
    for point in range(points):
        angle = 2 * pi * point / points
        place = [Fraction(index) for index in at]
        place[row_axis] -= Fraction(str(round(by_axis[row_axis] * sin(angle), 5)))
        place[column_axis] += Fraction(str(round(by_axis[column_axis] * cos(angle), 5)))
        value = Fraction(0)
        for corner in product(*({floor(x), ceil(x)} for x in place)):
            share = Fraction(1)
            for x, index in zip(place, corner, strict=True):
                share *= 1 - abs(x - index)
            value += share * int(grey[corner])
        code |= (value >= int(grey[at])) << point
    return code


@pytest.mark.slow
@given(
    seed=st.integers(0, 10_000),
    levels=st.sampled_from([2, 4, 16]),
    plane=st.sampled_from(list(PLANES)),
    points=st.sampled_from([2, 3, 4, 6, 8]),
    radii=st.tuples(*[st.integers(1, 2)] * 3),
)
@settings(max_examples=100, deadline=None)
def test_every_code_is_the_one_of_exact_arithmetic_ties_included(
    seed: int, levels: int, plane: str, points: int, radii: tuple[int, ...]
) -> None:
    grey = clip((5, 6, 7), seed, levels)
    borders = radii[::-1]
    codes = plane_codes(grey, plane, points, radii)

    assert codes.shape == tuple(size - 2 * border for size, border in zip(grey.shape, borders, strict=True))
    for at in np.ndindex(codes.shape):
        centre = tuple(index + border for index, border in zip(at, borders, strict=True))
        assert codes[at] == exact_code(grey, centre, plane, points, radii)


@pytest.mark.parametrize(("points", "bins"), [(4, 15), (8, 59)])
def test_uniform_bins_are_scikit_images(points: int, bins: int) -> None:
    grey = clip((3, 90, 80), seed=2)
    image = grey[1].astype(np.uint8)
    codes = local_binary_pattern(image, points, 1, method="nri_uniform")[1:-1, 1:-1].astype(int)
    values = {**SETTINGS, "mapping": "uniform", "neighbours": (points, points, points)}

    histogram = lbp_top(grey, **values)

    assert histogram.shape == (3 * bins,)
    np.testing.assert_array_equal(histogram[:bins], np.bincount(codes.ravel(), minlength=bins))
    assert (histogram[:bins] > 0).all()


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_in_a_clip_without_motion_the_planes_of_time_follow_from_xy(interpolation: str) -> None:
    image = np.random.default_rng(3).uniform(0, 255, (30, 30)).astype(np.float32)
    still = interpolate_frames(np.repeat(image[np.newaxis], 7, axis=0), 10, interpolation)
    xy, xt, yt = (plane_codes(still, plane, 4, (1, 1, 4)) for plane in PLANES)
    right, above, left, below = (xy >> bit & 1 for bit in range(4))

    np.testing.assert_array_equal(xt, 0b1010 + right + 4 * left)
    np.testing.assert_array_equal(yt, 0b1010 + below + 4 * above)


def test_rounding_in_a_flat_clip_does_not_darken_its_neighbours() -> None:
    flat = np.full((5, 9, 9), 200.0, dtype=np.float32)
    noisy = np.nextafter(flat, np.where(clip(flat.shape, levels=2) > 0, 0, 255).astype(np.float32))

    assert (plane_codes(noisy, "XT", 8, (1, 1, 1)) == 255).all()
    assert (plane_codes(np.zeros_like(flat), "XT", 8, (1, 1, 1)) == 255).all()
    assert not (plane_codes(flat + clip(flat.shape, levels=2) * 0.01, "XT", 8, (1, 1, 1)) == 255).all()


@pytest.mark.parametrize(("radii", "borders"), [((1, 1, 4), (4, 4, 1)), ((3, 2, 1), (2, 3, 3)), ((1, 3, 2), (3, 2, 3))])
def test_radii_of_planes_make_each_plane_a_circle_of_its_own(
    radii: tuple[int, ...], borders: tuple[int, int, int]
) -> None:
    grey = clip((10, 12, 11), levels=8)
    time, row, column = borders
    inside = [
        (t, y, x) for t in range(time, 10 - time) for y in range(row, 12 - row) for x in range(column, 11 - column)
    ]
    expected = np.zeros((3, 256))
    for number, (plane, radius) in enumerate(zip(PLANES, radii, strict=True)):
        for at in inside:
            expected[number, exact_code(grey, at, plane, 8, (radius, radius, radius))] += 1

    values = {**SETTINGS, "radii": radii, "radii_of": "planes", "neighbours": (8, 8, 8)}
    np.testing.assert_array_equal(lbp_top(grey, **values), expected.ravel())


@pytest.mark.parametrize("block", [(0, 0, 0), (0, 1, 2), (1, 0, 1), (1, 1, 2)])
def test_a_change_at_one_place_is_seen_in_its_block_alone(block: tuple[int, int, int]) -> None:
    time, row, column = block
    grey = np.zeros((6, 10, 14), dtype=np.float32)
    grey[1 + 2 * time, 1 + 4 * row, 1 + 4 * column] = 9  # the first position of its block

    described = lbp_top(grey, **{**SETTINGS, "blocks": (2, 3, 2)}).reshape(2, 2, 3, 3, 16)

    positions = 2 * 4 * 4
    expected = np.zeros((2, 2, 3, 3, 16))
    expected[..., 15] = positions
    expected[(*block, slice(None), 15)] = positions - 1
    expected[(*block, slice(None), 0)] = 1
    np.testing.assert_array_equal(described, expected)


@pytest.mark.parametrize("mapping", ["raw", "uniform"])
def test_counts_sum_to_the_usable_positions_and_l1_divides_them_by_block_and_plane(mapping: str) -> None:
    grey = clip((11, 32, 29))
    values = {**SETTINGS, "radii": (2, 1, 3), "neighbours": (8, 4, 5), "mapping": mapping, "blocks": (4, 3, 2)}
    bins = (256, 16, 32) if mapping == "raw" else (59, 15, 23)

    counts = lbp_top(grey, **values).reshape(24, sum(bins))
    shares = lbp_top(grey, **{**values, "histogram": "l1"}).reshape(24, sum(bins))

    planes = (np.split(array, np.cumsum(bins)[:-1], axis=1) for array in (counts, shares))
    for plane_counts, plane_shares in zip(*planes, strict=True):
        of_block = plane_counts.sum(axis=1)
        assert of_block.sum() == (32 - 2) * (29 - 4) * (11 - 6)
        assert (of_block.min(), of_block.max()) == (7 * 8 * 2, 8 * 9 * 3)
        np.testing.assert_allclose(plane_shares, plane_counts / of_block[:, np.newaxis], rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"radii": (20, 1, 4)}, r"32 long along X; set a smaller R_X, or --preprocess size=41 or more"),
        ({"radii": (1, 5, 6), "radii_of": "planes"}, r"set a smaller R_XT and R_YT, or --set length=13 or more"),
        ({"radii": (15, 1, 4), "radii_of": "planes"}, r"30 long along Y; set a smaller R_XY, or --preprocess size=31"),
        ({"blocks": (5, 5, 3)}, r"ask for 3 blocks along T, where radii=1,1,4 leave 2 positions; ask for at most 2"),
        ({"blocks": (28, 31, 1)}, r"ask for 31 blocks along X, where radii=1,1,4 leave 30 positions"),
    ],
)
def test_settings_that_do_not_fit_the_clip_are_refused_in_one_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(MerBenchError, match=rf"^lbp-top: .*{sentence}"):
        method(**values).extract(clip((10, 30, 32, 1)))


@pytest.mark.parametrize(("scaler", "kind"), [("none", None), ("standard", StandardScaler), ("minmax", MinMaxScaler)])
def test_every_parameter_of_the_classifier_reaches_it(scaler: str, kind: type | None) -> None:
    chosen = {"kernel": "poly", "C": 7.0, "gamma": 0.5, "degree": 4, "class_weight": "balanced"}
    *before, svm = method(scaler=scaler, **chosen).build_estimator(3, 0)
    plain = method().build_estimator(3, 0)[-1]

    assert [type(step) for step in before] == [kind] * bool(kind)
    assert {name: svm.get_params()[name] for name in chosen} == chosen
    assert (svm.coef0, plain.gamma, plain.class_weight, plain.kernel, plain.C) == (0, "scale", None, "linear", 1.0)
