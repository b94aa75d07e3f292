"""How the weights of a stack follow their gradients: optimiser, schedule, clipping and averaging."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

from mer_bench.errors import MethodError
from mer_bench.methods.torch_method import ParameterGroup, TorchMethod
from mer_bench.methods.training_config import TrainingConfig
from mer_bench.training.networks import Networks, Tensors

_CLIP_EPS = 1e-6
"""As in ``torch.nn.utils.clip_grad_norm_``."""


class Optimisation:
    """The optimiser of a stack: elementwise, so that one over stacked weights is one for each fold.

    Parameters
    ----------
    method : TorchMethod
        Of any fold: they have the same settings.
    networks : Networks
    groups : sequence of ParameterGroup
        By the names of parameters.
    steps : int
        Steps in an epoch.
    """

    def __init__(
        self, method: TorchMethod, networks: Networks, groups: Sequence[ParameterGroup], *, steps: int
    ) -> None:
        self._networks = networks
        self._config = method.training
        self._method, self._steps, self._groups = method, steps, groups
        self._done = 0
        self.average: Tensors | None = None
        if self._config.average:
            self.average = {name: own.detach().clone() for name, own in networks.parameters.items()}
        self._build()

    def step(self) -> None:
        """Change the weights by their gradients, which are gone afterwards."""
        if self._config.clip_norm:
            self._clip()
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._done += 1
        if self.average is not None:
            for name, kept in self.average.items():
                kept.lerp_(self._networks.parameters[name].detach(), 1 - self._config.average)

    def end_step(self) -> None:
        """Move the learning rate to that of the next step; apart from `step`, which may be replayed on a device."""
        self._scheduler.step()

    def state(self) -> Tensors:
        """Return the optimiser's tensors by name, and those of the average."""
        tensors: Tensors = {}
        for name, own in self._networks.parameters.items():
            for what, value in self._optimizer.state[own].items():
                tensors[f"optimizer/{what}/{name}"] = value
        for name, kept in (self.average or {}).items():
            tensors[f"average/{name}"] = kept
        return tensors

    def restore(self, tensors: Tensors, done: int) -> None:
        """Take over a state that was saved after ``done`` steps."""
        for name, own in self._networks.parameters.items():
            state = {}
            for key, value in tensors.items():
                kind, _, rest = key.partition("/")
                what, _, of = rest.partition("/")
                if kind == "optimizer" and of == name:
                    state[what] = value
            if state:
                self._optimizer.state[own] = state
        if self.average is not None:
            self.average = {name: tensors[f"average/{name}"] for name in self.average}
        self._advance(done)

    def keep(self, folds: Tensor) -> None:
        """Go on with some of the folds; the networks must have been reduced before."""
        networks = self._networks
        old = {
            name: self._optimizer.state[own] for name, own in self._built_for.items() if own in self._optimizer.state
        }
        if self.average is not None:
            self.average = {name: networks.choose(kept, folds) for name, kept in self.average.items()}
        done = self._done
        self._build()
        for name, state in old.items():
            self._optimizer.state[networks.parameters[name]] = {
                what: networks.choose(value, folds) if value.dim() else value for what, value in state.items()
            }
        self._advance(done)

    def _build(self) -> None:
        self._built_for = self._networks.parameters
        self._optimizer = _optimizer(self._config, self._built_for, self._groups)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, on the order of calls
            self._scheduler = self._method.build_scheduler(self._optimizer, self._steps)
        if not isinstance(self._scheduler, LRScheduler):
            raise MethodError(
                f"build_scheduler returns an object of type {type(self._scheduler).__name__}, not one of torch's "
                "LRScheduler"
            )

    def _advance(self, done: int) -> None:
        """Bring the schedule to where it was after some steps, by repeating them."""
        self._done = done
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(done):
                self._scheduler.step()

    def _clip(self) -> None:
        gradients = [own.grad for own in self._networks.parameters.values() if own.grad is not None]
        norms = self._networks.norms(gradients)
        factors = (self._config.clip_norm / (norms + _CLIP_EPS)).clamp(max=1.0)
        for gradient in gradients:
            self._networks.scale(gradient, factors)


def _optimizer(config: TrainingConfig, parameters: Tensors, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
    device = next(iter(parameters.values())).device
    own_groups: list[dict[str, Any]] = [
        {
            "params": [parameters[name] for name in group.names],
            "lr": _rate(config.lr * group.lr_factor, device),
            "weight_decay": config.weight_decay if group.weight_decay is None else group.weight_decay,
        }
        for group in groups
    ]
    # The fused ones: otherwise MKL takes the square roots, from an approximation that is another on each vendor's
    # processors.
    if config.optimizer == "sgd":
        return torch.optim.SGD(own_groups, momentum=config.momentum, fused=True)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(own_groups, fused=True, capturable=device.type == "cuda")


def _rate(lr: float, device: torch.device) -> float | Tensor:
    """Return the learning rate; on a GPU as a tensor, which a captured step reads every time."""
    return torch.tensor(lr, device=device) if device.type == "cuda" else lr
