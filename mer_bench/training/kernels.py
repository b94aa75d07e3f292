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
from torch.autograd.function import once_differentiable

_ONEDNN: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
"""oneDNN's product x wᵀ + b; None in a torch without it, such as most builds for ARM."""


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


class _Linear(torch.autograd.Function):
    """x wᵀ + b of rows x, and its gradients, each by one product of oneDNN."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        # oneDNN reads a bias with strides of its own wrongly, and not every matrix with such strides was tried.
        x, weight = x.contiguous(), weight.contiguous()
        ctx.save_for_backward(x, weight)
        return _product(x, weight, None if bias is None else bias.contiguous())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
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


CPU_KERNELS: Mapping[Callable[..., Any], Callable[..., Any]] = MappingProxyType({F.linear: linear})
