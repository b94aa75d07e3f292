"""Give a network the weights of a file, except for a classifier of other classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from torch import Tensor, nn

from mer_bench.errors import MethodError

_NAMED = 3


def load_initial_weights(network: nn.Module, file: Path, n_classes: int) -> None:
    """Load a file's tensors by name, all of them and nothing else.

    Tensors whose first axis is that of the classes keep their fresh values if the file lacks them, or has them for
    another number of classes.

    Parameters
    ----------
    network : nn.Module
    file : Path
        As `mer_bench.methods.initial_weights.InitialWeights` has checked it.
    n_classes : int
        The network's.

    Raises
    ------
    MethodError
        The file is for another network.
    """
    own, given = network.state_dict(), safetensors.torch.load_file(file)
    fresh = {name for name, value in own.items() if value.shape[:1] == (n_classes,) and not _fits(value, given, name)}
    missing = [name for name in own if name not in given and name not in fresh]
    others = [name for name in given if name not in own]
    misshapen = [name for name in own if name in given and name not in fresh and not _fits(own[name], given, name)]
    for what, names in (("lacks", missing), ("has", others), ("has in another shape", misshapen)):
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            raise MethodError(
                f"the weights in {file} are for another network: the file {what} {', '.join(names[:_NAMED])}{more}"
            )
    network.load_state_dict({name: own[name] if name in fresh else given[name] for name in own})


def _fits(value: Tensor, given: Mapping[str, Tensor], name: str) -> bool:
    return name in given and given[name].shape == value.shape
