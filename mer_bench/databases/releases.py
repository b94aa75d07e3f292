"""The official releases as downloaded: SMIC-HS, SAMM, CASME II and CAS(ME)^3, one of them or several beside another."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mer_bench.cache import content_digest
from mer_bench.databases.annotation_fixes import apply_fixes, load_fixes
from mer_bench.databases.annotation_table import Findings
from mer_bench.databases.base import CLIP, Clip, DataSource
from mer_bench.databases.casme2 import Casme2
from mer_bench.databases.casme3 import Casme3
from mer_bench.databases.frame_files import checked_inside
from mer_bench.databases.release import Layout, Release, is_folder
from mer_bench.databases.samm import Samm
from mer_bench.databases.smic import Smic
from mer_bench.errors import MerBenchError
from mer_bench.samples import Sample, SampleTable
from mer_bench.specs import ParameterValue

READER_VERSION = 1
"""Raised whenever `Releases.clip` would give other frames for the same files: it is part of every digest."""

SYNTHETIC_MARK = "SYNTHETIC.txt"
"""A file of this name beside a release says that it is made up."""

_KINDS: tuple[type[Release], ...] = (Smic, Samm, Casme2, Casme3)
_WORKBOOKS = (".xlsx", ".xls")
_OBJECTIVE_CLASSES = re.compile(r"casme[ _-]?(?:2|ii)[ _-]objective[ _-]?classes\.xlsx", re.IGNORECASE)
_CROPPED = re.compile(r"crop", re.IGNORECASE)
_DEEPEST = 4
_MOST_FOLDERS = 2000


class Releases(DataSource):
    """One release's folder, or a folder with one subfolder a release, of any name.

    Workbooks and folders of frames are looked for in the folder and a few levels below. The folder's own subfolders may
    be links, for data that lies on another disk. Any link below them must stay inside: it may come with an archive.

    A row that cannot be used never keeps the others from being read: `problems` lists such rows.
    """

    native = CLIP

    def __init__(self, path: Path | None, options: Mapping[str, ParameterValue]) -> None:
        super().__init__(path, options)
        if path is not None and path.is_dir() and _is_marked(path, self._survey):
            self.marks = ("synthetic",)

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Say whether there is a release: frames of SMIC-HS, or frames and a workbook of one of the others."""
        survey = _Survey(path)
        return any(survey.frames(kind) and (survey.workbooks(kind) or not kind.workbook_name) for kind in _KINDS)

    @classmethod
    def resembles(cls, path: Path) -> bool:
        """Say whether there is any workbook, or a folder of frames without one."""
        survey = _Survey(path)
        return bool(survey.tables) or any(survey.frames(kind) for kind in _KINDS)

    def read_samples(self) -> SampleTable:
        """Return the samples that can be used.

        Raises
        ------
        MerBenchError
            There is no release, or two copies of one, or a workbook that cannot be read at all.
        """
        return SampleTable(self._contents.samples)

    def problems(self) -> tuple[str, ...]:
        """Return one sentence for each annotated clip that cannot be used."""
        return tuple(self._contents.findings.problems)

    def notes(self) -> tuple[str, ...]:
        """Return one sentence for each correction, cut clip, clip with gaps, and apex that is the onset."""
        return tuple(self._contents.findings.notes)

    def clip(self, sample_id: str) -> Clip:
        """Return a sample's frames, from onset to offset.

        Raises
        ------
        MerBenchError
            There is no such sample.
        """
        return self._entry(sample_id)[0]

    def digest(self, sample_id: str) -> str:
        """Return the SHA-256 over the frames' contents and numbers, the apex and `READER_VERSION`.

        The options act through these alone: what they leave as it was need not be computed again.
        """
        clip, numbers = self._entry(sample_id)
        settings = json.dumps(["releases", READER_VERSION, clip.apex, numbers, content_digest(clip.frames)])
        return hashlib.sha256(settings.encode()).hexdigest()

    @cached_property
    def _survey(self) -> _Survey:
        if self.path is None or not self.path.is_dir():
            raise MerBenchError(
                f"releases: {self.path} is not a folder; name a release's folder, or one that holds several"
            )
        return _Survey(self.path)

    @cached_property
    def _contents(self) -> _Contents:
        contents = _Contents([], {}, Findings())
        for release in self._releases(contents.findings):
            contents.add(release, bool(self.options["fixes"]))
        return contents

    def _releases(self, findings: Findings) -> list[Release]:
        images = str(self.options["images"])
        found = []
        for kind in _KINDS:
            layout = self._survey.layout(kind, images, findings)
            if layout is None:
                continue
            found.append(Smic(layout, str(self.options["smic_apex"])) if kind is Smic else kind(layout))
        if not found:
            names = ", ".join(kind.workbook_name for kind in _KINDS if kind.workbook_name)
            seen = ", ".join(sorted(path.name for path in self._survey.tables)) or "none"
            raise MerBenchError(
                f"{self.path} holds no release that mer-bench knows (workbooks there: {seen}); it needs one of {names} "
                f"beside its frames, or SMIC-HS's {Smic.frames_look_like}"
            )
        return found

    def _entry(self, sample_id: str) -> tuple[Clip, tuple[int, ...]]:
        clips = self._contents.clips
        if sample_id not in clips:
            raise MerBenchError(
                f"{self.path} has no usable sample {sample_id!r} among its {len(clips)}; "
                "`mer-bench data check` lists what cannot be used"
            )
        return clips[sample_id]


