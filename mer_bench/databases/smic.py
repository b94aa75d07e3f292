"""SMIC-HS: the folders of frames are the annotation; a workbook may state onset and offset."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mer_bench.databases.annotation_table import (
    Annotation,
    Findings,
    FrameCell,
    Table,
    Unread,
    cell_text,
    frame_cell,
    shown,
)
from mer_bench.databases.base import Clip
from mer_bench.databases.folders import Layout
from mer_bench.databases.release import Release
from mer_bench.databases.workbook import WorkbookRow, looks_like, read_sheet
from mer_bench.errors import MerBenchError
from mer_bench.samples import SMIC_CODES, Sample, canonical_clip, canonical_subject

_EMOTIONS = {code: emotion for emotion, code in SMIC_CODES.items()}
_CLIP = re.compile(rf"(s[0-9]+)_({'|'.join(_EMOTIONS)})_[A-Za-z0-9._-]+", re.IGNORECASE)
_LISTED = 5
_SECOND = "Onset2F"

_Name = tuple[str, str]


# The two workbooks that are in use.
_PLAIN = Table({"subject": "subject", "clip": "material", "onset": "onset", "offset": "offset"})
_EXTENDED = Table({"subject": "Subject", "clip": "Filename", "onset": "OnsetF", "offset": "OffsetF"}, sheet="HS")


@dataclass(frozen=True)
class _Stated:
    """What a workbook states about a clip."""

    origin: str
    row: int
    emotion: str
    onset: FrameCell
    offset: FrameCell
    second: str


class Smic(Release):
    """SMIC-HS: every folder of a clip is a sample, from its first frame to its last.

    Folder and clip name state the emotion, and must agree. Where a workbook contradicts both, they are read, because
    MEGC 2019's list agrees with the names of all 164 clips.

    Parameters
    ----------
    layout : Layout
    apex : {"offset", "midpoint"}
        SMIC annotates no apex: AHMSA-Net uses the offset frame, others the middle frame.
    """

    database = "smic"
    title = "SMIC-HS"
    workbook_name = ""
    workbook_names = (
        re.compile(r"smic\.xlsx", re.IGNORECASE),
        re.compile(r"smic[ _-]?hs(?:[ _-]?e)?[ _-]annotation.*\.xlsx", re.IGNORECASE),
    )
    subject_name = re.compile(r"s[0-9]{1,2}", re.IGNORECASE)
    inside_subject = re.compile(r"micro|negative|positive|surprise", re.IGNORECASE)
    # The other two cameras, whose folders have the same structure.
    apart = re.compile(r"(?:.*[ _-])?(?:vis|nir)(?:[ _-].*)?", re.IGNORECASE)
    apart_holds = "VIS and NIR are other cameras"
    official_frames = re.compile(r"hs", re.IGNORECASE)
    frame_name = re.compile(r"(?:reg_)?image([0-9]{1,9})\.(?:bmp|jpe?g|png)", re.IGNORECASE)
    frames_look_like = "HS/s1/micro/negative/s1_ne_01/image1.bmp"
    emotions = tuple(SMIC_CODES)

    def __init__(self, layout: Layout, apex: str) -> None:
        super().__init__(layout)
        self._apex = apex

    def annotations(self, findings: Findings) -> Iterator[Annotation]:
        """Yield every clip's folder, with onset and offset from the workbook if they are usable."""
        try:
            stated = _stated(self.layout.workbook, findings)
        except MerBenchError as error:
            findings.problems.append(f"{self.title}: {error}; until then only its folders are read")
            stated = {}
        unnamed = []
        named = set()
        for folder, subject, emotion in self._clip_folders(findings):
            name = (subject, canonical_clip(self.database, folder.name))
            if stated and name not in stated:
                unnamed.append("/".join(map(shown, name)))
            named.add(name)
            try:
                yield self._annotation(folder, name, emotion, stated.get(name), findings)
            except MerBenchError as error:
                findings.problems.append(str(error))
        findings.problems.extend(
            f"{row.origin} names {'/'.join(map(shown, name))}, which has no folder of frames in {self.layout.home} "
            f"({self.frames_look_like}); restore the folder from the release, or leave this sample out"
            for name, row in stated.items()
            if name not in named and self.layout.frames
        )
        if unnamed:
            assert self.layout.workbook is not None
            more = ", ..." if len(unnamed) > _LISTED else ""
            findings.notes.append(
                f"{self.layout.workbook.name} does not name {len(unnamed)} of {len(named)} clips "
                f"({', '.join(unnamed[:_LISTED])}{more}): each runs from the first frame of its folder to the last"
            )

    def clip_folders(self, annotation: Annotation) -> list[Path]:
        """Return the folder that the annotation was read from."""
        return [annotation.folder] if annotation.folder else []

    def usable(self, annotation: Annotation, notes: list[str]) -> tuple[Sample, Clip, tuple[int, ...]]:
        """Return what `Release.usable` does, with a note where no correction explains what the workbook says."""
        if annotation.printed_emotion:
            notes.append(
                f"{annotation.where}: the workbook says {annotation.printed_emotion}, the folder and the clip's name "
                f"say {annotation.emotion}, which is read"
            )
        return super().usable(annotation, notes)

    def _clip_folders(self, findings: Findings) -> Iterator[tuple[Path, str, str]]:
        """Yield every clip's folder with its subject and emotion."""
        for root in self.layout.frames:
            for person in self._children(root, findings):
                if not self.subject_name.fullmatch(person.name):
                    continue
                subject = canonical_subject(self.database, person.name)
                inner = self._children(person, findings)
                micro = next((folder for folder in inner if folder.name.lower() == "micro"), None)
                for group in self._children(micro, findings) if micro else inner:
                    if group.name.lower() in self.emotions:
                        for folder in self._children(group, findings):
                            yield folder, subject, group.name.lower()

    def _children(self, folder: Path, findings: Findings) -> list[Path]:
        """Return the folders in a folder; if it cannot be listed, add a problem and return none."""
        try:
            return self.folders.children(folder)
        except MerBenchError as error:
            findings.problems.append(f"{self.title}: {error}")
            return []

    def _annotation(
        self, folder: Path, name: _Name, emotion: str, stated: _Stated | None, findings: Findings
    ) -> Annotation:
        subject, clip = name
        root = next(root for root in self.layout.frames if folder.is_relative_to(root))
        origin = "/".join(shown(part) for part in (root.name, *folder.relative_to(root).parts))
        _check_clip(origin, subject, clip, emotion)
        try:
            frames = self.folders.frames(folder, self.frame_name)
        except MerBenchError as error:
            raise MerBenchError(f"{origin} ({subject}/{clip}): {error}") from error
        if not frames:
            raise MerBenchError(f"{origin} holds no frames (image1.bmp, ...); restore the folder from the release")
        onset, offset = min(frames), max(frames)
        if stated:
            onset, offset = _interval(f"{subject}/{clip}", stated, frames, findings) or (onset, offset)
        middle = min((n for n in frames if onset <= n <= offset), key=lambda n: abs(2 * n - onset - offset))
        return Annotation(
            subject=subject,
            clip=clip,
            emotion=emotion,
            onset=onset,
            apex=middle if self._apex == "midpoint" else offset,
            offset=offset,
            origin=stated.origin if stated else origin,
            row=stated.row if stated else 0,
            printed_emotion=_contradiction(stated, emotion) if stated else "",
            folder=folder,
        )


