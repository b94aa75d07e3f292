"""Files and folders that nobody vouches for: bounded, matched by name, never followed out of the data."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mer_bench.errors import MerBenchError

_LITTER = re.compile(r"\.|~\$|__|@eaDir$|\$RECYCLE|System Volume Information$|lost\+found$", re.IGNORECASE)
"""What an operating system, a file server or an office program leaves behind."""


def numbered_frames(folder: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
    """Return a folder's frames by number, group 1 of the pattern, in the order of the numbers.

    ``img9.jpg`` stands before ``img10.jpg``. Folders, hidden files and whatever else the pattern does not match whole
    are left alone.

    Raises
    ------
    MerBenchError
        The folder cannot be read, or two files have one number.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file())
    except OSError as error:
        raise MerBenchError(
            f"{folder} cannot be read: {error.strerror}; restore the folder from the release"
        ) from error
    frames: dict[int, Path] = {}
    for name in names:
        if not (found := pattern.fullmatch(name)):
            continue
        number = int(found[1])
        other = frames.setdefault(number, folder / name)
        if other.name != name:
            raise MerBenchError(f"{folder} has two files for frame {number}, {other.name!r} and {name!r}; remove one")
    return dict(sorted(frames.items()))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Say whether an entry is a folder or leads to one; a circle of links does not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def entries_of(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield the name of everything in a folder but litter, and whether it is a folder itself; raises OSError."""
    with os.scandir(folder) as entries:
        yield from ((entry.name, _is_folder(entry)) for entry in entries if not _LITTER.match(entry.name))


def read_bounded(path: Path, most: int, what: str, cure: str) -> bytes:
    """Return a file's content; raises as `open_bounded` does."""
    with open_bounded(path, most, what, cure) as file:
        try:
            return file.read(most)
        except OSError as error:
            raise _unreadable(path, error) from error


@contextmanager
def open_bounded(path: Path, most: int, what: str, cure: str) -> Iterator[BinaryIO]:
    """Yield a file's stream, having made sure that it ends: a pipe or a device would not.

    Parameters
    ----------
    path : Path
    most : int
        Bytes that the file may have.
    what : str
        What it is too large for then: ``"one frame"``.
    cure : str
        What to do where there is no such file: ``"restore it from the release"``.

    Raises
    ------
    MerBenchError
        It is no file, empty, too large, or cannot be opened.
    """
    try:
        if not path.is_file():
            raise MerBenchError(f"{path} {'is not a file' if path.exists() else 'does not exist'}; {cure}")
        size = path.stat().st_size
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        if not size:
            raise MerBenchError(f"{path} is empty (0 bytes); {cure}")
        if size > most:
            raise MerBenchError(f"{path} has {size} bytes, more than {most >> 20} MiB, the most for {what}; {cure}")
        yield file


def _unreadable(path: Path, error: OSError) -> MerBenchError:
    return MerBenchError(f"{path} cannot be read: {error.strerror}; check its permissions")


def checked_inside(root: Path, path: Path, *others: Path) -> Path:
    """Return ``path`` as it was given, having made sure that no link on its way leads out of ``root`` and ``others``.

    These may be links themselves, for data that lies on another disk.

    Raises
    ------
    MerBenchError
        A link leads out, or goes round in a circle.
    """
    try:
        target = path.resolve()
        inside = any(target.is_relative_to(folder.resolve()) for folder in (root, *others))
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a circle of links, before Python 3.13
        raise MerBenchError(f"{path} cannot be followed ({error}); replace the link by the file or folder") from error
    if not inside:
        raise MerBenchError(
            f"{path} leads out of {root} to {target}; replace the link by a copy of the file or folder inside {root}"
        )
    return path
