"""The device of a run: torch is imported only where there may be a GPU."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from mer_bench.engine import resources
from mer_bench.engine.resources import Resources

INSTALLED, MISSING = "libc.so.6", "libno-such-driver.so.1"


@pytest.mark.parametrize(
    ("device", "driver", "visible", "asked"),
    [
        ("cpu", INSTALLED, None, False),
        ("auto", MISSING, None, False),
        ("auto", MISSING, "0", False),
        ("auto", INSTALLED, "", False),
        ("auto", INSTALLED, "-1", False),
        ("auto", INSTALLED, None, True),
        ("auto", INSTALLED, "1,0", True),
        ("cuda", MISSING, "", True),
    ],
)
def test_torch_is_asked_for_a_device_only_where_there_may_be_one(
    monkeypatch: pytest.MonkeyPatch, device: str, driver: str, visible: str | None, asked: bool
) -> None:
    monkeypatch.setattr(resources, "_NVIDIA_DRIVER", driver)
    monkeypatch.setattr(resources, "_AMD_DRIVER", Path("no such file"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: True)))

    assert Resources(1, device).torch_device() == ("cuda" if asked else "cpu")


def test_an_amd_driver_is_a_device_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(resources, "_NVIDIA_DRIVER", MISSING)
    monkeypatch.setattr(resources, "_AMD_DRIVER", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    assert Resources(1, "auto").may_use_gpu()
