"""Write a file or folder so that a crash leaves either the old one or the new one, never a part of it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mer_bench.errors import MerBenchError
from mer_bench.locks import claim, temporary_beside

_ATTEMPTS = 5


def write_atomically(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a file as `open_atomically` does."""
    with open_atomically(path, mode) as stream:
        stream.write(content)


def write_in_folders(path: Path, content: bytes, mode: int = 0o666, folder_mode: int = 0o777) -> None:
    """Write a file as `open_atomically` does, and make the folders above it, again if they are removed meanwhile."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(FileNotFoundError):
            make_folders(path.parent, folder_mode)
            write_atomically(path, content, mode)
            return
    make_folders(path.parent, folder_mode)
    write_atomically(path, content, mode)


def make_folders(folder: Path, mode: int = 0o777) -> None:
    """Make a folder and those above it, each with this mode; `Path.mkdir` gives it to the last one only."""
    if not folder.is_dir():
        for above in (*reversed(folder.parents), folder):
            if not above.is_dir():
                above.mkdir(mode, exist_ok=True)


@contextmanager
def open_atomically(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Yield a stream whose content replaces the file at the end: temporary file in the same folder, fsync, rename.

    ``mode`` is the mode of the new file, minus the umask. The temporary file is locked until then; only a process that
    is killed leaves it behind, and `mer_bench.locks.remove_leftover` knows it.

    Raises
    ------
    OSError
        The file cannot be written; an existing one is unchanged.
    """
    temporary, stream = _temporary(path, mode)
    try:
        with stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            _rename(temporary, path, stream)
    finally:
        # A file that was renamed has no such name any more, and one that cannot be removed fails no write.
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def new_folder(
    path: Path, noun: str, cure: str, as_good: Callable[[Path], bool] = lambda existing: False
) -> Iterator[Path]:
    """Yield an empty folder to fill, which becomes ``path`` at the end, completely or not at all.

    ``path`` must not exist, or be an empty folder or a link to one. An existing empty folder is filled, not replaced,
    because it may be the user's current folder. In messages, ``noun`` names the content and ``cure`` how to choose
    another folder. ``as_good`` decides whether a folder that another process has put there meanwhile is accepted.

    Raises
    ------
    MerBenchError
        ``path`` is in use, or it cannot be written.
    """
    try:
        _check_free(path, cure)
        # In the parent of the folder that a link points to: a rename cannot cross file systems.
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        exists = target.is_dir()
        temporary = temporary_beside(target)
        temporary.mkdir()
        try:
            yield temporary
            try:
                _move(temporary, target, into_existing=exists)
            except OSError:
                if not as_good(target):
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise MerBenchError(f"{noun} cannot be written to {path}: {error.strerror or error}; {cure}") from error


def _temporary(path: Path, mode: int) -> tuple[Path, BinaryIO]:
    """Return a new temporary file, which no other process takes for a leftover."""
    for attempt in range(_ATTEMPTS):
        temporary = temporary_beside(path)
        stream = open(temporary, "x+b", opener=lambda name, flags: os.open(name, flags, mode))  # noqa: SIM115
        # Before it was locked, another process may have removed it.
        if claim(stream.fileno()) or attempt == _ATTEMPTS - 1:
            break
        stream.close()
    return temporary, stream


def _rename(temporary: Path, path: Path, stream: BinaryIO) -> None:
    try:
        temporary.replace(path)
    except OSError:
        # A network file system may rename the file and lose the answer.
        if not (path.exists() and os.path.samestat(path.stat(), os.fstat(stream.fileno()))):
            raise


def _check_free(path: Path, cure: str) -> None:
    if path.is_symlink() and not path.exists():
        raise MerBenchError(f"{path} is a broken link; {cure}")
    if path.exists() and not path.is_dir():
        raise MerBenchError(f"{path} is a file; {cure}")
    if path.is_dir() and any(path.iterdir()):
        raise MerBenchError(f"{path} is not empty; {cure}, or empty this one")


def _move(temporary: Path, target: Path, *, into_existing: bool) -> None:
    if not into_existing:
        temporary.rename(target)
        return
    if any(target.iterdir()):
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
    for entry in sorted(temporary.iterdir()):
        entry.rename(target / entry.name)
