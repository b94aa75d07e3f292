"""How a network's inputs are normalised, by what is measured on the training set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError

_EIGHT_BIT = {"raw-255": "none", "pixel-mean-255": "pixel-mean"}
"""Kinds for maps of 0..1 that are fed as the levels 0..255 of an 8-bit file, and what else is done to those levels."""

_ROUNDING = 1e-5
"""By how much averages of values of 0..1 may leave that range."""


@dataclass(frozen=True)
class Normaliser:
    """(inputs - mean) / deviation × factor.

    Parameters
    ----------
    kind : str
        As in the parameter ``normalisation``.
    mean : ndarray of shape (channels,) or of one sample's shape, float32
    deviation : ndarray of shape (channels,), float32
    factor : float32
    """

    kind: str
    mean: FloatArray
    deviation: FloatArray
    factor: np.float32

    @classmethod
    def fit(cls, inputs: FloatArray, kind: str) -> Normaliser:
        """Measure on a training set's inputs (n, ..., channels).

        Raises
        ------
        MerBenchError
            The kind is for inputs of 0..1, and these have other values.
        """
        if kind not in _EIGHT_BIT:
            return cls(kind, *_measure(inputs, kind), np.float32(1))
        _check_unit_range(inputs, kind)
        return cls(kind, *_measure(inputs, _EIGHT_BIT[kind]), np.float32(255))

    def check(self, inputs: FloatArray) -> None:
        """Refuse inputs of other values than the kind is for.

        Raises
        ------
        MerBenchError
            As in `fit`.
        """
        if self.kind in _EIGHT_BIT:
            _check_unit_range(inputs, self.kind)


def _measure(inputs: FloatArray, kind: str) -> tuple[FloatArray, FloatArray]:
    """Return what is subtracted from inputs, and then divides them."""
    one = np.ones(inputs.shape[-1], np.float32)
    axes = tuple(range(inputs.ndim - 1))
    if kind == "none":
        return np.zeros_like(one), one
    if kind == "pixel-mean":
        return inputs.mean(axis=0, dtype=np.float64).astype(np.float32), one
    if kind == "unit":
        smallest = inputs.min(axis=axes)
        spread = inputs.max(axis=axes) - smallest
        return smallest, np.where(spread > 0, spread, one)
    mean = inputs.mean(axis=axes, dtype=np.float64)
    deviation = inputs.std(axis=axes, dtype=np.float64)
    return mean.astype(np.float32), np.where(deviation > 0, deviation, 1.0).astype(np.float32)


def _check_unit_range(inputs: FloatArray, kind: str) -> None:
    smallest, largest = float(inputs.min()), float(inputs.max())
    if smallest < -_ROUNDING or largest > 1 + _ROUNDING:
        raise MerBenchError(
            f"normalisation={kind} takes maps of 0 to 1, which it feeds as the levels 0 to 255 of an 8-bit file, but "
            f"these have values from {smallest:.3g} to {largest:.3g}; set scale=per-map-8bit where the maps are made "
            "from frames, or take another normalisation, such as channel"
        )
