"""Results folders cannot be opened while a method works, and everything else can."""

# ruff: noqa: PTH207, PTH208  (a method may list folders in any way)

from __future__ import annotations

import glob
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
}


@pytest.mark.parametrize("way", READING)
def test_nothing_that_a_store_has_can_be_read(results: Path, way: str) -> None:
    row = results / "cells" / "cde@1" / "svm-flow" / "0123" / "row.json"
    with pytest.raises(MethodError, match="the method looks into a results folder, at /"), watched_files():
        READING[way](row)

    assert row.read_text() == "{}"


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
