"""Temporary files and folders of processes that have ended are removed, those in use never, whatever a clock says."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mer_bench import locks
from mer_bench.atomic import open_atomically, write_atomically, write_in_folders
from mer_bench.locks import in_use, remove_leftover, remove_unused, temporary_beside

HOUR, DAY = 3600, 86400
CLOCKS = [-8 * DAY, -DAY, -2 * HOUR, 0, 2 * HOUR, DAY]
"""How far the clock of the process that wrote a file is from ours."""

WRITER = """
import sys
from pathlib import Path
from mer_bench.atomic import open_atomically
with open_atomically(Path(sys.argv[1])) as stream:
    stream.write(b"whole")
    print("writing", flush=True)
    sys.stdin.readline()
"""
USER = """
import sys
from pathlib import Path
from mer_bench.locks import in_use
with in_use(Path(sys.argv[1])):
    print("in use", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def start() -> Iterator[Callable[[str, Path], subprocess.Popen[bytes]]]:
    """Start Python code on a path in a process of its own, and return when it has the file or folder."""
    started: list[subprocess.Popen[bytes]] = []

    def run(code: str, path: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", code, str(path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline()
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def only_temporary(folder: Path) -> Path:
    (file,) = folder.glob(".*.tmp")
    return file


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_file_that_a_process_writes_stays_and_what_a_killed_one_left_goes_at_any_clock(
    tmp_path: Path, start: Callable[[str, Path], subprocess.Popen[bytes]], clock: int
) -> None:
    process = start(WRITER, tmp_path / "a.json")
    temporary = only_temporary(tmp_path)
    written = temporary.stat().st_mtime
    os.utime(temporary, (written + clock,) * 2)
    assert not remove_leftover(temporary)
    process.communicate(b"\n")
    assert (tmp_path / "a.json").read_bytes() == b"whole"

    killed = start(WRITER, tmp_path / "b.json")
    killed.kill()
    killed.wait()
    temporary = only_temporary(tmp_path)
    os.utime(temporary, (written + clock,) * 2)
    assert remove_leftover(temporary)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(("age", "removed"), [(0, False), (-DAY, False), (2 * DAY, False), (8 * DAY, True)])
@pytest.mark.parametrize("locked", [False, True])
def test_what_another_machine_wrote_must_be_old_and_not_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: int, removed: bool, locked: bool
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(locks, "_machine", lambda: "0123abcd")
        file = temporary_beside(tmp_path / "a.json")
    file.write_bytes(b"")
    os.utime(file, (file.stat().st_mtime - age,) * 2)
    with file.open("rb") as stream:
        if locked:
            fcntl.flock(stream, fcntl.LOCK_EX)
        assert remove_leftover(file) == (removed and not locked)

    assert file.exists() != (removed and not locked)
    assert len(list(tmp_path.iterdir())) == file.exists()


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    folder, link, pipe, gone = (temporary_beside(tmp_path / name) for name in ("a", "b", "c", "d"))
    folder.mkdir()
    (tmp_path / "file").touch()
    link.symlink_to(tmp_path / "file")
    os.mkfifo(pipe)

    assert not any(map(remove_leftover, (folder, link, pipe, gone)))
    assert {path.name for path in tmp_path.iterdir()} == {folder.name, link.name, pipe.name, "file"}


def test_where_there_are_no_locks_nothing_is_removed_and_everything_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    left = temporary_beside(tmp_path / "a.json")
    left.write_bytes(b"")
    with in_use(tmp_path / "parts"):
        write_atomically(tmp_path / "parts" / "a.json", b"1")

    assert not remove_leftover(left)
    assert not remove_unused(tmp_path / "parts")
    assert (tmp_path / "parts" / "a.json").read_bytes() == b"1"


def test_a_new_file_that_is_taken_for_a_leftover_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claimed, claim = [], locks.claim

    def late(descriptor: int) -> bool:
        if len(claimed) < 2:
            assert remove_leftover(only_temporary(tmp_path))
        claimed.append(claim(descriptor))
        return claimed[-1]

    monkeypatch.setattr("mer_bench.atomic.claim", late)
    write_atomically(tmp_path / "a.json", b"1")

    assert claimed == [False, False, True]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"1"


def test_a_folder_that_is_removed_while_a_file_is_written_there_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[bool] = []

    def removing(descriptor: int) -> bool:
        if len(removed) < 2:
            shutil.rmtree(tmp_path / "a")
            removed.append(True)
        return True

    monkeypatch.setattr("mer_bench.atomic.claim", removing)
    write_in_folders(tmp_path / "a" / "b" / "c.json", b"1")
    assert (tmp_path / "a" / "b" / "c.json").read_bytes() == b"1"
    removed.clear()
    removed.extend([True] * 2)
    monkeypatch.setattr("mer_bench.atomic.claim", lambda descriptor: shutil.rmtree(tmp_path / "a") or True)
    with pytest.raises(FileNotFoundError):
        write_in_folders(tmp_path / "a" / "b" / "c.json", b"2")


def test_a_folder_is_removed_when_the_last_process_that_uses_it_has_ended(
    tmp_path: Path, start: Callable[[str, Path], subprocess.Popen[bytes]]
) -> None:
    folder = tmp_path / "parts"
    first, second = start(USER, folder), start(USER, folder)
    write_in_folders(folder / "ab" / "a.entry", b"1")
    assert not remove_unused(folder)
    first.communicate(b"\n")
    assert not remove_unused(folder)
    assert (folder / "ab" / "a.entry").exists()
    second.kill()
    second.wait()

    assert remove_unused(folder)
    assert not list(tmp_path.iterdir())
    assert not remove_unused(folder)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("age", "removed"), [(DAY, False), (-DAY, False), (8 * DAY, True)])
def test_an_unused_folder_is_old_if_everything_in_it_is(tmp_path: Path, age: int, removed: bool) -> None:
    folder = tmp_path / "parts"
    write_in_folders(folder / "ab" / "new.entry", b"1")
    write_in_folders(folder / "old.entry", b"1")
    now = (folder / "ab").stat().st_mtime
    for path in (folder / "old.entry", folder / "ab", folder):
        os.utime(path, (now - 8 * DAY,) * 2)
    os.utime(folder / "ab" / "new.entry", (now - age,) * 2)
    with in_use(folder):
        os.utime(folder, (now - 8 * DAY,) * 2)
        assert not remove_unused(folder, old=True)

    assert remove_unused(folder, old=True) == removed
    assert folder.exists() != removed


def test_a_folder_that_is_removed_while_it_is_taken_is_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "parts"
    write_in_folders(folder / "old.entry", b"1")
    lock, calls = locks._lock, []

    def overtaken(descriptor: int, how: int) -> bool | None:
        calls.append(how)
        if len(calls) == 1:
            assert remove_unused(folder)
        return lock(descriptor, how)

    monkeypatch.setattr(locks, "_lock", overtaken)
    with in_use(folder):
        assert not remove_unused(folder)
        assert not (folder / "old.entry").exists()
        write_in_folders(folder / "new.entry", b"1")

    assert calls.count(fcntl.LOCK_SH) == 2
    assert remove_unused(folder)


def test_a_stream_is_locked_until_its_file_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, tried = Path.replace, []

    def watched(self: Path, target: Path) -> Path:
        tried.append(remove_leftover(self))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    with open_atomically(tmp_path / "a.json") as stream:
        stream.write(b"1")

    assert tried == [False]
    assert (tmp_path / "a.json").read_bytes() == b"1"
