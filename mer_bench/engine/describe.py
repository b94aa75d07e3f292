"""What a method is, eats and costs, found out without data: its spec, one made-up sample, and its network's size."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.engine.describe_network import NetworkFacts, measure_network
from mer_bench.evaluation.features import extract_features
from mer_bench.evaluation.isolation import isolated
from mer_bench.foreign import STRICT_VARIABLE, foreign_code
from mer_bench.methods.instances import make_instance
from mer_bench.methods.method import Method
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.plugin_manager import Catalogue
from mer_bench.representations.preparation import sample_shape
from mer_bench.settings import resolve_settings
from mer_bench.specs import MethodSpec, Parameter, ParameterValue

_TYPES = {bool: "bool", int: "int", float: "float", str: "str", tuple: "ints"}


@dataclass(frozen=True)
class InputFacts:
    """What a method is handed of one sample.

    Parameters
    ----------
    name : str
        The representation.
    parameters : mapping
        The method's parameters that shape it, with their values.
    approximate : str or None
        What the method takes in its stead.
    axes : tuple of str
    shape : tuple of int
        With the preparation's default ``size``.
    channels : tuple of str
        The order of the last axis.
    """

    name: str
    parameters: Mapping[str, ParameterValue]
    approximate: str | None
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True)
class FeatureFacts:
    """What is extracted once a sample: the parameters that it depends on, and the shape that comes out."""

    parameters: tuple[str, ...]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class ParameterFacts:
    """A parameter, its default, and its value with the chosen preset and settings."""

    name: str
    type: str
    default: ParameterValue
    value: ParameterValue
    choices: tuple[ParameterValue, ...]
    minimum: float | None
    maximum: float | None
    doc: str


@dataclass(frozen=True)
class Description:
    """All that can be said of a method without data; ``preset`` is the one that the values are of."""

    name: str
    title: str
    version: str
    distribution: str
    family: str
    citation: str
    target: str
    classes: int
    representation: InputFacts
    features: FeatureFacts | None
    parameters: tuple[ParameterFacts, ...]
    presets: Mapping[str, Mapping[str, ParameterValue]]
    default_preset: str | None
    preset: str | None
    network: NetworkFacts | None

    def as_json(self) -> dict[str, Any]:
        """Return plain values; feature sizes included."""
        said = asdict(self)
        if self.features is not None:
            said["features"]["size"] = self.features.size
        return said


def describe_method(
    catalogue: Catalogue, name: str, *, preset: str | None = None, overrides: Mapping[str, object], n_classes: int
) -> Description:
    """Describe an installed method.

    Its class is imported; torch is only where it is a network. A network is built without memory for its weights
    where that can be done.

    Parameters
    ----------
    catalogue : Catalogue
    name : str
    preset : str, optional
        Without it, the method's own default.
    overrides : mapping
        Values, text or typed, over those of the preset; ``ahmsa.lr`` is taken as ``lr`` of that method.
    n_classes : int
        How many classes the method is to tell apart.

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
    inputs = _input_facts(spec, params)
    is_network = isinstance(_made(owner, setting), TorchMethod)
    return Description(
        name=spec.name,
        title=spec.title,
        version=spec.version,
        distribution=distribution,
        family=spec.family,
        citation=spec.citation,
        target=spec.target,
        classes=n_classes,
        representation=inputs,
        features=None if spec.features is None else _feature_facts(owner, setting, inputs),
        parameters=tuple(_parameter_facts(parameter, params) for parameter in spec.parameters),
        presets={preset: dict(values) for preset, values in spec.presets.items()},
        default_preset=spec.default_preset,
        preset=preset if preset is not None else spec.default_preset,
        network=_network_facts(owner, setting, inputs) if is_network else None,
    )


def _made(owner: str, setting: MethodSetting) -> Method | TorchMethod:
    with _plugin_code(owner, "its class"):
        return make_instance(setting)


def _input_facts(spec: MethodSpec, params: Mapping[str, ParameterValue]) -> InputFacts:
    wanted = spec.representation
    own = {name: params[name] for name in wanted.parameters}
    array = sample_shape(wanted.name, own)
    return InputFacts(wanted.name, own, wanted.approximate, array.axes, array.shape, array.channels)


def _parameter_facts(parameter: Parameter, params: Mapping[str, ParameterValue]) -> ParameterFacts:
    return ParameterFacts(
        parameter.name,
        f"{parameter.length} ints" if parameter.length else _TYPES[type(parameter.default)],
        parameter.default,
        params[parameter.name],
        parameter.choices,
        parameter.minimum,
        parameter.maximum,
        parameter.doc,
    )


def _feature_facts(owner: str, setting: MethodSetting, inputs: InputFacts) -> FeatureFacts:
    assert setting.spec.features is not None
    with _plugin_code(owner, "extract"):
        features = extract_features(setting, _made_up(inputs))
    return FeatureFacts(setting.spec.features.parameters, features.shape)


def _made_up(inputs: InputFacts) -> FloatArray:
    """Return a sample of noise: grey levels from 0 to 255, or up to a pixel of motion and strain of 0 or more."""
    noise = np.random.default_rng(0).random(inputs.shape, dtype=np.float32)
    if inputs.name == "frames":
        return noise * np.float32(255)
    return noise - np.array([0.5, 0.5, 0.0], dtype=np.float32)


def _network_facts(owner: str, setting: MethodSetting, inputs: InputFacts) -> NetworkFacts:
    with _plugin_code(owner, "build_network"):
        return measure_network(owner, setting, (inputs.shape[-1], *inputs.shape[:-1]))


@contextmanager
def _plugin_code(owner: str, what: str) -> Iterator[None]:
    cure = f"try other settings, or see where with {STRICT_VARIABLE}=1"
    with isolated(0), warnings.catch_warnings(), foreign_code(owner, what, cure):
        warnings.simplefilter("ignore")
        yield
