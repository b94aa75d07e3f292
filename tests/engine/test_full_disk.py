"""A disk without space or inodes: nothing that is stored is lost, and with some space the same command goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.bench import TINY, Bench, predictions
from support.small_disk import SmallDisk

METHODS = ("--method", "random", "--method", "majority")
SEEDS = ("--seeds", "4")
CELLS = 4 * 6 + 6
PLENTY = "size=64m,nr_inodes=10000"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], SmallDisk]]:
    """Mount a small disk with some options; skips where a test may mount nothing."""
    mounted: list[SmallDisk] = []

    def mount(options: str) -> SmallDisk:
        if not SmallDisk.is_possible():
            pytest.skip("unshare or nsenter is not installed")
        (tmp_path / "disk").mkdir()
        mounted.append(SmallDisk(tmp_path / "disk", options))
        if not mounted[0].is_mounted:
            pytest.skip("this system lets a test mount nothing")
        return mounted[0]

    yield mount
    for each in mounted:
        each.end()


def command(results: Path) -> list[str | Path]:
    run = ("run", *TINY, "--results", results, "--jobs", "2", "--device", "cpu", "--no-baselines")
    return [*run, *METHODS, *SEEDS]


@pytest.fixture
def undisturbed(bench: Bench) -> dict[tuple[str, int, str], object]:
    """The predictions of the same run on a disk with space."""
    assert bench(*command(bench.results)).code == 0
    return bench.predictions()


def sentence(err: str) -> str:
    """Return the one error; fails if there are others, or a traceback."""
    (error,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in err
    return error


@pytest.mark.slow
@pytest.mark.parametrize("options", ["size=100k", "nr_inodes=24"])
def test_results_on_a_full_disk_are_kept_and_completed_when_there_is_space(
    disk: Callable[[str], SmallDisk],
    options: str,
    tmp_path: Path,
    undisturbed: dict[tuple[str, int, str], object],
) -> None:
    small = disk(options)
    results = small.folder / "results"
    full = small.mer_bench(*command(results))
    again = small.mer_bench(*command(results))
    small.copy(tmp_path / "full")
    stored = predictions(tmp_path / "full" / "results")
    files = [file for file in (tmp_path / "full").rglob("*") if file.is_file()]
    small.grow(PLENTY)
    resumed = small.mer_bench(*command(results))
    small.copy(tmp_path / "whole")

    assert (full.code, again.code) == (2, 2)
    for ended in (full, again):
        assert sentence(ended.err).startswith(f"error: cannot write to the results folder {results}")
        assert sentence(ended.err).endswith(
            "(No space left on device); it is full: free some space (or inodes: `df -i`) and run the same command "
            "again; what is stored is kept"
        )
    assert 2 <= len(stored) < CELLS
    assert stored.items() <= undisturbed.items()
    assert all(json.loads(file.read_bytes()) for file in files)
    assert resumed.code == 0, resumed.err
    assert f"{CELLS} in total, {len(stored)} stored, {CELLS - len(stored)} to compute" in resumed.out
    assert predictions(tmp_path / "whole" / "results") == undisturbed
    assert not list((tmp_path / "whole").rglob("*.tmp"))


@pytest.mark.slow
@pytest.mark.parametrize("options", ["size=64k", "nr_inodes=4"])
def test_a_cache_on_a_full_disk_is_named_and_the_same_command_completes_the_run(
    disk: Callable[[str], SmallDisk],
    options: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    undisturbed: dict[tuple[str, int, str], object],
) -> None:
    small, results = disk(options), tmp_path / "other"
    monkeypatch.setenv("MER_BENCH_CACHE", str(small.folder / "cache"))
    full = small.mer_bench(*command(results))
    stored = predictions(results)
    small.grow(PLENTY)
    resumed = small.mer_bench(*command(results))

    assert full.code == 2
    assert sentence(full.err).startswith(f"error: the cache cannot be written: {small.folder}/cache/")
    assert sentence(full.err).endswith(
        "(No space left on device); free some space there (or inodes: `df -i`), or choose another folder with the "
        "environment variable MER_BENCH_CACHE, and run the same command again"
    )
    assert not stored
    assert resumed.code == 0, resumed.err
    assert predictions(results) == undisturbed
