"""What a stack's training makes small: the loss of each fold's batch."""

from __future__ import annotations

from torch import Tensor


def batch_loss(losses: Tensor, weights: Tensor | None) -> Tensor:
    """Return the weighted mean of each fold's losses.

    Parameters
    ----------
    losses : Tensor of shape (folds, n)
    weights : Tensor of shape (folds, n) or None
        0 for samples that do not count.
    """
    if weights is None:
        return losses.mean(1)
    return (losses * weights).sum(1) / weights.sum(1)


def with_penalty(loss: Tensor, penalty: Tensor | None, present: Tensor | None) -> Tensor:
    """Return each fold's loss with the penalty of its network.

    Parameters
    ----------
    loss : Tensor of shape (folds,)
    penalty : Tensor of shape (folds,) or (folds, n), or None
        Of the batch, or of each sample.
    present : Tensor of shape (folds, n) or None
        As of `mer_bench.training.batches.Batch`.
    """
    if penalty is None:
        return loss
    return loss + (penalty if penalty.dim() == 1 else batch_loss(penalty, present))
