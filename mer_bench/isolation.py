"""What a method computes must depend only on its fold: its generators are seeded, and it has one thread."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np

from mer_bench.threads import one_thread


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """Limit numerical libraries to one thread, seed the global generators, and restore both afterwards.

    Torch's generator is seeded only if torch is imported already.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (the global one is what a method may draw from)
    torch = sys.modules.get("torch")
    forked = torch.random.fork_rng(devices=[]) if torch else nullcontext()
    try:
        with one_thread(), forked:
            if torch:
                torch.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
