"""What a method is, eats and costs, found out without data: its spec, one made-up sample, and its network's size."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError, MethodError, error_text
from mer_bench.evaluation.predict import MethodSetting, extract_features, isolated
from mer_bench.methods.method import Method
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.plugin_manager import STRICT_VARIABLE, Catalogue, reason_of, strict
from mer_bench.representations.preparation import OF_METHOD, PREPARATION
from mer_bench.specs import MethodSpec, Parameter, ParameterValue, normalise_name, resolve_parameters

if TYPE_CHECKING:
    import torch
    from torch import nn

_MAP_SIDE = 28
_CHANNELS = {"frames": ("grey",)}
_FLOW_CHANNELS = ("u", "v", "os")
_TYPES = {bool: "bool", int: "int", float: "float", str: "str", tuple: "ints"}
_WITHOUT_FORMULA = (
    *("mv", "addmv", "dot", "vdot", "_trilinear", "_cdist_forward", "_euclidean_dist"),
    *("_fft_c2c", "_fft_r2c", "_fft_c2r", "grid_sampler_2d", "grid_sampler_3d"),
    *("mkldnn_rnn_layer", "_cudnn_rnn", "_transformer_encoder_layer_fwd", "_native_multi_head_attention"),
)
"""Operations that multiply and add, and that torch's counter passes over in silence."""


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
class NetworkFacts:
    """The size of a network, and the cost of scoring one sample.

    Parameters
    ----------
    parameters : int
    trainable : int
        How many of them are trained.
    flops : int or None
        Of one forward pass of one sample in evaluation mode, 2 a multiply-add: of convolutions, matrix products and
        attention, not of normalisations, activations and pooling. None where the pass fails.
    not_counted : str
        What is missing in ``flops``, or why there are none.
    input_shape : tuple of int
        Of one sample, channels first.
    output_shape : tuple of int or None
        Of one sample's logits.
    """

    parameters: int
    trainable: int
    flops: int | None
    not_counted: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...] | None


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
    params = spec.resolve(preset, _own(spec, overrides))
    distribution = catalogue.owners["method", spec.name]
    setting = MethodSetting(spec, params, n_classes, spec.representation.name)
    owner = f"method {spec.name} of {distribution}"
    eaten = _input_facts(owner, spec, params)
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
        representation=eaten,
        features=None if spec.features is None else _feature_facts(owner, setting, eaten),
        parameters=tuple(_parameter_facts(parameter, params) for parameter in spec.parameters),
        presets={preset: dict(values) for preset, values in spec.presets.items()},
        default_preset=spec.default_preset,
        preset=preset if preset is not None else spec.default_preset,
        network=_network_facts(owner, setting, eaten) if is_network else None,
    )


def _own(spec: MethodSpec, overrides: Mapping[str, object]) -> dict[str, object]:
    """Take ``--set`` as `mer-bench run` does: a name with the method's own before it goes over the bare one."""
    own: dict[str, object] = {}
    for name, value in sorted(overrides.items(), key=lambda item: "." in item[0]):
        method, dot, parameter = name.rpartition(".")
        own[parameter if dot and normalise_name(method) == spec.name else name] = value
    return own


def _made(owner: str, setting: MethodSetting) -> Method | TorchMethod:
    with _plugin_code(owner, "its class fails"):
        try:
            return setting.make()
        except (MerBenchError, MethodError) as error:
            raise MerBenchError(f"{owner}: {error_text(error)}") from error


def _input_facts(owner: str, spec: MethodSpec, params: Mapping[str, ParameterValue]) -> InputFacts:
    eaten = spec.representation
    own = {name: params[name] for name in eaten.parameters}
    settings = resolve_parameters(f"{owner}: its representation {eaten.name}", OF_METHOD[eaten.name], own)
    size = next(int(str(parameter.default)) for parameter in PREPARATION if parameter.name == "size")
    channels = _CHANNELS.get(eaten.name, _FLOW_CHANNELS)
    axes: tuple[str, ...] = ("height", "width", "channels")
    side = size if eaten.name in ("flow", "frames") else _MAP_SIDE
    shape: tuple[int, ...] = (side, side, len(channels))
    if eaten.name == "frames":
        axes, shape = ("length", *axes), (int(str(settings["length"])), *shape)
    return InputFacts(eaten.name, own, eaten.approximate, axes, shape, channels)


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


