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
from mer_bench.methods.training_config import STACKABLE_NUMBERS, TrainingConfig
from mer_bench.training.networks import Networks, Tensors
from mer_bench.training.optimizers import SGD, Adam, AdamW

_CLIP_EPS = 1e-6
"""As in ``torch.nn.utils.clip_grad_norm_``."""


class Optimisation:
    """The optimiser of a stack: elementwise, so that one over stacked weights is one for each fold.

    Parameters
    ----------
    methods : sequence of TorchMethod
        Of each fold. They differ in `STACKABLE_NUMBERS` at most.
    networks : Networks
    groups : sequence of ParameterGroup
        By the names of parameters.
    steps : int
        Steps in an epoch.
    """

    def __init__(
        self, methods: Sequence[TorchMethod], networks: Networks, groups: Sequence[ParameterGroup], *, steps: int
    ) -> None:
        self._networks, self._groups, self._steps = networks, groups, steps
        self._methods = list(methods)
        self._config = methods[0].training
        self._done = 0
        self.average: Tensors | None = None
        if self._config.average:
            self.average = {name: own.detach().clone() for name, own in networks.parameters.items()}
        self._build()

    def step(self) -> None:
        """Change the weights by their gradients, which are gone afterwards."""
        if self._config.clip_norm:
            self._clip()
        parameters = self._networks.parameters
        for part, views in self._parts:
            for name, view in views.items():
                gradient = parameters[name].grad
                view.grad = gradient if part is None or gradient is None else gradient[part]
        self._optimizer.step()
        self.forget_gradients()
        if self.average is not None:
            for name, kept in self.average.items():
                kept.lerp_(parameters[name].detach(), 1 - self._config.average)

    def forget_gradients(self) -> None:
        """Leave no gradient to which another could be added."""
        for views in (self._networks.parameters, *(views for _, views in self._parts)):
            for view in views.values():
                view.grad = None

    def end_step(self) -> None:
        """Move the learning rate to that of the next step; apart from `step`, which may be replayed on a device."""
        self._done += 1
        self._scheduler.step()

    def rates(self, rows: int) -> list[float]:
        """Return the learning rate of the next step, of each of so many folds: that of the first group of parameters.

        On a GPU it waits for the device.
        """
        rates: list[float] = []
        for number, (part, _) in enumerate(self._parts):
            rate = float(self._optimizer.param_groups[number * len(self._groups)]["lr"])
            rates += [rate] * (rows if part is None else part.stop - part.start)
        return rates

    @property
    def constants(self) -> tuple[object, ...]:
        """What a step takes from the optimiser's groups that is no tensor, and which tensors the learning rates are."""
        groups = self._optimizer.param_groups
        return tuple(
            (name, id(value) if isinstance(value, Tensor) else value)
            for group in groups
            for name, value in group.items()
            if name != "params" and isinstance(value, (Tensor, float, int, tuple))
        )

    def state(self) -> Tensors:
        """Return the optimiser's tensors by name, and those of the average."""
        tensors = {
            f"optimizer/{what}/{number}/{name}": value
            for number, (_, views) in enumerate(self._parts)
            for name, view in views.items()
            for what, value in self._optimizer.state[view].items()
        }
        return tensors | {f"average/{name}": kept for name, kept in (self.average or {}).items()}

    def restore(self, tensors: Tensors, done: int) -> None:
        """Take over a state that was saved after ``done`` steps."""
        for key, value in tensors.items():
            kind, _, rest = key.partition("/")
            if kind == "optimizer":
                what, number, name = rest.split("/", 2)
                view = self._parts[int(number)][1][name]
                self._optimizer.state[view][what] = _laid_out_as(view, value)
        if self.average is not None:
            self.average = {name: _laid_out_as(own, tensors[f"average/{name}"]) for name, own in self.average.items()}
        self._advance(done)

    def keep(self, folds: Tensor) -> None:
        """Go on with some of the folds; the networks must have been reduced before."""
        states = {name: self._whole_state(name) for name in self._networks.parameters}
        if self.average is not None:
            self.average = {name: self._networks.choose(kept, folds) for name, kept in self.average.items()}
        self._methods = [self._methods[fold] for fold in folds.tolist()]
        done = self._done
        self._build()
        for part, views in self._parts:
            for name, view in views.items():
                for what, value in states[name].items():
                    chosen = self._networks.choose(value, folds) if value.dim() else value.clone()
                    own = chosen if part is None or not value.dim() else chosen[part].clone()
                    self._optimizer.state[view][what] = own
        self._advance(done)

    def _whole_state(self, name: str) -> Tensors:
        """Return the optimiser's tensors of a parameter, of all folds."""
        states = [self._optimizer.state[views[name]] for _, views in self._parts]
        return {
            what: torch.cat([state[what] for state in states]) if value.dim() else value
            for what, value in states[0].items()
        }

    def _build(self) -> None:
        self._parts = _parts(self._methods, self._networks.parameters)
        own_groups: list[dict[str, Any]] = []
        for part, views in self._parts:
            config = self._methods[0 if part is None else part.start].training
            device = next(iter(views.values())).device
            own_groups += [
                {
                    "params": [views[name] for name in group.names],
                    "lr": _rate(config.lr * group.lr_factor, device),
                    "weight_decay": config.weight_decay if group.weight_decay is None else group.weight_decay,
                }
                for group in self._groups
            ]
        self._optimizer = _optimizer(self._config, own_groups)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, on the order of calls
            self._scheduler = self._methods[0].build_scheduler(self._optimizer, self._steps)
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


def _parts(methods: Sequence[TorchMethod], parameters: Tensors) -> list[tuple[slice | None, Tensors]]:
    """Return runs of folds with the same learning rate and weight decay, and their parts of the parameters.

    Where all folds have the same, the one part is None, and has the parameters themselves. Only there a fold has the
    same bits in any stack: see `mer_bench.training.stack_training.stack_multiple`.
    """
    numbers = [tuple(getattr(method.training, name) for name in STACKABLE_NUMBERS) for method in methods]
    if len(set(numbers)) == 1:
        return [(None, dict(parameters))]
    ends = [place for place in range(1, len(numbers) + 1) if numbers[place - 1 : place] != numbers[place : place + 1]]
    parts = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
    return [(part, {name: own.detach()[part] for name, own in parameters.items()}) for part in parts]


def _laid_out_as(parameter: Tensor, value: Tensor) -> Tensor:
    """Return a parameter's moment or average in the memory layout of the parameter.

    The fused optimisers walk the memory of both side by side: in another layout a moment would meet another weight.
    """
    return torch.empty_like(parameter).copy_(value) if value.dim() else value


def _optimizer(config: TrainingConfig, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    # The fused ones: otherwise MKL takes the square roots, from an approximation that is another on each vendor's
    # processors.
    if config.optimizer == "sgd":
        return SGD(groups, momentum=config.momentum, fused=True)
    kind = AdamW if config.optimizer == "adamw" else Adam
    return kind(groups, fused=True, capturable=groups[0]["params"][0].is_cuda)


def _rate(lr: float, device: torch.device) -> float | Tensor:
    """Return the learning rate; on a GPU as a tensor, which a captured step reads every time."""
    return torch.tensor(lr, device=device) if device.type == "cuda" else lr
