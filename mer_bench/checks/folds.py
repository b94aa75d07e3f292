"""Checks of folds: whom a training is tested on, and what its training set holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mer_bench.caveats import Caveat
from mer_bench.checks.base import Answer, Severity, check, grouped, listed
from mer_bench.checks.material import Material
from mer_bench.statistics.subjects import subject_of
from mer_bench.store.schema import RowRecord


@check(
    "MER002",
    "subject in training and test set",
    Severity.ERROR,
    meaning="A network that has seen a face recognises the face: scores on subjects of the training set say nothing "
    "about new people. In a field with the same structure, such a split gave an accuracy of 0.91 where a split by "
    "participant gave 0.66 (doi:10.2196/87728).",
    looks_at="The folds of each row: a subject that has samples in two folds is trained on where the other fold is "
    "tested, and so is a sample in two folds. A fold must hold samples of its own subject only. It cannot see one "
    "person with two names: see MER010. A run refuses weights that were trained on a test subject; weights that do "
    "not say whom they were trained on are MER017.",
    cure="Correct the subject in the data's annotations, or the protocol's folds, and run again in a new folder.",
)
def subject_in_both(material: Material) -> Answer:
    """Look for subjects and samples in two folds."""
    records = [(material.name(row), row.record) for row in material.rows]
    yield from grouped(
        (place, sentence) for place, record in [*records, *material.refused_records] for sentence in _leaks(record)
    )


def _leaks(record: RowRecord) -> Iterator[str]:
    folds_of: dict[str, list[str]] = {}
    for name, fold in record["folds"].items():
        present = {fold["subject"], *map(subject_of, fold["samples"])}
        for subject in sorted(present):
            folds_of.setdefault(subject, []).append(name)
        if others := sorted(present - {fold["subject"]}):
            yield f"fold {name} tests {fold['subject']}, and holds samples of {listed(others)}"
    for subject, folds in folds_of.items():
        if len(folds) > 1:
            yield f"subject {subject} is in the folds {listed(folds)}"
    counts = Counter(key for fold in record["folds"].values() for key in fold["samples"])
    if twice := sorted(key for key, n in counts.items() if n > 1):
        yield f"in two folds: {listed(twice)}"


@check(
    "MER004",
    "class missing in a training set",
    Severity.WARNING,
    meaning="A method cannot predict a class of which it saw no example, so every test sample of that class counts "
    "as wrong, whatever the method is.",
    looks_at="The true labels of all other folds, for each fold. It does not look into the part that the rule "
    "`inner` leaves for training.",
    cure="State it beside the score, or use a protocol with fewer classes or more databases.",
)
def class_missing(material: Material) -> Answer:
    """Look for folds whose training set lacks a class."""
    yield from grouped(
        (material.name(row), sentence) for row in material.rows for sentence in _missing_classes(row.record)
    )


def _missing_classes(record: RowRecord) -> Iterator[str]:
    own = {name: Counter(fold["samples"].values()) for name, fold in record["folds"].items()}
    every = sum(own.values(), Counter[int]())
    for label, name in enumerate(record["protocol"]["classes"]):
        lacking = [fold for fold, counts in own.items() if every[label] == counts[label]]
        if lacking:
            yield f"the training set of {len(lacking)} of {len(own)} folds has no sample of {name}: {listed(lacking)}"


@check(
    "MER017",
    "weights of unknown training subjects",
    Severity.WARNING,
    meaning="The training starts from weights of which nobody knows whom they were trained on. If test subjects are "
    "among them, the score is not one for new people.",
    looks_at="The caveat that a run stores when its file of weights (`init_from`) names no subjects.",
    cure="Make the weights with `mer-bench pretrain`, which writes the subjects into the file, and run again.",
)
def unknown_pretraining(material: Material) -> Answer:
    """Look for rows that start from weights of unknown subjects."""
    yield from grouped(
        (material.name(row), "it starts from weights that do not say whom they were trained on")
        for row in material.rows
        if Caveat.UNKNOWN_PRETRAINING in row.record["caveats"]
    )
