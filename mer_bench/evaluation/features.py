"""Feature extraction: once for each sample, in parallel, before any fold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.cache import Cache, Entry, InputGoneError, open_stack
from mer_bench.errors import MethodError, reason_of
from mer_bench.evaluation.watch import watched_files
from mer_bench.foreign import ForeignError, foreign_code, trace_of
from mer_bench.isolation import isolated
from mer_bench.methods.instances import make_extractor
from mer_bench.methods.setting import MethodSetting
from mer_bench.plugin_manager import load_target

_ARRAY = "features"


@dataclass(frozen=True)
class ExtractTask:
    """One sample whose features are to be extracted.

    Parameters
    ----------
    setting : MethodSetting
    stack : Path
        The row's stacked representation, a ``.npy`` file.
    index : int
        The sample's position in it.
    parts : Path
        The folder of single samples' features, kept until those of all samples are extracted.
    features_key : str
        Hash of everything that the row's features depend on.
    """

    setting: MethodSetting
    stack: Path
    index: int
    parts: Path
    features_key: str

    def stored(self) -> FloatArray | None:
        """Return the sample's stored features; None if they are missing or damaged."""
        entry = Cache(self.parts).read(self.features_key, self._key)
        return entry.arrays[_ARRAY] if entry is not None else None

    def store(self, features: FloatArray) -> None:
        """Write the sample's features."""
        Cache(self.parts).write(self.features_key, self._key, Entry({_ARRAY: features}, {}))

    @property
    def _key(self) -> str:
        return hashlib.sha256(f"{self.features_key}/{self.index}".encode()).hexdigest()


@dataclass(frozen=True)
class Extracted:
    """Whether one sample's extraction failed; its features are in their folder.

    Parameters
    ----------
    index : int
    failure : str
        Why it failed; empty if it did not.
    traceback : str
    input_gone : bool
        Whether it failed because its input was removed meanwhile.
    """

    index: int
    failure: str = ""
    traceback: str = ""
    input_gone: bool = False


def extract(task: ExtractTask) -> Extracted:
    """Extract and store one sample's features, unless an earlier run did; a failure is returned, not raised.

    Raises
    ------
    MerBenchError
        The method refuses a setting, or the folder cannot be written: every other sample would fail too.
    """
    if task.stored() is not None:
        return Extracted(task.index)
    try:
        sample = np.array(open_stack(task.stack)[task.index])
    except InputGoneError as error:
        return Extracted(task.index, str(error), input_gone=True)
    spec = task.setting.spec
    with watched_files():
        load_target(spec.target)
    try:
        with foreign_code(f"method {spec.name}", "extract", recorded=True), watched_files():
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
        They are not an array of finite floats.
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
    """Return the failure of a sample whose worker died or ran past the time-out."""
    return Extracted(task.index, str(error))
