"""Whether a method's network can be trained as a stack: it is tried on a few random samples."""

from __future__ import annotations

import re
import warnings
from copy import deepcopy

import torch
from torch import Tensor

from mer_bench.errors import MerBenchError, MethodError, reason_of
from mer_bench.isolation import isolated
from mer_bench.methods.draws import Draws, step_keys
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.training.networks import Networks, OneNetwork, StackedNetworks, give_sizes
from mer_bench.training.objective import batch_loss, with_penalty
from mer_bench.training.plain_state import plain_numbers, python_draws

_FOLDS, _SAMPLES, _FILLED = 2, 5, 2
COPIES = 4 * _FOLDS
"""How many times a network's weights are in memory: two networks stacked and alone, with gradients."""
_TOLERANCE = 1e-3
"""Of logits and gradients, relative to the largest: a stack rounds differently, and a mistake is larger."""
_REASONS = {
    "data-dependent control flow": "its forward pass decides by the values of tensors",
    ".item()": "it reads values out of tensors",
    "vmap: called random operation": "it draws random numbers in a way that mer-bench does not replace",
    "in-place arithmetic": "it writes into a tensor that all folds share",
    "inplace arithmetic": "it writes into a tensor that all folds share",
    "doesn't match the broadcast shape": "it writes into a tensor that all folds share",
}
"""What torch's errors hold, and what they mean."""


def why_not_stackable(method: TorchMethod, shape: tuple[int, ...]) -> str:
    """Return why a method's networks cannot be trained as a stack; an empty text if they can.

    Two networks are run on random samples, stacked and each alone, in training (with samples that only fill the batch)
    and in evaluation; the loss and ``augment`` too. Operations without a batching rule count as failures, because torch
    would loop over the folds.

    Parameters
    ----------
    method : TorchMethod
    shape : tuple of int
        Of one sample, channels first.

    Raises
    ------
    MerBenchError
        The method refuses a setting.
    """
    with warnings.catch_warnings(record=True) as caught, isolated(0):
        warnings.simplefilter("always")
        try:
            reason = _difference(method, shape)
        except MethodError:  # the training raises it, and says what is wrong
            return "it cannot be trained at all"
        except MerBenchError:
            raise
        except Exception as error:  # whatever a network raises under vmap
            return next((text for part, text in _REASONS.items() if part in str(error)), _first_line(error))
    missing = [str(w.message) for w in caught if "batching rule" in str(w.message)]
    if missing:
        named = re.search(r"aten::(\w+)", missing[0])
        return f"torch cannot run {named.group(1) if named else 'an operation'} on a stack, and would loop over folds"
    return reason


def _difference(method: TorchMethod, shape: tuple[int, ...]) -> str:
    """Return what differs between networks in a stack and alone."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand((_FOLDS, _SAMPLES, *shape), generator=generator)
    networks = [method.build_network() for _ in range(_FOLDS)]
    for network in networks:
        give_sizes(network, inputs[0, :1])
    labels = torch.randint(method.n_classes, (_FOLDS, _SAMPLES), generator=generator)
    keys = step_keys(torch.arange(_FOLDS, dtype=torch.int32), 0)
    copies = [deepcopy(network) for network in networks]
    stack = StackedNetworks(networks, method.n_classes)
    if not stack.parameters:
        return "it has no trainable parameters"
    filled = torch.cat((inputs, inputs[:, :1].expand(-1, _FILLED, *shape)), dim=1)
    filled_labels = torch.cat((labels, labels[:, :1].expand(-1, _FILLED)), dim=1)
    present = (torch.arange(_SAMPLES + _FILLED) < _SAMPLES).float().expand(_FOLDS, -1)
    drawn = python_draws()
    together = _trained(method, stack, (filled, filled_labels), keys, present)
    for number, network in enumerate(copies):
        one = OneNetwork(network, method.n_classes, {})
        row = slice(number, number + 1)
        alone = _trained(method, one, (inputs[row], labels[row]), keys[row], None)
        if not _close(together[0][row, :_SAMPLES], alone[0]):
            return "a sample's logits depend on other samples of its batch, beyond batch normalisation"
        largest = max(float(gradient.abs().max()) for gradient in alone[1].values())
        for name, gradient in alone[1].items():
            if not _close(together[1][name][number], gradient, largest):
                return f"the gradient of {name} is another one in a stack: its loss or penalty mixes samples of a batch"
        numbers = plain_numbers(network, method)
        scored = one(inputs[row], keys[row], None, training=False)[0]
        if not _close(stack(filled, keys, None, training=False)[0][row, :_SAMPLES], scored):
            return "a sample's scores depend on other samples of its batch"
        _trained(method, one, (inputs[row], labels[row]), keys[row], None)
        changed = [name for name, value in plain_numbers(network, method).items() if value != numbers.get(name)]
        if changed:
            return f"training it changes the number {changed[0]}, which all folds of a stack would share"
    if python_draws() != drawn:
        return "it draws random numbers of Python or NumPy, which all folds of a stack would share"
    return ""


def _trained(
    method: TorchMethod, networks: Networks, samples: tuple[Tensor, Tensor], keys: Tensor, present: Tensor | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the logits of a training step on inputs and labels, and the gradients."""
    inputs, labels = samples

    def augmented(own: Tensor, labels: Tensor, key: Tensor) -> Tensor:
        return method.augment(own, labels, Draws(key))

    # What it gives may depend on the size of the batch; it only has to work.
    networks.per_fold(augmented)(inputs, labels, keys)
    logits, penalty = networks(inputs, keys, present, training=True)
    loss = batch_loss(networks.per_fold(method.loss)(logits, labels), present)
    torch.autograd.backward(with_penalty(loss, penalty, present).sum())
    return logits.detach(), {name: own.grad for name, own in networks.parameters.items() if own.grad is not None}


def _close(a: Tensor, b: Tensor, scale: float | None = None) -> bool:
    return bool((a - b).abs().max() <= _TOLERANCE * (float(b.abs().max()) if scale is None else scale) + 1e-7)


def _first_line(error: Exception) -> str:
    return reason_of(error).splitlines()[0]