def _feature_facts(owner: str, setting: MethodSetting, eaten: InputFacts) -> FeatureFacts:
    assert setting.spec.features is not None
    with _plugin_code(owner, "extract fails"):
        features = extract_features(setting, _made_up(eaten))
    return FeatureFacts(setting.spec.features.parameters, features.shape)


def _made_up(eaten: InputFacts) -> FloatArray:
    """Return a sample of noise: grey levels from 0 to 255, or up to a pixel of motion and strain of 0 or more."""
    noise = np.random.default_rng(0).random(eaten.shape, dtype=np.float32)
    if eaten.name == "frames":
        return noise * np.float32(255)
    return noise - np.array([0.5, 0.5, 0.0], dtype=np.float32)


def _network_facts(owner: str, setting: MethodSetting, eaten: InputFacts) -> NetworkFacts:
    """Measure on torch's meta device, where arrays are shapes alone; on the CPU where a network will not go there."""
    shape = (eaten.shape[-1], *eaten.shape[:-1])
    try:
        with _as_in_a_fold():
            return _measured(setting, shape, "meta")
    except (Exception, SystemExit):
        with _plugin_code(owner, "build_network fails"):
            return _measured(setting, shape, "cpu")


def _measured(setting: MethodSetting, shape: tuple[int, ...], device: str) -> NetworkFacts:
    import torch

    method = setting.make()
    assert isinstance(method, TorchMethod)
    flops, missed, output = None, "", None
    with torch.random.fork_rng(devices=[]), torch.device(device), torch.no_grad():
        network = method.build_network().to(device).eval()
        sizes = [(parameter.numel(), parameter.requires_grad) for parameter in network.parameters()]
        try:
            flops, missed, output = _forward(network, torch.zeros(1, *shape))
        except (Exception, SystemExit) as error:
            if device == "meta":
                raise
            missed = f"the forward pass fails ({reason_of(error)})"
    return NetworkFacts(
        parameters=sum(count for count, _ in sizes),
        trainable=sum(count for count, trained in sizes if trained),
        flops=flops,
        not_counted=missed,
        input_shape=shape,
        output_shape=output,
    )


def _forward(network: nn.Module, inputs: torch.Tensor) -> tuple[int, str, tuple[int, ...] | None]:
    """Return the cost of one pass, what is missing in it, and the shape of a sample's output."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    missed: set[str] = set()

    def noting(name: str) -> Callable[..., int]:
        def formula(*_: object, **__: object) -> int:
            missed.add(name)
            return 0

        return formula

    aten = torch.ops.aten
    formulas = {getattr(aten, name): noting(name) for name in _WITHOUT_FORMULA if hasattr(aten, name)}
    # Fused attention has no formula on every device; as plain matrix products it has one everywhere.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        outputs = network(inputs)
    logits = outputs[0] if isinstance(outputs, tuple) and outputs else outputs
    shape = tuple(logits.shape[1:]) if isinstance(logits, torch.Tensor) else None
    return counter.get_total_flops(), ", ".join(sorted(missed)), shape


@contextmanager
def _as_in_a_fold() -> Iterator[None]:
    with isolated(0), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _plugin_code(owner: str, failing: str) -> Iterator[None]:
    """Turn what a plugin's code raises into one sentence; a setting that it refuses has one already."""
    try:
        with _as_in_a_fold():
            yield
    except MerBenchError as error:
        raise MerBenchError(error_text(error)) from error
    except (Exception, SystemExit) as error:
        if strict():
            raise
        raise MerBenchError(
            f"{owner}: {failing} ({reason_of(error)}); try other settings, or see where with {STRICT_VARIABLE}=1"
        ) from error
