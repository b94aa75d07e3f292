"""Which instructions numerical libraries use: the same on every x86-64 with AVX2, unless the user wants otherwise.

A library that picks its kernels by the processor rounds differently on another one, and training amplifies that.
docs/arithmetic.md says what was compared, and what is left.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType

from mer_bench.errors import MerBenchError
from mer_bench.threads import THREAD_VARIABLES

AVX2 = "avx2"
"""Libraries are held to AVX2, and choose the same kernels on every x86-64 processor that has it."""
NATIVE = "native"
"""Libraries choose the fastest kernels of the processor."""

BF16 = "bf16"
"""The precision of a training whose products need more than AVX2: oneDNN's kernels for it are not held to that."""

VARIABLE = "MER_BENCH_ARITHMETIC"

_PINNED: Mapping[str, str] = MappingProxyType(
    {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_CBWR": "COMPATIBLE",
        "OPENBLAS_CORETYPE": "Haswell",
        "OPENCV_IPP": "avx2",
    }
)
"""What torch, oneDNN, MKL, OpenBLAS (numpy, scipy) and Intel's IPP (OpenCV) read while they are loaded.

Of MKL's branches, only COMPATIBLE is the same on processors of other vendors.
"""
_BEYOND_AVX2 = ("AVX512", "X86_V4")
"""What the names of numpy's targets begin with that need more than AVX2."""
_INSTRUCTION_SETS = {"avx512f": "AVX512", "avx2": "AVX2", "avx": "AVX", "sse4_2": "SSE4.2"}
"""A processor's flag to the instruction set's usual name; the widest first."""


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
    has_avx2 = platform.machine() in ("x86_64", "AMD64") and {"avx2", "fma"} <= _flags()
    if asked == AVX2 and not has_avx2:
        raise MerBenchError(f"{VARIABLE}={AVX2}: this processor ({processor()}) has no AVX2; leave the variable out")
    return AVX2 if has_avx2 and asked != NATIVE else NATIVE


def worker_environment(chosen: str) -> dict[str, str]:
    """Return the environment variables of a worker with this arithmetic: its libraries read them while they load."""
    return {**dict.fromkeys(THREAD_VARIABLES, "1"), **(_pinned() if chosen == AVX2 else {})}


def settings_of(precision: str) -> tuple[tuple[str, str], ...]:
    """Return the variables that a worker needs besides, where a network trains on the CPU with a precision."""
    return (("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16"),) if precision == BF16 else ()


def has_bf16() -> bool:
    """Return whether this processor multiplies numbers of 16 bits (AVX512-BF16): others only imitate it, slowly."""
    return "avx512_bf16" in _flags()


def held_variables(chosen: str) -> tuple[str, ...]:
    """Return the environment variables whose change would make this arithmetic another one."""
    return (VARIABLE, *(_pinned() if chosen == AVX2 else _PINNED))


def processor() -> str:
    """Return the name of this machine's processor."""
    return _cpu_info("model name") or platform.processor() or platform.machine()


def cell_processor(chosen: str, precision: str = "") -> str:
    """Return what a cell computed here with this arithmetic states as its processor.

    With `AVX2`, the name: ``AMD EPYC``. With `NATIVE`, and where a network trains with bf16, all that the choice of
    kernels may depend on, because virtual machines with different processors report the same name: ``AMD EPYC (family
    25, model 17), AVX512``; and the variables of the environment that hold a library to less.
    """
    if chosen == AVX2 and precision != BF16:
        return processor()
    family, model = _cpu_info("cpu family"), _cpu_info("model")
    name = f"{processor()} (family {family}, model {model})" if family and model else processor()
    widest = [text for flag, text in _INSTRUCTION_SETS.items() if flag in _flags()][:1]
    held = [f"{variable}={os.environ[variable]}" for variable in _PINNED if os.environ.get(variable)]
    return ", ".join([name, *widest, *held])


def same_processor_class(a: str, b: str, chosen: str, precision: str = "") -> bool:
    """Return whether cells that were computed on two processors must be equal to the bit.

    This holds for cells computed on the CPU, with the same packages and the same C library.

    Parameters
    ----------
    a, b : str
        The processors as the cells state them: `cell_processor`.
    chosen : str
        The row's arithmetic.
    precision : str
        Of the row's training.
    """
    return (chosen == AVX2 and precision != BF16) or a == b


def _pinned() -> dict[str, str]:
    return {**_PINNED, **_numpy_targets(), **_opencv_targets()}


def _numpy_targets() -> dict[str, str]:
    """Name the targets that numpy may use: it warns of a target to avoid that the processor lacks."""
    # numpy 1.26 has this module, too. Releases name their targets differently, so they are not listed here.
    dispatched: list[str] = import_module("numpy._core._multiarray_umath").__cpu_dispatch__
    allowed = [name for name in dispatched if not name.startswith(_BEYOND_AVX2)]
    # numpy refuses to be imported if both variables have a value.
    return {"NPY_ENABLE_CPU_FEATURES": " ".join(allowed), "NPY_DISABLE_CPU_FEATURES": ""}


def _opencv_targets() -> dict[str, str]:
    """Name the one target that OpenCV must avoid, if the processor has it; otherwise OpenCV prints a warning."""
    return {"OPENCV_CPU_DISABLE": "AVX512-SKX" if {"avx512bw", "avx512dq", "avx512vl"} <= _flags() else ""}


def _flags() -> set[str]:
    return set(_cpu_info("flags").split())


@cache
def _cpu_info(field: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field), "")
