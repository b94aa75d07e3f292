"""mer-bench: a benchmark harness for micro-expression recognition.

This is the public interface, for plugin authors and notebooks. Names are imported on first use,
so that ``import mer_bench`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mer_bench.version import __version__

_HOME = {
    "hookimpl": "mer_bench.hookspecs",
    "MerBenchError": "mer_bench.errors",
    "MethodError": "mer_bench.errors",
    "did_you_mean": "mer_bench.errors",
    "Parameter": "mer_bench.specs",
    "ParameterValue": "mer_bench.specs",
    "Representation": "mer_bench.specs",
    "Features": "mer_bench.specs",
    "MethodSpec": "mer_bench.specs",
    "DatabaseSpec": "mer_bench.specs",
    "ProtocolSpec": "mer_bench.specs",
    "FloatArray": "mer_bench.arrays",
    "IntArray": "mer_bench.arrays",
    "Sample": "mer_bench.samples",
    "SampleTable": "mer_bench.samples",
    "DataSource": "mer_bench.databases.base",
    "Clip": "mer_bench.databases.base",
    "CLIP": "mer_bench.databases.base",
    "FACE_FLOW": "mer_bench.databases.base",
    "Mark": "mer_bench.marks",
    "content_digest": "mer_bench.cache",
    "Method": "mer_bench.methods.method",
    "LabelledSamples": "mer_bench.methods.method",
    "UnlabelledSamples": "mer_bench.methods.method",
    "SklearnMethod": "mer_bench.methods.sklearn_method",
    "TorchMethod": "mer_bench.methods.torch_method",
    "training_parameters": "mer_bench.methods.training_config",
    "run": "mer_bench.api",
    "load_results": "mer_bench.frames",
}

__all__ = [*_HOME, "__version__"]  # pyright: ignore[reportUnsupportedDunderAll]

if TYPE_CHECKING:
    from mer_bench.api import run as run
    from mer_bench.arrays import FloatArray as FloatArray
    from mer_bench.arrays import IntArray as IntArray
    from mer_bench.cache import content_digest as content_digest
    from mer_bench.databases.base import CLIP as CLIP
    from mer_bench.databases.base import FACE_FLOW as FACE_FLOW
    from mer_bench.databases.base import Clip as Clip
    from mer_bench.databases.base import DataSource as DataSource
    from mer_bench.errors import MerBenchError as MerBenchError
    from mer_bench.errors import MethodError as MethodError
    from mer_bench.errors import did_you_mean as did_you_mean
    from mer_bench.frames import load_results as load_results
    from mer_bench.hookspecs import hookimpl as hookimpl
    from mer_bench.marks import Mark as Mark
    from mer_bench.methods.method import LabelledSamples as LabelledSamples
    from mer_bench.methods.method import Method as Method
    from mer_bench.methods.method import UnlabelledSamples as UnlabelledSamples
    from mer_bench.methods.sklearn_method import SklearnMethod as SklearnMethod
    from mer_bench.methods.torch_method import TorchMethod as TorchMethod
    from mer_bench.methods.training_config import training_parameters as training_parameters
    from mer_bench.samples import Sample as Sample
    from mer_bench.samples import SampleTable as SampleTable
    from mer_bench.specs import DatabaseSpec as DatabaseSpec
    from mer_bench.specs import Features as Features
    from mer_bench.specs import MethodSpec as MethodSpec
    from mer_bench.specs import Parameter as Parameter
    from mer_bench.specs import ParameterValue as ParameterValue
    from mer_bench.specs import ProtocolSpec as ProtocolSpec
    from mer_bench.specs import Representation as Representation


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
