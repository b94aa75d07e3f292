"""Features that a method extracts once a sample, side by side, before any fold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.cache import Cache, Entry
from mer_bench.errors import MethodError, reason_of
from mer_bench.evaluation.isolation import isolated
from mer_bench.foreign import ForeignError, foreign_code, trace_of
from mer_bench.methods.instances import make_extractor
from mer_bench.methods.setting import MethodSetting
from mer_bench.plugin_manager import load_target

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
    spec = task.setting.spec
    load_target(spec.target)
    try:
        with foreign_code(f"method {spec.name}", "extract", recorded=True):
            features = extract_features(task.setting, sample)
    except ForeignError as failure:
        return Extracted(task.index, reason_of(failure.error), trace_of(failure.error))
    task.store(features)
    return Extracted(task.index)


def extract_features(setting: MethodSetting, sample: FloatArray) -> FloatArray:
    """Return the features that a method extracts from one sample, float32.

    Raises
    ------
    MethodError
        They are no array of finite floats.
    """
    load_target(setting.spec.target)
    with isolated(0):
        features: object = make_extractor(setting).extract(sample)
    if not isinstance(features, np.ndarray) or not np.issubdtype(features.dtype, np.floating) or not features.ndim:
        raise MethodError(f"{setting.spec.target}: extract gives {type(features).__name__}, not an array of floats")
    features = features.astype(np.float32)
    if not np.isfinite(features).all():
        raise MethodError(f"{setting.spec.target}: extract gives NaN or infinite values")
    return features


def lost_features(task: ExtractTask, error: MethodError, seconds: float) -> Extracted:
    """Say of a sample why its worker gave nothing."""
    return Extracted(task.index, str(error))
