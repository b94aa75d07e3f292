"""The one way to open a file that a user or a data folder names: a regular file of bounded size, and nothing else.

A pipe may never give anything, and a device may have no end.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mer_bench.errors import MerBenchError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def read_bounded(path: Path, most: int, what: str, cure: str, *, may_be_empty: bool = False) -> bytes:
    """Return a file's content.

    Parameters
    ----------
    path : Path
    most : int
        The largest size allowed, in bytes.
    what : str
        What the limit is for, for the message: ``"one frame"``.
    cure : str
        What to do if the file cannot be used: ``"restore it from the release"``.
    may_be_empty : bool, optional

    Raises
    ------
    MerBenchError
        It is not a file, is empty or too large, or cannot be read.
    """
    with open_bounded(path, most, what, cure, may_be_empty=may_be_empty) as file:
        try:
            content = file.read(most + 1)
        except OSError as error:
            raise _unreadable(path, error) from error
    # It may have grown since its size was looked at, or have none that is stated.
    _check_size(path, len(content), most, what, cure)
    return content


@contextmanager
def open_bounded(path: Path, most: int, what: str, cure: str, *, may_be_empty: bool = False) -> Iterator[BinaryIO]:
    """Yield a file's stream; parameters and errors are those of `read_bounded`."""
    try:
        # Before it is opened, too: to open a device may do something.
        _check_kind(path, path.stat(), cure)
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a NUL in the name
        raise MerBenchError(f"{path} does not exist; {cure}") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        found = os.fstat(file.fileno())
        _check_kind(path, found, cure)
        if not found.st_size and not may_be_empty:
            raise MerBenchError(f"{path} is empty (0 bytes); {cure}")
        _check_size(path, found.st_size, most, what, cure)
        yield file


def _check_kind(path: Path, found: os.stat_result, cure: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise MerBenchError(f"{path} is not a file but {kind}; {cure}")


def _check_size(path: Path, size: int, most: int, what: str, cure: str) -> None:
    if size > most:
        raise MerBenchError(f"{path} has {size} bytes, more than {_limit(most)}, the most for {what}; {cure}")


def _limit(most: int) -> str:
    return f"{most >> 20} MiB" if most >= 1 << 20 else f"{most >> 10} KiB"


def _unreadable(path: Path, error: OSError) -> MerBenchError:
    return MerBenchError(f"{path} cannot be read: {error.strerror}; check its permissions")
