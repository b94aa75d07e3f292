"""A bounded search of a folder for parts of releases: folders of frames, and tables."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mer_bench.databases.frame_files import entries_of
from mer_bench.databases.release import Release
from mer_bench.samples import canonical_subject

_WORKBOOKS = (".xlsx", ".xls")
_OTHER_TABLES = (".csv", ".ods", ".xlsm", ".xlsb")
_DEEPEST = 6
_MOST_FOLDERS = 2000
_MOST_LOOKED_INTO = 300
_LAST_PARTS = 2


@dataclass(frozen=True)
class FramesRoot:
    """A folder with subjects' folders, or with folders of clips.

    Parameters
    ----------
    path : Path
    arrangement : str
        As returned by `Release.arrangement`.
    names : frozenset of str
        Names of its folders; two roots without a common name are parts of one release.
    """

    path: Path
    arrangement: str
    names: frozenset[str]


class Survey:
    """The possible parts of releases in a folder; lists a bounded number of folders and opens no file.

    Attributes
    ----------
    path, kinds
        The folder, and the releases to search for.
    frames, apart : dict
        For each release, the folders with its frames, and those that look alike but contain something else.
    workbooks, other_tables : list of Path
        Excel files by name, and tables in other formats.
    problems, limits : list of str
        One sentence for each folder that cannot be listed, and for each limit that stopped the search.
    """

    def __init__(self, path: Path, kinds: Sequence[type[Release]]) -> None:
        self.path = path
        self.workbooks: list[Path] = []
        self.other_tables: list[Path] = []
        self.problems: list[str] = []
        self.limits: list[str] = []
        self.kinds = kinds
        self._listings: dict[Path, list[str]] = {}
        self._unlisted: dict[Path, str] = {}
        self.frames: dict[type[Release], list[FramesRoot]] = {kind: [] for kind in kinds}
        self.apart: dict[type[Release], list[Path]] = {kind: [] for kind in kinds}
        self._walk()

    def ranked_workbooks(self, kind: type[Release]) -> list[tuple[int, Path]]:
        """Return the annotation workbooks of a release, each with the rank of its edition, the best first."""
        ranked: dict[Path, int] = {}
        for rank, name in enumerate(kind.workbook_names):
            for path in self.workbooks:
                if name.fullmatch(path.name):
                    ranked.setdefault(path, rank)
        return sorted((rank, path) for path, rank in ranked.items())

    def home(self, part: Path) -> Path:
        """Return the release's folder for a part of it: the path itself, or its direct subfolder."""
        inner = part.relative_to(self.path).parts
        return self.path / inner[0] if inner else self.path

    def names_of(self, folder: Path) -> tuple[str, ...]:
        """Return the names of a folder below the path; for the path itself, the last names of where it leads."""
        return folder.relative_to(self.path).parts or folder.resolve().parts[-_LAST_PARTS:]

    def _walk(self) -> None:
        waiting = deque([(self.path, 0)])
        seen = set()
        too_deep = []
        while waiting:
            if len(self._listings) >= _MOST_FOLDERS:
                self.limits.append(
                    f"only {_MOST_FOLDERS} folders of {self.path} were searched, so a release in another one is "
                    "not found; name a folder that contains only releases, or links to them"
                )
                break
            folder, depth = waiting.popleft()
            # A link to a folder that was searched already is not a second copy.
            if (real := os.path.realpath(folder)) in seen:
                continue
            seen.add(real)
            others = self._look_into(folder)
            if depth < _DEEPEST:
                waiting.extend((folder / name, depth + 1) for name in others)
            elif others:
                too_deep.append(folder)
        if too_deep:
            self.limits.append(
                f"folders more than {_DEEPEST} levels below {self.path} were not searched, the first in "
                f"{too_deep[0]}; name a folder closer to the releases"
            )
        self.workbooks.sort()
        self.other_tables.sort()

    def _look_into(self, folder: Path) -> list[str]:
        """Note what a folder holds, and return the names of its subfolders in which there may be more."""
        names = self._folders_in(folder)
        if folder in self._unlisted:
            self.problems.append(
                f"{folder} cannot be listed ({self._unlisted[folder]}), so nothing in it is read; check its permissions"
            )
        others = names
        for kind in self.kinds:
            arrangement = kind.arrangement(names, lambda name: self._folders_in(folder / name))
            if arrangement is None:
                continue
            holding = [name for name in names if kind.holds_frames(name)]
            # Folders of subjects and clips are many, and contain nothing else.
            others = [name for name in others if name not in holding]
            if self._is_apart(kind, folder):
                self.apart[kind].append(folder)
            elif _any_frame(kind, [folder / name for name in holding]):
                held = frozenset(canonical_subject(kind.database, name).casefold() for name in holding)
                self.frames[kind].append(FramesRoot(folder, arrangement, held))
        return others

    def _is_apart(self, kind: type[Release], folder: Path) -> bool:
        # Only the last names: a study may be called "NIR". Also those of a link's target: a link may have any name.
        names = (*folder.relative_to(self.path).parts[-_LAST_PARTS:], *folder.resolve().parts[-_LAST_PARTS:])
        return any(map(kind.apart.fullmatch, names))

    def _folders_in(self, folder: Path) -> list[str]:
        if folder not in self._listings:
            folders: list[str] = []
            try:
                for name, has_more in entries_of(folder):
                    if has_more:
                        folders.append(name)
                    elif name.lower().endswith(_WORKBOOKS):
                        self.workbooks.append(folder / name)
                    elif name.lower().endswith(_OTHER_TABLES):
                        self.other_tables.append(folder / name)
            except OSError as error:
                self._unlisted[folder] = error.strerror or str(error)
            self._listings[folder] = sorted(folders)
        return self._listings[folder]


def _any_frame(kind: type[Release], folders: list[Path]) -> bool:
    """Return whether a file in these folders, or below them, is named like a frame of the release."""
    waiting = folders[::-1]
    for _ in range(_MOST_LOOKED_INTO):
        if not waiting:
            return False
        folder = waiting.pop()
        try:
            for name, has_more in entries_of(folder):
                if has_more:
                    waiting.append(folder / name)
                elif kind.frame_name.fullmatch(name):
                    return True
        except OSError:
            continue
    return False