@dataclass
class _Contents:
    """All that is read, once."""

    samples: list[Sample]
    clips: dict[str, tuple[Clip, tuple[int, ...]]]
    findings: Findings

    def add(self, release: Release, with_fixes: bool) -> None:
        problems = self.findings.problems
        if not release.layout.frames:
            assert release.layout.workbook is not None
            problems.append(
                f"{release.title}: no row of {release.layout.workbook.name} can be used, for {release.layout.home} has "
                f"no folder of frames ({release.frames_look_like}); put it beside the workbook"
            )
            return
        fixes = load_fixes(release.database) if with_fixes else ()
        origins = {sample.sample_id: sample.origin for sample in self.samples}
        for annotation in release.annotations(self.findings):
            fixed, applied = apply_fixes(fixes, annotation)
            notes = list(applied)
            try:
                sample, clip, numbers = release.usable(fixed, notes)
            except MerBenchError as error:
                problems.append(str(error))
                continue
            twin = origins.setdefault(sample.sample_id, fixed.origin)
            if sample.sample_id in self.clips:
                problems.append(
                    f"{fixed.where} is a second row for {sample.sample_id}, after {twin}, and is left out; "
                    "remove one of the rows"
                )
                continue
            self.samples.append(sample)
            self.clips[sample.sample_id] = clip, numbers
            self.findings.notes.extend(notes)


