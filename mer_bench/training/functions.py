"""What a network's forward pass calls of torch, replaced where a fold would depend on its stack, or wait for it.

Random numbers come from the fold's own `Draws`. In a stack, a batch normalisation leaves out the samples that only fill
a fold's batch, convolutions are matrix products, and so is attention: `torch.vmap` has slow rules for these, or none.

Torch's own functions in Python call others unseen: only those in `_COMPOSITE` are looked into. The layers of
`torch.nn.modules` are, too, as they are no functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from types import FunctionType, MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor
from torch.overrides import TorchFunctionMode

from mer_bench.methods.draws import Draws

_Function = Callable[..., Any]
_NONE: Mapping[_Function, _Function] = MappingProxyType({})

# The arguments of torch's functions in their order; None also where one is required.
_CONV2D = {"input": None, "weight": None, "bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}
_BATCH_NORM = {
    **{"input": None, "running_mean": None, "running_var": None, "weight": None, "bias": None},
    **{"training": False, "momentum": 0.1, "eps": 1e-5},
}
_ATTENTION = {
    **{"query": None, "key": None, "value": None, "attn_mask": None, "dropout_p": 0.0, "is_causal": False},
    **{"scale": None, "enable_gqa": False},
}
_COMPOSITE = frozenset({F.multi_head_attention_forward})
"""Functions of torch, written in Python, that call functions which have a replacement."""


class FoldFunctions(TorchFunctionMode):
    """While it is entered, torch's functions are those of one fold.

    Parameters
    ----------
    draws : Draws
    replaced : mapping of callable to callable
        Further functions of torch, and what is called instead.
    """

    def __init__(self, draws: Draws, replaced: Mapping[_Function, _Function] = _NONE) -> None:
        super().__init__()
        self._replaced = {**_random_functions(draws), **replaced}
        attention = F.scaled_dot_product_attention
        self._replaced[attention] = partial(_dropping_attention, draws, self._replaced.get(attention, attention))

    def __torch_function__(
        self, func: _Function, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call the replacement of a function, if it has one."""
        if func in _COMPOSITE:
            with self:  # torch leaves the mode while this method runs
                return _unasked(func)(*args, **(kwargs or {}))
        return self._replaced.get(func, func)(*args, **(kwargs or {}))


@cache
def _unasked(function: _Function) -> _Function:
    """Return a copy of one of torch's functions in Python that does not ask whether it is replaced.

    Called in the mode, the function itself would ask the mode again, without end.
    """
    assert isinstance(function, FunctionType)
    names = {**function.__globals__, "has_torch_function": lambda tensors: False}
    own = FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    own.__kwdefaults__ = function.__kwdefaults__
    return own


def stacked_functions(weights: Tensor | None) -> dict[_Function, _Function]:
    """Return the replacements for a network under ``torch.vmap``.

    Parameters
    ----------
    weights : Tensor of shape (n,), float32, or None
        1 for the samples of the batch, and 0 for those that only fill it; None if there are none of these.
    """
    batch_norm = partial(_masked_batch_norm, weights)
    return {F.conv2d: _conv2d, F.scaled_dot_product_attention: _attention, F.batch_norm: batch_norm}


def _random_functions(draws: Draws) -> dict[_Function, _Function]:
    """Return what replaces torch's functions that draw random numbers."""

    def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        return _dropout(draws, input, p if training else 0.0, input.shape)

    def channel_dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        shape = (*input.shape[:2], *(1 for _ in input.shape[2:]))
        return _dropout(draws, input, p if training else 0.0, shape)

    def uniform(*size: Any, **settings: Any) -> Tensor:
        return _like(draws.uniform(_shape(size, settings)), settings)

    def normal(*size: Any, **settings: Any) -> Tensor:
        return _like(draws.normal(_shape(size, settings)), settings)

    def integers(*arguments: Any, **settings: Any) -> Tensor:
        *bounds, size = (*arguments, settings["size"]) if "size" in settings else arguments
        low, high = bounds if len(bounds) == 2 else (settings.get("low", 0), bounds[0] if bounds else settings["high"])
        return _like(low + draws.below(high - low, size), settings)

    def bernoulli(input: Tensor, p: float | None = None, **_: Any) -> Tensor:
        return (draws.uniform(input.shape) < (input if p is None else p)).to(input.dtype)

    def bernoulli_(input: Tensor, p: float | Tensor = 0.5, **_: Any) -> Tensor:
        return input.copy_(draws.uniform(input.shape) < p)

    def uniform_(input: Tensor, low: float = 0.0, high: float = 1.0, **_: Any) -> Tensor:
        return input.copy_(draws.uniform(input.shape, low, high))

    def normal_(input: Tensor, mean: float = 0.0, std: float = 1.0, **_: Any) -> Tensor:
        return input.copy_(draws.normal(input.shape) * std + mean)

    return {
        F.dropout: dropout,
        **dict.fromkeys((F.dropout1d, F.dropout2d, F.dropout3d), channel_dropout),
        torch.rand: uniform,
        torch.rand_like: lambda like, **settings: _like(draws.uniform(like.shape), {"dtype": like.dtype, **settings}),
        torch.randn: normal,
        torch.randn_like: lambda like, **settings: _like(draws.normal(like.shape), {"dtype": like.dtype, **settings}),
        torch.randint: integers,
        torch.bernoulli: bernoulli,
        Tensor.bernoulli: bernoulli,
        Tensor.bernoulli_: bernoulli_,
        Tensor.uniform_: uniform_,
        Tensor.normal_: normal_,
    }


