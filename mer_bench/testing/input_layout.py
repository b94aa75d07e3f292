"""Which pixels a network combines: whether it reads its input's axes in their order.

A map (channels, height, width) that is reshaped to (height, width, channels), where its axes should be permuted,
becomes another picture: pixels that were neighbours lie far apart. A network learns from it none the less, only worse.
But its first layers then combine values that are neighbours in the wrong picture, and this can be seen: where one value
changes, the gradient changes at the values that are combined with it. `layout_fits` compares that with nearness in each
picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from mer_bench.arrays import FloatArray, IntArray

LAYOUTS: Mapping[str, Callable[[IntArray], IntArray]] = {
    "as they are": lambda maps: maps,
    "(height, width, channels)": lambda maps: maps.reshape(*maps.shape[1:], maps.shape[0]).transpose(2, 0, 1),
    "(channels, height, width) after a permutation": lambda maps: maps.transpose(1, 2, 0).reshape(maps.shape),
}
"""What a network sees of a map: the map itself, or another picture where it reshapes the axes as they are, or permuted
ones, as if they were others."""
_CHANGED = 48
"""How many values of a map are changed, one at a time."""
_MAPS = 4
_CHANGE = 3.0
"""In standard deviations of the input: enough to switch units on and off, which is what moves a gradient."""
_REACH = 2.0
"""The distance in pixels at which two values count as less near, as the deviation of a Gaussian."""


def layout_fits(network: nn.Module, inputs: Tensor) -> dict[str, float]:
    """Return how well nearness in each of `LAYOUTS` explains which values of a map the network combines.

    Parameters
    ----------
    network : nn.Module
    inputs : Tensor of shape (n, channels, height, width), float32
        Maps as the network gets them.

    Returns
    -------
    dict
        The share of variance explained, 0 to 1, for each layout; 0 where the network combines no values at all.
    """
    draws = np.random.default_rng(0)
    changed = draws.choice(inputs[0].numel(), size=min(_CHANGED, inputs[0].numel()), replace=False)
    network.eval()
    combined = np.zeros((len(changed), inputs[0].numel()))
    for one in inputs[:_MAPS]:
        combined += _combined(network, one, changed, draws)
    means = combined.mean(axis=1)
    # Others belong to a channel that the network does not use.
    used = np.isfinite(means) & (means > 0)
    if not used.any():
        return dict.fromkeys(LAYOUTS, 0.0)
    changed = changed[used]
    # The square root, because a few pairs are combined far more than the others.
    strength = np.sqrt(combined[used] / means[used, None])
    indices = np.arange(inputs[0].numel()).reshape(tuple(inputs.shape[1:]))
    return {name: _explained(strength, changed, view(indices)) for name, view in LAYOUTS.items()}


def _combined(network: nn.Module, one: Tensor, changed: IntArray, draws: np.random.Generator) -> FloatArray:
    """Return how much each value's gradient moves when one of the ``changed`` values does, (changed, values)."""
    maps = one.reshape(1, -1).repeat(len(changed) + 1, 1)
    signs = torch.from_numpy(draws.choice([-1.0, 1.0], size=len(changed))).to(maps)
    maps[torch.arange(len(changed)), torch.from_numpy(changed)] += _CHANGE * one.std() * signs
    maps = maps.reshape(-1, *one.shape).requires_grad_()
    # A copy, because a network may work in place.
    output = network(maps.clone())
    logits = output[0] if isinstance(output, tuple) else output
    direction = torch.from_numpy(draws.normal(size=logits.shape[1])).to(logits)
    nothing: FloatArray = np.zeros((len(changed), one.numel()), dtype=np.float32)
    if not logits.requires_grad:
        return nothing
    (gradient,) = torch.autograd.grad((logits @ direction).sum(), maps, allow_unused=True)
    if gradient is None:
        return nothing
    flat = gradient.reshape(len(maps), -1).numpy()
    return np.asarray(np.abs(flat[:-1] - flat[-1]), dtype=np.float32)


def _explained(strength: FloatArray, changed: IntArray, picture: IntArray) -> float:
    """Return R² of the strengths by nearness in the picture, with a coefficient for the same channel and for others."""
    places = np.empty((picture.size, 3), dtype=np.int64)
    places[picture.reshape(-1)] = np.indices(picture.shape).reshape(3, -1).T
    offsets = places[changed][:, None] - places
    near = np.exp(-(offsets[..., 1:] ** 2).sum(axis=-1) / (2 * _REACH**2))
    same = offsets[..., 0] == 0
    # A value is always combined with itself.
    others = np.arange(picture.size) != changed[:, None]
    design = np.stack([np.ones(others.sum()), (near * same)[others], (near * ~same)[others]], axis=1)
    observed = strength[others]
    coefficients = np.linalg.lstsq(design, observed, rcond=None)[0]
    variance = observed.var()
    return float(1 - (observed - design @ coefficients).var() / variance) if variance else 0.0
