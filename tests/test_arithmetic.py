"""Which instructions libraries use, and what a cell states of its processor."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.utils._python_dispatch import TorchDispatchMode

from mer_bench import LabelledSamples, MerBenchError, TorchMethod, UnlabelledSamples
from mer_bench import arithmetic as module
from mer_bench.arithmetic import (
    AVX2,
    NATIVE,
    VARIABLE,
    arithmetic,
    cell_processor,
    processor,
    same_processor_class,
    worker_environment,
)
from mer_bench.plugin_manager import load_catalogue
from mer_bench.testing import make_method
from mer_bench.training.trainer import train_fold

GENOA = {"model name": "AMD EPYC", "cpu family": "25", "model": "17", "flags": "fma avx avx2 avx512f avx512bw avx512dq"}
HASWELL = {"model name": "Xeon E5-2699", "cpu family": "6", "model": "63", "flags": "sse4_2 fma avx avx2"}
IVY_BRIDGE = {"model name": "Core i7-3770", "cpu family": "6", "model": "58", "flags": "sse4_2 avx"}
FULL = {**GENOA, "flags": f"{GENOA['flags']} avx512vl"}


def pretend(patch: pytest.MonkeyPatch, facts: Mapping[str, str]) -> None:
    """Replace this machine's processor, and leave none of the variables set."""
    patch.setattr(module, "_cpu_info", lambda field: facts.get(field, ""))
    patch.setattr(platform, "machine", lambda: "x86_64")
    for name in (VARIABLE, *worker_environment(AVX2)):
        patch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("facts", "asked", "chosen"),
    [
        (HASWELL, "", AVX2),
        (HASWELL, "avx2", AVX2),
        (HASWELL, "native", NATIVE),
        (IVY_BRIDGE, "", NATIVE),
        ({}, "", NATIVE),
    ],
)
def test_avx2_is_the_default_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, facts: Mapping[str, str], asked: str, chosen: str
) -> None:
    pretend(monkeypatch, facts)
    monkeypatch.setenv(VARIABLE, asked)

    assert arithmetic() == chosen


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("sse", "MER_BENCH_ARITHMETIC=sse is not one of: avx2, native"),
        ("avx2", r"this processor \(Core i7-3770\) has no AVX2; leave the variable out"),
    ],
)
def test_an_arithmetic_that_cannot_be_had_is_refused(monkeypatch: pytest.MonkeyPatch, asked: str, message: str) -> None:
    pretend(monkeypatch, IVY_BRIDGE)
    monkeypatch.setenv(VARIABLE, asked)

    with pytest.raises(MerBenchError, match=message):
        arithmetic()


PROBE = """
import json, sys, numpy, cv2, torch, scipy.linalg
from numpy._core._multiarray_umath import __cpu_features__
from threadpoolctl import threadpool_info
torch.nn.functional.conv2d(torch.rand(2, 3, 9, 9), torch.rand(4, 3, 3, 3))
torch.rand(8, 8) @ torch.rand(8, 8)
print(json.dumps({
    "numpy": [name for name in ("AVX512F", "AVX512_SKX", "X86_V4") if __cpu_features__.get(name)],
    "opencv": "*AVX512-SKX" in cv2.getCPUFeaturesLine().replace("*AVX512-SKX?", ""),
    "ipp": cv2.ipp.getIppVersion().split(" (")[0],
    "torch": torch.backends.cpu.get_cpu_capability(),
    "openblas": sorted({info["architecture"] for info in threadpool_info() if info["internal_api"] == "openblas"}),
    "threads": torch.get_num_threads(),
}))
"""


@pytest.mark.slow
@pytest.mark.skipif(arithmetic() == NATIVE, reason="this processor has no AVX2, or MER_BENCH_ARITHMETIC=native is set")
def test_every_library_is_held_to_avx2_and_says_nothing_of_it() -> None:
    environment = {**os.environ, **worker_environment(AVX2), "ONEDNN_VERBOSE": "2", "MKL_VERBOSE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", PROBE],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    *verbose, facts = done.stdout.splitlines()

    assert json.loads(facts) == {
        "numpy": [],
        "opencv": False,
        "ipp": "ippIP AVX2",
        "torch": "AVX2",
        "openblas": ["Haswell"],
        "threads": 1,
    }
    assert any("cpu,isa:Intel AVX2" in line for line in verbose)
    assert any("SGEMM" in line and "CNR:COMPATIBLE" in line for line in verbose)
    assert done.stderr == ""


