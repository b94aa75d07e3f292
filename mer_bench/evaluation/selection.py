"""The inner rule: select a network's epoch on training subjects, never on the held-out subject."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from mer_bench.arrays import FloatArray, IntArray, StringArray
from mer_bench.errors import MethodError
from mer_bench.scoring.metrics import score

VALIDATION_SHARE = 0.2


def validation_subjects(subjects: StringArray, *, seed: int) -> set[str]:
    """Draw the training subjects that the inner rule holds out: a fifth of each database's, rounded up.

    A database's only training subject stays in the training set.

    Parameters
    ----------
    subjects : ndarray of shape (n,), str
        The training set's namespaced subjects.
    seed : int

    Raises
    ------
    MethodError
        No database has two training subjects.
    """
    generator = np.random.default_rng(seed)
    names = sorted(set(subjects.tolist()))
    chosen: set[str] = set()
    for database in sorted({subject.split("/", 1)[0] for subject in names}):
        members = [subject for subject in names if subject.split("/", 1)[0] == database]
        n = min(math.ceil(VALIDATION_SHARE * len(members)), len(members) - 1)
        chosen.update(members[i] for i in generator.permutation(len(members))[:n])
    if not chosen:
        raise MethodError(
            "selection 'inner' needs two training subjects of one database, and this fold has one; use 'last'"
        )
    return chosen


def best_inner_epoch(scores: FloatArray, labels: IntArray, n_classes: int, *, absent_class: str) -> int:
    """Return the epoch with the best UF1 on the validation subjects, the latest of equally good ones.

    Parameters
    ----------
    scores : ndarray of shape (n_epochs, n, n_classes), float32
    labels : ndarray of shape (n,), int64
    n_classes : int
    absent_class : str
        The protocol's rule for a class without a true sample.
    """
    return _latest_best(_uf1(scores, labels, n_classes, absent_class))


@dataclass
class InnerStop:
    """Stops a training once the UF1 on the validation subjects has not become better for some epochs.

    Parameters
    ----------
    labels : ndarray of shape (n,), int64
        Of the validation subjects.
    n_classes : int
    absent_class : str
        As of `best_inner_epoch`.
    patience : int
        Epochs.
    """

    labels: IntArray
    n_classes: int
    absent_class: str
    patience: int
    _known: list[float] = field(default_factory=list)

    def __call__(self, probabilities: FloatArray) -> bool:
        """Return whether to stop, from the scores after each epoch so far."""
        if len(probabilities) < len(self._known):
            # The training has begun again, in a smaller stack.
            self._known.clear()
        new = probabilities[len(self._known) :]
        self._known += _uf1(new, self.labels, self.n_classes, self.absent_class)
        best = max(self._known)
        return len(self._known) - 1 - self._known.index(best) >= self.patience


def _uf1(scores: FloatArray, labels: IntArray, n_classes: int, absent_class: str) -> list[float]:
    predicted = scores.argmax(axis=2)
    return [score(labels, epoch, n_classes, absent_class=absent_class).uf1 for epoch in predicted]


def _latest_best(values: list[float]) -> int:
    return len(values) - 1 - int(np.argmax(values[::-1]))
