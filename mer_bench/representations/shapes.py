"""What one sample of a representation is: its axes, shape and channels, known before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mer_bench.arrays import FLOW_CHANNELS, MAP_SIDE
from mer_bench.representations.preparation import OF_METHOD, PREPARATION
from mer_bench.specs import ParameterValue, resolve_parameters


@dataclass(frozen=True)
class SampleShape:
    """The array of one sample.

    Parameters
    ----------
    axes : tuple of str
    shape : tuple of int
    channels : tuple of str
        The order of the last axis.
    """

    axes: tuple[str, ...]
    shape: tuple[int, ...]
    channels: tuple[str, ...]


def sample_shape(representation: str, chosen: Mapping[str, ParameterValue]) -> SampleShape:
    """Return the shape of a sample, with the preparation's default ``size``.

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
    size = int(str(resolve_parameters("preparation", PREPARATION, {})["size"]))
    plane = ("height", "width", "channels")
    if representation == "frames":
        return SampleShape(("length", *plane), (int(str(settings["length"])), size, size, 1), ("grey",))
    side = size if representation == "flow" else MAP_SIDE
    return SampleShape(plane, (side, side, len(FLOW_CHANNELS)), FLOW_CHANNELS)