def _dropout(draws: Draws, values: Tensor, probability: float, shape: Sequence[int]) -> Tensor:
    if probability == 0:
        return values
    if probability == 1:
        return values * 0
    kept = draws.uniform(shape) >= probability
    return values * (kept * (1 / (1 - probability))).to(values.dtype)


def _shape(size: Sequence[Any], settings: Mapping[str, Any]) -> Sequence[int]:
    size = (settings["size"],) if "size" in settings else size
    return size[0] if len(size) == 1 and not isinstance(size[0], int) else size


def _like(drawn: Tensor, settings: Mapping[str, Any]) -> Tensor:
    return drawn if settings.get("dtype") is None else drawn.to(settings["dtype"])


def _masked_batch_norm(weights: Tensor | None, *arguments: Any, **settings: Any) -> Tensor:
    """Normalise by the mean and variance of the samples whose weight is 1, and update the running ones by these."""
    own = _given(_BATCH_NORM, arguments, settings)
    if weights is None or not own["training"]:
        if own["running_mean"] is not None:
            # Under torch.vmap, torch does not mix inputs of 16 bits with statistics of 32.
            own["input"] = own["input"].to(own["running_mean"].dtype)
        return F.batch_norm(**own)
    input, running_mean, running_var = own["input"], own["running_mean"], own["running_var"]
    axes = [0, *range(2, input.dim())]
    shape = (1, -1, *(1 for _ in axes[1:]))
    present = weights.reshape(-1, *(1 for _ in range(input.dim() - 1)))
    count = weights.sum() * (input[0, 0].numel())
    mean = (input * present).sum(axes) / count
    # Alone, torch refuses to normalise a single value. A stack goes on, and the fold fails by itself, of a loss of NaN.
    mean = torch.where(count > 1, mean, torch.nan)
    centred = input - mean.reshape(shape)
    variance = (centred.square() * present).sum(axes) / count
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            unbiased = variance * (count / (count - 1))
            for kept, new in ((running_mean, mean), (running_var, unbiased)):
                kept.mul_(1 - own["momentum"]).add_(new.to(kept.dtype) * own["momentum"])
    normalised: Tensor = centred * torch.rsqrt(variance + own["eps"]).reshape(shape)
    if own["weight"] is not None:
        normalised = normalised * own["weight"].reshape(shape)
    return normalised if own["bias"] is None else normalised + own["bias"].reshape(shape)


def _conv2d(*arguments: Any, **settings: Any) -> Tensor:
    """Convolve as a matrix product of the unfolded input.

    Where each fold of a stack has its own weight, torch makes a grouped convolution of it, which is slow.
    """
    own = _given(_CONV2D, arguments, settings)
    input, weight, bias = own["input"], own["weight"], own["bias"]
    if own["groups"] != 1 or input.dim() != 4 or isinstance(own["padding"], str):
        return F.conv2d(**own)
    sides, steps, rim, spread = map(_pair, (weight.shape[2:], own["stride"], own["padding"], own["dilation"]))
    height, width = (
        (input.shape[2 + axis] + 2 * rim[axis] - spread[axis] * (sides[axis] - 1) - 1) // steps[axis] + 1
        for axis in range(2)
    )
    if sides == (1, 1) and steps == (1, 1) and rim == (0, 0):
        columns = input.flatten(2)
    else:
        columns = F.unfold(input, sides, spread, rim, steps)
    out: Tensor = weight.flatten(1) @ columns
    out = out if bias is None else out + bias[:, None]
    return out.reshape(*out.shape[:2], height, width)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def _attention(*arguments: Any, **settings: Any) -> Tensor:
    """Scaled dot-product attention by matrix products, of few tokens."""
    return _attended(_given(_ATTENTION, arguments, settings), lambda shares: shares)


def _dropping_attention(draws: Draws, otherwise: _Function, *arguments: Any, **settings: Any) -> Any:
    """Scaled dot-product attention that drops shares by the fold's own draws; ``otherwise`` if it drops none."""
    own = _given(_ATTENTION, arguments, settings)
    if own["dropout_p"] == 0:
        return otherwise(*arguments, **settings)
    return _attended(own, lambda shares: _dropout(draws, shares, own["dropout_p"], shares.shape))


def _attended(own: Mapping[str, Any], drop: Callable[[Tensor], Tensor]) -> Tensor:
    query, key, value, mask, scale = (own[name] for name in ("query", "key", "value", "attn_mask", "scale"))
    if own["enable_gqa"]:
        key, value = (each.repeat_interleave(query.shape[-3] // each.shape[-3], -3) for each in (key, value))
    if own["is_causal"]:
        if mask is not None:
            raise RuntimeError("scaled_dot_product_attention: attn_mask must be None if is_causal is set")
        mask = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device).tril()
    scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    attended: Tensor = drop(scores.softmax(-1)) @ value
    return attended


def _given(defaults: Mapping[str, Any], arguments: Sequence[Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, those that were not given too."""
    return {**defaults, **dict(zip(defaults, arguments, strict=False)), **settings}
