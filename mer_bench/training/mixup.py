"""Mixup of a step: each sample is mixed with the next one of its batch (Zhang et al. 2018, arXiv:1710.09412)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mer_bench.methods.draws import Draws, step_keys
from mer_bench.training.batches import Batch
from mer_bench.training.networks import Networks
from mer_bench.training.objective import batch_loss

_MIXUP = 1
"""Which of the keys that a step's key leads to mixup draws from."""


@dataclass(frozen=True)
class Mixup:
    """What is mixed with what in one step, and how much of it.

    Parameters
    ----------
    share : Tensor of shape (folds,)
        Of the sample itself.
    partners : Tensor of shape (folds, n), int64
        The place in the batch of the sample that it is mixed with.
    """

    share: Tensor
    partners: Tensor

    @classmethod
    def of(cls, alpha: float, networks: Networks, keys: Tensor, batch: Batch) -> Mixup:
        """Draw the share of each fold from the keys of a step."""
        share: Tensor = networks.per_fold(lambda key: Draws(key).beta(alpha))(step_keys(keys, _MIXUP))
        folds, n = batch.indices.shape
        following = torch.arange(1, n + 1, device=keys.device).expand(folds, n)
        lengths = n if batch.present is None else batch.present.sum(1, keepdim=True)
        return cls(share, torch.where(following < lengths, following, 0))

    def inputs(self, inputs: Tensor) -> Tensor:
        """Return each sample mixed with its partner."""
        share = self.share.reshape(-1, *(1 for _ in inputs.shape[1:]))
        folds = torch.arange(len(inputs), device=inputs.device)[:, None]
        return share * inputs + (1 - share) * inputs[folds, self.partners]

    def others(self, labels: Tensor) -> Tensor:
        """Return the partners' labels."""
        return labels.gather(1, self.partners)

    def loss(self, own: tuple[Tensor, Tensor | None], others: tuple[Tensor, Tensor | None]) -> Tensor:
        """Return the loss of each fold from the losses and weights by the samples' labels and by their partners'."""
        share = self.share[:, None]
        losses = torch.cat((own[0], others[0]), dim=1)
        weights = [torch.ones_like(losses) if given is None else given for losses, given in (own, others)]
        return batch_loss(losses, torch.cat((share * weights[0], (1 - share) * weights[1]), dim=1))
