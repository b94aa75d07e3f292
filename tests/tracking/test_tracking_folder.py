"""What a tracker writes: where Python asks for it, and left alone by the commands on a results folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bench import Bench

from mer_bench import run

pytestmark = pytest.mark.slow

QUICK = ("--method", "ststnet", "--set", "epochs=3", "--protocol", "loso-smic", "--allow-partial")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_commands_on_a_results_folder_leave_what_a_tracker_wrote(bench: Bench, tmp_path: Path) -> None:
    assert bench.run(*QUICK, "--track", "tensorboard").code == 0
    tracked = bench.results / "tracking"
    before = files(tracked)
    assert len(before) == 2
    results = ("--results", bench.results)
    for command in (("store", "verify"), ("store", "gc"), ("status",), ("rows", "list"), ("report",)):
        assert bench(*command, *results).code == 0, command
    assert files(tracked) == before
    other = tmp_path / "other"
    assert bench("store", "merge", bench.results, "--results", other).code == 0
    assert not (other / "tracking").exists()
    # What is stored is not trained again, so nothing is logged again.
    again = bench.run(*QUICK, "--track", "tensorboard")
    assert "no network is to be trained, so nothing is logged" in again.err
    assert files(tracked) == before


def test_python_logs_to_a_folder_of_its_own_with_the_same_scores(tmp_path: Path) -> None:
    asked = {"data": "synthetic-maps", "data_options": {"size": "tiny"}, "allow_partial": True, "progress": False}
    frames = [
        run("ststnet", "loso-smic", params={"epochs": 3}, results=tmp_path / name, baselines=False, **asked, **track)
        for name, track in (
            ("plain", {}),
            ("tracked", {"track": "tensorboard", "track_to": tmp_path / "logs"}),
        )
    ]
    assert len(files(tmp_path / "logs")) == 2
    assert not (tmp_path / "tracked" / "tracking").exists()
    columns = ["slice", "uf1", "uar", "accuracy", "row_key"]
    assert frames[0][columns].equals(frames[1][columns])
