"""A fold that the kernel kills because memory runs out fails by itself, and says what to do."""

from __future__ import annotations

import pytest
from support.bench import FOLDS, Bench
from support.naughty import STRUCK


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
def test_a_fold_that_the_kernel_kills_names_memory_and_the_same_command_computes_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("--method", "is-killed", "--method", "good")
    first = bench.run(*arguments, jobs=2)
    stored = bench.predictions()
    monkeypatch.setenv("HEALED", "1")
    again = bench.run(*arguments, jobs=2)

    assert first.code == 1
    (failed,) = [line for line in first.err.splitlines() if line.startswith("failed: ")]
    assert failed == (
        f"failed: is-killed, seed 0, fold {STRUCK}: MethodError: its process was killed (SIGKILL), probably by the "
        "system because the memory was full: run the same command again, with fewer --jobs or on a machine with more "
        "memory"
    )
    assert [key for key, cell in stored.items() if isinstance(cell, tuple) and cell[0] == "failed"] == [
        ("is-killed", 0, STRUCK)
    ]
    assert len(stored) == 2 * len(FOLDS)
    assert again.code == 0, again.err
    assert "12 in total, 11 stored, 1 to compute" in again.out
    assert bench.predictions()["is-killed", 0, STRUCK] == bench.predictions()["good", 0, STRUCK]
