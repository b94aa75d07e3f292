"""The folders of one release: where its parts are, and what they contain."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mer_bench.databases.frame_files import checked_inside, entries_of, numbered_frames
from mer_bench.errors import MerBenchError


@dataclass(frozen=True)
class Layout:
    """Where the parts of a release are.

    Parameters
    ----------
    homes : tuple of Path
        The folders that every frame must be in.
    workbook : Path, optional
    extra_workbook : Path, optional
        The second workbook of CASME II.
    frames : tuple of Path
        The folders with the subjects' folders, the preferred one first.
    """

    homes: tuple[Path, ...]
    workbook: Path | None
    extra_workbook: Path | None
    frames: tuple[Path, ...]

    @property
    def home(self) -> Path:
        """The release's folder, for messages."""
        return self.homes[0]

    def check(self, path: Path) -> Path:
        """Return a folder or file of the release, after checking that no link leads out of its home.

        Raises
        ------
        MerBenchError
            A link leads out.
        """
        home = next((home for home in self.homes if path.is_relative_to(home)), self.home)
        return checked_inside(home, path)


class FolderError(MerBenchError):
    """A folder or file of a release cannot be used, whichever annotation needs it."""


class Folders:
    """The folders of a release, each listed once; a link out of the release is never followed."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._children: dict[Path, list[Path]] = {}
        self._named: dict[Path, dict[str, list[Path]]] = {}
        self._frames: dict[Path, dict[int, Path]] = {}

    def children(self, folder: Path) -> list[Path]:
        """Return the folders within a folder, by name.

        Raises
        ------
        MerBenchError
            It cannot be read, or is outside the release.
        """
        if folder not in self._children:
            self._layout.check(folder)
            try:
                names = sorted(name for name, is_folder in entries_of(folder) if is_folder)
            except OSError as error:
                raise MerBenchError(f"{folder} cannot be read ({error.strerror}); check its permissions") from error
            self._children[folder] = [folder / name for name in names]
        return self._children[folder]

    def find(self, folder: Path, name: str, key: Callable[[str], str] = str.strip) -> Path | None:
        """Return the folder within ``folder`` whose name has the key ``name``, ignoring capitals.

        The key must be the same in all calls for a folder.

        Raises
        ------
        MerBenchError
            Two folders have this key, or ``folder`` cannot be read.
        """
        if folder not in self._named:
            named: dict[str, list[Path]] = {}
            for child in self.children(folder):
                named.setdefault(key(child.name).casefold(), []).append(child)
            self._named[folder] = named
        matches = self._named[folder].get(name.casefold(), [])
        if len(matches) > 1:
            raise MerBenchError(
                f"{folder} has two folders for {name}, {matches[0].name!r} and {matches[1].name!r}; remove one of them"
            )
        return matches[0] if matches else None

    def frames(self, folder: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
        """Return a folder's frames by number, in order.

        Raises
        ------
        MerBenchError
            It cannot be read, is outside the release, or has two files for one number.
        """
        if folder not in self._frames:
            self._frames[folder] = numbered_frames(self._layout.check(folder), pattern)
        return self._frames[folder]
