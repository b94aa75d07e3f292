"""What a run may use: worker processes, a device, and time for each cell."""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

from mer_bench.errors import MerBenchError, unknown

DEVICES = ("auto", "cpu", "cuda")
_NVIDIA_DRIVER, _AMD_DRIVER = "libcuda.so.1", Path("/dev/kfd")
"""What torch needs of a GPU's driver: a library, or a device file."""


@dataclass(frozen=True)
class Resources:
    """What a run may use.

    Parameters
    ----------
    jobs : int
        Number of worker processes.
    device : str
        One of `DEVICES`; ``auto`` is CUDA where torch finds it, else the CPU. Networks use it, and methods whose spec
        says so.
    timeout : float or None
        Seconds that a cell may take.
    stack : int or None
        How many folds of a network are trained as one stack; None for one on the CPU, and for as many as the memory of
        a GPU holds.
    """

    jobs: int = 1
    device: str = "auto"
    timeout: float | None = None
    stack: int | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise MerBenchError(f"--jobs {self.jobs} is not a positive number")
        if self.device not in DEVICES:
            raise unknown("device", self.device, DEVICES)
        if self.stack is not None and self.stack < 1:
            raise MerBenchError(f"--stack {self.stack} is not a positive number of folds")
        if self.timeout is not None and not self.timeout > 0:
            raise MerBenchError(f"--timeout {self.timeout:g} is not a positive number of seconds")

    def may_use_gpu(self) -> bool:
        """Return whether the device is to be a GPU, or may be one: torch, which knows, takes seconds to import."""
        return self.device == "cuda" or (self.device == "auto" and _may_have_gpu())

    def torch_device(self) -> str:
        """Return torch's name of the device; imports torch only if it may be a GPU, or is to be one.

        Raises
        ------
        MerBenchError
            CUDA is asked for, and torch finds no such device.
        """
        if not self.may_use_gpu():
            return "cpu"
        import torch

        if torch.cuda.is_available():
            return "cuda"
        if self.device == "cuda":
            raise MerBenchError("--device cuda: torch finds no CUDA device here; use --device cpu or auto")
        return "cpu"


def _may_have_gpu() -> bool:
    """Return False where torch can find no GPU: all are hidden, or no driver is installed."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    try:
        ctypes.CDLL(_NVIDIA_DRIVER)
    except OSError:
        return _AMD_DRIVER.exists()
    return True
