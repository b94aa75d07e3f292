"""A run that is killed again and again loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bench import Bench, predictions
from support.kills import kill_runs

MIXED = ("--method", "svm-flow", "--method", "ststnet", "--preset", "quick", "--selection", "oracle", "--baselines")


@pytest.mark.slow
def test_a_run_that_is_killed_at_random_loses_nothing_and_leaves_no_process(bench: Bench, tmp_path: Path) -> None:
    found = kill_runs(bench.run_arguments(*MIXED, jobs=2), bench.results, 12)
    killed = bench.results
    bench.results = tmp_path / "whole"
    bench.run(*MIXED)

    assert sum(found.killed.values()) == 12
    assert found.orphans == 0
    assert predictions(killed) == bench.predictions()
    assert not list(tmp_path.rglob("*.tmp"))
