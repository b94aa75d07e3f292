"""The kit's own samples: arrays of the shapes that methods really get, with a signal that can be learned."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.representations.preparation import sample_shape
from mer_bench.specs import ParameterValue
from mer_bench.strain import stack_strain

PATTERNS = 7
"""Kinds of samples; sample ``i`` shows pattern ``i % 7``."""


def make_sample(representation: str, shaped_by: Mapping[str, ParameterValue], index: int) -> FloatArray:
    """Return a new copy of one of the kit's samples in a representation, the same at every call.

    A pattern is a bump of motion at a place and in a direction of its own, under noise.

    Parameters
    ----------
    representation : str
    shaped_by : mapping
        Its settings: ``length`` of ``frames`` is used.
    index : int

    Returns
    -------
    ndarray, float32
        ``face-flow`` and ``region-flow``: (28, 28, 3); ``flow``: (192, 192, 3), both with channels (u, v, os) in
        pixels; ``frames``: (length, 192, 192, 1), grey levels from 0 to 255.
    """
    length, side, *_ = sample_shape(representation, shaped_by).shape
    return _clip(length, side, index) if representation == "frames" else _map(side, index).copy()


@lru_cache(maxsize=200)
def _map(side: int, index: int) -> FloatArray:
    made = np.empty((side, side, 2), dtype=np.float32)
    draws = np.random.default_rng(index)
    angle = 2 * np.pi * (index % PATTERNS) / PATTERNS
    motion = draws.uniform(1.0, 2.0) * _bump(index % PATTERNS, side)
    for channel, share in enumerate((np.cos(angle), np.sin(angle))):
        made[..., channel] = share * motion + draws.normal(scale=0.1, size=(side, side))
    return stack_strain(made)


def _clip(length: int, side: int, index: int) -> FloatArray:
    draws = np.random.default_rng(index)
    coarse = draws.uniform(60, 180, size=(side // 8, side // 8))
    face = np.kron(coarse, np.ones((8, 8))).astype(np.float32)
    motion = (draws.uniform(30, 60) * _bump(index % PATTERNS, side)).astype(np.float32)
    grain = 2 * draws.standard_normal(size=(length, side, side), dtype=np.float32)
    rise = np.linspace(0, 1, length, dtype=np.float32)[:, None, None]
    clip: FloatArray = np.clip(face + rise * motion + grain, 0, 255)[..., None]
    return clip


@lru_cache(maxsize=2 * PATTERNS)
def _bump(pattern: int, side: int) -> FloatArray:
    """Return a Gaussian bump of height 1 on a circle around the middle."""
    angle = 2 * np.pi * pattern / PATTERNS
    y, x = np.mgrid[:side, :side] / (side - 1)
    distance = (x - 0.5 - 0.3 * np.cos(angle)) ** 2 + (y - 0.5 - 0.3 * np.sin(angle)) ** 2
    bump: FloatArray = np.exp(-distance / 0.02)
    return bump
