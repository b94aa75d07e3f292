"""Limit libraries to one thread: a sum that is split over threads rounds differently, and training amplifies that."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Numerical libraries read these while they are loaded."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit all loaded numerical libraries, including torch and OpenCV, to one thread.

    Libraries that are loaded inside the context are limited only if they read the environment, which OpenCV and
    torch's own pool do not.
    """
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    torch, cv2 = sys.modules.get("torch"), sys.modules.get("cv2")
    torch_threads = torch.get_num_threads() if torch else 0
    cv2_threads = cv2.getNumThreads() if cv2 else 0
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        with threadpool_limits(1):
            if torch:
                torch.set_num_threads(1)
            if cv2:
                cv2.setNumThreads(1)
            yield
    finally:
        if torch:
            torch.set_num_threads(torch_threads)
        if cv2:
            cv2.setNumThreads(cv2_threads)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
