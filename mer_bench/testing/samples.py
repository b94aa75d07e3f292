"""The kit's own samples: arrays of the shapes that methods really get, with a signal that can be learned."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.specs import ParameterValue

PATTERNS = 7
"""Kinds of samples; sample ``i`` shows pattern ``i % 7``."""
COUNT = 32
_MAP_SIDE = 28
_FACE_SIDE = 192
"""As `mer-bench` prepares frames by default."""


def make_samples(representation: str, shaped_by: Mapping[str, ParameterValue]) -> FloatArray:
    """Return the kit's samples in a representation, read-only and the same at every call.

    A pattern is a bump of motion at a place and in a direction of its own, under noise.

    Parameters
    ----------
    representation : str
    shaped_by : mapping
        Its settings: ``length`` of ``frames`` is used.

    Returns
    -------
    ndarray, float32
        ``face-flow`` and ``region-flow``: (32, 28, 28, 3); ``flow``: (32, 192, 192, 3), both with channels (u, v, os)
        in pixels; ``frames``: (32, length, 192, 192, 1), grey levels from 0 to 255.
    """
    if representation == "frames":
        return _clips(int(str(shaped_by["length"])))
    return _maps(_FACE_SIDE if representation == "flow" else _MAP_SIDE)


@lru_cache(maxsize=2)
def _maps(side: int) -> FloatArray:
    maps = np.empty((COUNT, side, side, 3), dtype=np.float32)
    for index in range(COUNT):
        draws = np.random.default_rng(index)
        angle = 2 * np.pi * (index % PATTERNS) / PATTERNS
        motion = draws.uniform(1.0, 2.0) * _bump(index % PATTERNS, side)
        for channel, share in enumerate((np.cos(angle), np.sin(angle))):
            maps[index, ..., channel] = share * motion + draws.normal(scale=0.1, size=(side, side))
        du_dy, du_dx = np.gradient(maps[index, ..., 0])
        dv_dy, dv_dx = np.gradient(maps[index, ..., 1])
        maps[index, ..., 2] = np.sqrt(du_dx**2 + dv_dy**2 + (du_dy + dv_dx) ** 2 / 2)
    maps.setflags(write=False)
    return maps


@lru_cache(maxsize=2)
def _clips(length: int) -> FloatArray:
    clips = np.empty((COUNT, length, _FACE_SIDE, _FACE_SIDE, 1), dtype=np.float32)
    for index in range(COUNT):
        draws = np.random.default_rng(index)
        coarse = draws.uniform(60, 180, size=(_FACE_SIDE // 8, _FACE_SIDE // 8))
        face = np.kron(coarse, np.ones((8, 8)))
        motion = draws.uniform(30, 60) * _bump(index % PATTERNS, _FACE_SIDE)
        grain = draws.normal(scale=2.0, size=(length, _FACE_SIDE, _FACE_SIDE))
        rise = np.linspace(0, 1, length)[:, None, None]
        clips[index, ..., 0] = np.clip(face + rise * motion + grain, 0, 255)
    clips.setflags(write=False)
    return clips


def _bump(pattern: int, side: int) -> FloatArray:
    """Return a Gaussian bump of height 1 on a circle around the middle."""
    angle = 2 * np.pi * pattern / PATTERNS
    y, x = np.mgrid[:side, :side] / (side - 1)
    distance = (x - 0.5 - 0.3 * np.cos(angle)) ** 2 + (y - 0.5 - 0.3 * np.sin(angle)) ** 2
    bump: FloatArray = np.exp(-distance / 0.02)
    return bump
