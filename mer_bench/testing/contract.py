"""How a check says that a method breaks its contract, and when scores count as the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.fold_scores import FoldScores
from mer_bench.foreign import foreign_code, origin_of

ROUNDING = 1e-3
"""By how much of a column's spread over samples its scores may differ between test sets and between processes: a
matrix product of one row may round otherwise than that of many, and one of arrays that lie elsewhere in memory too.
Measured on mer-bench's own networks after two epochs: up to 1e-5. A draw, another sample or another fold that has its
hand in the scores moves them by far more."""
FLOAT_ROUNDING = 5e-6
"""The same, of a column's largest score: some 40 times what float32 resolves, where scores hardly differ between
samples. Up to 7e-7 was measured."""


class ContractError(AssertionError):
    """The method breaks its contract; the message says what to fix."""


class UnusableError(Exception):
    """A check cannot say anything, because the method fails at what the check ``owner`` is about."""

    def __init__(self, owner: str, reason: str) -> None:
        super().__init__(reason)
        self.owner = owner


class NotApplicableError(Exception):
    """A check has nothing to look at."""


@contextmanager
def failing(to_raise: Callable[[BaseException], Exception]) -> Iterator[None]:
    """Raise, instead of what a method fails with, what is made of it."""
    try:
        with foreign_code("the method", "a fold of the kit", recorded=True):
            yield
    except MerBenchError as failure:
        error = origin_of(failure)
        raise to_raise(error) from error


def require(holds: bool, sentence: str) -> None:
    """Raise ContractError with a sentence where something does not hold; unlike ``assert``, with ``python -O`` too."""
    if not holds:
        raise ContractError(sentence)


def assert_same(found: FoldScores, wanted: FoldScores, sentence: str, *, spread_of: FoldScores | None = None) -> None:
    """Raise ContractError with a sentence where scores differ, of any epoch.

    With ``spread_of`` they may differ by rounding: as judged by how much those differ between samples, by column.
    """
    if spread_of is None:
        spread_of, shares = wanted, (0.0, 0.0)
    else:
        shares = (ROUNDING, FLOAT_ROUNDING)
    for left, right, judged_by in zip(_all_of(found), _all_of(wanted), _all_of(spread_of), strict=True):
        spread = judged_by.max(axis=-2, keepdims=True) - judged_by.min(axis=-2, keepdims=True)
        allowed = shares[0] * spread + shares[1] * np.abs(judged_by).max(axis=-2, keepdims=True)
        apart = np.abs(left - right)
        if (apart > allowed).any():
            raise ContractError(f"{sentence} (they are up to {apart.max():.2g} apart)")


def rows_of(scores: FoldScores, places: list[int]) -> FoldScores:
    """Return the scores of some of the samples."""
    epochs = scores.epoch_scores
    return FoldScores(scores.scores[places], None if epochs is None else epochs[:, places])


def _all_of(scores: FoldScores) -> list[FloatArray]:
    each = [scores.scores] if scores.epoch_scores is None else [scores.scores, scores.epoch_scores]
    return [array.astype(float) for array in each]
