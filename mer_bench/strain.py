"""Optical strain of a flow field."""

from __future__ import annotations

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError


def optical_strain(flow: FloatArray) -> FloatArray:
    """Magnitude of the infinitesimal strain tensor of a flow field.

    With e = 1/2 (∇o + ∇oᵀ), returns |e| = sqrt(e_xx² + e_yy² + 2 e_xy²), the Frobenius norm.

    Parameters
    ----------
    flow : ndarray of shape (height, width, 2), float32
        Displacement (u, v) in pixels; u to the right, v down.

    Returns
    -------
    ndarray of shape (height, width), float32
        Dimensionless, >= 0.

    Raises
    ------
    MerBenchError
        Another shape, or fewer than 2 pixels along a side.

    References
    ----------
    AHMSA-Net, eq. 1 (the paper gives the tensor; the norm is STSTNet's reading of it).
    """
    if flow.ndim != 3 or flow.shape[2] != 2 or min(flow.shape[:2]) < 2:
        raise MerBenchError(f"a flow field has the shape {flow.shape}; it must be (height, width, 2), both at least 2")
    du_dy, du_dx = np.gradient(flow[..., 0])
    dv_dy, dv_dx = np.gradient(flow[..., 1])
    return np.asarray(np.sqrt(du_dx**2 + dv_dy**2 + 0.5 * (du_dy + dv_dx) ** 2), dtype=np.float32)


def stack_strain(flow: FloatArray) -> FloatArray:
    """Return the flow with its strain as the third channel.

    Parameters
    ----------
    flow : ndarray of shape (height, width, 2), float32
        Displacement (u, v) in pixels.

    Returns
    -------
    ndarray of shape (height, width, 3), float32
        Channels (u, v, os).

    Raises
    ------
    MerBenchError
        As of `optical_strain`.
    """
    return np.dstack((flow, optical_strain(flow))).astype(np.float32)
