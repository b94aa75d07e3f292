"""Files of unknown origin: names by pattern, no link followed out of the data."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mer_bench.errors import MerBenchError

_SYSTEM_FILES = re.compile(r"\.|~\$|__|@eaDir$|\$RECYCLE|System Volume Information$|lost\+found$", re.IGNORECASE)
"""Files and folders created by an operating system, a file server or an office program."""


def numbered_frames(folder: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
    """Return a folder's frames by number, group 1 of the pattern, in the order of the numbers.

    ``img9.jpg`` comes before ``img10.jpg``. Folders, hidden files and names that the pattern does not fully match are
    ignored.

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
        if not (match := pattern.fullmatch(name)):
            continue
        number = int(match[1])
        other = frames.setdefault(number, folder / name)
        if other.name != name:
            raise MerBenchError(f"{folder} has two files for frame {number}, {other.name!r} and {name!r}; remove one")
    return dict(sorted(frames.items()))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a folder or a link to one; False for a circular link."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def entries_of(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield each name in a folder, except system files, and whether it is a folder; raises OSError."""
    with os.scandir(folder) as entries:
        yield from ((entry.name, _is_folder(entry)) for entry in entries if not _SYSTEM_FILES.match(entry.name))


def checked_inside(root: Path, path: Path, *others: Path) -> Path:
    """Return ``path`` unchanged, after checking that no link in it leads out of ``root`` and ``others``.

    ``root`` and ``others`` may be links themselves, for data on another disk.

    Raises
    ------
    MerBenchError
        A link leads out, or is circular.
    """
    try:
        target = path.resolve()
        inside = any(target.is_relative_to(folder.resolve()) for folder in (root, *others))
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a circular link, before Python 3.13
        raise MerBenchError(f"{path} cannot be followed ({error}); replace the link by the file or folder") from error
    if not inside:
        raise MerBenchError(
            f"{path} leads out of {root} to {target}; replace the link by a copy of the file or folder inside {root}"
        )
    return path
