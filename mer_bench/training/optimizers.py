"""Torch's optimisers without the wrappers that import torch's compiler at the first step.

That import takes more than a second of processor time in each process, and nothing here is compiled. The wrappers do
nothing else outside compiled code, so that the results are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import unwrap
from typing import Any

import torch
from torch.optim import Optimizer


def _plain_step(kind: type[Optimizer]) -> Callable[..., Any]:
    """Return the step of a kind, which torch takes without gradients."""
    without_gradients: Callable[..., Any] = torch.no_grad()(unwrap(kind.step))
    return without_gradients


class SGD(torch.optim.SGD):
    add_param_group = unwrap(Optimizer.add_param_group)
    step = _plain_step(torch.optim.SGD)


class Adam(torch.optim.Adam):
    add_param_group = unwrap(Optimizer.add_param_group)
    step = _plain_step(torch.optim.Adam)


class AdamW(torch.optim.AdamW):
    add_param_group = unwrap(Optimizer.add_param_group)
    step = _plain_step(torch.optim.AdamW)
