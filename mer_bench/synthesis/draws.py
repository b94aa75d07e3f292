"""Random numbers that depend only on names, never on the order of the work."""

from __future__ import annotations

import hashlib

import numpy as np

GENERATOR_VERSION = 2
"""Raised whenever the same seed gives other files; part of every draw."""


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return the generator of one named thing, such as ``(seed, "casme2", "sub01", "EP02_01f", "noise")``."""
    text = "\0".join((f"mer-bench {GENERATOR_VERSION} {seed}", *names))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))
