"""Which instructions numerical libraries use: the same on every x86-64 with AVX2, unless the user wants otherwise.

A library that picks its kernels by the processor rounds differently on another one, and training amplifies that.
"""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib import import_module
from pathlib import Path

from mer_bench.errors import MerBenchError

AVX2 = "avx2"
"""Libraries are held to AVX2, and choose the same kernels on every x86-64 processor that has it."""
NATIVE = "native"
"""Libraries choose the fastest kernels of the processor."""

VARIABLE = "MER_BENCH_ARITHMETIC"

_PINNED = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENCV_IPP": "avx2",
}
"""What torch, oneDNN, MKL and OpenBLAS (numpy, scipy) read while they are loaded."""
_SINGLE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def arithmetic() -> str:
    """Return `AVX2` where this processor has it, unless ``MER_BENCH_ARITHMETIC=native`` is set; else `NATIVE`.

    Raises
    ------
    MerBenchError
        The variable has another value, or asks for AVX2 on a processor that lacks it.
    """
    asked = os.environ.get(VARIABLE) or None
    if asked not in (None, AVX2, NATIVE):
        raise MerBenchError(f"{VARIABLE}={asked} is not one of: {AVX2}, {NATIVE}")
    has_avx2 = platform.machine() in ("x86_64", "AMD64") and {"avx2", "fma"} <= set(_cpu_info("flags").split())
    if asked == AVX2 and not has_avx2:
        raise MerBenchError(f"{VARIABLE}={AVX2}: this processor ({processor()}) has no AVX2; leave the variable out")
    return AVX2 if has_avx2 and asked != NATIVE else NATIVE


def worker_environment(chosen: str) -> dict[str, str]:
    """Return the environment variables of a worker with this arithmetic: its libraries read them while they load."""
    single = dict.fromkeys(_SINGLE_THREAD, "1")
    return {**single, **_PINNED, **_numpy_targets(), **_opencv_targets()} if chosen == AVX2 else single


def _numpy_targets() -> dict[str, str]:
    """Name the targets that numpy may choose: naming one to avoid makes it warn on a processor without that."""
    dispatched: list[str] = import_module("numpy._core._multiarray_umath").__cpu_dispatch__
    allowed = [name for name in dispatched if not name.startswith(("AVX512", "X86_V4"))]
    return {"NPY_ENABLE_CPU_FEATURES": " ".join(allowed), "NPY_DISABLE_CPU_FEATURES": ""}


def _opencv_targets() -> dict[str, str]:
    """Name the target that OpenCV must avoid, where the processor has it: elsewhere, naming it prints a warning."""
    return {"OPENCV_CPU_DISABLE": "AVX512-SKX"} if "avx512bw" in _cpu_info("flags").split() else {}


def processor() -> str:
    """Return the name of this machine's processor."""
    return _cpu_info("model name") or platform.processor() or platform.machine()


def same_processor_class(one: str, other: str, chosen: str) -> bool:
    """Return whether two processors, by their names, must give the same bits on the CPU with this arithmetic."""
    return chosen == AVX2 or one == other


@cache
def _cpu_info(field: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field), "")
