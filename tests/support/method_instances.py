"""The built-in methods, networks with settings of a test's choice, and small trainings of methods."""

from __future__ import annotations

from typing import Any, TypeVar

from mer_bench import LabelledSamples, MethodSpec, Parameter, Representation, TorchMethod, UnlabelledSamples
from mer_bench.arrays import FloatArray
from mer_bench.methods.method import MethodBase
from mer_bench.methods.setting import MethodSetting
from mer_bench.plugin_manager import load_catalogue
from mer_bench.testing import make_method
from mer_bench.training.trainer import train_fold

_MethodT = TypeVar("_MethodT", bound=MethodBase)
_CATALOGUE = load_catalogue()

BUILT_IN = {name: spec for name, spec in _CATALOGUE.methods.items() if _CATALOGUE.owners["method", name] == "mer-bench"}
"""The specs of the methods that come with mer-bench, by name."""


def instance_of(
    kind: type[_MethodT], *, parameters: tuple[Parameter, ...] = (), n_classes: int = 3, **values: object
) -> _MethodT:
    """Return an instance of a class that no plugin offers."""
    spec = MethodSpec(
        "mine",
        "1",
        "Mine",
        "mine:Mine",
        Representation("face-flow"),
        "deep",
        parameters,
        trains_by_epoch=issubclass(kind, TorchMethod),
    )
    return kind(MethodSetting(spec, spec.resolve(None, values), n_classes))


def network_of(spec: MethodSpec, *, preset: str | None = None, n_classes: int = 3, **values: object) -> Any:
    """Return the network of a method's settings."""
    return make_method(spec, preset=preset, n_classes=n_classes, **values).build_network()


def scores_of_the_rest(method: TorchMethod, samples: LabelledSamples, n_train: int, seed: int = 1) -> FloatArray:
    """Train on the first samples and return the scores of the others, (epochs, n, classes)."""
    train = LabelledSamples(samples.inputs[:n_train], samples.labels[:n_train], samples.subjects[:n_train])
    (scores,) = train_fold(method, train, [UnlabelledSamples(samples.inputs[n_train:])], seed=seed, device="cpu")
    return scores
