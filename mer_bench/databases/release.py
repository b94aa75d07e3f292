"""What the readers of the official releases share: their parts, their folders of frames, and clips cut from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from mer_bench.databases.annotation_table import Annotation, Findings, Table, Unread, check_name, read_table, shown
from mer_bench.databases.base import Clip
from mer_bench.databases.folders import FolderError, Folders, Layout
from mer_bench.databases.workbook import SHOWN
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.samples import Sample, canonical_clip, canonical_subject

_NOTHING = re.compile(r"(?!)")
_MOST_SUBJECTS_TRIED = 200


class Release:
    """One official release: how to know its parts, and how to read them.

    The patterns are matched whole and must ignore capitals.
    """

    database: ClassVar[str]
    title: ClassVar[str]
    workbook_name: ClassVar[str]
    """The official name, for messages; empty where a release is complete without a workbook."""
    workbook_names: ClassVar[tuple[re.Pattern[str], ...]]
    """The most preferred edition first."""
    subject_name: ClassVar[re.Pattern[str]]
    """What the folders of subjects are called."""
    inside_subject: ClassVar[re.Pattern[str]]
    """What a folder within a subject's folder is called."""
    official_frames: ClassVar[re.Pattern[str]] = _NOTHING
    """What the folder of the subjects' folders is called: where there are several, it goes before the others."""
    apart: ClassVar[re.Pattern[str]] = _NOTHING
    """Folders that look alike and hold something else."""
    apart_holds: ClassVar[str] = ""
    """What that is, for the note that such a folder was left out; empty where there is always one."""
    extra_workbook: ClassVar[re.Pattern[str]] = _NOTHING
    """A second workbook, which may be absent."""
    frame_name: ClassVar[re.Pattern[str]]
    frames_look_like: ClassVar[str]
    """Where frames stand, for messages."""
    emotions: ClassVar[tuple[str, ...]]
    table: ClassVar[Table]
    """The columns of the workbook that `annotations` reads."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.folders = Folders(layout)

    @classmethod
    def arrangement(cls, names: Sequence[str], inside: Callable[[str], Sequence[str]]) -> str | None:
        """Say how a folder with these subfolders holds the release's frames; None where it does not.

        ``inside`` gives the names of the folders within a subfolder. Two folders of one arrangement that share a
        subject are two copies.
        """
        subjects = [name for name in names if cls.subject_name.fullmatch(name)]
        # Some subjects' folders may be empty or lost.
        if any(
            cls.inside_subject.fullmatch(inner) for name in subjects[:_MOST_SUBJECTS_TRIED] for inner in inside(name)
        ):
            return "subjects"
        return None

    @classmethod
    def holds_frames(cls, name: str) -> bool:
        """Say whether a folder of this name holds frames, or folders of frames, and nothing else."""
        return cls.subject_name.fullmatch(name) is not None

    def annotations(self, findings: Findings) -> Iterator[Annotation]:
        """Yield every annotated clip; a row of which none can be made goes into ``findings``.

        Raises
        ------
        MerBenchError
            The workbook cannot be read at all.
        """
        assert self.layout.workbook is not None
        return read_table(self.layout.workbook, self.database, self.table, findings)

    def clip_folders(self, annotation: Annotation) -> list[Path]:
        """Return the folders that may hold a clip's frames, the preferred one first.

        Raises
        ------
        MerBenchError
            A folder on the way cannot be used.
        """
        found = []
        for root in self.layout.frames:
            subject = self.subject_folder(root, annotation.subject)
            clip = subject and self.folders.find(subject, annotation.clip, partial(canonical_clip, self.database))
            if clip:
                found.append(clip)
        return found

    def subject_folder(self, root: Path, subject: str) -> Path | None:
        """Return the folder of a subject, however its number is padded."""
        return self.folders.find(root, subject, partial(canonical_subject, self.database))

    def clip_name(self, annotation: Annotation, onset: int) -> str:
        """Return the clip's name in a sample id."""
        return annotation.clip

    def checked(self, annotation: Annotation) -> tuple[int, int, int]:
        """Return onset, apex and offset, having made sure of all that an annotation says by itself.

        Raises
        ------
        MerBenchError
            It cannot be used; the sentence says why and what fixes it.
        """
        check_name(annotation.origin, "subject", annotation.subject)
        check_name(annotation.origin, "clip", annotation.clip)
        self._check_emotion(annotation)
        return _interval(annotation)

    def usable(self, annotation: Annotation, notes: list[str]) -> tuple[Sample, Clip, tuple[int, ...]]:
        """Return a sample, its clip and the numbers of the clip's frames.

        Raises
        ------
        FolderError
            The fault is a folder's or file's, and other annotations may share it: the sentence names none of them.
        MerBenchError
            It cannot be used; the sentence says why and what fixes it.
        """
        onset, apex, offset = self.checked(annotation)
        try:
            folder, found = self._frames_of(annotation, (onset, apex), notes)
        except MerBenchError as error:
            raise FolderError(str(error)) from error
        if folder is None:
            raise MerBenchError(
                f"{annotation.where} has no folder of frames in {self.layout.home} ({self.frames_look_like}); "
                "restore it from the release, or leave this sample out"
            )
        numbers = _cut(annotation, folder, found, (onset, apex, offset), notes)
        frames = tuple(found[number] for number in numbers)
        for frame in frames:
            if frame.is_symlink():
                try:
                    self.layout.check(frame)
                except MerBenchError as error:
                    raise FolderError(str(error)) from error
        sample = Sample(
            database=self.database,
            subject=annotation.subject,
            clip=self.clip_name(annotation, onset),
            emotion=annotation.emotion,
            origin=annotation.origin,
            onset=onset,
            apex=apex,
            offset=offset,
            action_units=annotation.action_units,
            objective_class=annotation.objective_class,
        )
        return sample, Clip(sample.sample_id, frames, numbers.index(apex)), numbers

    def _frames_of(
        self, annotation: Annotation, needed: Sequence[int], notes: list[str]
    ) -> tuple[Path | None, Mapping[int, Path]]:
        """Return the first folder that has the needed frames, or else the first at all, and its frames."""
        folders = self.clip_folders(annotation)
        for folder in folders:
            found = self.folders.frames(folder, self.frame_name)
            if all(number in found for number in needed):
                if folder != folders[0]:
                    notes.append(f"{annotation.where}: {folders[0]} lacks its onset or apex frame; {folder} is read")
                return folder, found
        return (folders[0], self.folders.frames(folders[0], self.frame_name)) if folders else (None, {})

    def _check_emotion(self, annotation: Annotation) -> None:
        if annotation.emotion not in self.emotions:
            raise MerBenchError(
                f"{annotation.where} has the emotion {shown(annotation.emotion)!r}"
                f"{did_you_mean(annotation.emotion[:SHOWN], self.emotions)}, which {self.title} does not have "
                f"({', '.join(self.emotions)}); correct the cell"
            )