class _Survey:
    """What may be parts of releases in a folder; lists a bounded number of folders and opens no file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.tables: list[Path] = []
        self._listings: dict[Path, list[str]] = {}
        self._frames: dict[str, list[tuple[Path, str]]] = {kind.database: [] for kind in _KINDS}
        self._walk()

    def frames(self, kind: type[Release]) -> list[tuple[Path, str]]:
        """Return the folders that hold subjects' folders of a release, each with its arrangement."""
        return self._frames[kind.database]

    def workbooks(self, kind: type[Release]) -> list[Path]:
        """Return the annotation workbooks of a release, the preferred edition first."""
        ranked = [
            (rank, path)
            for path in self.tables
            for rank, name in enumerate(kind.workbook_names)
            if name.fullmatch(path.name)
        ]
        return list(dict.fromkeys(path for _, path in sorted(ranked)))

    def home(self, part: Path) -> Path:
        """Return the release's own folder for a folder found in it: the folder itself, or its subfolder."""
        inner = part.relative_to(self._path).parts
        return self._path / inner[0] if inner else self._path

    def layout(self, kind: type[Release], images: str, findings: Findings) -> Layout | None:
        """Return where a release's parts lie, or None where there is nothing of it.

        Raises
        ------
        MerBenchError
            There are two copies of it, or frames without a workbook.
        """
        workbooks = self.workbooks(kind)
        frames = self._chosen_frames(kind, images, findings)
        if not frames and not workbooks:
            return None
        homes = tuple(dict.fromkeys(map(self.home, frames))) or (self.home(workbooks[0].parent),)
        # A workbook beside the frames belongs to them; one elsewhere may be another copy's.
        beside = [path for path in workbooks if self.home(path.parent) in homes] or workbooks
        if not beside and kind.workbook_name:
            raise MerBenchError(self._without_workbook(kind, homes[0]))
        copies = [path for path in beside if path.name.lower() == beside[0].name.lower()]
        if len(copies) > 1:
            raise MerBenchError(f"{kind.title} has two workbooks, {copies[0]} and {copies[1]}; remove one of them")
        if len(beside) > 1:
            others = ", ".join(path.name for path in beside[1:])
            findings.notes.append(f"{kind.title} is read from {beside[0].name}; {others} beside it is not used")
        return Layout(homes, self._inside(beside), self._inside(self._objective_classes(kind)), frames)

    def _chosen_frames(self, kind: type[Release], images: str, findings: Findings) -> tuple[Path, ...]:
        copies: dict[str, dict[str, Path]] = {}
        for path, arrangement in self.frames(kind):
            parts = path.relative_to(self._path.parent if path == self._path else self._path).parts
            copy = copies.setdefault("cropped" if any(map(_CROPPED.search, parts)) else "raw", {})
            twin = copy.setdefault(arrangement, path)
            if twin is not path:
                raise MerBenchError(
                    f"{kind.title} is there twice, in {twin} and {path}; name the folder of one copy, or move the "
                    "other away"
                )
        if not copies:
            return ()
        if images not in copies:
            (other,) = copies
            findings.notes.append(f"{kind.title} holds no {images} images; the {other} ones are read")
            images = other
        chosen = copies[images]
        return tuple(chosen[arrangement] for arrangement in sorted(chosen, reverse=True))

    def _objective_classes(self, kind: type[Release]) -> list[Path]:
        return [path for path in self.tables if kind is Casme2 and _OBJECTIVE_CLASSES.fullmatch(path.name)]

    def _inside(self, paths: list[Path]) -> Path | None:
        return checked_inside(self.home(paths[0].parent), paths[0]) if paths else None

    def _without_workbook(self, kind: type[Release], home: Path) -> str:
        known = {path for other in _KINDS for path in (*self.workbooks(other), *self._objective_classes(other))}
        others = sorted(path.name for path in self.tables if path not in known)
        seen = f" ({', '.join(others)}: another table)" if others else ""
        return (
            f"{kind.title}: {home} holds frames but not the workbook {kind.workbook_name}{seen}; put the workbook there"
        )

    def _walk(self) -> None:
        waiting = deque([(self._path, 0)])
        while waiting and len(self._listings) < _MOST_FOLDERS:
            folder, depth = waiting.popleft()
            names = self._inside_folder(folder)
            found = list(self._arrangements(folder, names))
            for kind, arrangement in found:
                if not any(map(kind.apart.fullmatch, folder.relative_to(self._path).parts)):
                    self._frames[kind.database].append((folder, arrangement))
            if depth < _DEEPEST:
                # There are many folders of subjects and clips, and nothing else is in them.
                others = [name for name in names if not any(kind.holds_frames(name) for kind, _ in found)]
                waiting.extend((folder / name, depth + 1) for name in others)
        self.tables.sort()

    def _arrangements(self, folder: Path, names: list[str]) -> Iterator[tuple[type[Release], str]]:
        def inside(name: str) -> list[str]:
            return self._inside_folder(folder / name)

        for kind in _KINDS:
            arrangement = kind.arrangement(names, inside)
            if arrangement is not None:
                yield kind, arrangement

    def _inside_folder(self, folder: Path) -> list[str]:
        if folder not in self._listings:
            self._listings[folder], files = _listing(folder)
            self.tables.extend(folder / name for name in files if name.lower().endswith(_WORKBOOKS))
        return self._listings[folder]


def _listing(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of a folder's folders and files; a folder that cannot be read is as good as empty here."""
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith((".", "~$", "__")):
                    continue
                (folders if is_folder(entry) else files).append(entry.name)
    except OSError:
        return [], []
    return sorted(folders), sorted(files)


def _is_marked(path: Path, survey: _Survey) -> bool:
    homes = {path, *(survey.home(folder) for kind in _KINDS for folder, _ in survey.frames(kind))}
    return any((home / SYNTHETIC_MARK).is_file() for home in homes)
