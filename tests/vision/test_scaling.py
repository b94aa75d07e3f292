from __future__ import annotations

import cv2
import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.vision.optical_flow import shrink_map
from mer_bench.vision.regions import TEMPLATE_LANDMARKS, recombine_regions
from mer_bench.vision.scaling import scale_map


def full_size() -> FloatArray:
    """A map whose channels have other ranges and whose values are all different."""
    noise = np.random.default_rng(0).normal(size=(84, 56, 3))
    return (noise * (3.0, 0.5, 0.02) + (1.0, -2.0, 0.1)).astype(np.float32)


def test_physical_maps_are_unchanged() -> None:
    np.testing.assert_array_equal(scale_map(full_size(), "physical"), full_size())


def test_each_channel_of_a_map_is_scaled_by_its_own_least_and_largest_value() -> None:
    flow = full_size()
    scaled = scale_map(flow, "per-map")

    assert scaled.dtype == np.float32
    for channel in range(3):
        values = flow[..., channel]
        expected = (values - values.min()) / (values.max() - values.min())
        np.testing.assert_allclose(scaled[..., channel], expected, atol=1e-6)


def test_in_8_bits_maps_are_opencvs_normalised_levels() -> None:
    flow = full_size()
    levels = [cv2.normalize(plane, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U) for plane in cv2.split(flow)]
    scaled = scale_map(flow, "per-map-8bit")

    assert scaled.dtype == np.uint8
    np.testing.assert_array_equal(scaled, np.dstack(levels))


def test_a_constant_channel_becomes_0_as_by_opencv() -> None:
    flow = full_size()
    flow[..., 1] = -1.7
    constant = np.full((84, 56), -1.7, dtype=np.float32)

    assert cv2.normalize(constant, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U).max() == 0
    for scale in ("per-map", "per-map-8bit"):
        scaled = scale_map(flow, scale)
        assert (scaled[..., 0].max() > 0, scaled[..., 1].max(), scaled[..., 1].min()) == (True, 0, 0)


def test_8_bit_maps_are_averaged_in_8_bits_and_divided_by_255() -> None:
    scaled = scale_map(full_size(), "per-map-8bit")
    shrunk = cv2.resize(scaled, (28, 28), interpolation=cv2.INTER_AREA)
    cut = recombine_regions(scaled, TEMPLATE_LANDMARKS * 2, "four-corners")
    exact = shrink_map(scale_map(full_size(), "per-map"))

    np.testing.assert_array_equal(shrink_map(scaled), shrunk.astype(np.float32) / np.float32(255))
    np.testing.assert_allclose(cut * 255, np.rint(cut * 255), atol=1e-4)
    assert 0.5 < cut.max() <= 1.0
    assert 0 < np.abs(shrink_map(scaled) - exact).max() < 1.5 / 255
