"""The loss and the schedule that training settings describe; `TorchMethod` may have its own."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from mer_bench.methods.training_config import TrainingConfig

_ONE_CYCLE_START, _ONE_CYCLE_END, _ONE_CYCLE_RISE = 1 / 25, 1 / 250_000, 0.3
"""torch's own numbers of the one-cycle schedule."""


def sample_losses(config: TrainingConfig, logits: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of each sample that the training settings describe.

    Parameters
    ----------
    config : TrainingConfig
    logits : Tensor of shape (n, n_classes), float32
    labels : Tensor of shape (n,), int64

    Returns
    -------
    Tensor of shape (n,)
        Cross-entropy (AHMSA-Net, eq. 5), with smoothed labels if asked for, and focal (Lin et al. 2017, eq. 4) if
        asked for.
    """
    losses = F.cross_entropy(logits, labels, reduction="none", label_smoothing=config.label_smoothing)
    if config.loss == "cross-entropy":
        return losses
    true = logits.log_softmax(1).gather(1, labels[:, None])[:, 0]
    missing = (-torch.expm1(true)).clamp(min=0)
    if config.focal_gamma == 0:
        return losses
    # The derivative of 0^gamma is infinite for a gamma below 1.
    return losses * missing.clamp(min=torch.finfo(torch.float32).tiny) ** config.focal_gamma


def default_scheduler(config: TrainingConfig, optimizer: torch.optim.Optimizer, steps: int) -> LRScheduler:
    """Return the scheduler that the training settings describe.

    Parameters
    ----------
    config : TrainingConfig
    optimizer : torch.optim.Optimizer
    steps : int
        In an epoch.
    """
    shape = _SHAPES[config.schedule]

    def factor(step: int) -> float:
        rise = min(1.0, (step + 1) / (config.warmup * steps)) if config.warmup else 1.0
        return rise * shape(config, step, steps)

    return LambdaLR(optimizer, factor)


def _cosine(config: TrainingConfig, step: int, steps: int) -> float:
    start, end = config.warmup * steps, config.epochs * steps
    done = min(max(step - start, 0) / max(end - start, 1), 1.0)
    return (1 + math.cos(math.pi * done)) / 2


def _stepwise(config: TrainingConfig, step: int, steps: int) -> float:
    factor: float = config.schedule_factor ** (step // steps // config.schedule_epochs)
    return factor


def _one_cycle(config: TrainingConfig, step: int, steps: int) -> float:
    total = config.epochs * steps
    last, peak = max(total - 1, 1), _ONE_CYCLE_RISE * total - 1
    if step <= peak:
        return _between(_ONE_CYCLE_START, 1.0, step / peak)
    return _between(1.0, _ONE_CYCLE_END, min((step - peak) / (last - peak), 1.0))


def _between(start: float, end: float, done: float) -> float:
    """Return a point of the half cosine wave from one value to another."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


_SHAPES: dict[str, Callable[[TrainingConfig, int, int], float]] = {
    "constant": lambda config, step, steps: 1.0,
    "cosine": _cosine,
    "step": _stepwise,
    "one-cycle": _one_cycle,
}
