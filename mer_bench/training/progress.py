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


@dataclass(frozen=True)
class EpochValues:
    """What tracking logs of some finished epochs of a stack: values of the training, none of held-out samples.

    Parameters
    ----------
    epochs : tuple of (int, float)
        Each epoch, counted from 1, with the seconds that it took, all folds of the stack together.
    folds : tuple of (int, tuple of float, tuple of float)
        Of each fold: its ``tracked`` of `TrainingFold`; its training loss in these epochs, the mean over the batches;
        and its learning rate at the first step of each. A fold that stopped early has fewer values.
    """

    epochs: tuple[tuple[int, float], ...]
    folds: tuple[tuple[int, tuple[float, ...], tuple[float, ...]], ...]


Tell = Callable[[TrainingProgress | TrainingNotice | EpochValues], None]
