"""Flow maps from which a network can learn."""

from __future__ import annotations

import numpy as np

from mer_bench import LabelledSamples


def motion(n: int = 24, *, either_channel: bool = False, by: float = 2.0) -> LabelledSamples:
    """Return maps (28, 28, 3) whose class decides where they move and, with ``either_channel``, whether in u or v."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 3
    maps = rng.normal(0, 0.3, (n, 28, 28, 3)).astype(np.float32)
    for image, label in zip(maps, labels, strict=True):
        image[9 * label : 9 * label + 9, :14, label % 2 if either_channel else 1] += by
    return LabelledSamples(maps, labels, np.array(["smic/s1"] * n))
