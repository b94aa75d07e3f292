"""Finding folders and numbered frames whose names come from an annotation: matched, never followed out of the data."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mer_bench.errors import MerBenchError

_LITTER = re.compile(r"\.|~\$|__|@eaDir$|\$RECYCLE|System Volume Information$|lost\+found$", re.IGNORECASE)


def numbered_frames(folder: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
    """Return a folder's frames by number.

    Names are sorted by number: ``img9.jpg`` stands before ``img10.jpg``. Folders, hidden files and whatever else the
    pattern does not match whole are left alone.

    Parameters
    ----------
    folder : Path
    pattern : re.Pattern
        Group 1 is the frame's number.

    Returns
    -------
    dict of int to Path
        In the order of the numbers.

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
        twin = frames.setdefault(number, folder / name)
        if twin.name != name:
            raise MerBenchError(f"{folder} has two files for frame {number}, {twin.name!r} and {name!r}; remove one")
    return dict(sorted(frames.items()))


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Say whether an entry is a folder or leads to one; a circle of links does not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_litter(name: str) -> bool:
    """Say whether a name is what an operating system, a file server or an office program leaves behind."""
    return _LITTER.match(name) is not None


def checked_inside(root: Path, path: Path) -> Path:
    """Return ``path`` as it was given, having made sure that no link on its way leads out of ``root``.

    ``root`` itself may be a link, for data that lies on another disk.

    Raises
    ------
    MerBenchError
        A link leads out, or goes round in a circle.
    """
    try:
        target = path.resolve()
        inside = target.is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a circle of links, before Python 3.13
        raise MerBenchError(f"{path} cannot be followed ({error}); replace the link by the file or folder") from error
    if not inside:
        raise MerBenchError(
            f"{path} leads out of {root} to {target}; replace the link by a copy of the file or folder inside {root}"
        )
    return path
