"""Motion between two frames of a face: optical flow, and its reduction to the small maps that networks take."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from mer_bench.arrays import MAP_SIDE, ByteArray, FloatArray
from mer_bench.errors import MerBenchError
from mer_bench.parameters import resolve_parameters
from mer_bench.threads import one_thread
from mer_bench.vision.choices import FLOW_PARAMETERS
from mer_bench.vision.scaling import as_floats

FLOW_MARGIN = 12
"""Pixels around the face, on every side, on which flow and strain are computed too, and which are cut off afterwards.

Near the border of an image, OpenCV's TV-L1 compares the onset with black pixels from beyond it and halves the image's
gradient: it reports motion where there is none, and strain most of all. Two pixels of a bicubic kernel and two of a
median filter on the coarsest level (0.41 of the side) are ten pixels of the face, whatever its size. Measured by
benchmarks/strain_rim.py.
"""


def optical_flow(
    onset: ByteArray, apex: ByteArray, algorithm: str, settings: Mapping[str, object] = MappingProxyType({})
) -> FloatArray:
    """Estimate how far each pixel of the onset frame has moved in the apex frame: onset(x) = apex(x + flow(x)).

    Runs on one thread, and restores OpenCV's number of threads: several pairs run in parallel instead.

    Parameters
    ----------
    onset, apex : ndarray of shape (height, width), uint8
        Grey, of one size.
    algorithm : str
        One of `FLOW_PARAMETERS`.
    settings : mapping
        Values of some of the algorithm's parameters; defaults for the others.

    Returns
    -------
    ndarray of shape (height, width, 2), float32
        Displacement (u, v) in pixels; u to the right, v down.

    Raises
    ------
    MerBenchError
        The algorithm has no such setting, OpenCV lacks TV-L1 or refuses the frames, or the flow is not finite.
    """
    import cv2

    values = resolve_parameters(f"optical flow {algorithm}", FLOW_PARAMETERS[algorithm], settings)
    frames = np.ascontiguousarray(onset), np.ascontiguousarray(apex)
    described = ", ".join(f"{name}={value}" for name, value in values.items())
    try:
        with one_thread():
            flow = np.asarray(_solver(algorithm, values).calc(*frames, None), dtype=np.float32)
    except cv2.error as error:
        raise MerBenchError(
            f"OpenCV cannot compute the flow {algorithm} ({described}) between frames of "
            f"{onset.shape[1]}×{onset.shape[0]} pixels ({' '.join(str(error).split())}); choose a larger "
            "size or other parameters"
        ) from error
    if not np.isfinite(flow).all():
        raise MerBenchError(f"the flow {algorithm} ({described}) is not finite everywhere; choose other parameters")
    return flow


def shrink_map(flow: FloatArray | ByteArray, side: int = MAP_SIDE) -> FloatArray:
    """Reduce a map to a small square by averaging over areas.

    The values keep their unit: pixels of the full-size map, not of the small one. Means of 8-bit levels are rounded to
    8 bits, and become values from 0 to 1.

    Parameters
    ----------
    flow : ndarray of shape (height, width, 3), float32 or uint8
        Channels (u, v, os).
    side : int
        Side of the result in pixels; not larger than the map.

    Returns
    -------
    ndarray of shape (side, side, 3), float32
    """
    import cv2

    small = cv2.resize(np.ascontiguousarray(flow), (side, side), interpolation=cv2.INTER_AREA)
    return as_floats(np.asarray(small, dtype=flow.dtype))


def _solver(algorithm: str, settings: Mapping[str, Any]) -> Any:
    import cv2

    if algorithm == "tv-l1":
        return _tvl1(settings)
    if algorithm == "farneback":
        return cv2.FarnebackOpticalFlow.create(
            numLevels=settings["farneback_levels"],
            pyrScale=settings["farneback_pyramid_scale"],
            winSize=settings["farneback_window"],
            numIters=settings["farneback_iterations"],
            polyN=settings["farneback_poly_n"],
            polySigma=settings["farneback_poly_sigma"],
        )
    return cv2.DISOpticalFlow.create(getattr(cv2, f"DISOPTICAL_FLOW_PRESET_{settings['dis_preset'].upper()}"))


def _tvl1(settings: Mapping[str, Any]) -> Any:
    import cv2

    optflow: Any = getattr(cv2, "optflow", None)
    if optflow is None:
        raise MerBenchError(
            f"OpenCV {cv2.__version__} is installed without its module optflow, which has TV-L1: "
            "pip uninstall opencv-python opencv-python-headless, then pip install opencv-contrib-python"
        )
    solver = optflow.DualTVL1OpticalFlow_create()
    solver.setTau(settings["tvl1_tau"])
    solver.setLambda(settings["tvl1_lambda"])
    solver.setTheta(settings["tvl1_theta"])
    solver.setScalesNumber(settings["tvl1_scales"])
    solver.setWarpingsNumber(settings["tvl1_warps"])
    solver.setEpsilon(settings["tvl1_epsilon"])
    solver.setInnerIterations(settings["tvl1_inner"])
    solver.setOuterIterations(settings["tvl1_outer"])
    solver.setScaleStep(settings["tvl1_scale_step"])
    solver.setMedianFiltering(settings["tvl1_median"])
    return solver
