"""The steps of preprocessing and their cache keys, and the axes and shape of each representation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mer_bench.arithmetic import arithmetic
from mer_bench.arrays import FLOW_CHANNELS
from mer_bench.databases.base import CLIP, DataSource
from mer_bench.errors import MerBenchError
from mer_bench.parameters import ParameterValue, resolve_parameters
from mer_bench.representations.settings import OF_METHOD, PREPROCESSING
from mer_bench.store.files import digest
from mer_bench.vision.choices import FLOW_PARAMETERS, layout_tiles

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
    "face-flow": ("scale", "side"),
    "region-flow": ("layout", "scale", "side"),
}
VERSIONS: dict[str, int] = {**dict.fromkeys(_BUILT_ON, 1), "flow": 2}
"""The version of each step's code, raised whenever it may compute other arrays for the same sample."""


@dataclass(frozen=True)
class Recipe:
    """A representation that is computed from frames, with all its settings; it is sent to the workers.

    Raises
    ------
    MerBenchError
        The map would be larger than the face, or the layout cannot tile it.
    """

    representation: str
    params: Mapping[str, ParameterValue]

    def __post_init__(self) -> None:
        reads = _READS[self.representation]
        if "side" in reads and self.side > int(str(self.params["size"])):
            size = self.params["size"]
            raise MerBenchError(
                f"side={self.side} is larger than the aligned face, which has size={size}; choose a side of at most "
                f"{size}, or --preprocess size={self.side}"
            )
        if "layout" in reads:
            layout_tiles(str(self.params["layout"]), self.side)

    @property
    def side(self) -> int:
        """Side of a map in pixels; only ``face-flow`` and ``region-flow`` have one."""
        return int(str(self.params["side"]))

    def key(self, step: str, sample_digest: str) -> str:
        """Return the cache key of one sample's arrays: a hash of everything that they depend on, and nothing else.

        ``no_face`` is left out: it decides which samples are kept, not what their arrays contain.
        """
        chosen = {name: self.params[name] for name in parameter_names(step, self.params) if name != "no_face"}
        return digest([step, step_versions(step), chosen, sample_digest, arithmetic()])


def step_versions(step: str) -> dict[str, int]:
    """Return the version of a step and of all steps below it."""
    below = {name: version for part in _BUILT_ON[step] for name, version in step_versions(part).items()}
    return {**below, step: VERSIONS[step]}


def parameter_names(step: str, params: Mapping[str, ParameterValue]) -> tuple[str, ...]:
    """Return the names of the settings that a step and all steps below it read."""
    names = [name for part in _BUILT_ON[step] for name in parameter_names(part, params)]
    names += _READS[step]
    if step == "flow":
        names += [parameter.name for parameter in FLOW_PARAMETERS[str(params["flow"])]]
    return tuple(dict.fromkeys(names))


def resolve_preprocessing(values: Mapping[str, object], source: DataSource) -> dict[str, ParameterValue]:
    """Return a value for each of `PREPROCESSING`; nothing for ready-made data.

    Raises
    ------
    MerBenchError
        A setting is unknown or not allowed, belongs to another flow, or is given for ready-made data.
    """
    if source.native == CLIP:
        resolved = resolve_parameters("preprocessing", PREPROCESSING, values)
        for algorithm, parameters in FLOW_PARAMETERS.items():
            unused = [parameter.name for parameter in parameters if parameter.name in values]
            if unused and algorithm != resolved["flow"]:
                raise MerBenchError(
                    f"preprocessing: {unused[0]} is a setting of flow={algorithm}, but flow is {resolved['flow']}; "
                    f"leave it out, or set flow={algorithm}"
                )
        return resolved
    if values:
        name = next(iter(values))
        raise MerBenchError(
            f"--preprocess {name}={values[name]}: this data is ready-made {source.native!r} and is not preprocessed; "
            "leave the setting out, or choose data with frames"
        )
    return {}


@dataclass(frozen=True)
class SampleShape:
    """The array of one sample; ``channels`` is the order of its last axis."""

    axes: tuple[str, ...]
    shape: tuple[int, ...]
    channels: tuple[str, ...]


def sample_shape(representation: str, chosen: Mapping[str, ParameterValue]) -> SampleShape:
    """Return the shape of a sample at the default ``size`` of preprocessing.

    Parameters
    ----------
    representation : str
    chosen : mapping
        Settings that a method chooses, such as ``length``; defaults for the others.

    Raises
    ------
    MerBenchError
        The representation has no such setting, the value is not allowed, or the layout cannot tile that side.
    """
    settings = resolve_parameters(f"representation {representation}", OF_METHOD[representation], chosen)
    size = int(str(resolve_parameters("preprocessing", PREPROCESSING, {})["size"]))
    plane = ("height", "width", "channels")
    if representation == "frames":
        return SampleShape(("length", *plane), (int(str(settings["length"])), size, size, 1), ("grey",))
    if representation == "region-flow":
        layout_tiles(str(settings["layout"]), int(str(settings["side"])))
    side = size if representation == "flow" else int(str(settings["side"]))
    return SampleShape(plane, (side, side, len(FLOW_CHANNELS)), FLOW_CHANNELS)
