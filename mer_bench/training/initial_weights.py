"""Give a network the weights of a file, except for a classifier of other classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from torch import Tensor, nn

from mer_bench.errors import MethodError

_NAMED = 3


def load_initial_weights(network: nn.Module, file: Path, n_classes: int) -> None:
    """Load a file's tensors by name, all of them and nothing else; a tensor with several names needs one of them.

    The tensors of the classifier keep their fresh values if the file lacks them, or has them for another number of
    classes.

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
    own, given = network.state_dict(keep_vars=True), safetensors.torch.load_file(file)
    held = {id(own[name]) for name in given if name in own}
    fresh = {name for name in _classifier(own, n_classes) if _is_of_other_classes(own[name], given.get(name))}
    missing = [name for name, tensor in own.items() if name not in fresh and id(tensor) not in held]
    others = [name for name in given if name not in own]
    misshapen = [name for name in own if name in given and name not in fresh and own[name].shape != given[name].shape]
    for what, names in (("lacks", missing), ("has", others), ("has in another shape", misshapen)):
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            raise MethodError(
                f"the weights in {file} are for another network: the file {what} {', '.join(names[:_NAMED])}{more}"
            )
    network.load_state_dict(
        {name: given[name] if name in given and name not in fresh else tensor.detach() for name, tensor in own.items()}
    )


def _classifier(tensors: Mapping[str, Tensor], n_classes: int) -> set[str]:
    """Return the names of the classifier's tensors: of the last module with a weight that has a row for each class.

    They are those with such rows, and the names that other modules have for the same tensors.
    """
    rows = {name: own for name, own in tensors.items() if own.shape[:1] == (n_classes,)}
    weights = [name for name, own in rows.items() if own.dim() > 1]
    if not weights:
        return set()
    module = _module(weights[-1])
    shared = {id(own) for name, own in rows.items() if _module(name) == module}
    return {name for name, own in rows.items() if id(own) in shared}


def _module(name: str) -> str:
    return name.rpartition(".")[0]


def _is_of_other_classes(own: Tensor, given: Tensor | None) -> bool:
    return given is None or (given.shape[1:] == own.shape[1:] and len(given) != len(own))
