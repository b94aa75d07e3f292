"""How far a training is. Imports no torch: the command reads it from its workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is.

    Parameters
    ----------
    folds : int
        How many are trained together.
    epoch, epochs : int
        Finished, and in all.
    samples_per_second : float
        Of training, all folds together.
    seconds_left : float
        If no fold stops early.
    """

    folds: int
    epoch: int
    epochs: int
    samples_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class TrainingNotice:
    """A sentence on a training that the user should read."""

    text: str


Tell = Callable[[TrainingProgress | TrainingNotice], None]
