from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from support.portrait import PORTRAIT

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.errors import MerBenchError
from mer_bench.strain import optical_strain, stack_strain
from mer_bench.vision.alignment import align
from mer_bench.vision.choices import FLOW_PARAMETERS
from mer_bench.vision.optical_flow import optical_flow, shrink_map

SIZE = 128
# The face of the portrait, its eyes level with the picture's sides.
ZOOM = np.array([[1.0, 0.0, -160.0], [0.0, 1.0, -55.0]], dtype=np.float32)
SHIFT = np.array([[0.0, 0.0, 1.5], [0.0, 0.0, -0.5]], dtype=np.float32)
ONSET, APEX = (align(PORTRAIT, zoom, SIZE) for zoom in (ZOOM, ZOOM + SHIFT))


@pytest.mark.parametrize(
    ("preset", "constant"),
    [("ultrafast", 0), ("fast", 1), ("medium", 2)],  # the values of OpenCV's PRESET_...
)
def test_dis_uses_the_preset_of_this_name(preset: str, constant: int) -> None:
    direct = cv2.DISOpticalFlow.create(constant).calc(ONSET, APEX, None)
    assert np.array_equal(optical_flow(ONSET, APEX, "dis", {"dis_preset": preset}), direct)


@pytest.mark.parametrize("values", [(), (0.6, 1, 11, 4, 7, 1.5)])
def test_farneback_is_opencvs_with_the_values_of_htnet_by_default(values: tuple[float, ...]) -> None:
    names = ("pyramid_scale", "levels", "window", "iterations", "poly_n", "poly_sigma")
    settings = {f"farneback_{name}": value for name, value in zip(names, values, strict=False)}
    direct = cv2.calcOpticalFlowFarneback(ONSET, APEX, None, *(values or (0.5, 3, 15, 3, 5, 1.2)), 0)
    assert np.array_equal(optical_flow(ONSET, APEX, "farneback", settings), direct)


# Each setting with OpenCV's own name and default, and another value.
TVL1 = {
    "tau": ("Tau", 0.25, 0.1),
    "lambda": ("Lambda", 0.15, 0.05),
    "theta": ("Theta", 0.3, 0.2),
    "scales": ("ScalesNumber", 5, 3),
    "warps": ("WarpingsNumber", 5, 2),
    "epsilon": ("Epsilon", 0.01, 0.5),
    "inner": ("InnerIterations", 30, 4),
    "outer": ("OuterIterations", 10, 7),
    "scale_step": ("ScaleStep", 0.8, 0.6),
    "median": ("MedianFiltering", 5, 1),
}


class Recording:
    """A TV-L1 solver that records its settings and gives a flow of its own."""

    def __init__(self, given: float = 0.0) -> None:
        self.settings: dict[str, float] = {}
        self.threads: list[int] = []
        self.given = given

    def __getattr__(self, name: str) -> Any:
        return lambda value: self.settings.__setitem__(name.removeprefix("set"), value)

    def calc(self, onset: ByteArray, apex: ByteArray, flow: None) -> FloatArray:
        self.threads.append(cv2.getNumThreads())
        if apex[0, 0] == 0:
            raise cv2.error("broken")
        return np.full((*onset.shape, 2), self.given, dtype=np.float32)


def test_each_parameter_of_tvl1_reaches_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    solver = Recording()
    monkeypatch.setattr(cv2.optflow, "DualTVL1OpticalFlow_create", lambda: solver)
    optical_flow(ONSET, APEX, "tv-l1", {f"tvl1_{name}": other for name, (_, _, other) in TVL1.items()})
    assert solver.settings == {name: other for name, _, other in TVL1.values()}


def test_tvl1_defaults_are_those_of_opencv() -> None:
    solver = cv2.optflow.DualTVL1OpticalFlow_create()
    assert {name: getattr(solver, f"get{name}")() for name, _, _ in TVL1.values()} == {
        name: default for name, default, _ in TVL1.values()
    }
    assert np.array_equal(optical_flow(ONSET, APEX, "tv-l1"), solver.calc(ONSET, APEX, None))


@pytest.mark.parametrize("algorithm", FLOW_PARAMETERS)
def test_the_flow_is_the_same_bit_for_bit_each_time_and_for_views(algorithm: str) -> None:
    wide = np.repeat(APEX, 2, axis=1)
    first = optical_flow(ONSET, APEX, algorithm)
    assert (first.shape, first.dtype) == ((SIZE, SIZE, 2), np.float32)
    assert np.array_equal(optical_flow(ONSET, wide[:, ::2], algorithm), first)


