"""File systems that fail, lie or are late: every stored file is old or new, and the same command completes the run."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from support.bench import Bench
from support.faulty_files import faulty

from mer_bench import atomic
from mer_bench.atomic import write_atomically

METHODS = ("--method", "random", "--method", "majority", "--seeds", "2")
CELLS = 18
RUNS = 40


@pytest.fixture
def expected(bench: Bench, tmp_path: Path) -> dict[tuple[str, int, str], object]:
    """The predictions of an undisturbed run; the bench's own store is still empty."""
    results, bench.results = bench.results, tmp_path / "undisturbed"
    assert bench.run(*METHODS).code == 0
    whole, bench.results = bench.predictions(), results
    assert len(whole) == CELLS
    return whole


@pytest.mark.slow
def test_writes_that_fail_at_random_leave_every_file_old_or_new_and_the_run_completes(
    bench: Bench, tmp_path: Path, expected: dict[tuple[str, int, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "shared" / "cache"))
    bench.results = tmp_path / "shared" / "results"
    stored = 0
    for seed in range(RUNS):
        environment = faulty(tmp_path / "site", tmp_path / "shared", log, "writes", seed=seed)
        ended = bench.spawn(*bench.run_arguments(*METHODS), env=environment)
        for file in (tmp_path / "shared").rglob("*.json"):
            json.loads(file.read_bytes())
        found = bench.predictions()
        assert found.items() <= expected.items()
        assert stored <= len(found)
        stored = len(found)
        if ended.code == 0:
            break
        assert ended.code == 2, ended.err
        assert len(ended.errors) == 1, ended.err
        assert "Traceback" not in ended.err
        assert " the same command again" in ended.errors[0] or "choose another folder" in ended.errors[0]

    faults = Counter(log.read_text().split())
    assert faults["writes"] >= 3
    assert found == expected
    assert not list((tmp_path / "shared").rglob("*.tmp"))


@pytest.mark.slow
def test_renames_that_report_an_error_after_they_happened_stop_nothing(
    bench: Bench, tmp_path: Path, expected: dict[tuple[str, int, str], object]
) -> None:
    log = tmp_path / "log"
    environment = faulty(tmp_path / "site", tmp_path, log, "renames")
    ended = bench.spawn(*bench.run_arguments(*METHODS), env=environment)

    assert ended.code == 0, ended.err
    assert Counter(log.read_text().split()).keys() == {"renames", "ESTALE", "EIO"}
    assert bench.predictions() == expected


@pytest.mark.slow
def test_two_runs_where_no_file_can_be_locked_and_no_new_file_is_listed_lose_nothing(
    bench: Bench, tmp_path: Path, expected: dict[tuple[str, int, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    environment = faulty(tmp_path / "site", tmp_path, tmp_path / "log", "no-locks", "stale-lists")
    at_once = [bench.start(*bench.run_arguments(*METHODS), env=environment) for _ in range(2)]
    ended = [(process.communicate(timeout=100)[1], process.returncode) for process in at_once]
    first = {file: file.read_bytes() for file in bench.cell_files()}
    # Not one cell is listed, but each is found by its name just before it would be computed.
    again = bench.spawn(*bench.run_arguments(*METHODS), env=environment)

    assert "ENOLCK" in (tmp_path / "log").read_text()
    assert [code for _, code in ended] == [0, 0], ended
    assert bench.predictions() == expected
    assert again.code == 0, again.err
    assert f"0 stored, {CELLS} to compute" in again.out
    assert {file: file.read_bytes() for file in bench.cell_files()} == first


@pytest.mark.slow
def test_files_that_a_network_file_system_leaves_are_no_results_and_block_nothing(
    bench: Bench, expected: dict[tuple[str, int, str], object], tmp_path: Path
) -> None:
    bench.results.mkdir()
    (bench.results / ".nfs0000000000000001").write_text("{")
    assert bench.run("--method", "random", "--method", "majority").code == 0
    for folder in [path for path in bench.results.rglob("*") if path.is_dir()]:
        (folder / ".nfs000000000a1b2c3d00000001").write_text("{")
    more = bench.run(*METHODS)
    status = bench("status", "--results", bench.results)
    report = bench("report", "--results", bench.results, "--out", tmp_path / "out")

    assert (more.code, status.code, report.code) == (0, 0, 0), more.err
    assert bench.predictions() == expected
    assert ".nfs" not in more.err + status.out + status.err + report.err


def test_a_write_that_takes_long_shows_the_old_file_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []
    file = tmp_path / "a.json"
    write_atomically(file, b"old")
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        # All is written, and the disk is slow: others read meanwhile, and one writes the same file.
        monkeypatch.setattr(atomic.os, "fsync", fsync)
        seen.append(file.read_bytes())
        write_atomically(file, b"of another")
        seen.append(file.read_bytes())

    monkeypatch.setattr(atomic.os, "fsync", slow)
    write_atomically(file, b"new")

    assert seen == [b"old", b"of another"]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.json": b"new"}
