"""Pretrained weights from a local file that has the given digest and fits its model."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from mer_bench import MerBenchError
from mer_bench_timm_backbone.weight_file import SAFETENSORS, read_file

_WRAPPERS = ("state_dict", "model")
_NAMED = 3


def read_weights(weights: str, weights_sha256: str) -> dict[str, Tensor] | None:
    """Return the tensors of a file by name, or None where no file is named.

    The bytes whose digest was checked are the bytes that are read, and no pickle is run.

    Raises
    ------
    MerBenchError
        The file cannot be read, is of another kind, or has another digest.
    """
    given = read_file(weights, weights_sha256)
    return None if given is None else _tensors(weights, _parse(weights, *given))


def load_weights(model: nn.Module, state: Mapping[str, Tensor], owner: str) -> None:
    """Give ``model`` a file's tensors.

    Its classifier keeps its own weights where the file's are for other classes, or where the file has none.

    Parameters
    ----------
    model : nn.Module
        A timm model.
    state : mapping of str to Tensor
    owner : str
        The first words of an error.

    Raises
    ------
    MerBenchError
        Outside of the classifier, the file lacks tensors of the model, has others, or has them in other shapes.
    """
    wanted = model.state_dict()
    given = dict(state)
    classifier = _classifier(model)
    heads = [name for name in {*wanted, *given} if name.startswith(classifier)]
    if any(name not in wanted or name not in given or wanted[name].shape != given[name].shape for name in heads):
        given = {name: tensor for name, tensor in given.items() if name not in heads}
        wanted = {name: tensor for name, tensor in wanted.items() if name not in heads}
    # Files older than the counter lack it; nothing but a batch normalisation without momentum reads it.
    missing = [name for name in wanted if name not in given and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in given if name not in wanted]
    if missing or unexpected:
        problems = [f"lacks {_some(missing)}"] * bool(missing)
        problems += [f"has the unknown {_some(unexpected)}"] * bool(unexpected)
        raise MerBenchError(f"{owner}: the file {' and '.join(problems)}; it belongs to another model")
    for name, tensor in given.items():
        if tensor.shape != wanted[name].shape:
            raise MerBenchError(
                f"{owner}: {name} is {tuple(tensor.shape)} in the file and {tuple(wanted[name].shape)} in the model; "
                "set the image that the weights were trained at, or take the model that they belong to"
            )
    model.load_state_dict({**model.state_dict(), **given})


def _parse(weights: str, content: bytes, suffix: str) -> object:
    try:
        if suffix == SAFETENSORS:
            return safetensors.torch.load(content)
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile file may raise anything
        raise MerBenchError(
            f"timm-backbone: weights={weights!r} is not a {suffix} file that holds only tensors "
            f"({type(error).__name__}); save the model's state_dict() as safetensors"
        ) from error


def _tensors(weights: str, parsed: object) -> dict[str, Tensor]:
    """Unwrap what training scripts wrap a state dict in, and the prefix that data-parallel training leaves."""
    state: Any = parsed
    for wrapper in _WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    if not isinstance(state, Mapping) or not state or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise MerBenchError(
            f"timm-backbone: weights={weights!r} holds no tensors by name; save the model's state_dict()"
        )
    for name, tensor in state.items():
        if tensor.layout != torch.strided or tensor.is_meta or tensor.is_complex() or not tensor.isfinite().all():
            raise MerBenchError(f"timm-backbone: weights={weights!r} has {name}, which is not of finite real numbers")
    return {str(name).removeprefix("module."): tensor for name, tensor in state.items()}


def _classifier(model: nn.Module) -> tuple[str, ...]:
    """Return how the names of the classifier's tensors begin; a distilled model has two classifiers."""
    named = getattr(model, "pretrained_cfg", {}).get("classifier") or ()
    return tuple(f"{name}." for name in ((named,) if isinstance(named, str) else named))


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    more = len(listed) - _NAMED
    return ", ".join(listed[:_NAMED]) + (f" and {more} more" if more > 0 else "")
