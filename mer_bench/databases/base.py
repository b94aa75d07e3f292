"""What every reader provides: samples, their content digests, and one ready-made map or one clip per sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError
from mer_bench.parameters import ParameterValue

if TYPE_CHECKING:
    from mer_bench.samples import SampleTable

CLIP = "clip"
"""The `DataSource.native` of data with frames, from which any representation can be computed."""

FACE_FLOW = "face-flow"
"""The `DataSource.native` of ready-made maps, the only arrays that a method gets unchanged."""


@dataclass(frozen=True)
class Clip:
    """The frames of one sample from onset to offset, in temporal order.

    Parameters
    ----------
    sample_id : str
    frames : tuple of Path
        Image files (JPEG, PNG, BMP or TIFF), all of one size; the first is the onset frame, the last the offset frame.
    apex : int
        Index of the apex frame in ``frames``.
    """

    sample_id: str
    frames: tuple[Path, ...]
    apex: int


@dataclass(frozen=True)
class InputFacts:
    """What the data is, for people: it is shown beside every score.

    Parameters
    ----------
    name : str
        ``CausalNet 3DB maps``, ``SMIC-HS, SAMM, CASME II``.
    source : str
        Where it comes from.
    citation, licence : str
    flow : str
        The algorithm of ready-made flow maps; empty if it is unknown, and for frames.
    channels : tuple of str
        What the planes of a ready-made map's file are, in their order.
    scale : str
        How ready-made maps are scaled: ``physical``, ``per-map`` or ``per-map-8bit``; empty if it is unknown, and for
        frames.
    """

    name: str
    source: str = ""
    citation: str = ""
    licence: str = ""
    flow: str = ""
    channels: tuple[str, ...] = ()
    scale: str = ""


class DataSource(ABC):
    """Data that mer-bench can read: a folder of maps, an official release, or generated samples.

    Parameters
    ----------
    path : Path or None
        The folder; None for data that is generated rather than read.
    options : mapping
        A value for each of the spec's parameters.
    """

    native: str
    """`FACE_FLOW` if `load` returns ready-made maps, `CLIP` if `clip` returns frames."""

    caveats: tuple[str, ...] = ()
    """What every report of scores on this data must state, such as `Caveat.SYNTHETIC`."""

    def __init__(self, path: Path | None, options: Mapping[str, ParameterValue]) -> None:
        self.path = path
        self.options = options

    def input_facts(self) -> InputFacts:
        """Return what the data is, for people; for ready-made maps it is part of the fingerprint."""
        return InputFacts("unnamed data")

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Return whether the folder at ``path`` looks like data of this kind; fast, reads no images."""
        return False

    @classmethod
    def resembles(cls, path: Path) -> bool:
        """Return whether the folder may be meant as data of this kind, but has a fault.

        Called only if no reader recognises the folder, so that `read_samples` can say what is wrong; as fast.
        """
        return False

    @abstractmethod
    def read_samples(self) -> SampleTable:
        """Return every sample.

        Raises
        ------
        MerBenchError
            The annotations cannot be used: the message names file, row and cure.
        """

    def problems(self) -> tuple[str, ...]:
        """Return why annotated samples are not in `read_samples`: a sentence each, with file, row, cause and cure."""
        return ()

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know about the samples that were read, such as a corrected annotation."""
        return ()

    def load(self, sample_id: str) -> FloatArray:
        """Return one sample's ready-made map; for data whose `native` is `FACE_FLOW`.

        Returns
        -------
        ndarray of shape (28, 28, 3), float32
            Channels (u, v, os): displacement in pixels of the map from onset to apex (u to the right, v down), and
            the optical strain of that field (dimensionless, >= 0).

        Raises
        ------
        MerBenchError
            The file is missing, corrupt, or of the wrong size: the message names it.
        """
        raise MerBenchError(f"{sample_id}: this data ({self.native}) has no ready-made maps; report it to its author")

    def clip(self, sample_id: str) -> Clip:
        """Return one sample's frames; for data whose `native` is `CLIP`.

        Raises
        ------
        MerBenchError
            There is no such sample.
        """
        raise MerBenchError(f"{sample_id}: this data ({self.native}) has no frames; report it to its author")

    @abstractmethod
    def digest(self, sample_id: str) -> str:
        """Return a hash of everything that `load` or `clip` depends on for this sample: content and options."""
