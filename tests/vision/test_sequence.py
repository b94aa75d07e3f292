from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_bench.arrays import FloatArray
from mer_bench.vision.choices import INTERPOLATIONS
from mer_bench.vision.sequence import interpolate_frames


def clip(count: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).uniform(0, 255, (count, 6, 5)).astype(np.float32)


def published_model(frames: FloatArray, length: int) -> FloatArray:
    """TIM step by step as in its paper, for linearly independent frames."""
    count = len(frames)
    images = frames.reshape(count, -1).T.astype(np.float64)
    mean = images.mean(axis=1, keepdims=True)
    basis, values, right = np.linalg.svd(images - mean, full_matrices=False)
    basis, reduced = basis[:, :-1], values[:-1, np.newaxis] * right[:-1]
    path = np.diag(np.ones(count - 1), 1)
    weights = path + path.T
    laplacian = np.diag(weights.sum(axis=1)) - weights
    _, vectors = np.linalg.eigh(laplacian)
    embedding = np.linalg.lstsq(reduced.T, vectors[:, 1:], rcond=None)[0]
    order = np.arange(1, count)

    def curve(time: float) -> FloatArray:
        return np.sin(time * order * np.pi + np.pi * (count - order) / (2 * count))

    amplitudes = (reduced.T @ embedding)[0] / curve(1 / count)
    times = np.linspace(1 / count, 1, length)
    columns = [basis @ np.linalg.solve(embedding.T, amplitudes * curve(time)) + mean[:, 0] for time in times]
    return np.array(columns).reshape(length, *frames.shape[1:]).astype(np.float32)


@pytest.mark.parametrize(("count", "length"), [(2, 7), (5, 10), (9, 4), (14, 14), (20, 31)])
def test_graph_interpolation_is_the_published_model(count: int, length: int) -> None:
    frames = clip(count)
    assert np.allclose(interpolate_frames(frames, length), published_model(frames, length), atol=1e-2)


@given(count=st.integers(1, 30), length=st.integers(2, 50), method=st.sampled_from(INTERPOLATIONS))
def test_the_first_and_the_last_frame_are_kept(count: int, length: int, method: str) -> None:
    frames = clip(count)
    longer = interpolate_frames(frames, length, method)
    assert longer.shape == (length, 6, 5)
    assert longer.dtype == np.float32
    assert np.allclose(longer[[0, -1]], frames[[0, -1]], atol=1e-3)
    if count == 1:
        assert np.allclose(longer, frames, atol=1e-3)


@pytest.mark.parametrize("method", INTERPOLATIONS)
def test_a_length_of_one_gives_the_middle(method: str) -> None:
    frames = clip(5)
    assert np.allclose(interpolate_frames(frames, 1, method), frames[2:3], atol=1e-3)
    assert np.allclose(interpolate_frames(frames[:2], 1, method), frames[:2].mean(axis=0), atol=1e-3)


@pytest.mark.parametrize("method", INTERPOLATIONS)
def test_repeated_frames_within_a_clip_are_kept(method: str) -> None:
    frames = clip(4)[[0, 1, 1, 2, 3, 3]]
    assert np.allclose(interpolate_frames(frames, 11, method)[::2], frames, atol=1e-3)


def test_linear_interpolation_mixes_the_two_nearest_frames() -> None:
    frames = clip(3)
    expected = [frames[0], frames[:2].mean(axis=0), frames[1], frames[1:].mean(axis=0), frames[2]]
    assert np.allclose(interpolate_frames(frames, 5, "linear"), expected, atol=1e-3)


@pytest.mark.parametrize("method", INTERPOLATIONS)
def test_memory_stays_near_the_size_of_the_result(method: str) -> None:
    frames = np.zeros((100, 192, 192), dtype=np.uint8)
    tracemalloc.start()
    try:
        result = interpolate_frames(frames, 10, method)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * result.nbytes
