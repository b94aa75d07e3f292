"""Checks of scores: of one fold, what they are and may depend on; of several, that no fold reaches another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.errors import did_you_mean
from mer_bench.evaluation.fold_scores import FoldScores
from mer_bench.evaluation.isolation import isolated
from mer_bench.evaluation.predict import predict_fold
from mer_bench.methods.instances import make_instance
from mer_bench.methods.method import Method, UnlabelledSamples
from mer_bench.representations.preprocessing import OF_METHOD
from mer_bench.specs import resolve_parameters
from mer_bench.testing.check import Check
from mer_bench.testing.contract import NotApplicableError, assert_same, require, rows_of
from mer_bench.testing.subject import SEED, Subject

_EACH_BY_ITSELF = "score every sample by itself, from what was learned of the training set"


@Check
def representation(subject: Subject) -> None:
    """Trains and predicts on its representation as it really is, and declares what shapes it."""
    spec = subject.spec
    declared = spec.representation
    known = {parameter.name: parameter for parameter in OF_METHOD[declared.name]}
    for name in declared.parameters:
        require(
            name in known,
            f"the spec says that the parameter {name!r} shapes {declared.name!r}{did_you_mean(name, known)}; "
            f"what does: {', '.join(known) or 'nothing'}; take it out of Representation(parameters=...)",
        )
    for parameter in spec.parameters:
        if parameter.name in declared.parameters:
            for value in (parameter.default, *parameter.choices):
                resolve_parameters(f"method {spec.name}", OF_METHOD[declared.name], {parameter.name: value})
    _ = subject.usable
    if declared.approximate is not None:
        other = replace(subject.folds.first, representation=declared.approximate)
        what = f"on {declared.approximate!r}, which it takes where {declared.name!r} cannot be had"
        subject.attempt(what, other, "fix that, or declare no approximation")


@Check
def finite_scores(subject: Subject) -> None:
    """Scores are finite real numbers of shape (n, n_classes)."""
    _ = subject.usable


@Check
def exact_samples(subject: Subject) -> None:
    """Gives one row of scores for each sample that is asked for, and for no other."""
    _ = subject.usable
    fold = subject.folds.first
    cure = "give one row of scores for each row of test.inputs, equal ones included"
    subject.attempt("asked for 3 other samples", subject.folds.elsewhere, cure)
    twice = (*fold.test[:2], fold.test[0])
    subject.attempt("asked for 3 samples, two of them equal", replace(fold, test=twice), cure)


@Check
def learns(subject: Subject) -> None:
    """Finds the classes of the samples that it was trained on; a larger score is a likelier class."""
    if subject.spec.family == "baseline":
        raise NotApplicableError("a method of the family baseline need not learn")
    if subject.by_epochs:
        raise NotApplicableError("after the few epochs of a check, a network need not have learned much")
    _ = subject.learned


@Check
def deterministic(subject: Subject) -> None:
    """The same fold and seed give the same scores, and the same sample the same features."""
    _ = subject.reference


@Check
def order(subject: Subject) -> None:
    """Another order of the test samples changes the order of the scores, and nothing else."""
    wide, fold = subject.wide, subject.folds.wide
    shuffled = [int(place) for place in np.random.default_rng(SEED).permutation(len(fold.test))]
    found = subject.scores(replace(fold, test=tuple(fold.test[place] for place in shuffled)))
    sentence = f"a sample's scores depend on its place among the test samples; {_EACH_BY_ITSELF}"
    assert_same(found, rows_of(wide, shuffled), sentence, spread_of=wide)


@Check
def alone(subject: Subject) -> None:
    """A single test sample gets the same scores as among others, be they few or many."""
    reference, wide, fold = subject.reference, subject.wide, subject.folds.first
    sentence = f"a sample's scores depend on which other samples are tested with it; {_EACH_BY_ITSELF}"
    places = list(range(len(fold.test)))
    assert_same(rows_of(wide, places), reference, sentence, spread_of=wide)
    single = replace(fold, test=fold.test[:1])
    found = subject.attempt("asked for a single test sample", single, "mind the case of one row in predict")
    assert_same(found, rows_of(reference, [0]), sentence, spread_of=wide)


@Check
def test_untouched(subject: Subject) -> None:
    """Changes no array that it is handed, and learns nothing from those that it is to score."""
    _ = subject.reference
    _check_arrays(subject)
    other = subject.folds.elsewhere
    (train, first), (_, second) = subject.samples(subject.folds.first), subject.samples(other)
    with isolated(SEED):
        method = make_instance(subject.setting())
        if not isinstance(method, Method):
            return  # a network scores its test set after every epoch: one that learns from it fails `alone`
        method.fit(train, seed=SEED)
        scores, of_others, again = (_predicted(method, side) for side in (first, second, first))
    assert_same(
        again,
        scores,
        "predict gives other scores of the same samples the second time; let it change nothing of the method",
    )
    assert_same(
        of_others,
        subject.scores(other),
        "predict gives other scores after it has seen other test samples; let it keep nothing of them",
    )


def _predicted(method: Method, side: UnlabelledSamples) -> FoldScores:
    return FoldScores(np.array(method.predict(UnlabelledSamples(side.inputs.copy()))))


def _check_arrays(subject: Subject) -> None:
    if subject.spec.features is not None:
        sample = subject.sample(0)
        handed = sample.copy()
        subject.extract(handed)
        require(np.array_equal(handed, sample), "extract changes the array that it is handed; let it work on a copy")
    sides = subject.samples(subject.folds.first)
    copies = [{name: array.copy() for name, array in vars(side).items()} for side in sides]
    predict_fold(subject.setting(), *sides, seed=SEED)
    for side, owner, copy in zip(sides, ("train", "test"), copies, strict=True):
        for name, array in copy.items():
            now: FloatArray = getattr(side, name)
            require(np.array_equal(now, array), f"{owner}.{name} is changed; let fit and predict work on a copy")


@Check
def folds_independent(subject: Subject) -> None:
    """A fold's scores are the same after another fold was trained in the same process."""
    _ = subject.independent


@Check
def missing_class(subject: Subject) -> None:
    """Works where the training set lacks a class, which never wins then, or has one class only."""
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
    if subject.spec.family != "baseline":
        _ = subject.learned  # else a wrong class wins anyway
    for what, case in trained.items():
        absent = set(range(fold.n_classes)) - set(case.labels(case.train))
        winners = sorted(absent & set(found[what].scores.argmax(axis=1).tolist()))
        require(
            not winners,
            f"{what}: class {winners[0] if winners else ''} wins, which the training set lacks; let column k be class "
            "k, and score a class that is lacking below the others",
        )


@Check
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


@Check
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
