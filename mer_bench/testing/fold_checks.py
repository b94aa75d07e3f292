"""Checks over several folds: other class sets, missing classes, and that no fold reaches another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mer_bench.testing.check import NotApplicableError, check
from mer_bench.testing.subject import FOLD, Subject, assert_same, require


@check
def folds_independent(subject: Subject) -> None:
    """A fold's scores are the same after another fold was trained in the same process."""
    _ = subject.independent


@check
def missing_class(subject: Subject) -> None:
    """Works where the training side lacks a class, or has one class only."""
    _ = subject.usable
    cure = "a held-out subject may take all samples of a class with it: score such a class below the others"
    for missing in range(FOLD.n_classes):
        kept = tuple(i for i, label in zip(FOLD.train, FOLD.labels(FOLD.train), strict=True) if label != missing)
        subject.attempt(f"trained without class {missing} of {FOLD.n_classes}", replace(FOLD, train=kept), cure)
    single = tuple(i for i, label in zip(FOLD.train, FOLD.labels(FOLD.train), strict=True) if label == 1)
    subject.attempt("trained on class 1 alone", replace(FOLD, train=single), cure)


@check
def classes(subject: Subject) -> None:
    """Works with 2, 3, 4 and 7 classes."""
    _ = subject.usable
    for n_classes in (2, 4, 7):
        cure = "take the number of classes from self.n_classes (build_estimator: n_classes)"
        subject.attempt(f"with {n_classes} classes", replace(FOLD, n_classes=n_classes), cure)
    if subject.spec.features is not None:
        _ = subject.reference
        sample = subject.sample(0)
        require(
            np.array_equal(subject.extract(sample.copy(), 2), subject.extract(sample.copy(), 7)),
            "extract gives other features for another number of classes; features serve every protocol",
        )


@check
def side_by_side(subject: Subject) -> None:
    """Folds carried out in two worker processes give the same as one by one in this process."""
    if subject.elsewhere is None:
        raise NotApplicableError("this process is a worker itself")
    for fold, expected in subject.independent.items():
        assert_same(
            subject.elsewhere(fold),
            expected,
            "a fold gives other scores in another process; let nothing depend on what the process did before, or on "
            "the order of a set of texts",
            rounding=True,
        )
