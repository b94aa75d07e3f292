"""Checks over several folds: other class sets, missing classes, and that no fold reaches another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mer_bench.testing.check import check
from mer_bench.testing.contract import NotApplicableError, assert_same, require
from mer_bench.testing.subject import Subject


@check
def folds_independent(subject: Subject) -> None:
    """A fold's scores are the same after another fold was trained in the same process."""
    _ = subject.independent


@check
def missing_class(subject: Subject) -> None:
    """Works where the training side lacks a class, which never wins then, or has one class only."""
    _ = subject.usable
    fold = subject.folds.wide
    trained = {
        f"trained without class {label} of {fold.n_classes}": fold.without(label) for label in range(fold.n_classes)
    }
    trained["trained on class 1 alone"] = fold.only(1)
    cure = "a held-out subject may take all samples of a class with it: score such a class below the others"
    found = {what: subject.attempt(what, case, cure) for what, case in trained.items()}
    if subject.by_epochs:
        return  # after few epochs anything may win
    if subject.spec.family != "sanity":
        _ = subject.learned  # else a wrong class wins anyway
    for what, case in trained.items():
        absent = set(range(fold.n_classes)) - set(case.labels(case.train))
        winners = sorted(absent & set(found[what].scores.argmax(axis=1).tolist()))
        require(
            not winners,
            f"{what}: class {winners[0] if winners else ''} wins, which the training side lacks; let column k be class "
            "k, and score a class that is lacking below the others",
        )


@check
def classes(subject: Subject) -> None:
    """Works with 2, 3, 4 and 7 classes."""
    _ = subject.usable
    for n_classes in (2, 4, 7):
        cure = "take the number of classes from self.n_classes (build_estimator: n_classes)"
        subject.attempt(f"with {n_classes} classes", replace(subject.folds.first, n_classes=n_classes), cure)
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
            "a fold gives other scores in another process; let nothing depend on what the process did or imported "
            "before, or on the order of a set of texts",
            spread_of=expected,
        )
