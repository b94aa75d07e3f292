"""Records are read from files of which each byte is what was written, and from nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.store_files import write_sealed

from mer_bench.errors import MerBenchError
from mer_bench.store.files import read_record


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slurm.json")
    with pytest.raises(MerBenchError, match="it is no file"):
        read_record(tmp_path / "slurm.json")


def test_a_file_that_is_given_in_pieces_is_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, read = tmp_path / "plan.json", os.read
    write_sealed(file, {"tasks": [*range(50)]})
    monkeypatch.setattr(os, "read", lambda opened, size: read(opened, min(size, 7)))

    assert read_record(file)["tasks"] == [*range(50)]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_json_does_not_have_is_no_number(tmp_path: Path, constant: str) -> None:
    write_sealed(tmp_path / "plan.json", {"seconds": float(constant.replace("Infinity", "inf"))})
    with pytest.raises(MerBenchError, match=f"{constant} is no number"):
        read_record(tmp_path / "plan.json")
