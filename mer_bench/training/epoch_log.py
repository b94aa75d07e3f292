"""The values of epochs that tracking asked for, gathered until it is time to send them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from mer_bench.training.folds import TrainingFold
from mer_bench.training.progress import EpochValues

_SEND_SECONDS = 1.0


class EpochLog:
    """Gathers the training loss, the learning rate and the seconds of each epoch of a stack.

    It computes nothing that a training reads, so that no number depends on it. Messages go at most once a second, with
    all epochs since the last: short epochs neither fill the channel nor wait for whoever reads it.

    Parameters
    ----------
    folds : sequence of TrainingFold
        Those of the stack, with the copies that fill it up.
    device : torch.device
    """

    def __init__(self, folds: Sequence[TrainingFold], device: torch.device) -> None:
        self._tracked: dict[int, int] = {}
        for place, fold in enumerate(folds):
            # Copies are the same fold, and say the same.
            if fold.tracked is not None and fold.tracked not in self._tracked.values():
                self._tracked[place] = fold.tracked
        self.loss = torch.zeros(len(folds), device=device)
        """The sum over the batches of the epoch, of each row; steps that a GPU has captured add to it in place."""
        self._rates: list[float] = []
        self._started = self._sent = time.monotonic()
        self._epochs: list[tuple[int, float]] = []
        self._values: dict[int, tuple[list[float], list[float]]] = {}

    def start(self, rates: list[float]) -> None:
        """Start an epoch with the learning rates of all rows."""
        self.loss.zero_()
        self._rates, self._started = rates, time.monotonic()

    def end(self, epoch: int, alive: Sequence[int], running: Sequence[int], batches: int) -> None:
        """Take the values of an epoch.

        Parameters
        ----------
        epoch : int
            Counted from 1.
        alive : sequence of int
            The place of each row among the folds.
        running : sequence of int
            The rows of folds that were trained in it.
        batches : int
        """
        losses = self.loss.tolist()
        self._epochs.append((epoch, time.monotonic() - self._started))
        for row in running:
            number = self._tracked.get(alive[row])
            if number is not None:
                own_losses, own_rates = self._values.setdefault(number, ([], []))
                own_losses.append(losses[row] / batches)
                own_rates.append(self._rates[row])

    def keep(self, chosen: Tensor) -> None:
        """Go on with some of the rows."""
        self.loss = self.loss[chosen]

    @property
    def due(self) -> bool:
        """Whether it is time to send."""
        return bool(self._epochs) and time.monotonic() - self._sent >= _SEND_SECONDS

    def take(self) -> EpochValues:
        """Return what was gathered since the last call."""
        folds = [(number, tuple(losses), tuple(rates)) for number, (losses, rates) in self._values.items()]
        values = EpochValues(tuple(self._epochs), tuple(folds))
        self._epochs, self._values, self._sent = [], {}, time.monotonic()
        return values
