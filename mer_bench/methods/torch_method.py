"""Methods that are a network: the plugin builds it, the harness trains it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from mer_bench.methods.method import MethodBase
from mer_bench.methods.training_config import TrainingConfig

if TYPE_CHECKING:
    from torch import nn


class TorchMethod(MethodBase, ABC):
    """A network that the harness trains, so that every network is trained and selected by the same rules.

    A subclass writes `build_network`; its spec lists `mer_bench.training_parameters`.
    """

    @abstractmethod
    def build_network(self) -> nn.Module:
        """Return the network: inputs float32 of a representation, outputs logits (n, n_classes).

        Inputs are (n, channels, height, width) for flow, and (n, 1, length, height, width) for ``frames``. A network
        with a loss of its own returns ``(logits, penalty)`` while it trains: the penalty, one finite number, is added
        to the cross-entropy.
        """

    @property
    def training(self) -> TrainingConfig:
        """The training settings, from the method's parameters."""
        return TrainingConfig.from_params(self.params)
