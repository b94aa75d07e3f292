"""Whether a network can be trained as a stack, and the reason that is said where it cannot."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import BUILT_IN
from support.stacked import Small, folds_of, own_method, trained
from torch import Tensor, nn

from mer_bench import TorchMethod
from mer_bench.errors import MerBenchError, MethodError
from mer_bench.methods.draws import Draws
from mer_bench.testing import make_method
from mer_bench.training.stackable import why_not_stackable

SHAPE = (3, 8, 8)


class Net(nn.Module):
    """A linear network whose logits a function changes."""

    def __init__(self, change: Callable[[Any, Tensor], object], tail: nn.Module | None = None) -> None:
        super().__init__()
        self.layer, self.tail, self.change = nn.Linear(192, 3), tail, change
        self.shared = torch.zeros(3)

    def forward(self, x: Tensor) -> object:
        out = self.layer(x.flatten(1))
        return self.change(self, out if self.tail is None else self.tail(out))


def reason(change: Callable[[Any, Tensor], object], tail: Callable[[], nn.Module] | None = None) -> str:
    class Method(TorchMethod):
        def build_network(self) -> nn.Module:
            return Net(change, tail() if tail else None)

    return why_not_stackable(own_method(Method), SHAPE)


def branches(net: Net, out: Tensor) -> Tensor:
    return out if out.sum() > 0 else -out


def writes(net: Net, out: Tensor) -> Tensor:
    net.shared += out.detach().sum(0)
    return out


def overwrites(net: Net, out: Tensor) -> Tensor:
    net.shared.copy_(out.detach()[0])
    return out


def centres(net: Net, out: Tensor) -> Tensor:
    return out - out.mean(0) if net.training else out


def standardises(net: Net, out: Tensor) -> Tensor:
    return out if net.training else out - out.mean(0)


def counts(net: Net, out: Tensor) -> Tensor:
    net.tail.seen = getattr(net.tail, "seen", 0) + len(out)  # type: ignore[union-attr, assignment, operator]
    return out


def remembers(net: Net, out: Tensor) -> Tensor:
    """Keep what it has seen first: another pass changes nothing."""
    net.width = getattr(net, "width", out.shape[1])  # type: ignore[assignment]
    return out


def draws_in_python(net: Net, out: Tensor) -> Tensor:
    return out + 0 * random.random()


def draws_in_numpy(net: Net, out: Tensor) -> Tensor:
    return out + 0 * float(np.random.rand())  # noqa: NPY002


REASONS: dict[str, tuple[str, Callable[[Any, Tensor], object], Callable[[], nn.Module] | None]] = {
    "branch": ("its forward pass decides by the values of tensors", branches, None),
    "item": ("it reads values out of tensors", lambda net, out: out * out.detach().mean().item(), None),
    "shared": ("it writes into a tensor that all folds share", writes, None),
    "shared in place": ("it writes into a tensor that all folds share", overwrites, None),
    "random": (
        "it draws random numbers in a way that mer-bench does not replace",
        lambda net, out: out + torch.normal(torch.zeros_like(out), 1.0),
        None,
    ),
    "no rule": (
        "torch cannot run .* on a stack, and would loop over folds",
        lambda net, out: (
            F.ctc_loss(out.log_softmax(1)[:, None], torch.ones(1, 2).long(), torch.tensor([5]), torch.tensor([2])) + out
        ),
        None,
    ),
    "number": (
        "training it changes the number network.tail.seen, which all folds of a stack would share",
        counts,
        nn.ReLU,
    ),
    "Python's draws": ("it draws random numbers of Python or NumPy", draws_in_python, None),
    "NumPy's draws": ("it draws random numbers of Python or NumPy", draws_in_numpy, None),
    "mixed in training": ("a sample's logits depend on other samples of its batch, beyond batch norm", centres, None),
    "mixed in evaluation": ("a sample's scores depend on other samples of its batch", standardises, None),
    "penalty of a batch": (
        "the gradient of layer.* is another one in a stack: its loss or penalty mixes samples of a batch",
        lambda net, out: (out, out.square().mean()) if net.training else out,
        None,
    ),
    "batch statistics only": (
        "a sample's scores depend on other samples of its batch",
        lambda net, out: out,
        lambda: nn.BatchNorm1d(3, track_running_stats=False),
    ),
}


@pytest.mark.parametrize("name", REASONS)
def test_what_cannot_be_stacked_is_said_with_its_reason(name: str) -> None:
    sentence, change, tail = REASONS[name]
    assert re.match(sentence, reason(change, tail)), reason(change, tail)


@pytest.mark.parametrize(
    ("change", "tail"),
    [
        (lambda net, out: out, None),
        (lambda net, out: out, lambda: nn.BatchNorm1d(3)),
        (lambda net, out: out, lambda: nn.Dropout(0.5)),
        (lambda net, out: (out, out.square().sum(1)) if net.training else out, None),
        (lambda net, out: (out, 0.5) if net.training else out, None),
        (lambda net, out: torch.where(out > 0, out, 2 * out), None),
        (remembers, None),
    ],
    ids=["linear", "batch norm", "dropout", "penalty of each sample", "penalty of a number", "where", "remembers"],
)
def test_what_can_be_stacked_needs_no_reason(change: Any, tail: Any) -> None:
    assert reason(change, tail) == ""


class Attentive(nn.Module):
    """A layer of a transformer with dropout, between two layers that have one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(24, 24), nn.Linear(24, 24)
        self.last.weight = self.first.weight
        self.mixer = nn.TransformerEncoderLayer(24, 2, 16, 0.3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(self.mixer(self.first(x.flatten(2)))).mean(1)[:, :3]
        return logits


def method_of(network: Callable[[], nn.Module]) -> TorchMethod:
    class Method(TorchMethod):
        def build_network(self) -> nn.Module:
            return network()

    return own_method(Method)


def test_tied_weights_and_multi_head_attention_can_be_stacked() -> None:
    assert why_not_stackable(method_of(Attentive), (3, 3, 8)) == ""


def test_a_network_without_parameters_is_named_as_one() -> None:
    def frozen() -> nn.Module:
        return Net(lambda net, out: out).requires_grad_(False)

    assert why_not_stackable(method_of(frozen), SHAPE) == "it has no trainable parameters"


def test_what_a_broken_contract_is_called_is_left_to_the_training_which_raises_it() -> None:
    def narrow() -> nn.Module:
        return Net(lambda net, out: out[:, :2])

    assert why_not_stackable(method_of(narrow), SHAPE) == "it cannot be trained at all"
    with pytest.raises(MethodError, match=r"gives \(.*, 2\) for .* samples of 3 classes"):
        trained(folds_of(lambda: method_of(narrow), 1), stacked=False)


def test_a_setting_that_the_method_refuses_is_no_reason_to_train_fold_by_fold() -> None:
    with pytest.raises(MerBenchError, match=r"^warmup=3 does not go with schedule=one-cycle"):
        why_not_stackable(own_method(schedule="one-cycle", warmup=3), SHAPE)


def test_hooks_are_tried_too() -> None:
    class Branching(TorchMethod):
        def build_network(self) -> nn.Module:
            return Small(self.n_classes)

        def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
            return F.cross_entropy(logits, labels, reduction="none") * (1 if labels.sum() > 2 else 2)

    class Drawing(TorchMethod):
        def build_network(self) -> nn.Module:
            return Small(self.n_classes)

        def augment(self, inputs: Tensor, labels: Tensor, draws: Draws) -> Tensor:
            return inputs + torch.rand(inputs.shape)

    class Counting(TorchMethod):
        calls = 0

        def build_network(self) -> nn.Module:
            return Small(self.n_classes)

        def augment(self, inputs: Tensor, labels: Tensor, draws: Draws) -> Tensor:
            self.calls += 1
            return inputs

    assert why_not_stackable(own_method(Branching), SHAPE) == "its forward pass decides by the values of tensors"
    assert why_not_stackable(own_method(Drawing), SHAPE) == (
        "it draws random numbers in a way that mer-bench does not replace"
    )
    assert why_not_stackable(own_method(Counting), SHAPE) == (
        "training it changes the number method.calls, which all folds of a stack would share"
    )


QUICK: dict[str, dict[str, object]] = {
    "ahmsa": {"width": 12, "blocks": (1, 1, 1), "dropout": 0.2},
    "dual-inception": {"hidden": 8, "maps": (2, 3)},
    "htnet": {"width": 12, "blocks": (1, 1, 1)},
    "inceptr": {"depth": 1, "width": 8, "channels": 8, "hidden": 8},
    "off-apexnet": {"hidden": 8, "maps": (2, 3)},
    "rcn-a": {"maps": 4},
    "ststnet": {},
    "timm-backbone": {},
}


@pytest.mark.parametrize("name", QUICK)
def test_every_network_of_mer_bench_can_be_stacked(name: str) -> None:
    assert {n for n, spec in BUILT_IN.items() if spec.trains_by_epoch} == set(QUICK)
    method = make_method(BUILT_IN[name], preset="quick", **QUICK[name])
    assert isinstance(method, TorchMethod)
    assert why_not_stackable(method, (3, 28, 28)) == ""
