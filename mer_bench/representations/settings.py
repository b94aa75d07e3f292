"""The settings of preprocessing, and those that methods choose. It needs no numpy."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from mer_bench.parameters import Parameter
from mer_bench.vision.choices import DEFAULT_LAYOUT, FLOW_PARAMETERS, INTERPOLATIONS, LAYOUTS, PHYSICAL, SCALES

_ORDERS = ("dlib,mediapipe", "mediapipe,dlib", "dlib", "mediapipe")

PREPROCESSING: tuple[Parameter, ...] = (
    Parameter(
        "size",
        192,
        "side of the aligned face, pixels; about that of the faces in the releases' frames (no paper states it)",
        minimum=56,
        maximum=1024,
    ),
    Parameter(
        "align_by", "dlib,mediapipe", "face detectors for the onset frame, in the order of trying them", choices=_ORDERS
    ),
    Parameter(
        "regions_by",
        "mediapipe,dlib",
        "face detectors for the apex frame's key regions, in the order of trying them (the paper: MediaPipe); if all "
        "fail, the key points of the onset frame are used",
        choices=_ORDERS,
    ),
    Parameter(
        "no_face",
        "refuse",
        "for a sample without a face in its onset frame: refuse it, or use the largest centred square of its frames as "
        "the face",
        choices=("refuse", "whole-frame"),
    ),
    Parameter(
        "brightness",
        "match",
        "before the flow: match the apex frame's grey levels to the onset's by one factor, or use them as-is; optical "
        "flow assumes constant brightness and mistakes flicker for motion (measured: docs/results.md)",
        choices=("match", "as-is"),
    ),
    Parameter("flow", "tv-l1", "algorithm of the optical flow from onset to apex", choices=tuple(FLOW_PARAMETERS)),
    *chain.from_iterable(FLOW_PARAMETERS.values()),
)

_MAP = (
    Parameter("scale", PHYSICAL, "how a map that is computed from frames is scaled", choices=SCALES),
    Parameter("side", 28, "side of a map that is computed from frames, pixels", minimum=14, maximum=224),
)

OF_METHOD: Mapping[str, tuple[Parameter, ...]] = {
    "frames": (
        Parameter("length", 10, "number of frames after temporal interpolation", minimum=1, maximum=1000),
        Parameter(
            "interpolation",
            "graph",
            "temporal interpolation: by graph embedding (TIM), or linear",
            choices=INTERPOLATIONS,
        ),
    ),
    "flow": (),
    "face-flow": _MAP,
    "region-flow": (
        Parameter("layout", DEFAULT_LAYOUT, "how the key regions tile the map", choices=tuple(LAYOUTS)),
        *_MAP,
    ),
}
"""Settings of each representation that a method may choose: it has parameters of its own with these names."""


def scale_parameter(default: str, reason: str) -> Parameter:
    """Return the parameter ``scale`` for a method's spec, which also names it in its `Representation`.

    Parameters
    ----------
    default : {"physical", "per-map", "per-map-8bit"}
        How maps that are computed from frames are scaled: displacement in pixels; each channel of each map by its own
        least and largest value to 0..1; or the same, rounded to 8 bits, as public maps are.
    reason : str
        Why; `mer-bench describe` shows it.

    Raises
    ------
    MerBenchError
        The default is none of these.

    Examples
    --------
    >>> scale_parameter("per-map-8bit", "as the authors' maps").default
    'per-map-8bit'
    """
    return Parameter("scale", default, f"how a map that is computed from frames is scaled: {reason}", choices=SCALES)


def is_from_frames(params: Mapping[str, object]) -> bool:
    """Return whether a representation with these settings is computed from frames; else it is ready-made."""
    return "align_by" in params


def is_scaled_for_method(params: Mapping[str, object]) -> bool:
    """Return whether maps with these settings get the scale that the method asks for.

    Ready-made maps can only if they are in physical units.
    """
    return is_from_frames(params) or params.get("data_scale") == PHYSICAL
