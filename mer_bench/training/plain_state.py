"""What a training depends on beside its own tensors: global random numbers, and plain numbers that its code keeps."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mer_bench.methods.torch_method import TorchMethod


def python_draws() -> list[Any]:
    """Return the state of the random numbers of Python and NumPy, as JSON values."""
    kind, keys, *place = np.random.get_state(legacy=True)  # noqa: NPY002  (the one that plugins may draw from)
    return [random.getstate(), [kind, np.asarray(keys).tolist(), *place]]


def set_python_draws(state: Any) -> None:
    """Take over what `python_draws` returned."""
    (version, keys, gauss), numpy = state
    random.setstate((version, tuple(keys), gauss))
    np.random.set_state(tuple(numpy))  # noqa: NPY002


def torch_draws(device: torch.device) -> dict[str, Tensor]:
    """Return the states of torch's generators by name: that of the CPU, and that of the device."""
    states = {"generator": torch.random.get_rng_state()}
    if device.type == "cuda":
        states["generator/cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_torch_draws(tensors: Mapping[str, Tensor], device: torch.device) -> None:
    """Take over what `torch_draws` returned for such a device."""
    torch.random.set_rng_state(tensors["generator"].cpu())
    if device.type == "cuda":
        torch.cuda.set_rng_state(tensors["generator/cuda"].cpu(), device)


def plain_numbers(network: nn.Module, method: TorchMethod) -> dict[str, Any]:
    """Return what the modules of a network, and its method, keep as plain numbers and texts, by name."""
    return {
        f"{place}.{name}": value
        for place, part in _parts(network, method).items()
        for name, value in vars(part).items()
        if isinstance(value, (int, float, str)) and name != "training"
    }


def set_plain_numbers(network: nn.Module, method: TorchMethod, numbers: Mapping[str, Any]) -> None:
    """Take over what `plain_numbers` returned."""
    parts = _parts(network, method)
    for key, value in numbers.items():
        place, _, name = key.rpartition(".")
        own = vars(parts[place])
        # What is the same stays, as JSON may have lost its type: a member of an enumeration is a number there.
        if own.get(name) != value:
            own[name] = value


def _parts(network: nn.Module, method: TorchMethod) -> dict[str, object]:
    modules: dict[str, object] = {f"network.{place}".rstrip("."): module for place, module in network.named_modules()}
    return modules | {"method": method}
