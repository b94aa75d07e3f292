"""Methods that are a network: the plugin builds it, the harness trains it."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mer_bench.methods.method import MethodBase, ParameterView
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.training_config import TRAINING_NAMES, TrainingConfig

if TYPE_CHECKING:
    from torch import nn


class TorchMethod(MethodBase, ABC):
    """A network that the harness trains: the same rules of training and epoch selection apply to every network.

    A subclass defines `build_network`; its spec lists `mer_bench.training_parameters`.
    """

    @abstractmethod
    def build_network(self) -> nn.Module:
        """Return the network: inputs float32 of a representation, outputs logits (n, n_classes).

        Inputs are (n, channels, height, width) for flow, and (n, 1, length, height, width) for ``frames``. A network
        with a loss of its own returns ``(logits, penalty)`` while it trains: the penalty, one finite number, is added
        to the cross-entropy.
        """

    def network_params(self) -> Mapping[str, Any]:
        """Return the network's parameters: those of the spec, without those of training and of the representation.

        ``MyNet(self.n_classes, **self.network_params())`` passes each by name, so that only the spec lists them. A
        network whose layers depend on the representation, such as on the ``side`` of its maps, takes that from
        ``self.params``.
        """
        taken = {*TRAINING_NAMES, *self.spec.representation.parameters}
        names = tuple(parameter.name for parameter in self.spec.parameters if parameter.name not in taken)
        return ParameterView(self.params, names)

    @property
    def training(self) -> TrainingConfig:
        """The training settings, from the method's parameters."""
        return TrainingConfig.from_params(self.params)


class NetworkMethod(TorchMethod):
    """The method of a spec whose ``target`` is the network itself.

    Parameters
    ----------
    setting : MethodSetting
    network : type of nn.Module
        Called with the number of classes, and with `network_params` as keyword arguments. A parameter of the
        representation, such as ``side``, is among them only if the constructor names it: few networks need to know.
    """

    def __init__(self, setting: MethodSetting, network: type[nn.Module]) -> None:
        super().__init__(setting)
        self._network = network
        named = inspect.signature(network).parameters
        self._shaping = tuple(name for name in self.spec.representation.parameters if name in named)

    def network_params(self) -> Mapping[str, Any]:
        """Return what `TorchMethod.network_params` does, and those of the representation that the network names."""
        return ParameterView(self.params, (*super().network_params(), *self._shaping))

    def build_network(self) -> nn.Module:
        """Return the network that the parameters describe."""
        return self._network(self.n_classes, **self.network_params())
