"""Labels, counts and folds: which samples a protocol uses, and which subject each fold holds out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mer_bench.errors import MerBenchError
from mer_bench.protocol import Protocol, count_problems
from mer_bench.samples import SampleTable
from mer_bench.store.files import digest


@dataclass(frozen=True)
class LabelledTable:
    """A protocol's samples, sorted by id.

    Parameters
    ----------
    sample_ids, subjects : tuple of str
        Subjects are namespaced (``smic/s1``).
    labels : tuple of int
    databases : tuple of str
    """

    sample_ids: tuple[str, ...]
    subjects: tuple[str, ...]
    labels: tuple[int, ...]
    databases: tuple[str, ...]


@dataclass(frozen=True)
class Fold:
    """One held-out subject: positions in a `LabelledTable`."""

    name: str
    subject: str
    train: tuple[int, ...]
    test: tuple[int, ...]


def select_samples(table: SampleTable, protocol: Protocol) -> LabelledTable:
    """Return the samples of a table that a protocol uses, each with its label.

    Raises
    ------
    MerBenchError
        An emotion is not in the protocol's class map, or no sample is left.
    """
    rows = []
    for row in table.frame.to_dict("records"):
        if not protocol.takes(row["database"], row["sample_id"]):
            continue
        try:
            label = protocol.label_of(row["database"], row["emotion"])
        except MerBenchError as error:
            raise MerBenchError(f"{row['sample_id']} ({row['origin']}): {error}") from None
        if label is not None:
            rows.append((row["sample_id"], row["subject"], label, row["database"]))
    if not rows:
        wanted = ", ".join(protocol.databases)
        raise MerBenchError(
            f"protocol {protocol.name} needs samples of {wanted}, and the data has none; choose other data with --data"
        )
    ids, subjects, labels, databases = zip(*rows, strict=True)
    return LabelledTable(ids, subjects, labels, databases)


def count_mismatch(table: LabelledTable, protocol: Protocol) -> list[str]:
    """Return one line for each number of samples or subjects that differs from the protocol's declared counts."""
    counts: dict[str, dict[str, int]] = {name: dict.fromkeys(protocol.classes, 0) for name in protocol.databases}
    for (database, label), n in Counter(zip(table.databases, table.labels, strict=True)).items():
        counts[database][protocol.classes[label]] = n
    subjects = Counter(subject.split("/", 1)[0] for subject in set(table.subjects))
    return count_problems(protocol, counts, {name: subjects[name] for name in protocol.databases})


def leave_one_subject_out(table: LabelledTable, fingerprints: Mapping[str, str]) -> tuple[Fold, ...]:
    """Return one fold for each subject, sorted by subject.

    A fold's test set is in the order of `id_hash`.

    Raises
    ------
    MerBenchError
        There is only one subject, so no training set is left, or two subjects would share a fold's name.
    """
    subjects = sorted(set(table.subjects))
    if len(subjects) < 2:
        raise MerBenchError(f"leave-one-subject-out needs two subjects or more; the data holds only {subjects[0]}")
    positions = range(len(table.subjects))
    folds: dict[str, Fold] = {}
    for subject in subjects:
        name = subject.replace("/", "-")
        if name in folds:
            raise MerBenchError(
                f"subjects {folds[name].subject} and {subject} would both make the fold {name}; rename one of them"
            )
        test = _shuffled(table, [i for i in positions if table.subjects[i] == subject], fingerprints)
        train = tuple(i for i in positions if table.subjects[i] != subject)
        folds[name] = Fold(name, subject, train, test)
    return tuple(folds.values())


def id_hash(sample_id: str, fingerprints: Mapping[str, str]) -> str:
    """Return a hash of a sample's id, to put samples into an order that tells nothing about them.

    Ids spell the class (SMIC's ``s1_ne_01``), so in their order a sample's position would tell its label. They are
    public: without the fingerprints, which the process of a fold does not have, their hashes could be computed there.
    """
    return digest([sample_id, dict(fingerprints)])


def check_fold(fold: Fold, table: LabelledTable) -> None:
    """Refuse a fold that could leak: a subject in both the training and the test set, or a set without samples.

    Raises
    ------
    MerBenchError
    """
    both = {table.subjects[i] for i in fold.train} & {table.subjects[i] for i in fold.test}
    if both:
        raise MerBenchError(
            f"fold {fold.name}: subject {sorted(both)[0]} is in both the training and the test set; "
            "a fold holds out whole subjects"
        )
    if not fold.train or not fold.test:
        raise MerBenchError(f"fold {fold.name} has no {'test' if fold.train else 'training'} sample")


def _shuffled(table: LabelledTable, members: Sequence[int], fingerprints: Mapping[str, str]) -> tuple[int, ...]:
    return tuple(sorted(members, key=lambda i: id_hash(table.sample_ids[i], fingerprints)))
