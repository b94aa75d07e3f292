from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from mer_bench.databases.frame_files import checked_inside, numbered_frames
from mer_bench.errors import MerBenchError

IMG = re.compile(r"img([0-9]+)\.jpg", re.IGNORECASE)


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")


def test_what_is_no_frame_is_ignored(tmp_path: Path) -> None:
    touch(tmp_path, "img1.jpg", ".img2.jpg", "._img1.jpg", "Thumbs.db", "img3.jpg.txt", "reg_img4.jpg", "img.jpg")
    (tmp_path / "img5.jpg").mkdir()
    (tmp_path / "img6.jpg").symlink_to(tmp_path / "gone.jpg")
    os.mkfifo(tmp_path / "img7.jpg")
    assert list(numbered_frames(tmp_path, IMG)) == [1]
    assert list(numbered_frames(tmp_path, re.compile(r"\.?img([0-9]+)\.jpg"))) == [1], "hidden whatever the pattern"


def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "img1.jpg")
    for wrong in ("gone", "img1.jpg"):
        with pytest.raises(MerBenchError, match=rf"{wrong} cannot be read: .*; restore the folder from the release"):
            numbered_frames(tmp_path / wrong, IMG)


def test_a_path_inside_is_returned_unchanged(tmp_path: Path) -> None:
    data, disk = tmp_path / "data", tmp_path / "disk"
    touch(disk / "sub01", "img1.jpg")
    data.symlink_to(disk)
    (disk / "copy").symlink_to("sub01")
    assert checked_inside(data, data / "copy" / "img1.jpg") == data / "copy" / "img1.jpg", (
        "the root itself may be a link"
    )
    assert checked_inside(data, data) == data
    assert checked_inside(disk, disk / "not yet there") == disk / "not yet there"


def test_a_circular_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(MerBenchError, match="replace the link by the file or folder"):
        checked_inside(tmp_path, tmp_path / "a" / "img1.jpg")
