"""A network trained until it knows a few samples by heart, and what was seen of it meanwhile.

A network that cannot do this has a fault between its input and its logits. The harness's own trainer does it: with more
epochs and smaller batches than the method asks for, and at last with another learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mer_bench.arrays import IntArray
from mer_bench.isolation import isolated
from mer_bench.methods.instances import make_instance
from mer_bench.methods.method import LabelledSamples, UnlabelledSamples
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.parameters import ParameterValue
from mer_bench.training.trainer import train_fold

BATCH = 8
BUDGETS: tuple[dict[str, ParameterValue], ...] = (
    {"epochs": 60},
    {"epochs": 100, "lr": 1e-3, "optimizer": "adam", "weight_decay": 0.0},
)
"""Tried one after the other. Of mer-bench's own networks with their quick presets, seven need 2 to 11 epochs and one
29. The second is for a network whose default is a small learning rate for hundreds of epochs."""
_LEAST_EPOCHS = 5
"""Enough for a parameter to get a gradient once, where another one starts at zero or samples lose parts at random."""


class _Enough(Exception):  # noqa: N818  (no error)
    """All training samples are recognised."""


@dataclass(frozen=True)
class Overfit:
    """A network after its training on a few samples.

    Parameters
    ----------
    network : nn.Module
    inputs : Tensor
        What it got when it scored its training samples.
    lowest : float
        The smallest of its logits for them, after any epoch.
    correct : int
        The number of training samples that it recognised, after the epoch with most of them.
    epochs : int
        How many it was trained for.
    silent : frozenset of str
        The parameters that never got a gradient other than zero.
    """

    network: nn.Module
    inputs: Tensor
    lowest: float
    correct: int
    epochs: int
    silent: frozenset[str]


def overfit(setting: MethodSetting, train: LabelledSamples, *, seed: int) -> Overfit:
    """Train a method's network on ``train`` until it recognises all of it, or no budget is left.

    Raises
    ------
    MethodError
        The network breaks its contract, or its loss is no longer finite.
    """
    for budget in BUDGETS:
        done = _train(setting, budget, train, seed=seed)
        if done.correct == len(train):
            break
    if not done.silent:
        return done
    # A small layer may start with weights that silence it.
    again = _train(setting, {"epochs": _LEAST_EPOCHS}, train, seed=seed + 1)
    return replace(done, silent=done.silent & again.silent)


def _train(
    setting: MethodSetting, budget: Mapping[str, ParameterValue], train: LabelledSamples, *, seed: int
) -> Overfit:
    with isolated(seed), ExitStack() as hooks:
        method = make_instance(_with(setting, budget))
        assert isinstance(method, TorchMethod)
        seen = _Seen(hooks, train.labels)
        build = method.build_network
        method.build_network = lambda: seen.watch(build())  # type: ignore[method-assign]
        with suppress(_Enough):
            train_fold(method, train, [UnlabelledSamples(train.inputs)], seed=seed, device="cpu")
    silent = frozenset(name for name, largest in seen.gradients.items() if not largest)
    return Overfit(
        network=seen.network,
        inputs=seen.inputs,
        lowest=seen.lowest,
        correct=seen.correct,
        epochs=seen.epochs,
        silent=silent,
    )


def _with(setting: MethodSetting, budget: Mapping[str, ParameterValue]) -> MethodSetting:
    size = setting.params["batch_size"]
    assert isinstance(size, int)
    params = {**setting.params, **budget, "batch_size": min(size, BATCH)}
    return MethodSetting(setting.spec, params, setting.n_classes, setting.representation)


class _Seen:
    """Records the smallest logit and each parameter's largest gradient, and ends a training that is complete."""

    network: nn.Module
    inputs: Tensor

    def __init__(self, hooks: ExitStack, labels: IntArray) -> None:
        self.hooks = hooks
        self.labels = torch.from_numpy(labels)
        self.gradients: dict[str, float] = {}
        self.lowest = math.inf
        self.epochs = 0
        self.correct = 0

    def watch(self, network: nn.Module) -> nn.Module:
        """Put hooks on a network, which are removed with ``hooks``."""
        self.network = network
        self.hooks.callback(network.register_forward_hook(self._forward).remove)
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                self.gradients[name] = 0.0
                hook: Any = parameter.register_hook
                self.hooks.callback(hook(partial(self._gradient, name)).remove)
        return network

    def _forward(self, network: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        if network.training:
            return
        # The harness scores the samples once after every epoch.
        self.inputs = arguments[0].detach().clone()
        logits = output[0] if isinstance(output, tuple) else output
        self.lowest = min(self.lowest, float(logits.min()))
        self.epochs += 1
        self.correct = max(self.correct, int((logits.argmax(dim=1) == self.labels).sum()))
        if self.correct == len(self.labels) and self.epochs >= _LEAST_EPOCHS:
            raise _Enough

    def _gradient(self, name: str, gradient: Tensor) -> None:
        if not self.gradients[name]:
            self.gradients[name] = float(gradient.abs().max())
