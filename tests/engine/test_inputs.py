"""Representations come out of workers only: a run never computes one in its own process."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.clip_data import SAMPLES, Clips

from mer_bench.cache import cache_folder, open_stack
from mer_bench.engine.inputs import Inputs
from mer_bench.engine.listener import Listener
from mer_bench.engine.resources import Resources
from mer_bench.evaluation.plan import make_plan
from mer_bench.evaluation.request import Request
from mer_bench.plugin_manager import load_catalogue


class Notices(Listener):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def notice(self, text: str) -> None:
        self.texts.append(text)


@pytest.mark.slow
def test_a_damaged_or_removed_representation_is_computed_again_in_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    plan = make_plan(
        Request(("svm-flow",), baselines=False, allow_partial=True), Clips(tmp_path / "clips"), load_catalogue()
    )
    listener = Notices()
    inputs = Inputs(plan, Resources(), listener)
    inputs.preprocess(plan.cells)
    entry, *_ = sorted((cache_folder() / plan.rows[0].record["representation"]["name"]).rglob("*.entry"))
    good = entry.read_bytes()
    entry.write_bytes(good[:-3])
    inputs.preprocess(plan.cells)

    assert listener.texts == [f"{entry} is damaged; it is computed again"]
    assert entry.read_bytes() == good

    entry.unlink()
    tasks, failed = inputs.tasks(plan.cells)
    assert entry.read_bytes() == good
    assert open_stack(tasks[0].stack).shape[0] == len(SAMPLES)
    assert failed == []
