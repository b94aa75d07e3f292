"""All confusion matrices of a few samples, one by one: what an audit must agree with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import product

Matrix = tuple[tuple[int, ...], ...]
Pair = tuple[Fraction, Fraction]


def shares(n: int, n_classes: int) -> Iterator[tuple[int, ...]]:
    """Return all ways to put n samples into classes."""
    if n_classes == 1:
        yield (n,)
        return
    for first in range(n + 1):
        yield from ((first, *rest) for rest in shares(n - first, n_classes - 1))


def all_matrices(counts: Sequence[int]) -> Iterator[Matrix]:
    return product(*(shares(n, len(counts)) for n in counts))


@cache
def possible_pairs(counts: tuple[int, ...]) -> dict[Pair, Matrix]:
    """Return every possible pair of UF1 and UAR, each with one of its matrices."""
    by_margins = {
        (tuple(m[c][c] for c in range(len(m))), tuple(map(sum, zip(*m, strict=True)))): m for m in all_matrices(counts)
    }
    return {scores(matrix): matrix for matrix in by_margins.values()}


def scores(matrix: Matrix) -> Pair:
    """Return UF1 and UAR, by their definitions, of the classes that have samples."""
    uf1, recall = [], []
    for c, row in enumerate(matrix):
        n, predicted = sum(row), sum(other[c] for other in matrix)
        if n:
            uf1.append(Fraction(2 * row[c], n + predicted))
            recall.append(Fraction(row[c], n))
    return sum(uf1, Fraction(0)) / len(uf1), sum(recall, Fraction(0)) / len(recall)


def add(matrices: Sequence[Matrix]) -> Matrix:
    return tuple(tuple(map(sum, zip(*rows, strict=True))) for rows in zip(*matrices, strict=True))
