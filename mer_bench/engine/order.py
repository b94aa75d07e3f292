"""The order in which rows are computed: cheap ones first, so that their scores are there while others train."""

from __future__ import annotations

from collections.abc import Iterable

from mer_bench.evaluation.rows import Row
from mer_bench.methods.training_config import TrainingConfig


def cost_rank(row: Row) -> tuple[bool, int, bool, bool, str]:
    """Return what rows are sorted by, the cheapest first; the method's name decides between equals.

    Rows without epochs come first: those without parameters (chance, the majority class), then those that fit the
    samples as they are, then those that extract features. Networks follow by the samples that they see in training.
    """
    spec = row.setting.spec
    passes = sample_passes(row, row.folds)
    return (row.trains_by_epoch, passes, spec.features is not None, bool(spec.parameters), row.name)


def sample_passes(row: Row, folds: Iterable[str]) -> int:
    """Return how many samples the training of some folds sees: epochs times training samples; 0 without epochs.

    Parameters
    ----------
    row : Row
    folds : iterable of str
        The names of the folds, one for each training.
    """
    if not row.trains_by_epoch:
        return 0
    epochs = TrainingConfig.from_params(row.setting.params).epochs
    return epochs * sum(len(row.folds[fold].train) for fold in folds)
