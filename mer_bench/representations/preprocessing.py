"""The settings by which frames become representations, the steps on the way, and what comes out: its axes and shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from mer_bench.arrays import FLOW_CHANNELS, MAP_SIDE
from mer_bench.databases.base import CLIP, DataSource
from mer_bench.errors import MerBenchError
from mer_bench.specs import Parameter, ParameterValue, resolve_parameters
from mer_bench.store.files import digest
from mer_bench.vision.optical_flow import FLOW_PARAMETERS
from mer_bench.vision.regions import LAYOUTS
from mer_bench.vision.sequence import METHODS

_ORDERS = ("dlib,mediapipe", "mediapipe,dlib", "dlib", "mediapipe")

PREPROCESSING: tuple[Parameter, ...] = (
    Parameter(
        "size",
        192,
        "side of the aligned face, pixels: near that of the faces in the releases' frames; the paper is silent",
        minimum=56,
        maximum=1024,
    ),
    Parameter("align_by", "dlib,mediapipe", "detectors asked for the onset frame's face, in turn", choices=_ORDERS),
    Parameter(
        "regions_by",
        "mediapipe,dlib",
        "detectors asked for the apex frame's key regions, in turn (the paper: MediaPipe); then the onset's own",
        choices=_ORDERS,
    ),
    Parameter(
        "no_face",
        "refuse",
        "a sample in whose onset frame no face is found: refuse it, or keep it with the largest centred square of its "
        "frames as the face",
        choices=("refuse", "whole-frame"),
    ),
    Parameter(
        "brightness",
        "match",
        "before the flow: match the apex frame's grey levels to the onset's by one factor, because flow takes "
        "brightness for constant and flickering light for motion (measured: docs/results.md), or take them as-is",
        choices=("match", "as-is"),
    ),
    Parameter("flow", "tv-l1", "the optical flow from onset to apex", choices=tuple(FLOW_PARAMETERS)),
    *chain.from_iterable(FLOW_PARAMETERS.values()),
)

OF_METHOD: Mapping[str, tuple[Parameter, ...]] = {
    "frames": (
        Parameter("length", 10, "frames of the interpolated clip", minimum=1, maximum=1000),
        Parameter("interpolation", "graph", "TIM by graph embedding, or linear", choices=METHODS),
    ),
    "flow": (),
    "face-flow": (),
    "region-flow": (Parameter("layout", "five-mosaic", "how the regions are put together", choices=tuple(LAYOUTS)),),
}
"""What a method may choose of its representation, by naming parameters of its own so."""

_BUILT_ON: Mapping[str, tuple[str, ...]] = {
    "face": (),
    "frames": ("face",),
    "flow": ("face",),
    "regions": ("face",),
    "face-flow": ("flow",),
    "region-flow": ("flow", "regions"),
}
_READS: Mapping[str, tuple[str, ...]] = {
    "face": ("align_by",),
    "frames": ("no_face", "size", "length", "interpolation"),
    "flow": ("no_face", "size", "brightness", "flow"),
    "regions": ("no_face", "size", "regions_by"),
    "face-flow": (),
    "region-flow": ("layout",),
}
VERSIONS: dict[str, int] = dict.fromkeys(_BUILT_ON, 1)
"""Raised, step by step, whenever its code may give other arrays for the same sample."""


@dataclass(frozen=True)
class Recipe:
    """All settings of a representation that is made of frames; sent to the workers as it is."""

    representation: str
    params: Mapping[str, ParameterValue]

    def key(self, step: str, sample_digest: str) -> str:
        """Return the cache's key of one sample's arrays: all that they depend on, and nothing else.

        Whether a sample without a face is kept decides which samples there are, not what their arrays hold.
        """
        chosen = {name: self.params[name] for name in parameter_names(step, self.params) if name != "no_face"}
        return digest([step, step_versions(step), chosen, sample_digest])


def step_versions(step: str) -> dict[str, int]:
    """Return the version of a step and of those that it is built on."""
    below = {name: version for part in _BUILT_ON[step] for name, version in step_versions(part).items()}
    return {**below, step: VERSIONS[step]}


def parameter_names(step: str, params: Mapping[str, ParameterValue]) -> tuple[str, ...]:
    """Return the names of the settings that a step reads, those that it is built on included."""
    names = [name for part in _BUILT_ON[step] for name in parameter_names(part, params)]
    names += _READS[step]
    if step == "flow":
        names += [parameter.name for parameter in FLOW_PARAMETERS[str(params["flow"])]]
    return tuple(dict.fromkeys(names))


def resolve_preprocessing(values: Mapping[str, object], source: DataSource) -> dict[str, ParameterValue]:
    """Return a value for each of `PREPROCESSING`; nothing for data that is ready-made.

    Raises
    ------
    MerBenchError
        An unknown setting, a value that is not allowed, or any setting for ready-made data.
    """
    if source.native == CLIP:
        resolved = resolve_parameters("preprocessing", PREPROCESSING, values)
        for algorithm, parameters in FLOW_PARAMETERS.items():
            idle = [parameter.name for parameter in parameters if parameter.name in values]
            if idle and algorithm != resolved["flow"]:
                raise MerBenchError(
                    f"preprocessing: {idle[0]} is a setting of flow={algorithm}, and flow={resolved['flow']}; "
                    "leave it out, or choose that flow"
                )
        return resolved
    if values:
        name = next(iter(values))
        raise MerBenchError(
            f"--preprocess {name}={values[name]}: this data is ready-made {source.native!r} and is not preprocessed; "
            "leave it out, or name data that holds the frames"
        )
    return {}


@dataclass(frozen=True)
class SampleShape:
    """The array of one sample; ``channels`` is the order of its last axis."""

    axes: tuple[str, ...]
    shape: tuple[int, ...]
    channels: tuple[str, ...]


def sample_shape(representation: str, chosen: Mapping[str, ParameterValue]) -> SampleShape:
    """Return the shape of a sample, with the preprocessing's default ``size``.

    Parameters
    ----------
    representation : str
    chosen : mapping
        What a method chooses of it, such as ``length``; defaults hold for what it leaves open.

    Raises
    ------
    MerBenchError
        A setting that does not shape this representation, or a value that is not allowed.
    """
    settings = resolve_parameters(f"representation {representation}", OF_METHOD[representation], chosen)
    size = int(str(resolve_parameters("preprocessing", PREPROCESSING, {})["size"]))
    plane = ("height", "width", "channels")
    if representation == "frames":
        return SampleShape(("length", *plane), (int(str(settings["length"])), size, size, 1), ("grey",))
    side = size if representation == "flow" else MAP_SIDE
    return SampleShape(plane, (side, side, len(FLOW_CHANNELS)), FLOW_CHANNELS)
