"""The training settings of networks, as parameters for ``--set``. Imports no torch: specs use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mer_bench.errors import MerBenchError
from mer_bench.methods.augmentation_config import AUGMENTATION_PARAMETERS, AugmentationConfig
from mer_bench.parameters import Parameter, ParameterValue


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of `mer_bench.training.trainer`; see `training_parameters` for their meaning."""

    epochs: int
    lr: float
    batch_size: int
    optimizer: str
    momentum: float
    weight_decay: float
    schedule: str
    warmup: int
    schedule_epochs: int
    schedule_factor: float
    clip_norm: float
    loss: str
    focal_gamma: float
    label_smoothing: float
    class_weights: str
    sampling: str
    mixup: float
    average: float
    patience: int
    precision: str
    normalisation: str
    init_from: str
    init_sha256: str
    augmentation: AugmentationConfig

    @classmethod
    def from_params(cls, params: Mapping[str, ParameterValue]) -> TrainingConfig:
        """Return the settings in a method's parameters; those that it does not list keep their defaults."""
        values: dict[str, Any] = {own.name: params.get(own.name, own.default) for own in _NOT_OF_AUGMENTATION}
        return cls(**values, augmentation=AugmentationConfig.from_params(params))

    def __post_init__(self) -> None:
        if self.init_sha256 and not self.init_from:
            raise MerBenchError(f"init_sha256={self.init_sha256!r} is given without a file; set init_from=PATH as well")
        if self.schedule == "one-cycle" and self.warmup:
            raise MerBenchError(f"warmup={self.warmup} does not go with schedule=one-cycle, which has one of its own")
        if self.warmup >= self.epochs > 1:
            raise MerBenchError(f"warmup={self.warmup} leaves none of epochs={self.epochs} at the full learning rate")


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
    Parameter("optimizer", "adam", "the optimiser", choices=("adam", "adamw", "sgd")),
    Parameter("momentum", 0.9, "momentum of sgd; the others do not use it", minimum=0.0, maximum=0.9999),
    Parameter("weight_decay", 0.0, "weight decay", minimum=0.0, maximum=1e6),
    Parameter(
        "schedule",
        "constant",
        "how the learning rate changes: constant; cosine: to 0 at the end; step: times schedule_factor every "
        "schedule_epochs epochs; one-cycle: from lr/25 up to lr in the first three tenths, then down to lr/250000",
        choices=("constant", "cosine", "step", "one-cycle"),
    ),
    Parameter(
        "warmup",
        0,
        "epochs at the start in which the learning rate rises in a straight line to what the schedule says",
        minimum=0,
        maximum=1_000_000,
    ),
    Parameter("schedule_epochs", 30, "epochs between two steps of schedule=step", minimum=1, maximum=1_000_000),
    Parameter("schedule_factor", 0.1, "factor of each step of schedule=step", minimum=1e-6, maximum=1.0),
    Parameter(
        "clip_norm",
        0.0,
        "largest norm of a fold's gradient, all parameters taken together; longer ones are scaled down; 0 for no limit",
        minimum=0.0,
        maximum=1e6,
    ),
    Parameter(
        "loss",
        "cross-entropy",
        "the loss of one sample: cross-entropy; focal: the same times (1 - p)^focal_gamma, where p is the probability "
        "of the true class (Lin et al. 2017, arXiv:1708.02002)",
        choices=("cross-entropy", "focal"),
    ),
    Parameter("focal_gamma", 2.0, "exponent of loss=focal", minimum=0.0, maximum=100.0),
    Parameter(
        "label_smoothing",
        0.0,
        "share of the target that is spread evenly over all classes",
        minimum=0.0,
        maximum=0.999,
    ),
    Parameter(
        "class_weights",
        "none",
        "weights of the samples in the loss by their class: none, or balanced by the training set's counts",
        choices=("none", "balanced"),
    ),
    Parameter(
        "sampling",
        "shuffled",
        "what an epoch is made of: shuffled, each training sample once; balanced, as many samples, drawn with "
        "replacement, each class as often as any other",
        choices=("shuffled", "balanced"),
    ),
    Parameter(
        "mixup",
        0.0,
        "parameter of the Beta distribution from which each step draws how two samples are mixed; 0 for none (Zhang et "
        "al. 2018, arXiv:1710.09412)",
        minimum=0.0,
        maximum=2.0,
    ),
    *AUGMENTATION_PARAMETERS,
    Parameter(
        "average",
        0.0,
        "scores come from a running average of the weights: its share of the old value at each step (0.99); 0 for "
        "the weights themselves. Running statistics of batch normalisation are those of the last step",
        minimum=0.0,
        maximum=0.999999,
    ),
    Parameter(
        "patience",
        0,
        "with selection inner: stop after so many epochs without a better UF1 on the validation subjects; 0 to train "
        "for all epochs",
        minimum=0,
        maximum=1_000_000,
    ),
    Parameter(
        "precision",
        "fp32",
        "arithmetic of matrix products and convolutions: fp32; tf32 and bf16 are faster and coarser, and keep weights "
        "and optimiser in fp32. tf32 needs a GPU; bf16 one, or a processor with AVX512-BF16",
        choices=("fp32", "tf32", "bf16"),
    ),
    Parameter(
        "normalisation",
        "channel",
        "measured on the training set; channel: zero mean and unit deviation per channel; unit: each channel's least "
        "and largest value to 0 and 1; pixel-mean: minus the mean map; none: inputs as they are; raw-255: maps of 0 "
        "to 1 times 255, as public code feeds the levels of 8-bit files; pixel-mean-255: these minus the mean map",
        choices=("channel", "unit", "pixel-mean", "none", "raw-255", "pixel-mean-255"),
    ),
    Parameter("init_from", "", "a safetensors file of weights that every fold starts from; empty for fresh ones"),
    Parameter(
        "init_sha256",
        "",
        "the first 12 or more hexadecimal digits of the SHA-256 of init_from, so that its content is part of a row's "
        "key",
    ),
)
_NOT_OF_AUGMENTATION = tuple(own for own in _PARAMETERS if own not in AUGMENTATION_PARAMETERS)
STACKABLE_NUMBERS = ("lr", "weight_decay")
"""Parameters in which the folds of a stack may differ."""
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
