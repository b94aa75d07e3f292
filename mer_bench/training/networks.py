"""The networks of a stack of folds, as one: each fold has its own weights, and none sees another."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from mer_bench.errors import MethodError
from mer_bench.methods.draws import Draws
from mer_bench.training.functions import FoldFunctions, stacked_functions

Tensors = dict[str, Tensor]


class Networks(ABC):
    """The networks of some folds.

    Parameters
    ----------
    n_classes : int
    """

    network: nn.Module
    """What is run; in a stack, the one that runs with the weights of each fold."""
    parameters: Tensors
    """What is trained, by name; in a stack, the first axis is that of the folds."""
    fixed: Tensors
    """Parameters that are not trained; a network may change them by itself."""
    buffers: Tensors
    """What the networks keep and nobody trains, such as running means."""

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes

    @abstractmethod
    def __call__(
        self, inputs: Tensor, keys: Tensor, present: Tensor | None, *, training: bool, weights: Tensors | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return logits, and the penalties that networks add to their loss.

        Parameters
        ----------
        inputs : Tensor of shape (folds, n, channels, height, width)
        keys : Tensor of shape (folds,), int32
            From which the draws of the pass come.
        present : Tensor of shape (folds, n) or None
            As of `mer_bench.training.batches.Batch`.
        training : bool
        weights : dict of str to Tensor, optional
            Used in place of `parameters`.

        Returns
        -------
        logits : Tensor of shape (folds, n, n_classes), float32
        penalty : Tensor of shape (folds,) or (folds, n), or None
        """

    @abstractmethod
    def per_fold(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of tensors of one fold as one whose tensors have the axis of folds."""

    @abstractmethod
    def norms(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the norm of each fold's part of tensors that have the shapes of parameters, of shape (folds,)."""

    @abstractmethod
    def scale(self, tensor: Tensor, factors: Tensor) -> None:
        """Multiply each fold's part of a parameter's tensor by its factor, in place."""

    @abstractmethod
    def choose(self, tensor: Tensor, folds: Tensor) -> Tensor:
        """Return some folds' parts of a tensor that has the shape of a parameter or buffer."""

    def state(self) -> Tensors:
        """Return the parameters and buffers themselves, by kind and name."""
        kinds = {"parameter": self.parameters, "fixed": self.fixed, "buffer": self.buffers}
        return {f"{kind}/{name}": own for kind, tensors in kinds.items() for name, own in tensors.items()}

    def keep(self, folds: Tensor) -> None:
        """Go on with some of the folds of a stack."""
        chosen = {name: self.choose(own.detach(), folds) for name, own in self.parameters.items()}
        self.parameters = {name: own.requires_grad_() for name, own in chosen.items()}
        self.fixed = {name: self.choose(own, folds) for name, own in self.fixed.items()}
        self.buffers = {name: self.choose(own, folds) for name, own in self.buffers.items()}


class OneNetwork(Networks):
    """The network of one fold, without ``torch.vmap``: for the CPU, and for networks that cannot be stacked.

    Parameters
    ----------
    network : nn.Module
    n_classes : int
    replaced : mapping of callable to callable
        As of `FoldFunctions`.
    """

    def __init__(
        self, network: nn.Module, n_classes: int, replaced: Mapping[Callable[..., Any], Callable[..., Any]]
    ) -> None:
        super().__init__(n_classes)
        self.network = network
        self._replaced = replaced
        parameters = dict(network.named_parameters())
        self.parameters = {name: own for name, own in parameters.items() if own.requires_grad}
        self.fixed = {name: own for name, own in parameters.items() if not own.requires_grad}
        self.buffers = dict(network.named_buffers())

    def __call__(
        self, inputs: Tensor, keys: Tensor, present: Tensor | None, *, training: bool, weights: Tensors | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return logits and penalty, with an axis of one fold."""
        self.network.train(training)
        with FoldFunctions(Draws(keys[0]), self._replaced):
            if weights is None:
                outputs = self.network(inputs[0])
            else:
                outputs = functional_call(self.network, weights, (inputs[0],))
        logits, penalty = checked_outputs(outputs, inputs.shape[1], self.n_classes)
        return logits[None], None if penalty is None else penalty[None]

    def per_fold(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that takes the one fold's part of each tensor."""

        def of_one(*tensors: Tensor) -> Tensor:
            out: Tensor = function(*(tensor[0] for tensor in tensors))
            return out[None]

        return of_one

    def norms(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the norm of all tensors together."""
        return sum_of_squares(tensors, keep=0)[None].sqrt()

    def scale(self, tensor: Tensor, factors: Tensor) -> None:
        """Multiply by the one factor."""
        tensor.mul_(factors[0])

    def choose(self, tensor: Tensor, folds: Tensor) -> Tensor:
        """Return the tensor: there is one fold."""
        return tensor

    def keep(self, folds: Tensor) -> None:
        """Refuse: what is trained has to stay the module's own."""
        raise RuntimeError("a single network has one fold, and cannot go on with some of its folds")


class StackedNetworks(Networks):
    """Networks whose weights are stacked, and which ``torch.vmap`` runs as one.

    Parameters
    ----------
    networks : sequence of nn.Module
        At least two, alike but for their weights.
    n_classes : int
    """

    def __init__(self, networks: Sequence[nn.Module], n_classes: int) -> None:
        super().__init__(n_classes)
        parameters, buffers = stack_module_state(list(networks))
        trained = {name for name, own in networks[0].named_parameters() if own.requires_grad}
        self.parameters = {name: own for name, own in parameters.items() if name in trained}
        self.fixed = {name: own for name, own in parameters.items() if name not in trained}
        self.buffers = dict(buffers)
        self.network = without_values(networks[0])

    def __call__(
        self, inputs: Tensor, keys: Tensor, present: Tensor | None, *, training: bool, weights: Tensors | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return logits and penalties."""
        self.network.train(training)

        def one(own: Tensors, inputs: Tensor, key: Tensor, present: Tensor | None) -> tuple[Tensor, ...]:
            with FoldFunctions(Draws(key), stacked_functions(present)):
                outputs = functional_call(self.network, own, (inputs,))
            logits, penalty = checked_outputs(outputs, len(inputs), self.n_classes)
            return (logits,) if penalty is None else (logits, penalty)

        own = {**self.fixed, **(self.parameters if weights is None else weights), **self.buffers}
        axes = (0, 0, 0, None if present is None else 0)
        logits, *penalty = torch.vmap(one, in_dims=axes, randomness="error")(own, inputs, keys, present)
        return logits, penalty[0] if penalty else None

    def per_fold(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function mapped over the folds."""
        return torch.vmap(function, randomness="error")

    def norms(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return each fold's norm."""
        return sum_of_squares(tensors, keep=1).sqrt()

    def scale(self, tensor: Tensor, factors: Tensor) -> None:
        """Multiply each fold's part by its factor."""
        tensor.mul_(factors.reshape(-1, *(1 for _ in tensor.shape[1:])))

    def choose(self, tensor: Tensor, folds: Tensor) -> Tensor:
        """Return the parts of the chosen folds."""
        return tensor.index_select(0, folds)


def without_values(network: nn.Module) -> nn.Module:
    """Return a copy whose parameters and buffers have no values: whatever still reads one of them fails.

    Unlike ``network.to("meta")``, it keeps tensors that several modules share as one.
    """
    empty: dict[int, Any] = {id(own): own.detach().to("meta") for own in network.buffers()}
    empty |= {id(own): nn.Parameter(own.detach().to("meta"), own.requires_grad) for own in network.parameters()}
    return copy.deepcopy(network, empty)


@torch.no_grad()
def give_sizes(network: nn.Module, sample: Tensor) -> None:
    """Give lazy modules their sizes, from a batch of one sample."""
    if any(map(torch.nn.parameter.is_lazy, network.parameters())):
        network.eval()(sample)


def sum_of_squares(tensors: Sequence[Tensor], *, keep: int) -> Tensor:
    """Return the sum of squares over all axes but the first ``keep``, and over all tensors."""
    # Over the last axis: torch sums over the first in an order that depends on the place along the others.
    squares = [tensor.square().reshape(*tensor.shape[:keep], -1).sum(-1) for tensor in tensors]
    return torch.stack(squares, dim=-1).sum(-1)


def checked_outputs(outputs: Any, n: int, n_classes: int) -> tuple[Tensor, Tensor | None]:
    """Return what a network gives as float32 logits and penalty.

    Raises
    ------
    MethodError
        It is something else, or has another shape.
    """
    logits, penalty = outputs if isinstance(outputs, tuple) and len(outputs) == 2 else (outputs, None)
    if not isinstance(logits, Tensor):
        raise MethodError(f"the network gives an object of type {type(logits).__name__}, not a tensor of logits")
    if logits.shape != (n, n_classes):
        raise MethodError(f"the network gives {tuple(logits.shape)} for {n} samples of {n_classes} classes")
    if isinstance(penalty, (int, float)):
        # Filled on the device: a copy from the host cannot be captured in a CUDA graph.
        penalty = logits.new_full((), float(penalty), dtype=torch.float32)
    if penalty is not None and not isinstance(penalty, Tensor):
        raise MethodError(f"the network's penalty is of type {type(penalty).__name__}, and is not one number a sample")
    if isinstance(penalty, Tensor) and penalty.shape != (n,):
        if penalty.numel() != 1:
            raise MethodError(
                f"the network's penalty has the shape {tuple(penalty.shape)}, and is neither one number nor one for "
                f"each of {n} samples"
            )
        penalty = penalty.reshape(())
    return logits.float(), None if penalty is None else penalty.float()
