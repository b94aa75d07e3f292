"""The official releases as downloaded: SMIC-HS, SAMM, CASME II and CAS(ME)^3; one or several."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mer_bench.cache import content_digest
from mer_bench.caveats import SYNTHETIC_FILE, Caveat
from mer_bench.databases.annotation_fixes import apply_fixes, load_fixes
from mer_bench.databases.annotation_table import Annotation, Findings
from mer_bench.databases.base import CLIP, Clip, DataSource, InputFacts
from mer_bench.databases.casme2 import Casme2
from mer_bench.databases.casme3 import Casme3
from mer_bench.databases.folders import FolderError
from mer_bench.databases.layouts import choose_layout
from mer_bench.databases.release import Release
from mer_bench.databases.samm import Samm
from mer_bench.databases.smic import Smic
from mer_bench.databases.survey import Survey
from mer_bench.errors import MerBenchError
from mer_bench.parameters import ParameterValue
from mer_bench.samples import Sample, SampleTable

READER_VERSION = 1
"""Raised whenever `Releases.clip` returns other frames for the same files; part of every digest."""

_KINDS: tuple[type[Release], ...] = (Smic, Samm, Casme2, Casme3)
_FOLDERS_ABOVE = 2


class Releases(DataSource):
    """The folder of one release, or a folder with one subfolder per release, of any name.

    Workbooks and folders of frames are searched in the folder and a few levels below. Its direct subfolders may be
    links, for data on another disk. Any link below them must stay inside: it may come from an archive.

    A row or a release that cannot be used does not stop the others from being read: `problems` lists both.
    """

    native = CLIP

    def __init__(self, path: Path | None, options: Mapping[str, ParameterValue]) -> None:
        super().__init__(path, options)
        if path is not None and path.is_dir() and _is_synthetic(self._survey):
            self.caveats = (Caveat.SYNTHETIC,)

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Return whether there are frames of SMIC-HS, or frames and a workbook of another release."""
        return bool(_complete(Survey(path, _KINDS)))

    @classmethod
    def resembles(cls, path: Path) -> bool:
        """Return whether there is a workbook, a folder of frames, or a folder that only looks like one."""
        survey = Survey(path, _KINDS)
        return bool(survey.workbooks) or any(survey.frames[kind] or survey.apart[kind] for kind in _KINDS)

    def input_facts(self) -> InputFacts:
        """Return the names of the releases that are there; what may be wrong in them is for `read_samples`."""
        there = self.path is not None and self.path.is_dir()
        titles = ", ".join(kind.title for kind in _complete(self._survey)) if there else ""
        if Caveat.SYNTHETIC in self.caveats:
            return InputFacts(f"SYNTHETIC frames in the layout of {titles or 'no release'}")
        return InputFacts(titles or "no release")

    def read_samples(self) -> SampleTable:
        """Return the samples that can be used.

        Raises
        ------
        MerBenchError
            There is no part of any release.
        """
        return SampleTable(self._contents.samples)

    def problems(self) -> tuple[str, ...]:
        """Return one sentence for each release, folder and annotated clip that cannot be used."""
        return tuple(self._contents.findings.problems)

    def notes(self) -> tuple[str, ...]:
        """Return one sentence per choice, correction, shortened clip, clip with gaps, and apex equal to the onset."""
        return tuple(self._contents.findings.notes)

    def clip(self, sample_id: str) -> Clip:
        """Return a sample's frames, from onset to offset."""
        return self._entry(sample_id)[0]

    def digest(self, sample_id: str) -> str:
        """Return the SHA-256 over the frames' contents and numbers, the apex and `READER_VERSION`.

        The options change the digest only where they change these.
        """
        clip, numbers = self._entry(sample_id)
        settings = json.dumps(["releases", READER_VERSION, clip.apex, numbers, content_digest(clip.frames)])
        return hashlib.sha256(settings.encode()).hexdigest()

    @cached_property
    def _survey(self) -> Survey:
        if self.path is None or not self.path.is_dir():
            raise MerBenchError(
                f"releases: {self.path} is not a folder; name the folder of a release, or one with several releases"
            )
        return Survey(self.path, _KINDS)

    @cached_property
    def _contents(self) -> _Contents:
        survey = self._survey
        contents = _Contents([], {}, Findings([*survey.problems], [*survey.limits]))
        present = [kind for kind in _KINDS if self._read(kind, contents)]
        if not present:
            raise MerBenchError(self._nothing_found())
        return contents

    def _read(self, kind: type[Release], contents: _Contents) -> bool:
        """Add a release to the contents, and return whether there is any part of it."""
        try:
            layout = choose_layout(self._survey, kind, str(self.options["images"]), contents.findings)
            if layout is None:
                return False
            release = Smic(layout, str(self.options["smic_apex"])) if kind is Smic else kind(layout)
            contents.add(release, bool(self.options["fixes"]))
        except MerBenchError as error:
            contents.findings.problems.append(f"{kind.title}: {error}")
        return True

    def _nothing_found(self) -> str:
        survey = self._survey
        names = ", ".join(kind.workbook_name for kind in _KINDS if kind.workbook_name)
        seen = ", ".join(sorted(path.name for path in survey.workbooks)) or "none"
        apart = [f"{path} ({kind.apart_holds})" for kind in _KINDS if kind.apart_holds for path in survey.apart[kind]]
        remarks = "".join(f"; {remark}" for remark in (*apart[:1], *survey.problems[:1], *survey.limits[:1]))
        return (
            f"{self.path} has no release that mer-bench knows (workbooks there: {seen}{remarks}); it needs one of "
            f"{names} beside its frames, or SMIC-HS's {Smic.frames_look_like}"
        )

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
    """Everything that was read, once."""

    samples: list[Sample]
    clips: dict[str, tuple[Clip, tuple[int, ...]]]
    findings: Findings

    def add(self, release: Release, with_fixes: bool) -> None:
        if not release.layout.frames:
            assert release.layout.workbook is not None
            self.findings.problems.append(
                f"{release.title}: no row of {release.layout.workbook.name} can be used, because {release.layout.home} "
                f"has no folder of frames ({release.frames_look_like}); put it beside the workbook"
            )
        annotations = list(release.annotations(self.findings))
        fixes = load_fixes(release.database).fitting(annotations) if with_fixes else ()
        earlier: dict[str, Annotation] = {}
        shared: dict[str, list[str]] = {}
        for annotation in annotations:
            fixed, applied = apply_fixes(fixes, annotation)
            notes = list(applied)
            try:
                if not release.layout.frames:
                    release.checked(fixed)
                    continue
                sample, clip, numbers = release.usable(fixed, notes)
            except FolderError as error:
                shared.setdefault(str(error), []).append(fixed.where)
                continue
            except MerBenchError as error:
                self.findings.problems.append(str(error))
                continue
            first = earlier.setdefault(sample.sample_id, fixed)
            if first is not fixed:
                self.findings.problems.append(_second(sample.sample_id, fixed, first))
                continue
            self.samples.append(sample)
            self.clips[sample.sample_id] = clip, numbers
            self.findings.notes.extend(notes)
        for sentence, places in shared.items():
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            self.findings.problems.append(f"{places[0]}{more}: {sentence}")


