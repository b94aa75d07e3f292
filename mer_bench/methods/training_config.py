"""The training settings of networks, as parameters for ``--set``. Imports no torch: specs use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mer_bench.parameters import Parameter, ParameterValue


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of `mer_bench.training.trainer.train_fold`; see `training_parameters` for their meaning."""

    epochs: int
    lr: float
    batch_size: int
    optimizer: str
    weight_decay: float
    class_weights: str
    normalisation: str

    @classmethod
    def from_params(cls, params: Mapping[str, ParameterValue]) -> TrainingConfig:
        """Return the settings in a method's parameters; those that it does not list keep their defaults."""
        values: dict[str, Any] = {own.name: params.get(own.name, own.default) for own in _PARAMETERS}
        return cls(**values)


_PARAMETERS = (
    Parameter("epochs", 100, "passes over the training set", minimum=1, maximum=1_000_000),
    Parameter("lr", 1e-3, "learning rate", minimum=1e-12, maximum=1e6),
    Parameter(
        "batch_size",
        256,
        "samples per step; an epoch's last batch may be smaller, and a single left-over sample joins the "
        "batch before it",
        minimum=1,
        maximum=1_000_000,
    ),
    Parameter("optimizer", "adam", "the optimiser; sgd has momentum 0.9", choices=("adam", "adamw", "sgd")),
    Parameter("weight_decay", 0.0, "weight decay", minimum=0.0, maximum=1e6),
    Parameter(
        "class_weights",
        "none",
        "weights of the classes in the cross-entropy: none, or balanced by the training set's counts",
        choices=("none", "balanced"),
    ),
    Parameter(
        "normalisation",
        "channel",
        "measured on the training set; channel: zero mean and unit deviation per channel; unit: each channel's least "
        "and largest value to 0 and 1; pixel-mean: minus the mean map; none: inputs as they are; raw-255: maps of 0 "
        "to 1 times 255, as public code feeds the levels of 8-bit files; pixel-mean-255: these minus the mean map",
        choices=("channel", "unit", "pixel-mean", "none", "raw-255", "pixel-mean-255"),
    ),
)
TRAINING_NAMES = tuple(parameter.name for parameter in _PARAMETERS)


def training_parameters(**defaults: ParameterValue) -> tuple[Parameter, ...]:
    """Return the training parameters for a method's spec, with the method's own defaults.

    Examples
    --------
    >>> [p.default for p in training_parameters(epochs=800) if p.name == "epochs"]
    [800]

    Raises
    ------
    TypeError
        A name is not that of a training parameter.
    """
    unknown = set(defaults) - set(TRAINING_NAMES)
    if unknown:
        raise TypeError(f"not a training parameter: {', '.join(sorted(unknown))}")
    return tuple(replace(p, default=p.check(defaults.get(p.name, p.default))) for p in _PARAMETERS)
