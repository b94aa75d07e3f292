"""Writing a file or a folder so that a crash leaves the old one or the new one, never half of one."""

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
"""Of the name that a temporary file carries on: with it a long name would get too long for a file system."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content``; as `open_atomically`."""
    with open_atomically(path) as stream:
        stream.write(content)


@contextmanager
def open_atomically(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Yield a stream whose content takes the file's place at the end: temporary file in its folder, fsync, rename.

    ``mode`` is the new file's, less the umask.

    The temporary file is called ``.<name>.<random>.tmp``; only a process that was killed leaves it behind.

    Raises
    ------
    OSError
        The file cannot be written; one that was there stays as it was.
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
    path: Path, noun: str, cure: str, as_good: Callable[[Path], bool] = lambda found: False
) -> Iterator[Path]:
    """Yield an empty folder to be filled, which takes the place of ``path`` at the end: all of it or nothing.

    ``path`` must not exist, or be an empty folder or a link to one. An empty folder stays and is filled: the user may
    stand in it. ``noun`` says in messages what is written, ``cure`` how to choose another folder, and ``as_good``
    whether what another process has put in that place meanwhile serves as well.

    Raises
    ------
    MerBenchError
        ``path`` is in use, or it cannot be written.
    """
    try:
        _check_free(path, cure)
        # Beside the folder that a link leads to: a rename cannot go from one disk to another.
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        stands = target.is_dir()
        temporary = _beside(target)
        temporary.mkdir()
        try:
            yield temporary
            try:
                _move(temporary, target, stands)
            except OSError:
                if not as_good(target):
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise MerBenchError(
            f"{noun} cannot be written to {path}: {error.strerror or error}; free the place, or {cure}"
        ) from error


def _beside(path: Path) -> Path:
    return path.parent / f".{path.name[:_LONGEST_PREFIX]}.{secrets.token_hex(8)}.tmp"


def _check_free(path: Path, cure: str) -> None:
    if path.is_symlink() and not path.exists():
        raise MerBenchError(f"{path} is a link that leads nowhere; {cure}")
    if path.exists() and not path.is_dir():
        raise MerBenchError(f"{path} is a file; {cure}")
    if path.is_dir() and any(path.iterdir()):
        raise MerBenchError(f"{path} is not empty; {cure}, or empty this one")


def _move(temporary: Path, target: Path, stands: bool) -> None:
    if not stands:
        temporary.rename(target)
        return
    if any(target.iterdir()):
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
    for entry in sorted(temporary.iterdir()):
        entry.rename(target / entry.name)
