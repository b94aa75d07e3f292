"""Bi-WOOF: what its descriptor holds, and what it makes of maps that lost their zero."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler
from support.method_instances import BUILT_IN

from mer_bench import MerBenchError
from mer_bench.arrays import FloatArray
from mer_bench.methods.instances import make_extractor
from mer_bench.methods.setting import MethodSetting
from mer_bench.testing import make_method
from mer_bench_bi_woof.descriptor import bi_woof
from mer_bench_bi_woof.method import BiWOOF

SPEC = BUILT_IN["bi-woof"]

RIGHT, DOWN_RIGHT, DOWN, DOWN_LEFT = (1, 0), (1, 1), (0, 1), (-1, 1)
LEFT, UP_LEFT, UP, UP_RIGHT = (-1, 0), (-1, -1), (0, -1), (1, -1)


def stacked(u: object, v: object, strain: object) -> FloatArray:
    return np.stack(np.broadcast_arrays(*(np.asarray(plane, dtype=np.float32) for plane in (u, v, strain))), axis=-1)


def still(height: int = 10, width: int = 10) -> FloatArray:
    return np.zeros((height, width, 3), dtype=np.float32)


def random_flow(seed: int, height: int = 28, width: int = 28, bins: int = 8) -> FloatArray:
    """Return motion in all directions but those on the edge of a bin, where a rounding would decide."""
    rng = np.random.default_rng(seed)
    width_of_bin = 2 * np.pi / bins
    angle = (rng.integers(0, bins, (height, width)) + rng.uniform(0.1, 0.9, (height, width))) * width_of_bin - np.pi
    length = rng.exponential(1.0, (height, width))
    return stacked(length * np.cos(angle), length * np.sin(angle), rng.exponential(0.1, (height, width)))


def extractor(representation: str, **overrides: object) -> BiWOOF:
    """Return a method as extraction has it: with the parameters of its features alone."""
    method = make_extractor(MethodSetting(SPEC, SPEC.resolve(None, overrides), 3, representation))
    assert isinstance(method, BiWOOF)
    return method


@pytest.mark.parametrize(
    ("directions", "expected"),
    [
        *(((LEFT, (-2, -1)), 0), ((UP_LEFT, (-1, -2)), 1), ((UP, (1, -2)), 2), ((UP_RIGHT, (2, -1)), 3)),
        *(((RIGHT, (2, 1)), 4), ((DOWN_RIGHT, (1, 2)), 5), ((DOWN, (-1, 2)), 6), ((DOWN_LEFT, (-2, 1)), 7)),
        (((-1, -0.0),), 0),
    ],
)
def test_a_bin_holds_its_lower_edge_and_turns_clockwise_on_the_screen_from_the_left(
    directions: tuple[tuple[float, float], ...], expected: int
) -> None:
    """v is downwards, so that -90 degrees, bin 2, is up; the sign of a zero in v decides nothing."""
    for right, down in directions:
        for length in (0.3, 1e3):
            flow = stacked(np.full((3, 3), np.float32(right) * np.float32(length)), np.float32(down * length), 1.0)
            assert bi_woof(flow, (1, 1), 8, 0, "last").tolist() == np.eye(8)[expected].tolist()


def test_twelve_bins_share_the_circle_equally() -> None:
    angles = (np.arange(12) + 0.5) * np.pi / 6 - np.pi
    flow = stacked(np.cos(angles)[None], np.sin(angles)[None], 1.0)

    np.testing.assert_allclose(bi_woof(flow, (1, 1), 12, 0, "last"), np.full(12, 12**-0.5), rtol=1e-6)


@pytest.mark.parametrize("channels", [(0, 1), (2,), (0, 1, 2)])
def test_without_motion_or_without_strain_a_block_is_zero_and_so_is_a_map(channels: tuple[int, ...]) -> None:
    flow = random_flow(0, 6, 6)
    flow[:3, 3:, channels] = 0
    blocks = bi_woof(flow, (2, 2), 8, 0, "last").reshape(4, 8)
    flow[..., channels] = 0

    assert blocks.any(axis=1).tolist() == [True, False, True, True]
    assert bi_woof(flow, (5, 5), 8, 1, "last").tolist() == [0.0] * 200


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [(0, 5), (4, 10), (9, 15), (14, 20), (19, 27)]),
        ({"overlap": 0}, [(0, 4), (5, 9), (10, 14), (15, 19), (20, 27)]),
        ({"remainder": "spread"}, [(0, 5), (4, 11), (10, 16), (15, 22), (21, 27)]),
    ],
)
def test_28_pixels_are_cut_into_five_blocks_as_in_the_authors_code(
    values: dict[str, object], expected: list[tuple[int, int]]
) -> None:
    """First and last pixel of each block, along both sides."""
    seen_by = np.zeros((2, 28, 5), dtype=bool)
    for pixel in range(28):
        for side, at in enumerate([(pixel, 0), (0, pixel)]):
            flow = still(28, 28)
            flow[at] = (1, 0, 1)
            votes = extractor("flow", **values).extract(flow).reshape(5, 5, 8).any(axis=2)
            seen_by[side, pixel] = votes[:, 0] if side == 0 else votes[0]

    for side in seen_by:
        pixels = [np.flatnonzero(side[:, block]) for block in range(5)]
        assert [(first, last) for first, *_, last in pixels] == expected
        assert all((np.diff(run) == 1).all() for run in pixels)


@pytest.mark.parametrize(("blocks", "overlap"), [((3, 7), 0), ((5, 4), 1)])
def test_it_is_what_a_loop_over_the_pixels_gives(blocks: tuple[int, int], overlap: int) -> None:
    flow = random_flow(2, 28, 30)
    values = []
    for i in range(blocks[0]):
        for j in range(blocks[1]):
            top, bottom = max(28 * i // blocks[0] - overlap, 0), 28 * (i + 1) // blocks[0] + overlap
            left, right = max(30 * j // blocks[1] - overlap, 0), 30 * (j + 1) // blocks[1] + overlap
            histogram, strain = np.zeros(8), 0.0
            for u, v, os in flow[top:bottom, left:right].reshape(-1, 3).astype(float):
                histogram[int((np.degrees(np.arctan2(v, u)) + 180) // 45) % 8] += np.hypot(u, v)
                strain += os
            values.append(histogram / histogram.sum() * strain)
    expected = np.ravel(values) / np.linalg.norm(values)

    np.testing.assert_allclose(bi_woof(flow, blocks, 8, overlap, "spread"), expected, rtol=1e-5, atol=1e-8)


@given(seed=st.integers(0, 999), moved=st.integers(-20, 20), strained=st.integers(-20, 20), turns=st.integers(0, 8))
@settings(max_examples=30, deadline=None)
def test_units_cancel_and_a_turn_by_45_degrees_moves_every_bin_to_the_next(
    seed: int, moved: int, strained: int, turns: int
) -> None:
    flow = random_flow(seed, 12, 15)
    angle = turns * np.pi / 4
    u, v, strain = np.moveaxis(flow * np.float32([2.0**moved, 2.0**moved, 2.0**strained]), -1, 0)
    turned = stacked(u * np.cos(angle) - v * np.sin(angle), u * np.sin(angle) + v * np.cos(angle), strain)
    before, after = (bi_woof(x, (3, 2), 8, 1, "last").reshape(6, 8) for x in (flow, turned))

    np.testing.assert_allclose(after, np.roll(before, turns, axis=1), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("representation", "zero", "same_as"),
    [
        ("flow", "auto", "none"),
        ("face-flow", "auto", "median"),
        ("face-flow", "none", "none"),
        ("flow", *["median"] * 2),
    ],
)
def test_what_counts_as_no_motion_follows_from_the_representation(representation: str, zero: str, same_as: str) -> None:
    flow = random_flow(8) + np.float32([0.3, -0.2, 0.05])
    shifted = flow - np.float32([np.median(flow[..., 0]), np.median(flow[..., 1]), flow[..., 2].min()])
    expected = bi_woof(flow if same_as == "none" else shifted, (5, 5), 8, 1, "last")

    np.testing.assert_array_equal(extractor(representation, zero=zero).extract(flow), expected)


@pytest.mark.parametrize(("blocks", "shown"), [("29,5", "(29, 5)"), ("5,31", "(5, 31)")])
def test_a_grid_that_fits_no_map_is_refused_with_its_value(blocks: str, shown: str) -> None:
    with pytest.raises(MerBenchError) as caught:
        extractor("flow", blocks=blocks).extract(still(28, 30))

    assert f"bi-woof: blocks={shown} (rows, columns) cuts a 28×30 map (height×width)" in str(caught.value)
    assert extractor("flow", blocks=(28, 30)).extract(still(28, 30)).shape == (28 * 30 * 8,)


def test_every_parameter_of_the_classifier_reaches_it() -> None:
    given = {"kernel": "rbf", "C": 3.0, "class_weight": "balanced"}
    unscaled, svc = make_method(SPEC, scaler="none", **given).build_estimator(3, 0)
    scaler, plain = make_method(SPEC).build_estimator(3, 0)

    assert {name: getattr(svc, name) for name in given} == given
    assert (plain.kernel, plain.C, plain.class_weight, svc.gamma) == ("linear", 1.0, None, "scale")
    assert isinstance(scaler, StandardScaler)
    assert unscaled == "passthrough"
