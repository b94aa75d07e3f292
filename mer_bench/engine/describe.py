"""Describe a method without data: its spec, its input on one generated sample, and the size of its network."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.engine.describe_network import LARGEST_ON_CPU, NetworkFacts, measure_network
from mer_bench.errors import MerBenchError, error_text
from mer_bench.evaluation.features import extract_features
from mer_bench.foreign import STRICT_VARIABLE, foreign_code
from mer_bench.isolation import isolated
from mer_bench.methods.instances import make_instance
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.parameters import Parameter, ParameterValue
from mer_bench.plugin_manager import Catalogue
from mer_bench.representations.preprocessing import SampleShape, sample_shape
from mer_bench.settings import resolve_settings
from mer_bench.specs import MethodSpec

_BYTES = 4
"""Of a float32."""
_TYPES = {bool: "bool", int: "int", float: "float", str: "str", tuple: "ints"}


@dataclass(frozen=True)
class Description:
    """Everything that is known of a method without data.

    Parameters
    ----------
    spec : MethodSpec
    distribution : str
        The distribution that provides it.
    params : mapping
        A value for each parameter, with the chosen preset and overrides applied.
    preset : str or None
        The preset of ``params``.
    n_classes : int
    sample : SampleShape
        The method's input for one sample, with the preprocessing's default ``size``.
    features : tuple of int or None
        The shape of the features of one sample.
    network : NetworkFacts or None
    stacks : str
        Whether folds of the network can be trained as one stack, and why not; empty for other methods.
    """

    spec: MethodSpec
    distribution: str
    params: Mapping[str, ParameterValue]
    preset: str | None
    n_classes: int
    sample: SampleShape
    features: tuple[int, ...] | None
    network: NetworkFacts | None
    stacks: str = ""

    @property
    def shaping(self) -> dict[str, ParameterValue]:
        """The method's parameters that shape its representation, with their values."""
        return {name: self.params[name] for name in self.spec.representation.parameters}

    def as_json(self) -> dict[str, Any]:
        """Return JSON values, sizes of features included."""
        spec = self.spec
        features = spec.features and {"parameters": spec.features.parameters, "shape": self.features}
        return {
            "name": spec.name,
            "title": spec.title,
            "version": spec.version,
            "distribution": self.distribution,
            "family": spec.family,
            "citation": spec.citation,
            "target": spec.target,
            "classes": self.n_classes,
            "representation": {**asdict(spec.representation), "parameters": self.shaping, **asdict(self.sample)},
            "features": features and {**features, "size": math.prod(self.features or ())},
            "parameters": [
                {
                    "name": parameter.name,
                    "type": type_word(parameter),
                    "default": parameter.default,
                    "value": self.params[parameter.name],
                    "choices": parameter.choices,
                    "minimum": parameter.minimum,
                    "maximum": parameter.maximum,
                    "doc": parameter.doc,
                }
                for parameter in spec.parameters
            ],
            "presets": spec.presets,
            "default_preset": spec.default_preset,
            "preset": self.preset,
            "network": self.network and {**asdict(self.network), "stacks": self.stacks},
        }


def type_word(parameter: Parameter) -> str:
    """Return the type of a parameter's values in a word or two: ``int``, ``2 ints``."""
    return f"{parameter.length} ints" if parameter.length else _TYPES[type(parameter.default)]


def describe_method(
    catalogue: Catalogue, name: str, *, preset: str | None = None, overrides: Mapping[str, object], n_classes: int
) -> Description:
    """Describe an installed method.

    Its class is imported; torch only if it is a network. A network is built without memory for its weights, if that is
    possible.

    Parameters
    ----------
    catalogue : Catalogue
    name : str
    preset : str, optional
        By default the method's own.
    overrides : mapping
        Values, text or typed, that replace those of the preset; ``ahmsa.lr`` is ``lr`` of that method.
    n_classes : int
        The number of classes.

    Raises
    ------
    MerBenchError
        An unknown method, preset or parameter, a value that is not allowed, or a plugin that does not work.
    """
    spec = catalogue.method(name)
    (params,) = resolve_settings([spec], preset=preset, overrides=overrides)
    distribution = catalogue.owners["method", spec.name]
    setting = MethodSetting(spec, params, n_classes)
    owner = f"method {spec.name} of {distribution}"
    features, network, stacks = None, None, ""
    with _naming(owner):
        sample = sample_shape(spec.representation.name, {name: params[name] for name in spec.representation.parameters})
    with _plugin_code(owner, "its class"), _naming(owner):
        method = make_instance(setting)
    if spec.features is not None:
        with _plugin_code(owner, "extract"):
            features = extract_features(setting, _noise(spec.representation.name, sample)).shape
    if isinstance(method, TorchMethod):
        with _plugin_code(owner, "build_network"):
            shape = (sample.shape[-1], *sample.shape[:-1])
            network = measure_network(owner, setting, shape)
            stacks = _stacks(method, shape, network)
    return Description(
        spec=spec,
        distribution=distribution,
        params=params,
        preset=preset if preset is not None else spec.default_preset,
        n_classes=n_classes,
        sample=sample,
        features=features,
        network=network,
        stacks=stacks,
    )


def _stacks(method: TorchMethod, shape: tuple[int, ...], network: NetworkFacts) -> str:
    """Return whether folds of a network can be trained as one stack: yes; no, because …; or not known."""
    from mer_bench.training.stackable import COPIES, why_not_stackable

    needed = network.parameters * _BYTES * COPIES
    if needed > LARGEST_ON_CPU:
        return f"not known: to try it takes {needed:,} bytes of weights, above the {LARGEST_ON_CPU:,} that are built"
    reason = why_not_stackable(method, shape)
    return f"no, because {reason}" if reason else "yes"


def _noise(representation: str, sample: SampleShape) -> FloatArray:
    """Return a sample of noise: grey levels from 0 to 255, or up to a pixel of motion and strain of 0 or more."""
    noise = np.random.default_rng(0).random(sample.shape, dtype=np.float32)
    if representation == "frames":
        return noise * np.float32(255)
    return noise - np.array([0.5, 0.5, 0.0], dtype=np.float32)


@contextmanager
def _plugin_code(owner: str, what: str) -> Iterator[None]:
    cure = f"try other settings, or see where with {STRICT_VARIABLE}=1"
    with isolated(0), warnings.catch_warnings(), foreign_code(owner, what, cure):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _naming(owner: str) -> Iterator[None]:
    """Put the owner of the method before what mer-bench itself refuses."""
    try:
        yield
    except MerBenchError as error:
        raise MerBenchError(f"{owner}: {error_text(error)}") from error
