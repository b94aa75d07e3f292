"""Confusion matrices by their class counts: which exist, and their exact scores.

Rows are the truth, columns the prediction, as in `mer_bench.scoring`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from mer_bench.errors import MerBenchError

MOST_SAMPLES = 100_000

Matrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Measure:
    """Two scores of a confusion matrix: one from F1 scores, one from true positives alone.

    The first is the sum of ``f1_weights[c] * 2 TP_c / (n_c + p_c)``, where p_c is how often class c is predicted; the
    second that of ``hit_weights[c] * TP_c``.

    Parameters
    ----------
    counts : tuple of int
        True samples of each class, n_c.
    f1_weights, hit_weights : tuple of Fraction
        One for each class, not negative.
    """

    counts: tuple[int, ...]
    f1_weights: tuple[Fraction, ...]
    hit_weights: tuple[Fraction, ...]

    @property
    def n_samples(self) -> int:
        return sum(self.counts)

    def exact(self, hits: Sequence[int], predicted: Sequence[int]) -> tuple[Fraction, Fraction]:
        """Return both scores of a matrix with these true positives and column sums."""
        first = sum(
            (
                w * Fraction(2 * t, n + p)
                for w, t, n, p in zip(self.f1_weights, hits, self.counts, predicted, strict=True)
                if t
            ),
            Fraction(0),
        )
        return first, sum((w * t for w, t in zip(self.hit_weights, hits, strict=True)), Fraction(0))

    def of_matrix(self, matrix: Matrix) -> tuple[Fraction, Fraction]:
        """Return both scores of a matrix."""
        return self.exact(
            [row[c] for c, row in enumerate(matrix)], [sum(column) for column in zip(*matrix, strict=True)]
        )


def macro(counts: Sequence[int]) -> Measure:
    """Return UF1 and UAR: means over the classes that have a true sample (the rule ``exclude``).

    Raises
    ------
    MerBenchError
        The counts are not those of two classes or more with samples.
    """
    present = check_counts(counts)
    return Measure(
        tuple(counts),
        tuple(Fraction(1, present) if n else Fraction(0) for n in counts),
        tuple(Fraction(1, present * n) if n else Fraction(0) for n in counts),
    )


def check_counts(counts: Sequence[int]) -> int:
    """Return how many classes have samples, or refuse the counts.

    Raises
    ------
    MerBenchError
        Fewer than two have any, one is negative, or they are too many to search.
    """
    stated = ", ".join(map(str, counts))
    if any(n < 0 for n in counts):
        raise MerBenchError(f"class counts {stated}: a count is negative; give the number of samples of each class")
    if sum(counts) > MOST_SAMPLES:
        raise MerBenchError(f"class counts {stated}: more than {MOST_SAMPLES:,} samples are not searched")
    present = sum(1 for n in counts if n)
    if present < 2:
        raise MerBenchError(f"class counts {stated}: fewer than two classes have samples; give the count of each class")
    return present


def exists(counts: Sequence[int], hits: Sequence[int], predicted: Sequence[int]) -> bool:
    """Return whether a matrix has these row sums, diagonal and column sums.

    It does if and only if no class has more than all errors among what it misses and what is wrongly put into it.
    """
    missed = [n - t for n, t in zip(counts, hits, strict=True)]
    wrong = [p - t for p, t in zip(predicted, hits, strict=True)]
    errors = sum(missed)
    return (
        min(*hits, *missed, *wrong) >= 0
        and sum(wrong) == errors
        and all(m + w <= errors for m, w in zip(missed, wrong, strict=True))
    )


def matrix_of(counts: Sequence[int], hits: Sequence[int], predicted: Sequence[int]) -> Matrix:
    """Return a confusion matrix with these row sums, diagonal and column sums, which must exist.

    The errors are placed one by one, always in row or column of the class with most errors left: then no class is left
    with errors that only its own diagonal could take.
    """
    size = range(len(counts))
    matrix = [[hits[c] if c == d else 0 for d in size] for c in size]
    missed = [n - t for n, t in zip(counts, hits, strict=True)]
    wrong = [p - t for p, t in zip(predicted, hits, strict=True)]
    for _ in range(sum(missed)):
        order = sorted(size, key=lambda c: -(missed[c] + wrong[c]))
        first, others = order[0], order[1:]
        if missed[first]:
            row, column = first, next(c for c in others if wrong[c])
        else:
            row, column = next(c for c in others if missed[c]), first
        matrix[row][column] += 1
        missed[row] -= 1
        wrong[column] -= 1
    return tuple(map(tuple, matrix))
