from __future__ import annotations

from pathlib import Path

import pytest

from mer_bench.atomic import new_folder, write_atomically
from mer_bench.errors import MerBenchError


def test_a_file_that_cannot_be_written_keeps_its_old_content(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.txt", b"old")
    with pytest.raises(TypeError):
        write_atomically(tmp_path / "a.txt", "no bytes")  # type: ignore[arg-type]

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.txt", b"old")]


@pytest.mark.parametrize("exists", [False, True])
def test_a_folder_appears_with_its_content_and_an_empty_one_is_not_replaced(tmp_path: Path, exists: bool) -> None:
    target = tmp_path / "above" / "new"
    if exists:
        target.mkdir(parents=True)
        before = target.stat().st_ino
    with new_folder(target, "the plugin", "name another folder") as root:
        (root / "a.txt").write_text("a")
        assert not (target / "a.txt").exists()

    assert (target / "a.txt").read_text() == "a"
    assert [path.name for path in target.parent.iterdir()] == ["new"]
    assert not exists or target.stat().st_ino == before


@pytest.mark.parametrize("accepted", [False, True])
def test_a_folder_that_another_process_fills_meanwhile_is_not_changed(tmp_path: Path, accepted: bool) -> None:
    def fill_both() -> None:
        with new_folder(tmp_path / "new", "the plugin", "go away", lambda existing: accepted) as root:
            (root / "a.txt").write_text("mine")
            (tmp_path / "new" / "a.txt").write_text("theirs")

    (tmp_path / "new").mkdir()
    if accepted:
        fill_both()
    else:
        with pytest.raises(
            MerBenchError, match=r"^the plugin cannot be written to .*new: Directory not empty; go away$"
        ):
            fill_both()

    assert (tmp_path / "new" / "a.txt").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
