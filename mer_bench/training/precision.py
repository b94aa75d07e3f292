"""The arithmetic of matrix products and convolutions while a network trains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mer_bench.errors import MerBenchError


@contextmanager
def tf32_allowed(precision: str, device: torch.device) -> Iterator[None]:
    """Let a GPU round the factors of products to 10 bits inside the context, or let it not.

    Raises
    ------
    MerBenchError
        The device has no such arithmetic.
    """
    if precision == "tf32" and device.type != "cuda":
        raise MerBenchError("precision=tf32 needs a GPU (--device cuda); on a CPU use fp32 or bf16")
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def autocast(precision: str, device: torch.device) -> torch.autocast:
    """Return the context of a forward pass: with bf16, products are computed from factors of 8 bits.

    Weights, their gradients, the optimiser's state and the loss stay in float32.
    """
    # Without a cache of converted weights: it would outlive a step that is replayed on a GPU.
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16", cache_enabled=False)
