"""What every reader gives: samples, their content digests and one ready-made array a sample."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from mer_bench.arrays import FloatArray
from mer_bench.samples import SampleTable
from mer_bench.specs import ParameterValue


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
    """The representation that `load` gives."""

    marks: tuple[str, ...] = ()
    """What must be said wherever a number from this data appears: ``synthetic``, for one."""

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

    @abstractmethod
    def load(self, sample_id: str) -> FloatArray:
        """Return one sample in the `native` representation.

        Raises
        ------
        MerBenchError
            The file is missing, corrupt, or of the wrong size: the message names it.
        """

    @abstractmethod
    def digest(self, sample_id: str) -> str:
        """Return a hash of everything that `load` depends on for this sample: content and options."""
