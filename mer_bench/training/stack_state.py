"""Which folds of a stack still train, and what each has scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mer_bench.arrays import FloatArray
from mer_bench.training.folds import TrainedFold, TrainingFold


class StackState:
    """Where the training of a stack is, apart from its weights.

    Parameters
    ----------
    folds : sequence of TrainingFold
        Those of the stack when it starts. A fold's number is its place among them; its row is its place in the stack,
        from which folds that have stopped are taken out.
    """

    def __init__(self, folds: Sequence[TrainingFold]) -> None:
        self._folds = folds
        self.epoch = 0
        """How many are finished."""
        self.alive = list(range(len(folds)))
        """The number of the fold in each row."""
        self._stopped: set[int] = set()
        self._failed: dict[int, int] = {}
        """Folds whose loss was not finite, and the epoch."""
        self._scores: list[list[Tensor]] = [[] for _ in folds]
        """Of each fold, what was scored after each epoch: all held-out sets in a row."""

    @property
    def running(self) -> list[int]:
        """The rows of folds that have not stopped."""
        return [row for row, number in enumerate(self.alive) if number not in self._stopped]

    @property
    def n_folds(self) -> int:
        """How many folds have not stopped."""
        # Copies that fill a stack up are the same objects.
        return len({id(self._folds[self.alive[row]]) for row in self.running})

    def add_scores(self, sets: Sequence[Tensor]) -> None:
        """Take the scores of an epoch; they stay on the device.

        Parameters
        ----------
        sets : sequence of Tensor of shape (rows, n, n_classes)
            The logits of each held-out set, filled up with copies.
        """
        for row in self.running:
            number = self.alive[row]
            lengths = [len(part) for part in self._folds[number].held_out]
            own = [part[row, :length] for part, length in zip(sets, lengths, strict=True)]
            self._scores[number].append(torch.cat(own).clone())

    def end_epoch(self, finite: Sequence[bool]) -> None:
        """Count an epoch, and stop the folds whose loss was not finite in it, or which are to stop early."""
        self.epoch += 1
        for row in self.running:
            number = self.alive[row]
            stop = self._folds[number].stop
            if not finite[row]:
                self._failed[number] = self.epoch
                self._stopped.add(number)
            elif stop is not None and stop(self._probabilities(number)[0]):
                self._stopped.add(number)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the rows."""
        self.alive = [self.alive[row] for row in rows]

    def results(self) -> list[TrainedFold]:
        """Return what was scored, of every fold in the order of their numbers."""
        return [self._result(number) for number in range(len(self._folds))]

    def tensors(self) -> dict[str, Tensor]:
        """Return the scores by name, as a checkpoint keeps them."""
        return {f"scores/{number}": torch.stack(own) for number, own in enumerate(self._scores) if own}

    def facts(self) -> dict[str, object]:
        """Return the rest of what a checkpoint keeps."""
        return {
            "epoch": self.epoch,
            "alive": self.alive,
            "stopped": sorted(self._stopped),
            "failed": list(self._failed.items()),
        }

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Take over what `tensors` and `facts` returned."""
        self.epoch, self.alive = facts["epoch"], facts["alive"]
        self._stopped, self._failed = set(facts["stopped"]), dict(facts["failed"])
        self._scores = [list(tensors.get(f"scores/{number}", ())) for number in range(len(self._folds))]

    def _result(self, number: int) -> TrainedFold:
        if number in self._failed:
            return TrainedFold(
                error=f"the training loss is not finite in epoch {self._failed[number]}; a smaller lr may fix it"
            )
        return TrainedFold(self._probabilities(number))

    def _probabilities(self, number: int) -> tuple[FloatArray, ...]:
        fold = self._folds[number]
        epochs = torch.stack(self._scores[number]).softmax(dim=2).cpu().numpy()
        ends = np.cumsum([len(part) for part in fold.held_out])
        return tuple(np.split(epochs, ends[:-1], axis=1))
