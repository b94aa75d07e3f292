"""A file that a user names is a regular one of bounded size: a pipe may give nothing, and a device may have no end."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from support.bench import TINY, Bench
from support.flow_data import write_flow_data

from mer_bench import bounded_files
from mer_bench.bounded_files import open_bounded, read_bounded
from mer_bench.errors import MerBenchError


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_folder(path: Path) -> None:
    path.mkdir()


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)
        Path(path.name).rename(path)


def make_large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def make_text(path: Path) -> None:
    path.write_text("123456")


def make_empty(path: Path) -> None:
    path.touch()


def make_nothing(path: Path) -> None:
    pass


WRONG: dict[str, tuple[Callable[[Path], None], str]] = {
    "a pipe": (make_pipe, "is not a file but a pipe"),
    "a device": (make_device, "is not a file but a device"),
    "a folder": (make_folder, "is not a file but a folder"),
    "too large": (make_large, "has 1099511627776 bytes, more than "),
}
"""What no file that a user names may be, and what the error says of it."""

PLACES: dict[str, tuple[str, tuple[str, ...], dict[str, str]]] = {
    "a log": ("given.txt", ("score", "given.txt"), {}),
    "the config file": ("given.toml", ("status",), {"MER_BENCH_CONFIG": "given.toml"}),
    "the config file of the folder": ("mer-bench.toml", ("status",), {}),
    "the labels of maps": ("data/given.csv", ("data", "list", "data", "--data-option", "labels=given.csv"), {}),
    "what maps are": ("data/maps.toml", ("data", "list", "data"), {}),
    "initial weights": (
        "given.safetensors",
        ("run", *TINY, "-m", "ststnet", "--set", "init_from=given.safetensors", "--set", "init_sha256=0123456789ab"),
        {},
    ),
    "weights of timm": (
        "given.pth",
        ("run", *TINY, "-m", "timm-backbone", "--set", "weights=given.pth", "--set", "weights_sha256=0123456789ab"),
        {},
    ),
}
"""For each kind of file: its name, a command that reads it, and the variables that name it."""


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("place", PLACES)
def test_no_command_reads_what_is_no_bounded_file(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, place: str, wrong: str
) -> None:
    name, arguments, variables = PLACES[place]
    make, says = WRONG[wrong]
    write_flow_data(Path("data"))
    make(Path(name))
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    ended = bench(*arguments)
    if name == "mer-bench.toml" and wrong != "too large":
        # Only a file is taken for the config file of a folder.
        assert name not in ended.err
    else:
        if name.startswith("data/") and wrong == "a device":
            says = "leads out of data to /dev/zero"
        assert ended.code == 2
        assert len(ended.errors) == 1
        assert f"{name} {says}" in ended.errors[0]


@pytest.mark.parametrize("file", ["pipe", "/dev/zero"])
def test_score_ends_at_once(bench: Bench, file: str) -> None:
    make_pipe(Path("pipe"))
    ended = bench.spawn("score", file)

    assert ended.code == 2
    assert f"{file} is not a file but a" in ended.err


@pytest.mark.parametrize(
    ("make", "says"),
    [
        *WRONG.values(),
        (make_socket, "is not a file but a socket"),
        (make_empty, "is empty (0 bytes)"),
        (make_text, "has 6 bytes, more than 0 KiB, the most for a note"),
        (make_nothing, "does not exist"),
    ],
)
def test_the_error_says_what_it_is(tmp_path: Path, make: Callable[[Path], None], says: str) -> None:
    path = tmp_path / "given"
    make(path)
    with pytest.raises(MerBenchError) as caught:
        read_bounded(path, 5, "a note", "write one")

    assert f"{path} {says}" in str(caught.value)
    assert str(caught.value).endswith("; write one")


def test_what_has_no_path_does_not_exist(tmp_path: Path) -> None:
    make_text(tmp_path / "text")
    for path in (tmp_path / "text" / "below", tmp_path / "a\0b", tmp_path / "gone" / "below"):
        with pytest.raises(MerBenchError, match="does not exist; write one"):
            read_bounded(path, 5, "a note", "write one")


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "given"
    make_text(path)
    assert read_bounded(path, 6, "a note", "write one") == b"123456"
    make_empty(tmp_path / "empty")
    assert read_bounded(tmp_path / "empty", 6, "a note", "write one", may_be_empty=True) == b""


def test_a_file_that_grows_is_not_read_without_end(tmp_path: Path) -> None:
    path = tmp_path / "given"
    make_text(path)
    with open_bounded(path, 6, "a note", "write one") as file:
        path.write_text("1234567890")
        assert file.read(7) == b"1234567"
    # A file of the kernel states no size.
    with pytest.raises(MerBenchError, match="has 6 bytes, more than 0 KiB"):
        read_bounded(Path("/proc/self/status"), 5, "a note", "write one", may_be_empty=True)


def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = tmp_path / "given", []
    make_text(path)
    check = bounded_files._check_kind

    def exchange(path: Path, found: os.stat_result, cure: str) -> None:
        check(path, found, cure)
        if not seen:
            path.unlink()
            make_pipe(path)
        seen.append(found)

    monkeypatch.setattr(bounded_files, "_check_kind", exchange)
    with pytest.raises(MerBenchError, match="is not a file but a pipe"):
        read_bounded(path, 6, "a note", "write one")