def _contradiction(stated: _Stated, emotion: str) -> str:
    """Return the workbook's emotion if it is another one of SMIC's; otherwise nothing."""
    return stated.emotion if stated.emotion in SMIC_CODES and stated.emotion != emotion else ""


def _check_clip(origin: str, subject: str, clip: str, emotion: str) -> None:
    match = _CLIP.fullmatch(clip)
    if match is None:
        raise MerBenchError(f"{origin} is not named as SMIC's clips are (s1_ne_01); rename or remove the folder")
    if canonical_subject("smic", match[1]) != subject:
        raise MerBenchError(f"{origin} names the subject {match[1]} but is in the folder of {subject}; move the folder")
    if _EMOTIONS[match[2].lower()] != emotion:
        raise MerBenchError(
            f"{origin} is {_EMOTIONS[match[2].lower()]} by its name ({match[2]}) but is in the folder {emotion}; "
            "move the folder"
        )


def _stated(path: Path | None, findings: Findings) -> dict[_Name, _Stated]:
    if path is None:
        return {}
    extended = looks_like(path, ("Filename", "OnsetF", "OffsetF"), sheet="HS") or "annotation" in path.name.lower()
    form = _EXTENDED if extended else _PLAIN
    headers = form.headers
    rows = read_sheet(path, columns=tuple(headers.values()), optional=("Emotion", _SECOND), sheet=form.sheet)
    stated: dict[_Name, _Stated] = {}
    for row in rows:
        try:
            subject, clip = row.text(headers["subject"]), row.text(headers["clip"])
        except MerBenchError as error:
            findings.problems.append(str(error))
            continue
        name = canonical_subject("smic", subject), canonical_clip("smic", clip)
        if name in stated:
            findings.problems.append(
                f"{row.origin} names {'/'.join(map(shown, name))} again, after {stated[name].origin}; "
                "remove one of the rows"
            )
            continue
        stated[name] = _Stated(
            origin=row.origin,
            row=row.number,
            emotion=cell_text(row, "Emotion").lower(),
            onset=frame_cell(row, headers["onset"]),
            offset=frame_cell(row, headers["offset"]),
            second=_second(row),
        )
    return stated


def _second(row: WorkbookRow) -> str:
    """Return how a note describes the second interval's onset; empty if there is none."""
    cell = frame_cell(row, _SECOND)
    if isinstance(cell, int):
        return f"from frame {cell}"
    return "" if row.cells[_SECOND] is None or cell.text in ("0", "-") else "without a stored number"


def _interval(name: str, stated: _Stated, frames: Mapping[int, Path], findings: Findings) -> tuple[int, int] | None:
    """Return the workbook's onset and offset if both are on disk and in order; otherwise None, with a note."""
    where = f"{stated.origin} ({name})"
    if stated.second:
        findings.notes.append(f"{where}: its second interval ({stated.second}) is not used")
    whole = f"the clip runs from frame {min(frames)}, the first of its folder, to frame {max(frames)}, the last"
    for cell in (stated.onset, stated.offset):
        if isinstance(cell, Unread):
            findings.notes.append(f"{cell.reason}; until then {whole}")
            return None
    onset, offset = stated.onset, stated.offset
    assert isinstance(onset, int)
    assert isinstance(offset, int)
    if onset > offset or onset not in frames or offset not in frames:
        findings.notes.append(f"{where}: frames {onset} to {offset} are not on disk in this order; {whole}")
        return None
    return onset, offset