def _second(sample_id: str, annotation: Annotation, first: Annotation) -> str:
    if annotation.folder and first.folder:
        return (
            f"{annotation.where}: {annotation.folder} is a second folder for {sample_id}, after {first.folder}, and is "
            "left out; remove one of the two"
        )
    return (
        f"{annotation.where} is a second row for {sample_id}, after {first.origin}, and is left out; "
        "remove one of the rows"
    )


def _complete(survey: Survey) -> list[type[Release]]:
    """Return the releases that have frames and, except for SMIC-HS, a workbook."""
    return [
        kind for kind in _KINDS if survey.frames[kind] and (survey.ranked_workbooks(kind) or not kind.workbook_name)
    ]


def _is_synthetic(survey: Survey) -> bool:
    """Return whether `SYNTHETIC_FILE` is in or above a folder of frames or a workbook, as named or behind a link."""
    parts = {root.path for kind in _KINDS for root in survey.frames[kind]}
    for path in (path for kind in _KINDS for _, path in survey.ranked_workbooks(kind)):
        parts |= {path.parent, path.resolve().parent}
    return any((folder / SYNTHETIC_FILE).is_file() for folder in {*_around(survey, parts)})


def _around(survey: Survey, parts: set[Path]) -> Iterator[Path]:
    top = survey.path.resolve()
    for part in parts:
        real = part.resolve()
        below = len(real.relative_to(top).parts) if real.is_relative_to(top) else 0
        yield from (real, *real.parents[: below + _FOLDERS_ABOVE])
        if part.is_relative_to(survey.path):
            yield from (survey.path, *(part, *part.parents)[: len(part.relative_to(survey.path).parts)])