def _interval(annotation: Annotation) -> tuple[int, int, int]:
    numbers = []
    for frame in (annotation.onset, annotation.apex, annotation.offset):
        if isinstance(frame, Unread):
            raise MerBenchError(f"{frame.reason} (sample {shown(annotation.subject)}/{shown(annotation.clip)})")
        numbers.append(frame)
    onset, apex, offset = numbers
    if not onset <= apex <= offset:
        raise MerBenchError(
            f"{annotation.where} has onset {onset}, apex {apex} and offset {offset}, which are not in this order; "
            "correct the row"
        )
    return onset, apex, offset


def _cut(
    annotation: Annotation, folder: Path, found: Mapping[int, Path], interval: tuple[int, int, int], notes: list[str]
) -> tuple[int, ...]:
    """Return the numbers of the frames from onset to offset that there are."""
    onset, apex, offset = interval
    for name, number in (("onset", onset), ("apex", apex)):
        if number not in found:
            have = f"{min(found)} to {max(found)}" if found else "none"
            raise MerBenchError(
                f"{annotation.where}: its {name} frame {number} is not in {folder} (frames there: {have}); "
                "restore the folder from the release, or leave this sample out"
            )
    numbers = tuple(number for number in found if onset <= number <= offset)
    last = numbers[-1]
    if last < offset:
        notes.append(f"{annotation.where}: frame {offset}, its offset, is not on disk; the clip ends at frame {last}")
    gaps = last - onset + 1 - len(numbers)
    if gaps:
        notes.append(f"{annotation.where}: {gaps} of the {last - onset + 1} frames of the clip are not on disk")
    if apex == onset:
        notes.append(f"{annotation.where}: apex and onset are one frame, {apex}: there is no motion between them")
    return numbers
