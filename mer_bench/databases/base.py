"""What every reader gives: samples, their content digests, and one ready-made array or one clip a sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError
from mer_bench.specs import ParameterValue

if TYPE_CHECKING:
    from mer_bench.samples import SampleTable

CLIP = "clip"
"""The `DataSource.native` of data that gives frames, of which any representation can be made."""

FACE_FLOW = "face-flow"
"""The `DataSource.native` of ready-made maps, the only kind of array that methods are handed as it is."""


@dataclass(frozen=True)
class Clip:
    """The frames of one sample from onset to offset, in the order of time.

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


class DataSource(ABC):
    """Data that mer-bench can read: a folder of maps, an official release, or made-up samples.

    Parameters
    ----------
    path : Path or None
        The folder; None for data that is made rather than read.
    options : mapping
        A value for each of the spec's parameters.
    """

    native: str
    """`FACE_FLOW` where `load` gives ready-made maps, or `CLIP` where there are frames and `clip` gives them."""

    caveats: tuple[str, ...] = ()
    """What must be said wherever a number from this data appears: `Caveat.SYNTHETIC`, for one."""

    def __init__(self, path: Path | None, options: Mapping[str, ParameterValue]) -> None:
        self.path = path
        self.options = options

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Say whether the folder at ``path`` looks like data of this kind (cheap, reads no images)."""
        return False

    @classmethod
    def resembles(cls, path: Path) -> bool:
        """Say whether the folder may be meant as data of this kind, with something wrong in it.

        Asked only where no reader recognises the folder: `read_samples` can then say what is wrong. As cheap.
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
        """Return why annotated samples are missing from `read_samples`, a sentence each: file, row, cause and cure."""
        return ()

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know of the samples that are there: a corrected annotation, for one."""
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
        raise MerBenchError(f"{sample_id}: this data ({self.native}) holds no ready-made maps; report it to its author")

    def clip(self, sample_id: str) -> Clip:
        """Return one sample's frames; for data whose `native` is `CLIP`.

        Raises
        ------
        MerBenchError
            There is no such sample.
        """
        raise MerBenchError(f"{sample_id}: this data ({self.native}) holds no frames; report it to its author")

    @abstractmethod
    def digest(self, sample_id: str) -> str:
        """Return a hash of everything that `load` or `clip` depends on for this sample: content and options."""
