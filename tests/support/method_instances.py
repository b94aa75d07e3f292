"""Networks with settings of a test's choice, and small trainings of methods."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from mer_bench import LabelledSamples, MethodSpec, Parameter, Representation, TorchMethod, UnlabelledSamples
from mer_bench.arrays import FloatArray
from mer_bench.methods.method import MethodBase
from mer_bench.methods.setting import MethodSetting
from mer_bench.testing import make_method
from mer_bench.training.trainer import train_fold

_MethodT = TypeVar("_MethodT", bound=MethodBase)


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


def assert_the_seed_decides(method: TorchMethod, samples: LabelledSamples) -> None:
    """Two epochs in the trainer give probabilities, the same ones for the same seed alone."""
    first, again, other = (scores_of_the_rest(method, samples, len(samples) - 1, seed) for seed in (1, 1, 2))

    assert first.shape == (2, 1, 3)
    np.testing.assert_allclose(first.sum(axis=2), 1, rtol=1e-5)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
