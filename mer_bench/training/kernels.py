"""Faster replacements for torch's functions on the CPU, for one fold that trains with one thread.

torch's matrix products are MKL's, which computes the same on every processor only in its slowest branch
(docs/arithmetic.md). oneDNN, held to AVX2, computes the same everywhere too, and is two to three times as fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

_ONEDNN: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
"""oneDNN's product x wᵀ + b; None in a torch without it, such as most builds for ARM."""
_CONV_SETTINGS = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
"""A convolution's settings in torch's order, and what they are unless given."""
_ROWS = 32
"""Maps in a batch from which on it pays to sort a kernel's weights into those of a linear layer."""


def available() -> bool:
    """Return whether this torch has oneDNN."""
    return _ONEDNN is not None


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute `torch.nn.functional.linear`, gradients included."""
    fits = weight.dim() == 2 and input.dim() > 0 and input.shape[-1] == weight.shape[1]
    if not fits or not _applies(input, weight, bias):
        return F.linear(input, weight, bias)
    rows: Tensor = _Linear.apply(input.reshape(-1, weight.shape[1]), weight, bias)
    return rows.view(*input.shape[:-1], weight.shape[0])


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, *settings: Any, **named: Any) -> Tensor:
    """Compute `torch.nn.functional.conv2d`: of 2×2 maps with a rim of 1 by a linear layer on the whole map.

    There, most of a 3×3 kernel meets nothing but the rim's zeros.
    """
    given = {**_CONV_SETTINGS, **dict(zip(_CONV_SETTINGS, settings, strict=False)), **named}
    rim_of_one = all(_once(given[name]) for name in _CONV_SETTINGS)
    small = input.dim() == 4 and input.shape[2:] == (2, 2) and weight.shape[1:] == (input.shape[1], 3, 3)
    if not (rim_of_one and small and len(input) >= _ROWS and _applies(input, weight, bias)):
        return F.conv2d(input, weight, bias, *settings, **named)
    met = [weight[:, :, 1 - row : 3 - row, 1 - column : 3 - column] for row in range(2) for column in range(2)]
    whole = torch.stack(met).permute(0, 1, 3, 4, 2).reshape(4 * weight.shape[0], 4 * weight.shape[1])
    maps = linear(input.permute(0, 2, 3, 1).flatten(1), whole).reshape(-1, 2, 2, weight.shape[0])
    return (maps if bias is None else maps + bias).permute(0, 3, 1, 2)


def _once(value: Any) -> bool:
    """Return whether a setting of a convolution is 1 in each direction."""
    return value == 1 or (not isinstance(value, (int, str)) and all(each == 1 for each in value))


class _Linear(torch.autograd.Function):
    """x wᵀ + b of rows x, and its gradients, each by one product of oneDNN."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        # oneDNN reads a bias with strides of its own wrongly; a matrix it reads right.
        ctx.save_for_backward(x, weight)
        return _product(x, weight, None if bias is None else bias.contiguous())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            _product(gradient, weight.t()) if of_x else None,
            _weight_gradient(gradient, x) if of_weight else None,
            gradient.sum(0) if of_bias else None,
        )


def _weight_gradient(gradient: Tensor, x: Tensor) -> Tensor:
    """Return gradientᵀ x. oneDNN copies what is left of a product if it is transposed, so the smaller one is there."""
    rows, n = gradient.shape
    k = x.shape[1]
    if rows * n > rows * k + n * k:
        return _product(x.t(), gradient.t()).t().contiguous()
    return _product(gradient.t(), x.t())


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if torch.is_grad_enabled():  # for second derivatives only, which oneDNN's product does not have
        return x @ weight.t()
    result: Tensor = _ONEDNN(x, weight, bias, "none", [], "")
    return result


def _applies(*tensors: Tensor | None) -> bool:
    """Return whether oneDNN can take over: float32 on the CPU, no autocast (which casts first), no vmap."""
    return (
        available()
        and all(t is None or (t.dtype == torch.float32 and t.device.type == "cpu" and t.numel()) for t in tensors)
        and not torch.is_autocast_enabled("cpu")
        and torch._C._functorch.maybe_current_level() is None
    )


CPU_KERNELS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType({F.linear: linear, F.conv2d: conv2d})
"""What to call in place of a function of torch, with the same arguments."""
