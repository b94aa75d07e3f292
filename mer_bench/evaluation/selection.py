"""The inner rule: select a network's epoch on training subjects, never on the held-out subject."""

from __future__ import annotations

import math

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
    predicted = scores.argmax(axis=2)
    uf1 = np.array([score(labels, epoch, n_classes, absent_class=absent_class).uf1 for epoch in predicted])
    return int(len(uf1) - 1 - np.argmax(uf1[::-1]))
