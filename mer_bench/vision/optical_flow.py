"""Motion between two frames of a face: optical flow, its strain, and the small maps that networks take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.vision.regions import SIDE

DIS_PRESETS = ("ultrafast", "fast", "medium")


def optical_flow(onset: ByteArray, apex: ByteArray, algorithm: TVL1 | Farneback | DIS) -> FloatArray:
    """Estimate where each pixel of the onset frame has gone in the apex frame: onset(x) = apex(x + flow(x)).

    Runs on one thread, and leaves OpenCV's number of threads as it was: pairs are what runs in parallel.

    Parameters
    ----------
    onset, apex : ndarray of shape (height, width), uint8
        Grey.
    algorithm : TVL1, Farneback or DIS
        With all its parameters.

    Returns
    -------
    ndarray of shape (height, width, 2), float32
        Displacement (u, v) in pixels; u to the right, v down.

    Raises
    ------
    MerBenchError
        Frames of another type or of different shapes, an OpenCV without TV-L1 or that refuses the frames, or a flow
        that is not finite.
    """
    import cv2

    _check_pair(onset, apex)
    try:
        with _one_thread():
            flow = np.asarray(
                _solver(algorithm).calc(*map(np.ascontiguousarray, (onset, apex)), None), dtype=np.float32
            )
    except cv2.error as error:
        raise MerBenchError(
            f"OpenCV finds no flow by {algorithm} between frames of {onset.shape[1]}×{onset.shape[0]} pixels "
            f"({' '.join(str(error).split())}); take a larger crop or other parameters"
        ) from error
    if not np.isfinite(flow).all():
        raise MerBenchError(f"the flow by {algorithm} is not finite everywhere; take other parameters")
    return flow


@dataclass(frozen=True)
class TVL1:
    """TV-L1, the total variation flow with an L1 data term; the defaults are OpenCV's.

    Parameters
    ----------
    tau, lambda_, theta : float
        Time step, weight of the data term (smaller is smoother), and tightness of the coupling.
    scales : int
    warps : int
        A scale.
    epsilon : float
        Where the iterations stop.
    inner, outer : int
        Iterations a warp at most: ``outer`` between two median filters, ``inner`` in each.
    scale_step : float
        Size of a scale over the size of the one below, between 0 and 1.
    median : int
        Side of the median filter: 1 (none), 3 or 5.

    References
    ----------
    Zach, Pock and Bischof, DAGM 2007; Sánchez Pérez et al., IPOL 2013, doi:10.5201/ipol.2013.26.
    """

    tau: float = 0.25
    lambda_: float = 0.15
    theta: float = 0.3
    scales: int = 5
    warps: int = 5
    epsilon: float = 0.01
    inner: int = 30
    outer: int = 10
    scale_step: float = 0.8
    median: int = 5

    def __post_init__(self) -> None:
        _check_positive(self)
        if self.scale_step >= 1 or self.median not in (1, 3, 5):
            raise MerBenchError(f"TV-L1 needs a scale_step below 1 and a median of 1, 3 or 5, not {self}")


@dataclass(frozen=True)
class Farneback:
    """Farnebäck's flow by polynomial expansion, with the parameters of HTNet's code.

    OpenCV's version sees motion at the right and lower borders where there is none: 0.3 pixels between two identical
    faces.

    Parameters
    ----------
    pyramid_scale : float
    levels : int
    window : int
    iterations : int
    poly_n : int
    poly_sigma : float
        As OpenCV's `calcOpticalFlowFarneback` has them.

    References
    ----------
    Farnebäck, SCIA 2003.
    """

    pyramid_scale: float = 0.5
    levels: int = 3
    window: int = 15
    iterations: int = 3
    poly_n: int = 5
    poly_sigma: float = 1.2

    def __post_init__(self) -> None:
        _check_positive(self)
        if self.pyramid_scale >= 1:
            raise MerBenchError(f"Farnebäck's flow needs a pyramid_scale below 1, not {self}")


@dataclass(frozen=True)
class DIS:
    """Dense inverse search, the fast one.

    Parameters
    ----------
    preset : str
        ``ultrafast``, ``fast`` or ``medium``, as OpenCV has them.

    References
    ----------
    Kroeger et al., ECCV 2016.
    """

    preset: str = "medium"

    def __post_init__(self) -> None:
        if self.preset not in DIS_PRESETS:
            raise MerBenchError(
                f"unknown DIS preset {self.preset!r}{did_you_mean(self.preset, DIS_PRESETS)}; "
                f"known: {', '.join(DIS_PRESETS)}"
            )


def optical_strain(flow: FloatArray) -> FloatArray:
    """Magnitude of the infinitesimal strain tensor of a flow field.

    With e = 1/2 (∇o + ∇oᵀ), returns |e| = sqrt(e_xx² + e_yy² + 2 e_xy²), the Frobenius norm.

    Parameters
    ----------
    flow : ndarray of shape (height, width, 2), float32
        Displacement (u, v) in pixels; u to the right, v down.

    Returns
    -------
    ndarray of shape (height, width), float32
        Dimensionless, >= 0.

    Raises
    ------
    MerBenchError
        Another shape, or fewer than 2 pixels along a side.

    References
    ----------
    AHMSA-Net, eq. 1 (the paper gives the tensor; the norm is STSTNet's reading of it).
    """
    if flow.ndim != 3 or flow.shape[2] != 2 or min(flow.shape[:2]) < 2:
        raise MerBenchError(f"a flow field has the shape {flow.shape}; it must be (height, width, 2), both at least 2")
    du_dy, du_dx = np.gradient(flow[..., 0])
    dv_dy, dv_dx = np.gradient(flow[..., 1])
    return np.asarray(np.sqrt(du_dx**2 + dv_dy**2 + 0.5 * (du_dy + dv_dx) ** 2), dtype=np.float32)


def stack_strain(flow: FloatArray) -> FloatArray:
    """Return the flow with its strain as the third channel.

    Parameters
    ----------
    flow : ndarray of shape (height, width, 2), float32
        Displacement (u, v) in pixels.

    Returns
    -------
    ndarray of shape (height, width, 3), float32
        Channels (u, v, os).

    Raises
    ------
    MerBenchError
        As of `optical_strain`.
    """
    return np.dstack((flow, optical_strain(flow))).astype(np.float32)


def shrink_map(flow: FloatArray, side: int = SIDE) -> FloatArray:
    """Average a map over areas, down to a small square.

    The values keep the unit they had: pixels of the full-size map, not of the small one.

    Parameters
    ----------
    flow : ndarray of shape (height, width, channels), float32
    side : int
        Of the result, in pixels; no larger than the map.

    Returns
    -------
    ndarray of shape (side, side, channels), float32

    Raises
    ------
    MerBenchError
        A map of another shape, or smaller than the result.
    """
    import cv2

    if flow.ndim != 3 or not 1 <= side <= min(flow.shape[:2]):
        raise MerBenchError(
            f"a map of the shape {flow.shape} cannot shrink to {side}×{side}; take a crop size of at least {side}"
        )
    small = cv2.resize(np.ascontiguousarray(flow), (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32).reshape(side, side, flow.shape[2])


def _check_positive(parameters: TVL1 | Farneback) -> None:
    for name, value in vars(parameters).items():
        if not (math.isfinite(value) and value > 0):
            raise MerBenchError(
                f"the flow parameter {name} of {type(parameters).__name__} is {value}; it must be above 0"
            )


def _check_pair(onset: ByteArray, apex: ByteArray) -> None:
    for name, frame in (("onset", onset), ("apex", apex)):
        if frame.dtype != np.uint8 or frame.ndim != 2 or 0 in frame.shape:
            raise MerBenchError(
                f"the {name} frame has the type {frame.dtype} and the shape {frame.shape}; flow is taken between "
                "grey frames, uint8 and (height, width)"
            )
    if onset.shape != apex.shape:
        raise MerBenchError(
            f"the onset frame has the shape {onset.shape} and the apex frame {apex.shape}; align both to one size"
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _solver(algorithm: TVL1 | Farneback | DIS) -> Any:
    import cv2

    if isinstance(algorithm, TVL1):
        return _tvl1(algorithm)
    if isinstance(algorithm, Farneback):
        return cv2.FarnebackOpticalFlow.create(
            numLevels=algorithm.levels,
            pyrScale=algorithm.pyramid_scale,
            winSize=algorithm.window,
            numIters=algorithm.iterations,
            polyN=algorithm.poly_n,
            polySigma=algorithm.poly_sigma,
        )
    return cv2.DISOpticalFlow.create(getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{algorithm.preset.upper()}"))


def _tvl1(parameters: TVL1) -> Any:
    import cv2

    optflow: Any = getattr(cv2, "optflow", None)
    if optflow is None:
        raise MerBenchError(
            f"OpenCV {cv2.__version__} is here without its optflow module, which has TV-L1: "
            "pip uninstall opencv-python opencv-python-headless, then pip install opencv-contrib-python"
        )
    solver = optflow.DualTVL1OpticalFlow_create()
    solver.setTau(parameters.tau)
    solver.setLambda(parameters.lambda_)
    solver.setTheta(parameters.theta)
    solver.setScalesNumber(parameters.scales)
    solver.setWarpingsNumber(parameters.warps)
    solver.setEpsilon(parameters.epsilon)
    solver.setInnerIterations(parameters.inner)
    solver.setOuterIterations(parameters.outer)
    solver.setScaleStep(parameters.scale_step)
    solver.setMedianFiltering(parameters.median)
    return solver