ROUNDED_BY_VENDOR = {"sqrt", "sqrt_", "asin", "acos", "atan", "tan", "_cdist_forward", "_foreach_sqrt"}
"""Functions of torch that MKL computes from an approximation, which is another on each vendor's processors."""


class Recorded(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records which of torch's functions are called."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


NETWORKS = [name for name, spec in load_catalogue().methods.items() if spec.trains_by_epoch]


@pytest.mark.parametrize("name", NETWORKS)
def test_no_training_uses_a_function_that_rounds_by_vendor(name: str) -> None:
    spec = load_catalogue().method(name)
    method = make_method(spec, preset="quick", epochs=1)
    assert isinstance(method, TorchMethod)
    inputs = np.random.default_rng(3).random((7, 28, 28, 3), dtype=np.float32)
    train = LabelledSamples(inputs, np.array([0, 1, 2, 0, 1, 2, 0]), np.array(["s1"] * 7))
    with Recorded() as recorded:
        train_fold(method, train, [UnlabelledSamples(inputs[:2])], seed=5, device="cpu")

    assert "cross_entropy_loss" in recorded.names or "nll_loss_forward" in recorded.names
    assert not recorded.names & ROUNDED_BY_VENDOR


@pytest.mark.parametrize(("facts", "avoided"), [(FULL, "AVX512-SKX"), (HASWELL, ""), (GENOA, "")])
def test_opencv_is_told_to_avoid_only_what_the_processor_has(
    monkeypatch: pytest.MonkeyPatch, facts: Mapping[str, str], avoided: str
) -> None:
    pretend(monkeypatch, facts)

    assert worker_environment(AVX2)["OPENCV_CPU_DISABLE"] == avoided


def test_native_arithmetic_sets_only_the_number_of_threads() -> None:
    assert set(worker_environment(NATIVE).values()) == {"1"}


@pytest.mark.parametrize(
    ("facts", "chosen", "text"),
    [
        (GENOA, AVX2, "AMD EPYC"),
        (GENOA, NATIVE, "AMD EPYC (family 25, model 17), AVX512"),
        (IVY_BRIDGE, NATIVE, "Core i7-3770 (family 6, model 58), AVX"),
        ({"model name": "Neoverse"}, NATIVE, "Neoverse"),
    ],
)
def test_a_cell_states_its_processor_and_natively_its_instructions(
    monkeypatch: pytest.MonkeyPatch, facts: Mapping[str, str], chosen: str, text: str
) -> None:
    pretend(monkeypatch, facts)

    assert cell_processor(chosen) == text


def test_a_native_cell_states_which_library_the_user_held_to_less(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, GENOA)
    monkeypatch.setenv("MKL_CBWR", "AVX2")

    assert cell_processor(NATIVE) == "AMD EPYC (family 25, model 17), AVX512, MKL_CBWR=AVX2"
    assert cell_processor(AVX2) == "AMD EPYC"


@pytest.mark.parametrize(
    ("a", "b", "chosen", "same"),
    [
        ("AMD EPYC", "Xeon", AVX2, True),
        ("AMD EPYC, AVX512", "Xeon, AVX512", NATIVE, False),
        ("AMD EPYC, AVX512", "AMD EPYC, AVX2", NATIVE, False),
        ("Xeon, AVX512", "Xeon, AVX512", NATIVE, True),
    ],
)
def test_cells_of_two_processors_must_be_equal_if_held_to_avx2(a: str, b: str, chosen: str, same: bool) -> None:
    assert same_processor_class(a, b, chosen) is same


def test_the_platforms_processor_is_named_if_proc_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(platform, "processor", lambda: "riscv64")
    module._cpu_info.cache_clear()
    try:
        assert processor() == "riscv64"
        assert arithmetic() == NATIVE
    finally:
        module._cpu_info.cache_clear()
