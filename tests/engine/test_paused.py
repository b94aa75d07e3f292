"""A run or a task that is paused while others do its work comes back, changes nothing and ends well."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from support.bench import Bench, descendants, predictions, wait_until

from mer_bench.store import Store
from mer_bench.store.run_plan import planned_runs, read_plan

ARGUMENTS = ("--method", "slow")
CELLS = 6


def planned(bench: Bench, desk: Path) -> list[str]:
    """Plan the run, start none of its tasks, and return the command that computes all of them."""
    desk.write_text("desk_start = false\n", encoding="utf-8")
    ended = bench.spawn(*bench.run_arguments(*ARGUMENTS, "--cluster", desk, "--detach"))
    assert ended.code == 0, ended.err
    store = Store(bench.results)
    (run_id,) = planned_runs(store)
    numbers = [str(number) for number in range(len(read_plan(store, run_id)["tasks"]))]
    return ["work", "--jobs", "1", str(bench.results), run_id, *numbers]


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
@pytest.mark.parametrize("verb", ["run", "work"])
def test_a_paused_worker_comes_back_when_another_has_done_its_cells(
    bench: Bench, desk: Path, tmp_path: Path, verb: str
) -> None:
    command = bench.run_arguments(*ARGUMENTS) if verb == "run" else planned(bench, desk)
    paused = bench.start(*command)
    # Each cell sleeps: when one was stored, the next is in the middle.
    assert wait_until(lambda: len(bench.cell_files()) >= 1 or paused.poll() is not None)
    assert paused.poll() is None, paused.communicate()
    processes = [paused.pid, *descendants(paused.pid)]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    before = len(bench.cell_files())
    other = bench.spawn(*command)
    done = {file: file.read_bytes() for file in bench.cell_files()}
    complete = bench.predictions()
    for pid in reversed(processes):
        os.kill(pid, signal.SIGCONT)
    _, err = paused.communicate(timeout=60)
    rewritten = [file for file, content in done.items() if file.read_bytes() != content]
    after = bench.predictions()
    bench.results = tmp_path / "undisturbed"
    bench.run(*ARGUMENTS)

    assert before < CELLS
    assert (other.code, len(complete)) == (0, CELLS), other.err
    assert paused.returncode == 0, err
    assert "failed" not in err
    # The cell that it was in the middle of, which says in other ways how long it took.
    assert len(rewritten) <= 1
    assert complete == after == predictions(bench.results)
