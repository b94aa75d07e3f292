"""Temporal interpolation: clips of any length get the same number of frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mer_bench.arrays import ByteArray, FloatArray


def interpolate_frames(frames: FloatArray | ByteArray, length: int, method: str = "graph") -> FloatArray:
    """Interpolate a clip to a number of frames, evenly spaced from its first frame to its last.

    ``graph`` is the temporal interpolation model (TIM): the frames are the vertices of a path graph, its Laplacian's
    eigenvectors continue as cosines between the vertices, and linear regression maps that curve to images. The curve
    passes through every frame of the clip. Between frames it can overshoot their grey values slightly.

    ``linear`` mixes the two nearest frames.

    Parameters
    ----------
    frames : ndarray of shape (n, height, width), float32 or uint8
        n at least 1; a single frame is repeated.
    length : int
        At least 1; with 1, the result is the middle of the clip.
    method : {"graph", "linear"}

    Returns
    -------
    ndarray of shape (length, height, width), float32
        In the grey values of the frames.

    References
    ----------
    Zhou, Zhao and Pietikäinen, CVPR 2011, doi:10.1109/CVPR.2011.5995345.
    """
    count = len(frames)
    times = np.linspace(0, count - 1, length) if length > 1 else np.array([(count - 1) / 2])
    if method == "graph":
        weights = _graph_weights(count, times)
    else:
        weights = np.maximum(0.0, 1.0 - np.abs(times[:, np.newaxis] - np.arange(count)))
    mixed = np.empty((length, *frames.shape[1:]), dtype=np.float32)
    # Row by row: in float64, a long clip takes eight times its memory in bytes.
    for row in range(frames.shape[1]):
        mixed[:, row] = weights @ frames[:, row].astype(np.float64)
    return mixed


def _graph_weights(count: int, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weight of each frame at each time, shape (times, count).

    The paper's sines are cosines here: sin(πkt + π(n-k)/2n) at t = (i + 1)/n is cos(πk(i + 1/2)/n). At the vertices
    they are the Laplacian's eigenvectors, so together with the constant one they form an orthonormal basis E. The
    regression of frames X on it, for which the paper uses a singular value decomposition of X, is X Eᵀ: no matrix is
    larger than the number of frames squared. Unlike the paper's method, it needs no linearly independent frames.
    """
    order = np.arange(count)
    scale = np.sqrt(np.where(order == 0, 1.0, 2.0) / count)

    def curve(at: NDArray[np.float64]) -> NDArray[np.float64]:
        values: NDArray[np.float64] = scale * np.cos(np.pi * np.outer(at + 0.5, order) / count)
        return values

    return curve(times) @ curve(order.astype(np.float64)).T
