"""Methods that are a network: the plugin builds it, the harness trains it."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mer_bench.methods.hook_names import refuse_lookalikes
from mer_bench.methods.method import MethodBase, ParameterView
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.training_config import TRAINING_NAMES, TrainingConfig

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

    from mer_bench.methods.draws import Draws


TRAINING_HOOKS = ("loss", "augment", "parameter_groups", "build_scheduler")
"""What a subclass of `TorchMethod` may define to change how its network is trained."""
_HOOKS = ("build_network", "network_params", "training", *TRAINING_HOOKS)
"""What it may define for mer-bench to use."""


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters of a network that are trained in a way of their own.

    Parameters
    ----------
    names : tuple of str
        As in ``network.named_parameters()``.
    lr_factor : float
        Their learning rate, as a multiple of the training's.
    weight_decay : float, optional
        Theirs; that of the training by default.
    """

    names: tuple[str, ...]
    lr_factor: float = 1.0
    weight_decay: float | None = None


class TorchMethod(MethodBase, ABC):
    """A network that the harness trains: the same rules of training and epoch selection apply to every network.

    A subclass defines `build_network`; its spec lists `mer_bench.training_parameters`. It may also define `loss`,
    `augment`, `parameter_groups` and `build_scheduler`. On a GPU all folds are trained as one stack, for which these,
    and the network, are mapped over the folds by ``torch.vmap``: they may use tensors freely, but neither branch on
    their values nor read them out (``.item()``), and they must not write into tensors that all folds share.

    A training that is interrupted goes on later, in another process, with a new instance. Parameters, buffers, the
    global random numbers of Python, NumPy and torch, and plain numbers and texts on the network's modules and on the
    method (a counter in `loss`) are as they were. State of another kind is not: a list on the method, a tensor that is
    no buffer, a generator object.
    """

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        refuse_lookalikes(cls, _HOOKS)

    @abstractmethod
    def build_network(self) -> nn.Module:
        """Return the network: inputs float32 of a representation, outputs logits (n, n_classes).

        Inputs are (n, channels, height, width) for flow, and (n, 1, length, height, width) for ``frames``. A network
        with a loss of its own returns ``(logits, penalty)`` while it trains: the penalty is added to the loss. It is of
        shape (n,), one number for each sample, or one number for the batch; a network with the latter cannot be
        stacked, as it would count samples that only fill a batch.
        """

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of each sample; by default the cross-entropy, as the training settings say.

        The trainer takes the mean over the batch, weighted by ``class_weights``: a loss that mixes samples does not
        fit.

        Parameters
        ----------
        logits : Tensor of shape (n, n_classes), float32
        labels : Tensor of shape (n,), int64

        Returns
        -------
        Tensor of shape (n,)
        """
        from mer_bench.methods.training_defaults import sample_losses

        return sample_losses(self.training, logits, labels)

    def augment(self, inputs: Tensor, labels: Tensor, draws: Draws) -> Tensor:
        """Return changed training samples of one step; by default, the same.

        It gets them on the device before they are normalised, and after the augmentation that the training settings ask
        for.

        Parameters
        ----------
        inputs : Tensor of shape (n, channels, height, width), float32
        labels : Tensor of shape (n,), int64
        draws : Draws
            The only source of random numbers: ``draws.uniform((n,))``, ``happens``, ``below``, ``normal``.

        Returns
        -------
        Tensor of the shape of ``inputs``
        """
        return inputs

    def parameter_groups(self, network: nn.Module) -> Sequence[ParameterGroup]:
        """Return the parameters that are trained in a way of their own; by default, none.

        A parameter that no group names is trained as the training settings say. One that needs no gradient is not
        trained.
        """
        return ()

    def build_scheduler(self, optimizer: Optimizer, steps: int) -> LRScheduler:
        """Return what changes the learning rate after each step; by default, as the training settings say.

        Parameters
        ----------
        optimizer : torch.optim.Optimizer
        steps : int
            In an epoch. All folds of a stack have the same number, and share the scheduler: it must not depend on
            their losses, so ``ReduceLROnPlateau`` does not fit. On a GPU learning rates are tensors, to be filled, as
            torch's own schedulers do.
        """
        from mer_bench.methods.training_defaults import default_scheduler

        return default_scheduler(self.training, optimizer, steps)

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
