"""Speed-up of the vectorised LBP-TOP: a clip's descriptor by scikit-image in a loop over planes, and by lbp-top.

Usage: python benchmarks/lbp_top.py [--rounds N] [--size N]

Both compute the descriptor of the same clip of random grey levels with the preset ``benchmark``, whose radii are equal
because scikit-image needs that; the results must be identical. Prints medians over the rounds and their ratio. The
preset ``megc2019``, whose ellipses scikit-image does not support, is timed too. One thread each.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
from skimage.feature import local_binary_pattern
from threadpoolctl import threadpool_limits

import mer_bench_lbp_top
from mer_bench.arrays import ByteArray, FloatArray, IntArray
from mer_bench.engine.environment import environment
from mer_bench.testing import make_method

_POINTS, _RADIUS, _BINS = 8, 1, 59
_BLOCKS = (2, 4, 4)
"""Temporal, rows, columns, as in the preset."""


def main() -> None:
    """Time all variants once per round, so that changes of the machine's speed affect all of them."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--size", type=int, default=192)
    options = arguments.parse_args()
    (spec,) = mer_bench_lbp_top.mer_bench_methods()
    methods = {preset: make_method(spec, preset=preset) for preset in ("benchmark", "megc2019")}
    grey = np.random.default_rng(0).integers(0, 256, (10, options.size, options.size, 1)).astype(np.uint8)
    sample = grey.astype(np.float32)
    variants: dict[str, Callable[[], FloatArray]] = {
        "plain loop": lambda: plain_loop(grey[..., 0]),
        "lbp-top benchmark": lambda: methods["benchmark"].extract(sample),
        "lbp-top megc2019": lambda: methods["megc2019"].extract(sample),
    }
    with threadpool_limits(1):
        if not np.array_equal(variants["plain loop"](), variants["lbp-top benchmark"]()):
            raise SystemExit("the plain loop and lbp-top give different descriptors of the same clip")
        seconds: dict[str, list[float]] = {name: [] for name in variants}
        for _ in range(options.rounds):
            for name, variant in variants.items():
                started = time.perf_counter()
                variant()
                seconds[name].append(time.perf_counter() - started)
    print(f"{environment()['processor']}, one thread, Python {platform.python_version()}, clip {sample.shape}")
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, values in seconds.items():
        print(f"{name:<20} {medians[name] * 1e3:7.1f} ms (min {min(values) * 1e3:.1f}, max {max(values) * 1e3:.1f})")
    print(f"plain loop / lbp-top, preset benchmark: {medians['plain loop'] / medians['lbp-top benchmark']:.2f}")


def plain_loop(clip: ByteArray) -> FloatArray:
    """Compute the descriptor plane by plane, image by image, block by block."""
    planes = (
        np.stack([codes_of(clip[t]) for t in range(clip.shape[0])]),
        np.stack([codes_of(clip[:, y]) for y in range(clip.shape[1])], axis=1),
        np.stack([codes_of(clip[:, :, x]) for x in range(clip.shape[2])], axis=2),
    )
    inside = slice(_RADIUS, -_RADIUS)
    histograms = []
    for block in np.ndindex(_BLOCKS):
        for codes in planes:
            part = codes[inside, inside, inside]
            bounds = [
                slice(-(-size * index // count), -(-size * (index + 1) // count))
                for index, count, size in zip(block, _BLOCKS, part.shape, strict=True)
            ]
            counts = np.bincount(part[tuple(bounds)].ravel(), minlength=_BINS)
            histograms.append(counts / counts.sum())
    descriptor: FloatArray = np.concatenate(histograms).astype(np.float32)
    return descriptor


def codes_of(image: ByteArray) -> IntArray:
    """Return scikit-image's uniform codes."""
    codes: IntArray = local_binary_pattern(image, _POINTS, _RADIUS, method="nri_uniform").astype(np.int64)
    return codes


if __name__ == "__main__":
    main()
