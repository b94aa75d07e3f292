"""How a network is trained, as parameters that ``--set`` can reach. Imports no torch: specs use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from mer_bench.specs import Parameter, ParameterValue


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of `mer_bench.training.trainer.train_fold`; see `training_parameters` for their meaning."""

    epochs: int = 100
    lr: float = 1e-3
    batch_size: int = 256
    optimizer: str = "adam"
    weight_decay: float = 0.0
    class_weights: str = "none"
    normalisation: str = "channel"

    @classmethod
    def from_params(cls, params: Mapping[str, ParameterValue]) -> TrainingConfig:
        """Take what a method's parameters say; what they do not name keeps its default."""
        known: dict[str, Any] = {name: params[name] for name in TRAINING_NAMES if name in params}
        return cls(**known)


TRAINING_NAMES = tuple(field.name for field in fields(TrainingConfig))
_DEFAULTS = TrainingConfig()

_PARAMETERS = (
    Parameter("epochs", _DEFAULTS.epochs, "passes over the training side", minimum=1, maximum=1_000_000),
    Parameter("lr", _DEFAULTS.lr, "learning rate", minimum=1e-12, maximum=1e6),
    Parameter(
        "batch_size",
        _DEFAULTS.batch_size,
        "samples a step; the last of an epoch has what is left, or one more where one would be left",
        minimum=1,
        maximum=1_000_000,
    ),
    Parameter(
        "optimizer", _DEFAULTS.optimizer, "the optimiser; sgd has momentum 0.9", choices=("adam", "adamw", "sgd")
    ),
    Parameter("weight_decay", _DEFAULTS.weight_decay, "weight decay", minimum=0.0, maximum=1e6),
    Parameter(
        "class_weights",
        _DEFAULTS.class_weights,
        "weights of the classes in the cross-entropy: none, or balanced by the training side's counts",
        choices=("none", "balanced"),
    ),
    Parameter(
        "normalisation",
        _DEFAULTS.normalisation,
        "measured on the training side; channel: zero mean and unit deviation a channel; unit: each channel's least "
        "and largest value to 0 and 1; pixel-mean: less the mean map; none: inputs as they are",
        choices=("channel", "unit", "pixel-mean", "none"),
    ),
)


def training_parameters(**defaults: ParameterValue) -> tuple[Parameter, ...]:
    """Return the training parameters for a method's spec, with the method's own defaults.

    Examples
    --------
    >>> [p.default for p in training_parameters(epochs=800) if p.name == "epochs"]
    [800]

    Raises
    ------
    TypeError
        A name that is not a training parameter.
    """
    unknown = set(defaults) - set(TRAINING_NAMES)
    if unknown:
        raise TypeError(f"not a training parameter: {', '.join(sorted(unknown))}")
    return tuple(replace(p, default=p.check(defaults.get(p.name, p.default))) for p in _PARAMETERS)
