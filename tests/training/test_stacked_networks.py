"""Networks of a stack and alone: their norms, their penalties, and tensors that several modules share."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mer_bench.training.networks import OneNetwork, StackedNetworks, checked_outputs, sum_of_squares


class Tied(nn.Module):
    """Two layers have one weight, and a number without axes scales the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.scale = nn.Linear(4, 4), nn.Linear(4, 4), nn.Parameter(torch.tensor(1.5))
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.second(self.first(x).relu())[:, :3] * self.scale
        return logits


def gradients(joined: OneNetwork | StackedNetworks, x: Tensor) -> dict[str, Tensor]:
    joined(x, torch.arange(len(x), dtype=torch.int32), None, training=True)[0].square().sum().backward()
    return {name: own.grad for name, own in joined.parameters.items() if own.grad is not None}


def test_tied_weights_stay_tied_in_a_stack() -> None:
    networks = [Tied() for _ in range(3)]
    x = torch.rand(3, 5, 4)
    stacked = gradients(StackedNetworks(networks, 3), x)

    assert set(stacked) == {"first.weight", "first.bias", "second.bias", "scale"}
    for number, network in enumerate(networks):
        alone = gradients(OneNetwork(network, 3, {}), x[number : number + 1])
        for name, gradient in alone.items():
            torch.testing.assert_close(stacked[name][number], gradient)


def test_a_norm_is_of_all_shapes_of_parameters_also_of_a_number() -> None:
    stack = StackedNetworks([Tied() for _ in range(3)], 3)
    numbers, matrices = torch.tensor([3.0, 0, -2]), torch.tensor([[[4.0, 0]], [[0, 5]], [[2, 1]]])

    assert stack.norms([numbers, matrices]).tolist() == [5, 5, 3]
    assert OneNetwork(Tied(), 3, {}).norms([numbers[0], matrices[0]]).tolist() == [5]
    assert sum_of_squares([numbers[2]], keep=0).item() == 4


class Copies(TorchFunctionMode):
    """Fails where a value of Python becomes a tensor on the host, which is then copied."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func not in (torch.as_tensor, torch.tensor)
        return func(*args, **(kwargs or {}))


def test_a_penalty_that_is_a_number_is_made_on_the_device() -> None:
    logits = torch.zeros(4, 3, device="meta", dtype=torch.bfloat16)
    with Copies():
        penalty = checked_outputs((logits, 7), 4, 3)[1]
        value = checked_outputs((torch.zeros(4, 3), 0.3), 4, 3)[1]

    assert penalty is not None
    assert value is not None
    assert (penalty.device, penalty.dtype, penalty.shape) == (torch.device("meta"), torch.float32, ())
    assert value.item() == pytest.approx(0.3)


def test_a_single_network_does_not_part_from_its_parameters() -> None:
    network = Tied()
    joined = OneNetwork(network, 3, {})
    with pytest.raises(RuntimeError, match="has one fold"):
        joined.keep(torch.tensor([0]))
    assert joined.parameters["scale"] is network.scale
