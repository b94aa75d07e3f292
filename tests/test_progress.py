"""What a run shows of its progress: the time left by method, and a quicker preset where a method turns out slow."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from mer_bench import progress
from mer_bench.engine.listener import Part
from mer_bench.evaluation.plan import Plan
from mer_bench.progress import ProgressListener


def row(name: str, preset: str, *presets: str) -> SimpleNamespace:
    setting = SimpleNamespace(spec=SimpleNamespace(presets=presets))
    return SimpleNamespace(name=name, setting=setting, record={"settings": {"preset": preset}})


def test_the_first_cell_of_a_slow_method_tells_how_long_and_names_the_quick_preset_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = (row("svm", "", "quick"), row("slow", "paper", "paper", "quick"), row("chosen", "quick", "quick"))
    listener = ProgressListener()
    listener.planned(cast(Plan, SimpleNamespace(rows=(*rows, row("alone", "paper", "paper")))), 136)
    pending = {"svm": 68, "slow": 41, "chosen": 41, "alone": 41}
    parts = {name: Part(count, jobs=2) for name, count in pending.items()}
    with listener.steps("cells", 200, 9, parts=parts) as step:
        step(True, "svm", 0.5)
        for part in ("slow", "slow", "chosen", "alone"):
            step(True, part, 600.0)
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]

    # 40 cells of 10 minutes, two at a time.
    assert notes == [
        "note: slow still takes about 3 h 20 min, by its first cell; --preset quick (preset='quick' in Python) is a "
        "much shorter training of slow"
    ]


def test_lines_have_the_time_left_and_the_methods_that_did_not_start(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_PLAIN_INTERVAL_S", 0.0)
    with ProgressListener().steps("cells", 12, 5, parts={"svm": Part(3), "net": Part(4)}) as step:
        step(True, "svm", 7.0)
        step(False, "net", 30.0)
    first, second = capsys.readouterr().err.splitlines()

    assert first.startswith("6/12 cells, ")
    assert first.endswith("/s, at least 14 s left (net not started)")
    assert second.startswith("7/12 cells, 1 failed, ")
    assert second.endswith("/s, 2 min left")


def test_without_parts_the_clock_decides(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.0, 106.0, 106.0, 118.0, 118.0])
    monkeypatch.setattr(progress, "_PLAIN_INTERVAL_S", 0.0)
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with ProgressListener().steps("representations", 5) as step:
        step(True)
        step(True)
    lines = capsys.readouterr().err.splitlines()

    # 6 s, then 12 s for a sample: 9 s each, three left.
    assert lines == ["1/5 representations, 0.17/s, 24 s left", "2/5 representations, 0.11/s, 27 s left"]
