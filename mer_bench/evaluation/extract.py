"""Features that a method extracts once a sample, side by side, before any fold."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError, MethodError, error_text
from mer_bench.evaluation.predict import MethodSetting, extract_features


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
    """

    setting: MethodSetting
    stack: Path
    index: int


@dataclass(frozen=True)
class Extracted:
    """A sample's features, or why there are none.

    Parameters
    ----------
    index : int
    features : ndarray or None
    failure : str
        Empty where it went well.
    traceback : str
    """

    index: int
    features: FloatArray | None
    failure: str = ""
    traceback: str = ""


def extract(task: ExtractTask) -> Extracted:
    """Extract one sample's features; a failure is an outcome too.

    Raises
    ------
    MerBenchError
        A setting that the method refuses: no other sample would fare better.
    """
    sample = np.array(np.load(task.stack, mmap_mode="r")[task.index])
    try:
        return Extracted(task.index, extract_features(task.setting, sample))
    except MerBenchError as error:
        # A plain one: a subclass of the method's own may not survive the way back from a worker.
        raise MerBenchError(str(error)) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too, and whatever else a method's libraries may raise
        return Extracted(task.index, None, f"{type(error).__name__}: {error_text(error)}", traceback.format_exc())


def lost_features(task: ExtractTask, error: MethodError, seconds: float) -> Extracted:
    """Say of a sample why its slot gave nothing."""
    return Extracted(task.index, None, f"{type(error).__name__}: {error}")
