"""Results folders cannot be opened while a method works, and everything else can."""

# ruff: noqa: PTH207, PTH208  (a method may list folders in any way)

from __future__ import annotations

import ctypes
import glob
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from mer_bench.errors import MethodError
from mer_bench.evaluation.watch import ResultsFolderError, watched_files
from mer_bench.store.store import Store


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder with a row, beside a plugin."""
    folder = tmp_path / "work" / "results"
    Store.create(folder)
    row = folder / "cells" / "cde@1" / "svm-flow" / "0123" / "row.json"
    row.parent.mkdir(parents=True)
    row.write_text("{}")
    (tmp_path / "alias").symlink_to(row.parent)
    for beside in (folder / "plugin", tmp_path / "work" / "cells"):
        beside.mkdir()
        (beside / "weights.npy").write_text("own")
    return folder


def in_a_thread(row: Path) -> None:
    thread = Thread(target=lambda: read_quietly(row))
    thread.start()
    thread.join()


def read_quietly(row: Path) -> None:
    with suppress(BaseException):
        row.read_text()


def through_a_descriptor(folder: Path, name: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.close(os.open(name, os.O_RDONLY, dir_fd=descriptor))
    finally:
        os.close(descriptor)


def list_a_descriptor(list_folder: Callable[[int], object], row: Path) -> None:
    """As opened before the watch began, or by a library in C."""
    descriptor = unwatched_open(row.parent)
    try:
        list_folder(descriptor)
    finally:
        os.close(descriptor)


def unwatched_open(folder: Path) -> int:
    libc = ctypes.CDLL(None)
    return int(libc.open(os.fsencode(folder), os.O_RDONLY))


def through_a_descriptor_from_nowhere(row: Path) -> None:
    nowhere = row.parents[6] / "nowhere"
    nowhere.mkdir()
    os.chdir(nowhere)
    nowhere.rmdir()
    through_a_descriptor(row.parents[4], "cells/cde@1/svm-flow/0123/row.json")


def through_a_later_link(row: Path) -> None:
    """Look for a file that is not there, then have a link lead to it."""
    link = row.parents[6] / "later"
    with suppress(FileNotFoundError):
        (link / "cells" / "cde@1" / "svm-flow" / "0123" / "row.json").read_text()
    link.symlink_to(row.parents[4])
    (link / "cells" / "cde@1" / "svm-flow" / "0123" / "row.json").read_text()


def through_a_relative_link(row: Path) -> None:
    link = row.parents[5] / "mine"
    link.symlink_to(row.relative_to(link.parent))
    link.read_text()


def without_marker(take_away: Callable[[Path], object], row: Path) -> None:
    """Make the folder look like another one, and read."""
    with suppress(BaseException):
        take_away(row.parents[4] / "store.json")
    row.read_text()


READING: dict[str, Callable[[Path], object]] = {
    "open": lambda row: row.open().close(),
    "write": lambda row: row.write_text("x"),
    "os.open": lambda row: os.close(os.open(row, os.O_RDONLY)),
    "bytes": lambda row: os.listdir(os.fsencode(row.parent)),
    "listdir": lambda row: os.listdir(row.parents[3]),
    "scandir": lambda row: list(os.scandir(row.parent)),
    "glob": lambda row: glob.glob(f"{row.parents[4]}/**/*.json", recursive=True),
    "rglob": lambda row: list(row.parents[4].rglob("row.json")),
    "dots": lambda row: Path(row.parents[4], "plugin", "..", "cells", "x").read_text(),
    "link": lambda row: os.link(row, row.parents[5] / "mine"),
    "copy": lambda row: shutil.copy(row, row.parents[5]),
    "alias": lambda row: (row.parents[6] / "alias" / "row.json").read_text(),
    "relative": lambda row: (os.chdir(row.parent), Path("row.json").read_text()),
    "the current folder": lambda row: (os.chdir(row.parent), os.listdir()),
    "caught": read_quietly,
    "in a thread": in_a_thread,
    "descriptor": lambda row: through_a_descriptor(row.parents[4], "cells/cde@1/svm-flow/0123/row.json"),
    "descriptor above": lambda row: through_a_descriptor(row.parents[5], "results/cells/cde@1/svm-flow/0123/row.json"),
    "descriptor without current folder": through_a_descriptor_from_nowhere,
    "listed descriptor": lambda row: list_a_descriptor(os.listdir, row),
    "scanned descriptor": lambda row: list_a_descriptor(os.scandir, row),
    "listed link": lambda row: os.listdir(row.parents[6] / "alias"),
    "later link": through_a_later_link,
    "relative link": through_a_relative_link,
    "marker renamed": lambda row: without_marker(lambda marker: marker.rename(marker.with_name("aside")), row),
    "marker moved": lambda row: without_marker(lambda marker: shutil.move(marker, marker.parents[2]), row),
    "marker removed": lambda row: without_marker(os.remove, row),
    "marker replaced": lambda row: without_marker(
        lambda marker: (marker.parent / "plugin" / "weights.npy").replace(marker), row
    ),
    "marker emptied": lambda row: without_marker(lambda marker: os.truncate(marker, 0), row),
    "marker overwritten": lambda row: without_marker(lambda marker: marker.write_text("{}"), row),
    "marker unreadable": lambda row: (row.parents[4] / "store.json").chmod(0o200),
    "marker removed by number": lambda row: without_marker(
        lambda marker: os.remove(marker.name, dir_fd=unwatched_open(marker.parent)), row
    ),
    "root renamed": lambda row: row.parents[4].rename(row.parents[5] / "mine"),
}


@pytest.mark.parametrize("way", READING)
def test_nothing_that_a_store_has_can_be_read(results: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(results.parents[1])
    row = results / "cells" / "cde@1" / "svm-flow" / "0123" / "row.json"
    with pytest.raises(MethodError, match="the method looks into a results folder, at /"), watched_files():
        READING[way](row)

    assert row.read_text() == "{}"
    assert json.loads((results / "store.json").read_text())["schema"]


def test_an_error_that_a_method_makes_of_the_refusal_is_replaced_by_it(results: Path) -> None:
    def method() -> None:
        read_quietly(results / "cells" / "x")
        raise ValueError("no labels")

    with pytest.raises(ResultsFolderError), watched_files():
        method()


def test_files_beside_a_store_are_a_plugins_own(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(results)
    own = (results / "plugin" / "weights.npy", results.parent / "cells" / "weights.npy", Path("plugin/weights.npy"))
    with watched_files():
        texts = [file.read_text() for file in own]
        names = os.listdir()
        (results / "plugin" / "log").write_text("3")

    assert texts == ["own"] * 3
    assert "store.json" in names


def test_a_folder_with_another_store_json_is_no_results_folder(results: Path) -> None:
    (results / "store.json").write_text('{"shop": 1}')
    with watched_files():
        assert os.listdir(results / "cells") == ["cde@1"]


def test_a_results_folder_that_appears_later_is_seen_the_next_time(results: Path) -> None:
    (results / "store.json").rename(results / "aside")
    with watched_files():
        assert os.listdir(results / "cells" / "cde@1") == ["svm-flow"]
    (results / "aside").rename(results / "store.json")

    with pytest.raises(ResultsFolderError), watched_files():
        os.listdir(results / "cells" / "cde@1")


def test_a_store_that_was_seen_stays_one_when_its_marker_is_lost(results: Path) -> None:
    """A library in C, or another process, can take the marker away."""

    def method() -> None:
        with suppress(ResultsFolderError):
            os.listdir(results / "cells")
        ctypes.CDLL(None).unlink(os.fsencode(results / "store.json"))
        with pytest.raises(ResultsFolderError):
            os.listdir(results / "cells")

    with pytest.raises(ResultsFolderError), watched_files():
        method()
    assert not (results / "store.json").exists()
