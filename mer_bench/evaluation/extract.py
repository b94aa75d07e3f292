"""Features that a method extracts once a sample, side by side, before any fold."""

from __future__ import annotations

import hashlib
import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.cache import Cache, Entry
from mer_bench.errors import MerBenchError, MethodError, error_text
from mer_bench.evaluation.predict import MethodSetting, extract_features

_ARRAY = "features"


@dataclass(frozen=True)
class ExtractTask:
    """One sample of a row.

    Parameters
    ----------
    setting : MethodSetting
    stack : Path
        The row's stacked representation, a ``.npy`` file.
    index : int
        The sample's place in it.
    parts : Path
        The folder where each sample's features are kept until all are there.
    features_key : str
        What the row's features depend on.
    """

    setting: MethodSetting
    stack: Path
    index: int
    parts: Path
    features_key: str

    def stored(self) -> FloatArray | None:
        """Return the sample's features where they are there, whole."""
        entry = Cache(self.parts).read(self.features_key, self._key)
        return entry.arrays[_ARRAY] if entry is not None else None

    def store(self, features: FloatArray) -> None:
        """Keep the sample's features."""
        Cache(self.parts).write(self.features_key, self._key, Entry({_ARRAY: features}, {}))

    @property
    def _key(self) -> str:
        return hashlib.sha256(f"{self.features_key}/{self.index}".encode()).hexdigest()


@dataclass(frozen=True)
class Extracted:
    """How one sample went; its features are in their folder.

    Parameters
    ----------
    index : int
    failure : str
        Empty where it went well.
    traceback : str
    """

    index: int
    failure: str = ""
    traceback: str = ""


def extract(task: ExtractTask) -> Extracted:
    """Extract one sample's features, unless an earlier run did; a failure is an outcome too.

    Raises
    ------
    MerBenchError
        A setting that the method refuses, or a folder that cannot be written: no other sample would fare better.
    """
    if task.stored() is not None:
        return Extracted(task.index)
    sample = np.array(np.load(task.stack, mmap_mode="r")[task.index])
    try:
        task.store(extract_features(task.setting, sample))
    except MerBenchError as error:
        # A plain one: a subclass of the method's own may not survive the way back from a worker.
        raise MerBenchError(str(error)) from None
    except KeyboardInterrupt:
        raise
    except MethodError as error:
        return Extracted(task.index, str(error), traceback.format_exc())
    except BaseException as error:  # SystemExit too, and whatever else a method's libraries may raise
        return Extracted(task.index, f"{type(error).__name__}: {error_text(error)}", traceback.format_exc())
    return Extracted(task.index)


def lost_features(task: ExtractTask, error: MethodError, seconds: float) -> Extracted:
    """Say of a sample why its slot gave nothing."""
    return Extracted(task.index, str(error))
