"""Write a file or folder so that a crash leaves either the old one or the new one, never a part of it."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mer_bench.errors import MerBenchError

_LONGEST_PREFIX = 50
"""Characters of the target's name in a temporary file's name: file systems limit the length of names."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file as `open_atomically` does."""
    with open_atomically(path) as stream:
        stream.write(content)


@contextmanager
def open_atomically(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Yield a stream whose content replaces the file at the end: temporary file in the same folder, fsync, rename.

    ``mode`` is the mode of the new file, minus the umask. The temporary file is called ``.<name>.<random>.tmp``; only a
    process that is killed leaves it behind.

    Raises
    ------
    OSError
        The file cannot be written; an existing one is unchanged.
    """
    temporary = _beside(path)
    try:
        with open(temporary, "x+b", opener=lambda name, flags: os.open(name, flags, mode)) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
        temporary = _beside(target)
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


def _beside(path: Path) -> Path:
    return path.parent / f".{path.name[:_LONGEST_PREFIX]}.{secrets.token_hex(8)}.tmp"


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
