"""Random numbers that depend on nothing but a fold's key, the step, the place of the call and the element.

A generator with a state would give a fold other numbers in another place of a stack. Here each number is a hash, so a
fold draws the same ones alone, in any stack and after an interruption.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_ROUNDS = ((17, -312814405), (11, -1404298415), (15, 830770091))
"""Shifts and factors of Chris Wellons' ``triple32``, a bijection of 32 bits with little bias; factors are signed."""
_LAST_SHIFT = 14
_STEP = -1640531527
"""2^32 divided by the golden ratio, as a signed number: neighbouring steps become distant ones."""
_CALL = -2048144789
_BITS = 24
"""Of a number between 0 and 1: what float32 represents exactly."""


class Draws:
    """The random numbers of one step of one fold; of each fold, where ``torch.vmap`` maps over the key.

    Each call of a method draws new numbers. The same calls in the same order draw the same numbers from the same key.

    Parameters
    ----------
    key : Tensor of shape (), int32
        Of fold and step: `step_keys`.
    """

    def __init__(self, key: Tensor) -> None:
        self._key = key
        self._calls = 0

    def bits(self, shape: Sequence[int]) -> Tensor:
        """Return uniform int32 of a shape."""
        self._calls += 1
        elements = torch.arange(math.prod(shape), dtype=torch.int32, device=self._key.device)
        start = _mixed(self._key + _signed(self._calls * _CALL))
        # Each call counts in steps of its own. With one step for all, two calls whose counts overlap would draw the
        # same numbers in the same order, a shifted mask; among a thousand steps of training there are such pairs.
        return _mixed((elements * (2 * start + 1)).add_(start)).reshape(tuple(shape))

    def uniform(self, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return float32 from ``low`` to ``high``, ``high`` itself excluded but for rounding."""
        unit = _shifted(self.bits(shape), 32 - _BITS).to(torch.float32) * 2.0**-_BITS
        return unit if (low, high) == (0.0, 1.0) else unit * (high - low) + low

    def happens(self, probability: float, shape: Sequence[int]) -> Tensor:
        """Return booleans that are true with a probability."""
        return self.uniform(shape) < probability

    def below(self, count: int, shape: Sequence[int]) -> Tensor:
        """Return int64 from 0 to ``count`` - 1."""
        return (self.uniform(shape) * count).to(torch.int64).clamp(max=count - 1)

    def normal(self, shape: Sequence[int]) -> Tensor:
        """Return float32 of mean 0 and deviation 1, by Box and Muller."""
        # Square roots depend on the processor's vendor (docs/arithmetic.md); exponentials and logarithms do not.
        radius = torch.exp(0.5 * torch.log(-2 * torch.log(1 - self.uniform(shape))))
        return radius * torch.cos(2 * math.pi * self.uniform(shape))

    def beta(self, alpha: float) -> Tensor:
        """Return one float32 of the Beta distribution with both parameters ``alpha``, at most 1.

        By Jöhnk's method: of a fixed number of pairs, the first that lies in the triangle.

        Raises
        ------
        ValueError
            Alpha is above 2: with a larger one, more than one in 10^10 numbers would come from no pair.
        """
        if not 0 < alpha <= _LARGEST_ALPHA:
            raise ValueError(f"alpha={alpha} is not a number above 0 and at most {_LARGEST_ALPHA}")
        first, second = (self.uniform((_TRIES,)).clamp(min=2.0**-_BITS).log() / alpha for _ in range(2))
        # In logarithms, because u^(1/alpha) is 0 in float32 for a small alpha.
        inside = (torch.logaddexp(first, second) <= 0).to(torch.int8).argmax()
        one, other = first.gather(0, inside[None]), second.gather(0, inside[None])
        return torch.sigmoid(one - other)[0]


_TRIES = 128
_LARGEST_ALPHA = 2
"""Of the pairs that `Draws.beta` draws, all miss once in 10^10 times with this alpha, less often with smaller ones."""


def step_keys(fold_keys: Tensor, step: Tensor | int) -> Tensor:
    """Return each fold's key of a step.

    Parameters
    ----------
    fold_keys : Tensor of shape (folds,), int32
        From each fold's seed: `fold_key`.
    step : int or Tensor of shape (), int32
        Number of the step, counted over all epochs.
    """
    return _mixed(fold_keys + _mixed(torch.as_tensor(step, dtype=torch.int32, device=fold_keys.device) * _STEP))


def fold_key(seed: int) -> int:
    """Return a fold's key, a signed number of 32 bits, from a seed of up to 64."""
    return _signed(seed ^ (seed >> 32))


def _mixed(x: Tensor) -> Tensor:
    """Return a mixed copy."""
    for shift, factor in _ROUNDS:
        x = _shifted(x, shift).bitwise_xor_(x).mul_(factor)
    return _shifted(x, _LAST_SHIFT).bitwise_xor_(x)


def _shifted(x: Tensor, by: int) -> Tensor:
    """Shift right without copies of the sign."""
    return (x >> by).bitwise_and_((1 << (32 - by)) - 1)


def _signed(number: int) -> int:
    number &= 0xFFFFFFFF
    return number - (1 << 32) if number >> 31 else number
