from __future__ import annotations

from pathlib import Path

import pytest

from mer_bench.atomic import new_folder
from mer_bench.errors import MerBenchError


def test_a_folder_appears_with_all_that_is_in_it(tmp_path: Path) -> None:
    with new_folder(tmp_path / "above" / "new", "the plugin", "name another folder") as root:
        (root / "a.txt").write_text("a")
        assert not (tmp_path / "above" / "new").exists()

    assert (tmp_path / "above" / "new" / "a.txt").read_text() == "a"
    assert [path.name for path in (tmp_path / "above").iterdir()] == ["new"]


def test_an_empty_folder_that_stands_is_filled_and_not_replaced(tmp_path: Path) -> None:
    before = tmp_path.stat().st_ino

    with new_folder(tmp_path, "the plugin", "name another folder") as root:
        (root / "a.txt").write_text("a")

    assert tmp_path.stat().st_ino == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_that_another_process_fills_meanwhile_stays_as_that_left_it(tmp_path: Path) -> None:
    def fill_both() -> None:
        with new_folder(tmp_path / "new", "the plugin", "go away") as root:
            (root / "a.txt").write_text("mine")
            (tmp_path / "new" / "a.txt").write_text("theirs")

    (tmp_path / "new").mkdir()

    with pytest.raises(MerBenchError, match=r"^the plugin cannot be written to .*new: .*; free the place, or go away$"):
        fill_both()

    assert (tmp_path / "new" / "a.txt").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
