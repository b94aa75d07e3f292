"""The errors that checks raise, and when two sets of scores count as equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.fold_scores import FoldScores
from mer_bench.foreign import foreign_code, origin_of

ROUNDING = 1e-3
"""The share of a column's spread over samples by which its scores may differ between test sets and between processes: a
matrix product may round differently with another number of rows, or at another place in memory. Measured on mer-bench's
own networks after two epochs: up to 1e-5. Random draws, other samples or other folds change scores by far more."""
FLOAT_ROUNDING = 5e-6
"""The same, as a share of a column's largest score, for scores that hardly differ between samples: some 40 times the
resolution of float32. Up to 7e-7 was measured."""


class ContractError(AssertionError):
    """The method breaks its contract; the message says what to fix."""


class UnusableError(Exception):
    """A check has no result, because the method fails what the check ``owner`` tests."""

    def __init__(self, owner: str, reason: str) -> None:
        super().__init__(reason)
        self.owner = owner


class NotApplicableError(Exception):
    """A check does not apply to this method."""


@contextmanager
def failing(to_raise: Callable[[BaseException], Exception]) -> Iterator[None]:
    """Replace an exception of the method by the one that ``to_raise`` makes of it.

    Raises
    ------
    Exception
        The exception that ``to_raise`` returns.
    """
    try:
        with foreign_code("the method", "a fold of the kit", recorded=True):
            yield
    except MerBenchError as failure:
        error = origin_of(failure)
        raise to_raise(error) from error


def require(holds: bool, sentence: str) -> None:
    """Raise ContractError with a sentence unless a condition holds; unlike ``assert``, also with ``python -O``.

    Raises
    ------
    ContractError
        The condition does not hold.
    """
    if not holds:
        raise ContractError(sentence)


def assert_same(
    actual: FoldScores, expected: FoldScores, sentence: str, *, spread_of: FoldScores | None = None
) -> None:
    """Raise ContractError with a sentence where scores differ, in any epoch.

    With ``spread_of``, differences up to rounding are allowed. Their limit depends on how much the scores of
    ``spread_of`` differ between samples, per column.

    Raises
    ------
    ContractError
        The scores differ by more than the limit.
    """
    if spread_of is None:
        spread_of, shares = expected, (0.0, 0.0)
    else:
        shares = (ROUNDING, FLOAT_ROUNDING)
    for left, right, reference in zip(_all_of(actual), _all_of(expected), _all_of(spread_of), strict=True):
        spread = reference.max(axis=-2, keepdims=True) - reference.min(axis=-2, keepdims=True)
        allowed = shares[0] * spread + shares[1] * np.abs(reference).max(axis=-2, keepdims=True)
        difference = np.abs(left - right)
        if (difference > allowed).any():
            raise ContractError(f"{sentence} (largest difference: {difference.max():.2g})")


def rows_of(scores: FoldScores, places: list[int]) -> FoldScores:
    """Return the scores of the samples at some places."""
    epochs = scores.epoch_scores
    return FoldScores(scores.scores[places], None if epochs is None else epochs[:, places])


def _all_of(scores: FoldScores) -> list[FloatArray]:
    each = [scores.scores] if scores.epoch_scores is None else [scores.scores, scores.epoch_scores]
    return [array.astype(float) for array in each]
