"""Confusion matrices by subject: all that an interval or a comparison needs to know of a row's predictions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mer_bench.arrays import BoolArray, DoubleArray, IntArray
from mer_bench.errors import MerBenchError
from mer_bench.scoring.metrics import class_means


@dataclass(frozen=True, eq=False)
class SubjectCounts:
    """The predictions of a row, counted by subject.

    Parameters
    ----------
    subjects : tuple of str
        Such as ``casme2/sub01``, sorted.
    counts : ndarray of shape (n_seeds, n_subjects, n_classes, n_classes), int64
        Rows are the truth, columns the prediction.
    absent_class : {"exclude", "zero"}
        The protocol's rule, see `mer_bench.rules.ABSENT_CLASS_RULES`.
    """

    subjects: tuple[str, ...]
    counts: IntArray
    absent_class: str = "exclude"

    @classmethod
    def of(
        cls,
        predictions: Sequence[Mapping[str, tuple[int, int]]],
        n_classes: int,
        *,
        absent_class: str = "exclude",
    ) -> SubjectCounts:
        """Count the predictions of each seed.

        Parameters
        ----------
        predictions : sequence of mapping of str to (int, int)
            For each seed, sample id (``database/subject/clip``) to truth and prediction.
        n_classes : int
        absent_class : {"exclude", "zero"}

        Raises
        ------
        MerBenchError
            There is no prediction, or seeds have other samples or another truth than the first.
        """
        if not predictions or not predictions[0]:
            raise MerBenchError("there are no predictions to count; measure the method first with `mer-bench run`")
        truth = {key: label for key, (label, _) in predictions[0].items()}
        subjects = sorted({subject_of(key) for key in truth})
        place = {subject: number for number, subject in enumerate(subjects)}
        counts: IntArray = np.zeros((len(predictions), len(subjects), n_classes, n_classes), dtype=np.int64)
        for number, own in enumerate(predictions):
            if {key: label for key, (label, _) in own.items()} != truth:
                raise MerBenchError("seeds of one row have other samples or labels; they cannot be averaged")
            for key, (label, predicted) in own.items():
                counts[number, place[subject_of(key)], label, predicted] += 1
        return cls(tuple(subjects), counts, absent_class)

    def only(self, databases: Collection[str]) -> SubjectCounts:
        """Return the counts of the subjects of some databases."""
        chosen: BoolArray = np.array([database_of(subject) in databases for subject in self.subjects])
        kept = tuple(np.array(self.subjects)[chosen].tolist())
        return SubjectCounts(kept, self.counts[:, chosen], self.absent_class)

    @property
    def mean_counts(self) -> DoubleArray:
        """The counts of each subject, averaged over seeds: shape (n_subjects, n_classes, n_classes)."""
        mean: DoubleArray = self.counts.mean(axis=0)
        return mean

    @property
    def correct(self) -> DoubleArray:
        """How many samples of each subject are predicted correctly, averaged over seeds: shape (n_subjects,)."""
        correct: DoubleArray = np.trace(self.mean_counts, axis1=1, axis2=2)
        return correct

    @property
    def n_samples(self) -> IntArray:
        """The number of samples of each subject: shape (n_subjects,)."""
        sizes: IntArray = self.counts[0].sum(axis=(1, 2))
        return sizes

    def scores(self) -> DoubleArray:
        """Return UF1 and UAR of the pooled predictions, averaged over seeds: shape (2,)."""
        scores: DoubleArray = pooled_scores(self.counts.sum(axis=1), self.absent_class).mean(axis=0)
        return scores


def pooled_scores(counts: DoubleArray | IntArray, absent_class: str) -> DoubleArray:
    """Return `TABLE_METRICS` of confusion matrices of shape (..., n_classes, n_classes), as shape (..., 2)."""
    return np.stack(class_means(counts, absent_class=absent_class), axis=-1)


def subject_of(sample_id: str) -> str:
    """Return the subject of a sample: ``casme2/sub01`` of ``casme2/sub01/EP02_01f``."""
    return "/".join(sample_id.split("/")[:2])


def database_of(subject: str) -> str:
    """Return the database of a subject or sample."""
    return subject.split("/", 1)[0]
