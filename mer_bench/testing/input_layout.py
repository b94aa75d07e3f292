"""Which pixels a network combines: whether it reads its input's axes in their order.

A map (channels, height, width) that is reshaped to (height, width, channels), where its axes should be permuted,
becomes another picture: pixels that were neighbours lie far apart. A network learns from it none the less, only worse.
But its layers then combine values by their distance in the wrong picture, and this can be seen: where one value
changes, the gradient changes at the values that are combined with it. `misread_as` asks which picture explains that.

A network that combines whole rows, columns or channels is no convolution, and is not to be mistaken for a wrong one.
What it does is explained by distances in the map, near or far; a wrong picture has to explain more by near ones alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from mer_bench.arrays import FloatArray, IntArray

RIGHT = "as they are"
LAYOUTS: Mapping[str, Callable[[IntArray], IntArray]] = {
    RIGHT: lambda maps: maps,
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
_EDGES = (1, 2, 3, 5, 9, 17)
"""Where another group of distances begins, in pixels: values are compared by rows, by columns, and by channel."""
_NEAR = 8
"""Up to which distance in a wrong picture values count as neighbours."""
_LARGEST = 1.2
"""From which ratio to the map's own fit on a wrong picture's is too good. Of 39 networks that are right, mer-bench's
own among them, .64 is the largest, but for convolutions with a dilation of 3, the number of channels (.96 to 1.16), or
of 9 (which fail). Of 40 behind a wrong reshape, 1.29 is the smallest, but for a dilation of 3 (.61 to .83)."""
_FIT = 0.01
"""A fit that says something: a network without layout, or with one of channels only, reaches .006; .037 is the smallest
behind a wrong reshape."""


def misread_as(network: nn.Module, inputs: Tensor) -> str | None:
    """Return for which of `LAYOUTS` a network takes its maps, if it takes them for another than they have.

    Parameters
    ----------
    network : nn.Module
    inputs : Tensor of shape (n, channels, height, width), float32
        Maps as the network gets them.
    """
    (_, right), *others = layout_fits(network, inputs).items()
    return next((layout for layout, fit in others if fit >= max(_FIT, _LARGEST * right)), None)


def layout_fits(network: nn.Module, inputs: Tensor) -> dict[str, float]:
    """Return how well distances in each of `LAYOUTS` explain which values of a map the network combines.

    Returns
    -------
    dict
        The share of variance explained, 0 to 1, for each layout: of the maps as they are by all distances, of the
        others by near ones; 0 where the network combines no values at all.
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
    reach = dict.fromkeys(LAYOUTS, _NEAR) | {RIGHT: max(indices.shape)}
    return {name: _explained(strength, changed, view(indices), reach[name]) for name, view in LAYOUTS.items()}


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


def _explained(strength: FloatArray, changed: IntArray, picture: IntArray, reach: int) -> float:
    """Return R² of the strengths by distance in the picture and by channel, same or other.

    All values farther from the changed one than ``reach`` pixels count as one group.
    """
    places = np.empty((picture.size, 3), dtype=np.int64)
    places[picture.reshape(-1)] = np.indices(picture.shape).reshape(3, -1).T
    apart = np.abs(places[changed][:, None] - places)
    channel, row, column = (np.digitize(apart[..., axis], (1,) if axis == 0 else _EDGES) for axis in range(3))
    far = (apart[..., 1:] > reach).any(axis=-1)
    groups = np.where(far, 0, 1 + channel + 2 * (row + (len(_EDGES) + 1) * column))
    # A value is always combined with itself.
    others = np.arange(picture.size) != changed[:, None]
    observed, groups = strength[others], groups[others]
    means = np.bincount(groups, observed) / np.maximum(np.bincount(groups), 1)
    variance = observed.var()
    return float(1 - (observed - means[groups]).var() / variance) if variance else 0.0
