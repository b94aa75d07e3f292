"""Checks of scores: their form, what they may depend on, and that folds are independent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.errors import did_you_mean
from mer_bench.evaluation.fold_scores import FoldScores
from mer_bench.evaluation.predict import predict_fold
from mer_bench.isolation import isolated
from mer_bench.methods.instances import make_instance
from mer_bench.methods.method import Method, UnlabelledSamples
from mer_bench.parameters import resolve_parameters
from mer_bench.representations.settings import OF_METHOD
from mer_bench.testing.check import Check
from mer_bench.testing.contract import NotApplicableError, assert_same, require, rows_of
from mer_bench.testing.subject import SEED, Subject

_PER_SAMPLE = "score each sample on its own, with what was learned from the training set"


@Check
def representation(subject: Subject) -> None:
    """Works on its representation in real shape, and declares the parameters that change it."""
    spec = subject.spec
    declared = spec.representation
    known = {parameter.name: parameter for parameter in OF_METHOD[declared.name]}
    for name in declared.parameters:
        require(
            name in known,
            f"parameter {name!r} does not change the representation {declared.name!r}{did_you_mean(name, known)}; "
            f"those that do: {', '.join(known) or 'none'}; remove it from Representation(parameters=...)",
        )
    for parameter in spec.parameters:
        if parameter.name in declared.parameters:
            for value in (parameter.default, *parameter.choices):
                resolve_parameters(f"method {spec.name}", OF_METHOD[declared.name], {parameter.name: value})
    _ = subject.usable
    if declared.approximate is not None:
        other = replace(subject.folds.first, representation=declared.approximate)
        what = f"on {declared.approximate!r}, its approximation of {declared.name!r}"
        subject.attempt(what, other, "fix this, or remove approximate=... from the representation")


@Check
def finite_scores(subject: Subject) -> None:
    """Scores are finite real numbers of shape (n, n_classes)."""
    _ = subject.usable


@Check
def one_row_per_sample(subject: Subject) -> None:
    """Returns one row of scores per test sample, also where two samples are equal."""
    _ = subject.usable
    fold = subject.folds.first
    cure = "return one row of scores for each row of test.inputs, also for equal rows"
    subject.attempt("with 3 test samples", subject.folds.elsewhere, cure)
    twice = (*fold.test[:2], fold.test[0])
    subject.attempt("with 3 test samples, two of them equal", replace(fold, test=twice), cure)


@Check
def learns(subject: Subject) -> None:
    """Recognises the classes of its training samples (a network all of them); larger scores mean likelier classes."""
    if subject.spec.family == "baseline":
        raise NotApplicableError("a method of the family baseline does not have to learn")
    if not subject.spec.trains_by_epoch:
        _ = subject.learned
        return
    done, n = subject.overfit, len(subject.folds.first.train)
    require(
        done.correct == n,
        f"its network recognises {done.correct} of its {n} training samples after {done.epochs} epochs of mer-bench's "
        "choice, though each class has patterns of its own; something between its input and its logits is lost or "
        "mixed up",
    )


@Check
def deterministic(subject: Subject) -> None:
    """Gives the same scores for the same fold and seed, and the same features for the same sample."""
    _ = subject.reference


@Check
def sample_order(subject: Subject) -> None:
    """Gives each test sample the same scores in any order of the test samples."""
    wide, fold = subject.wide, subject.folds.wide
    shuffled = [int(place) for place in np.random.default_rng(SEED).permutation(len(fold.test))]
    scores = subject.scores(replace(fold, test=tuple(fold.test[place] for place in shuffled)))
    sentence = f"a sample's scores depend on its position among the test samples; {_PER_SAMPLE}"
    assert_same(scores, rows_of(wide, shuffled), sentence, spread_of=wide)


@Check
def samples_independent(subject: Subject) -> None:
    """Gives a test sample the same scores with many, few or no other test samples."""
    reference, wide, fold = subject.reference, subject.wide, subject.folds.first
    sentence = f"a sample's scores depend on the other test samples; {_PER_SAMPLE}"
    places = list(range(len(fold.test)))
    assert_same(rows_of(wide, places), reference, sentence, spread_of=wide)
    single = replace(fold, test=fold.test[:1])
    scores = subject.attempt("with a single test sample", single, "handle an input of one row in predict")
    assert_same(scores, rows_of(reference, [0]), sentence, spread_of=wide)


@Check
def inputs_unchanged(subject: Subject) -> None:
    """Changes none of its input arrays, and learns nothing from test samples."""
    _ = subject.reference
    _check_arrays(subject)
    other = subject.folds.elsewhere
    (train, first), (_, second) = subject.samples(subject.folds.first), subject.samples(other)
    with isolated(SEED):
        method = make_instance(subject.setting())
        if not isinstance(method, Method):
            return  # a network scores its test set every epoch: one that learns from it fails `samples_independent`
        method.fit(train, seed=SEED)
        scores, of_others, again = (_predicted(method, test) for test in (first, second, first))
    assert_same(
        again,
        scores,
        "predict gives different scores for the same samples the second time; it must not change the method",
    )
    assert_same(
        of_others,
        subject.scores(other),
        "predict gives different scores after other test samples; it must not keep anything of them",
    )


def _predicted(method: Method, test: UnlabelledSamples) -> FoldScores:
    return FoldScores(np.array(method.predict(UnlabelledSamples(test.inputs.copy()))))


def _check_arrays(subject: Subject) -> None:
    if subject.spec.features is not None:
        sample = subject.sample(0)
        given = sample.copy()
        subject.extract(given)
        require(np.array_equal(given, sample), "extract changes its input array; let it work on a copy")
    sets = subject.samples(subject.folds.first)
    copies = [{name: array.copy() for name, array in vars(samples).items()} for samples in sets]
    predict_fold(subject.setting(), *sets, seed=SEED)
    for samples, argument, copy in zip(sets, ("train", "test"), copies, strict=True):
        for name, before in copy.items():
            after: FloatArray = getattr(samples, name)
            require(np.array_equal(after, before), f"{argument}.{name} is changed; let fit and predict work on a copy")


@Check
def folds_independent(subject: Subject) -> None:
    """Gives a fold the same scores after another fold in the same process."""
    _ = subject.independent


@Check
def nothing_kept(subject: Subject) -> None:
    """Leaves nothing of a fold in its modules or on its classes: the next fold would find it."""
    if subject.left_behind is None:
        raise NotApplicableError("this system cannot copy a process, or this process is a worker itself")
    _ = subject.usable
    kept = subject.left_behind()
    require(not isinstance(kept, str), f"in a process of its own: {kept}")
    require(
        not kept,
        f"a fold leaves something behind in {', '.join(kept)}; keep what is learned on the instance (self), and what "
        "does not depend on the fold as a constant",
    )


@Check
def missing_class(subject: Subject) -> None:
    """Works where the training set lacks classes, and never predicts a class that it lacks."""
    _ = subject.usable
    fold = subject.folds.wide
    trained = {
        f"trained without class {label} of {fold.n_classes}": fold.without(label) for label in range(fold.n_classes)
    }
    trained["trained on class 1 only"] = fold.only(1)
    cure = "a held-out subject may have all samples of a class: give a class without training samples the lowest score"
    outcomes = {what: subject.attempt(what, case, cure) for what, case in trained.items()}
    if subject.by_epochs:
        return  # after few epochs any class may have the largest score
    if subject.spec.family != "baseline":
        _ = subject.learned  # a method that has not learned may predict any class
    for what, case in trained.items():
        absent = set(range(fold.n_classes)) - set(case.labels(case.train))
        winners = sorted(absent & set(outcomes[what].scores.argmax(axis=1).tolist()))
        require(
            not winners,
            f"{what}: predicts class {winners[0] if winners else ''}, which the training set lacks; let column k be "
            "class k, and give a class without training samples the lowest score",
        )


@Check
def class_count(subject: Subject) -> None:
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
            "extract gives different features for another number of classes; features are shared by all protocols",
        )


@Check
def worker_processes(subject: Subject) -> None:
    """Gives the same scores in two worker processes as in this process."""
    if subject.in_worker is None:
        raise NotApplicableError("this process is a worker itself")
    for fold, expected in subject.independent.items():
        assert_same(
            subject.in_worker(fold),
            expected,
            "a fold has different scores in another process; scores must not depend on what the process did or "
            "imported before, or on the order of a set of strings; a layer before batch normalisation needs "
            "bias=False, or it learns from rounding errors",
            spread_of=expected,
        )
