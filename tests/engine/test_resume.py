"""What a kill, an interrupt or a damaged file leaves behind, and that the same command goes on from there."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest
from support.bench import FOLDS, SMALL_AHMSA, Bench, descendants, living, predictions, wait_until

AHMSA = (*SMALL_AHMSA, "--set", "epochs=15", "--method", "svm-flow")
"""Slow enough to be killed in the middle, and a method without epochs."""


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int, str], object]:
    """What an undisturbed run gives."""
    from mer_bench import run

    folder = tmp_path_factory.mktemp("reference") / "results"
    params = {"width": 12, "blocks": (1, 1, 1), "lr": 1e-3, "epochs": 15}
    run(
        ["ahmsa", "svm-flow"],
        data="synthetic-maps",
        data_options={"size": "tiny"},
        params=params,
        results=folder,
        device="cpu",
        baselines=False,
    )
    return predictions(folder)


@pytest.mark.parametrize("jobs", [1, 2])
def test_after_a_kill_the_same_command_ends_with_the_same_predictions(
    bench: Bench, reference: dict[tuple[str, int, str], object], jobs: int
) -> None:
    process = bench.start(*bench.run_arguments(*AHMSA, jobs=jobs))
    assert wait_until(lambda: len(bench.cell_files()) >= 1)
    below = descendants(process.pid)
    process.kill()
    process.wait()
    assert wait_until(lambda: not living(below), seconds=10)
    left = bench.predictions()
    resumed = bench.run(*AHMSA)

    assert len(below) >= (2 if jobs > 1 else 0)
    assert 1 <= len(left) < 12
    assert left.items() <= reference.items()
    assert resumed.code == 0, resumed.err
    assert f"{len(left)} stored, {12 - len(left)} to compute" in resumed.out
    assert bench.predictions() == reference


@pytest.mark.usefixtures("naughty")
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_stops_cleanly_and_says_how_to_resume(bench: Bench, jobs: int) -> None:
    slow = ("--method", "slow", "--set", "seconds=0.5", "--seeds", "3")
    process = bench.start(*bench.run_arguments(*slow, jobs=jobs))
    assert wait_until(lambda: len(bench.cell_files()) >= 2)
    below = descendants(process.pid)
    started = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    stored = len(bench.cell_files())
    resumed = bench.run(*slow, "--dry-run")

    assert time.monotonic() - started < 15
    assert process.returncode == 130
    assert f"interrupted: {stored} of 18 cells are stored in {bench.results}; run the same command again" in err
    assert "Traceback" not in err
    assert "KeyboardInterrupt" not in err
    # The standard library's resource tracker ends when it sees that its parent is gone.
    assert wait_until(lambda: not living(below), seconds=10)
    assert f"{stored} stored, {18 - stored} to compute" in resumed.out


@pytest.mark.usefixtures("naughty")
@pytest.mark.parametrize("delay", [0.0, 0.15, 0.4])
def test_ctrl_c_while_the_slots_start_shows_no_traceback(bench: Bench, delay: float) -> None:
    process = bench.start(*bench.run_arguments("--method", "slow", jobs=2))
    assert wait_until(lambda: len(descendants(process.pid)) >= 2)
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert re.search(r"interrupted: \d of 6 cells are stored", err)
    assert "Traceback" not in err


@pytest.mark.usefixtures("naughty")
def test_a_terminated_parent_leaves_no_worker(bench: Bench) -> None:
    process = bench.start(*bench.run_arguments("--method", "sleeps", jobs=2))
    assert wait_until(lambda: len(bench.cell_files()) == 5)
    below = descendants(process.pid)
    process.terminate()
    process.wait()

    assert len(below) >= 2
    assert wait_until(lambda: not living(below), seconds=10)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace('"scores": [', '"scores": ["x", ', 1),
        lambda text: text.replace('"status": "ok"', '"status": "fine"'),
        lambda text: text.replace('"seed": 0', '"seed": "0"'),
        lambda text: text.replace('"schema": 2', '"schema": 99'),
        lambda text: text.replace('"key": "', '"key": "0'),
        lambda text: text.replace('"predictions"', '"predictons"'),
        lambda text: "\x00" * len(text),
    ],
    ids=["half", "empty", "list", "word score", "status", "seed", "newer", "key", "no predictions", "zeros"],
)
def test_a_damaged_cell_is_told_and_computed_anew(bench: Bench, damage: object) -> None:
    bench.run("--method", "svm-flow")
    before = bench.predictions()
    file = bench.cell_files()[2]
    text = file.read_text()
    file.write_text(damage(text))  # type: ignore[operator]
    assert file.read_text() != text
    status = bench("status", "--results", bench.results)
    resumed = bench.run("--method", "svm-flow", "--json")

    assert status.code == 0
    assert status.out.rstrip().endswith(" 5/6")
    assert status.err.count("note: ") == 1
    assert f"note: {file}" in status.err
    assert "absent" in status.err
    assert resumed.code == 0
    assert resumed.err.count("note: ") == 1
    assert "5 stored, 1 to compute" in resumed.err
    assert bench.predictions() == before


def test_half_written_files_are_not_taken_for_cells(bench: Bench) -> None:
    bench.run("--method", "majority")
    file = bench.cell_files()[0]
    file.rename(file.with_name(f".{file.name}.abc123"))
    status = bench("status", "--results", bench.results)

    assert status.out.rstrip().endswith(" 5/6")
    assert status.err == ""
    assert bench.run("--method", "majority").code == 0


def test_a_damaged_row_is_told_and_written_anew(bench: Bench) -> None:
    bench.run("--method", "majority")
    (row,) = bench.results.glob("cells/*/*/*/row.json")
    text = row.read_text()
    row.write_text(text[:100])
    status = bench("status", "--results", bench.results)
    again = bench.run("--method", "majority")

    assert f"note: {row}" in status.err
    assert again.code == 0
    assert row.read_text() == text


def test_a_damaged_representation_is_told_and_computed_anew(bench: Bench) -> None:
    bench.run("--method", "svm-flow")
    before = bench.predictions()
    (stack,) = bench.results.glob("representations/*.npy")
    content = stack.read_bytes()
    stack.write_bytes(content[:-4] + b"\x00\x00\x80?")
    for file in bench.cell_files():
        file.unlink()
    ended = bench.run("--method", "svm-flow")

    assert f"note: {stack} is damaged; it is computed again" in ended.err
    assert bench.predictions() == before


def test_what_is_stored_is_not_computed_again(bench: Bench) -> None:
    bench.run("--method", "majority")
    before = {file: file.stat().st_mtime_ns for file in bench.cell_files()}
    ended = bench.run("--method", "majority")
    more = bench.run("--method", "majority", "--seeds", "2")

    assert "6 stored, 0 to compute" in ended.out
    assert "all 6 cells are stored already; nothing to compute" in ended.err
    assert "12 in total, 6 stored, 6 to compute" in more.out
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_a_store_without_its_marker_is_taken_up_again(bench: Bench) -> None:
    bench.run("--method", "majority")
    (bench.results / "store.json").unlink()
    ended = bench.run("--method", "majority")

    assert ended.code == 0
    assert "6 stored, 0 to compute" in ended.out
    assert json.loads((bench.results / "store.json").read_text()) == {"schema": 2}


def test_a_start_that_was_killed_at_its_first_file_is_taken_up_again(bench: Bench) -> None:
    bench.results.mkdir()
    (bench.results / ".store.json.x1y2z3").write_text("{")

    assert bench.run("--method", "majority").code == 0


def test_two_runs_at_once_end_with_one_whole_store(bench: Bench) -> None:
    processes = [bench.start(*bench.run_arguments("--method", "svm-flow", "--method", "majority")) for _ in range(2)]
    ended = [(process.communicate(timeout=60), process.returncode) for process in processes]

    assert [code for _, code in ended] == [0, 0], ended
    assert {key[2] for key in bench.predictions()} == set(FOLDS)
    assert len(bench.predictions()) == 12


def test_a_moved_store_goes_on(bench: Bench, tmp_path: Path) -> None:
    bench.run("--method", "majority")
    bench.results.rename(tmp_path / "moved")
    bench.results = tmp_path / "moved"

    assert "6 stored, 0 to compute" in bench.run("--method", "majority").out