def test_opencv_runs_on_one_thread_and_its_number_of_threads_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    solver = Recording()
    monkeypatch.setattr(cv2.optflow, "DualTVL1OpticalFlow_create", lambda: solver)
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        optical_flow(ONSET, np.maximum(ONSET, 1), "tv-l1")
        assert cv2.getNumThreads() == 2
        with pytest.raises(MerBenchError, match="broken"):
            optical_flow(ONSET, np.zeros_like(ONSET), "tv-l1")
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)
    assert solver.threads == [1, 1]


def test_a_flow_that_is_not_finite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2.optflow, "DualTVL1OpticalFlow_create", lambda: Recording(np.nan))
    with pytest.raises(MerBenchError, match=r"tvl1_tau=0.25, .*not finite everywhere"):
        optical_flow(ONSET, APEX, "tv-l1")


def test_an_opencv_without_tvl1_is_an_error_that_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "optflow")
    with pytest.raises(MerBenchError, match="pip install opencv-contrib-python"):
        optical_flow(ONSET, ONSET, "tv-l1")
    assert optical_flow(ONSET, ONSET, "dis").shape == (SIZE, SIZE, 2)


def test_frames_too_small_for_the_algorithm_are_refused_in_one_sentence() -> None:
    with pytest.raises(MerBenchError, match="9×8 pixels") as refusal:
        optical_flow(ONSET[:8, :9], ONSET[:8, :9], "dis")
    assert "\n" not in str(refusal.value)


def test_a_setting_of_another_algorithm_is_refused() -> None:
    with pytest.raises(MerBenchError, match="optical flow tv-l1 has no parameter 'farneback_levels'"):
        optical_flow(ONSET, ONSET, "tv-l1", {"farneback_levels": 2})


def field(a: float, b: float, c: float, d: float) -> FloatArray:
    """The flow u = a x + b y, v = c x + d y."""
    rows, columns = np.mgrid[:20, :30].astype(np.float32)
    return np.stack((a * columns + b * rows, c * columns + d * rows), axis=2)


@pytest.mark.parametrize(
    ("flow", "strain"),
    [
        (field(0, 0, 0, 0) + np.float32((3, -2)), 0.0),  # a shift
        (field(0, -0.02, 0.02, 0), 0.0),  # an infinitesimal rotation
        (field(0.03, 0, 0, 0.04), 0.05),  # a stretch along both axes
        (field(0, 0.04, 0, 0), 0.04 / np.sqrt(2)),  # a shear: e_xy = 0.02, counted twice
        (field(0.1, 0.02, 0.06, -0.03), np.sqrt(0.1**2 + 0.03**2 + 2 * 0.04**2)),
    ],
)
def test_strain_is_the_frobenius_norm_of_the_tensor(flow: FloatArray, strain: float) -> None:
    measured = optical_strain(flow)
    assert (measured.shape, measured.dtype) == ((20, 30), np.float32)
    assert np.allclose(measured, strain, atol=1e-6)


def test_stacking_keeps_the_flow_and_adds_the_strain() -> None:
    flow = np.random.default_rng(1).normal(size=(9, 7, 2)).astype(np.float32)
    maps = stack_strain(flow)
    assert maps.dtype == np.float32
    assert np.array_equal(maps[..., :2], flow)
    assert np.array_equal(maps[..., 2], optical_strain(flow))


@pytest.mark.parametrize("shape", [(5, 5), (5, 5, 3), (1, 5, 2), (5, 1, 2)])
def test_strain_of_an_array_that_is_not_a_flow_field_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(MerBenchError, match="a flow field has the shape"):
        stack_strain(np.zeros(shape, dtype=np.float32))


def test_shrinking_averages_areas_and_keeps_the_unit() -> None:
    # Noise by whole factors, 2 and 3: only averages over areas equal the means of blocks.
    maps = np.random.default_rng(2).normal(size=(56, 84, 3)).astype(np.float32)
    expected = maps.reshape(28, 2, 28, 3, 3).mean(axis=(1, 3))
    assert np.allclose(shrink_map(maps), expected, atol=1e-6)
    uneven = np.random.default_rng(3).normal(size=(45, 45, 3)).astype(np.float32)
    assert np.allclose(shrink_map(uneven, 7).mean(axis=(0, 1)), uneven.mean(axis=(0, 1)), atol=1e-5)
