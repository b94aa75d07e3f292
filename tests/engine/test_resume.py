"""After a kill, an interrupt or damage to a file, the same command completes the run."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM

import pytest
from support.bench import FOLDS, Bench, descendants, living, predictions, wait_until

import mer_bench
from mer_bench.cache import STACKS, cache_folder
from mer_bench.store.schema import SCHEMA

SVM = ("--method", "svm-flow", "--set", "svm-flow.tuning=fixed")


def slow(seconds: float) -> tuple[str, ...]:
    return ("--method", "slow", "--method", "random", "--set", f"slow.seconds={seconds}")


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
@pytest.mark.parametrize(("sent", "jobs"), [(SIGKILL, 1), (SIGINT, 2)])
def test_after_a_signal_no_worker_is_left_and_the_same_command_completes_the_run(
    bench: Bench, tmp_path: Path, sent: signal.Signals, jobs: int
) -> None:
    process = bench.start(*bench.run_arguments(*slow(0.4), jobs=jobs))
    assert wait_until(lambda: len(bench.cell_files()) >= 2)
    below = descendants(process.pid)
    os.killpg(process.pid, sent) if sent == SIGINT else process.send_signal(sent)
    _, err = process.communicate(timeout=30)
    # The standard library's resource tracker ends when it sees that its parent is gone.
    assert wait_until(lambda: not living(below), seconds=10)
    left = bench.predictions()
    resumed = bench.run(*slow(0.4))
    bench.results = tmp_path / "undisturbed"
    bench.run(*slow(0.0))

    assert len(below) >= (2 if jobs > 1 else 0)
    assert 2 <= len(left) < 12
    assert resumed.code == 0, resumed.err
    assert f"{len(left)} stored, {12 - len(left)} to compute" in resumed.out
    assert predictions(tmp_path / "results") == bench.predictions()
    if sent == SIGINT:
        assert process.returncode == 130
        assert f"interrupted: {len(left)} of 12 cells are stored in {tmp_path / 'results'}; run the same command" in err
        assert "Traceback" not in err
        assert "KeyboardInterrupt" not in err


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
def test_a_terminated_run_leaves_no_worker_in_the_middle_of_a_task(bench: Bench) -> None:
    process = bench.start(*bench.run_arguments("--method", "sleeps", jobs=2))
    assert wait_until(lambda: len(bench.cell_files()) == 5)
    below = descendants(process.pid)
    process.send_signal(SIGTERM)
    process.wait()

    assert len(below) >= 2
    assert wait_until(lambda: not living(below), seconds=10)


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
@pytest.mark.parametrize("started", [2, 3])
def test_ctrl_c_while_the_workers_start_shows_no_traceback(bench: Bench, started: int) -> None:
    process = bench.start(*bench.run_arguments(*slow(1), jobs=2))
    assert wait_until(lambda: len(descendants(process.pid)) >= started)
    os.killpg(process.pid, SIGINT)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert re.search(r"interrupted: \d of 12 cells are stored", err)
    assert "Traceback" not in err


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of a complete run of svm-flow."""
    folder = tmp_path_factory.mktemp("finished") / "results"
    mer_bench.run(
        "svm-flow",
        data="synthetic-maps",
        data_options={"size": "tiny"},
        params={"tuning": "fixed"},
        results=folder,
        device="cpu",
        baselines=False,
    )
    return folder


@pytest.fixture
def resumed(bench: Bench, finished: Path) -> Bench:
    """The command line on a copy of the finished store, in another place."""
    shutil.copytree(finished, bench.results)
    return bench


DAMAGE: tuple[Callable[[str], str], ...] = (
    lambda text: text[: len(text) // 2],
    lambda text: text.replace('"scores": [', '"scores": ["x", ', 1),
    lambda text: text.replace(f'"schema": {SCHEMA}', '"schema": 99'),
    lambda text: text.replace('"key": "', '"key": "0'),
)


@pytest.mark.slow
def test_damaged_cells_are_reported_and_computed_again(resumed: Bench, finished: Path) -> None:
    files = resumed.cell_files()[: len(DAMAGE)]
    for file, damage in zip(files, DAMAGE, strict=True):
        before = file.read_text()
        file.write_text(damage(before))
        assert file.read_text() != before
    status = resumed("status", "--results", resumed.results)
    again = resumed.run(*SVM, "--json")

    assert status.code == 0
    assert re.search(r"svm-flow-\w+ .* 2/6 ", status.out)
    for file in files:
        assert status.err.count(f"note: {file}") == again.err.count(f"note: {file}") == 1
    assert status.err.count("absent") == 4
    assert again.code == 0
    assert "2 stored, 4 to compute" in again.err
    assert resumed.predictions() == predictions(finished)


@pytest.mark.slow
def test_other_damaged_files_are_reported_and_written_again(
    resumed: Bench, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = resumed.results.glob("cells/*/*/*/row.json")
    shutil.copytree(cache_folder() / STACKS, tmp_path / "cache" / STACKS)
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    stacks = list((cache_folder() / STACKS).glob("*.npy"))
    first, second, *_ = resumed.cell_files()
    text = row.read_text()
    row.write_text(text[:100])
    first.rename(first.with_name(f".{first.name}.abc123"))  # as a killed process leaves it
    second.unlink()
    for stack in stacks:
        stack.write_bytes(stack.read_bytes()[:-4] + b"\x00\x00\x80?")
    (resumed.results / "store.json").unlink()
    (resumed.results / ".store.json.x1y2z3").write_text("{")
    again = resumed.run(*SVM)

    assert again.code == 0
    assert "4 stored, 2 to compute" in again.out
    assert sum(f"note: {stack} is damaged; it is computed again" in again.err for stack in stacks) == 1
    assert row.read_text() == text
    assert json.loads((resumed.results / "store.json").read_text()) == {"schema": SCHEMA}
    assert resumed.predictions() == predictions(finished)


@pytest.mark.slow
def test_stored_cells_are_not_computed_again(resumed: Bench) -> None:
    before = {file: file.stat().st_mtime_ns for file in resumed.cell_files()}
    again = resumed.run(*SVM)
    more = resumed.run(*SVM, "--method", "random", "--seeds", "2")

    assert "6 stored, 0 to compute" in again.out
    assert "all 6 cells are stored already; nothing to compute" in again.err
    assert "18 in total, 6 stored, 12 to compute" in more.out
    assert {file: file.stat().st_mtime_ns for file in before} == before


@pytest.mark.slow
def test_two_runs_at_once_leave_one_complete_store(bench: Bench) -> None:
    processes = [bench.start(*bench.run_arguments("--method", "random", "--method", "majority")) for _ in range(2)]
    ended = [(process.communicate(timeout=60), process.returncode) for process in processes]

    assert [code for _, code in ended] == [0, 0], ended
    assert {key[2] for key in bench.predictions()} == set(FOLDS)
    assert len(bench.predictions()) == 12
