"""What the readers of the official releases share: how to find folders of frames and cut clips from them."""

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
    """One official release: how to recognise its parts and read them.

    Patterns must match the full name and ignore capitals.
    """

    database: ClassVar[str]
    title: ClassVar[str]
    workbook_name: ClassVar[str]
    """The official name, for messages; empty if the release needs no workbook."""
    workbook_names: ClassVar[tuple[re.Pattern[str], ...]]
    """The preferred edition first."""
    subject_name: ClassVar[re.Pattern[str]]
    """Names of the subjects' folders."""
    inside_subject: ClassVar[re.Pattern[str]]
    """Names of the folders inside a subject's folder."""
    official_frames: ClassVar[re.Pattern[str]] = _NOTHING
    """Official names of the folder of subjects; among several folders it has priority."""
    apart: ClassVar[re.Pattern[str]] = _NOTHING
    """Names of folders that look alike but contain something else."""
    apart_holds: ClassVar[str] = ""
    """What those contain, for the note that they are not read; empty if no note is needed."""
    extra_workbook: ClassVar[re.Pattern[str]] = _NOTHING
    """Names of a second workbook, which may be missing."""
    frame_name: ClassVar[re.Pattern[str]]
    frames_look_like: ClassVar[str]
    """An example path of a frame, for messages."""
    emotions: ClassVar[tuple[str, ...]]
    table: ClassVar[Table]
    """The columns that `annotations` reads."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.folders = Folders(layout)

    @classmethod
    def arrangement(cls, names: Sequence[str], inside: Callable[[str], Sequence[str]]) -> str | None:
        """Return how a folder with these subfolders arranges the release's frames; None if it has none.

        ``inside`` returns the names of the folders in a subfolder. Two folders that
        contain the same subject, or the same clip, arranged alike, are two copies.
        """
        subjects = [name for name in names if cls.subject_name.fullmatch(name)]
        # Some subjects' folders may be empty or missing.
        if any(
            cls.inside_subject.fullmatch(inner) for name in subjects[:_MOST_SUBJECTS_TRIED] for inner in inside(name)
        ):
            return "subjects"
        return None

    @classmethod
    def holds_frames(cls, name: str) -> bool:
        """Return whether a folder of this name contains frames, or folders of frames, and nothing else."""
        return cls.subject_name.fullmatch(name) is not None

    def annotations(self, findings: Findings) -> Iterator[Annotation]:
        """Yield every annotated clip; an unusable row is added to ``findings``.

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
            A folder in the path cannot be used.
        """
        folders = []
        for root in self.layout.frames:
            subject = self.subject_folder(root, annotation.subject)
            clip = subject and self.folders.find(subject, annotation.clip, partial(canonical_clip, self.database))
            if clip:
                folders.append(clip)
        return folders

    def subject_folder(self, root: Path, subject: str) -> Path | None:
        """Return the folder of a subject, however its number is padded."""
        return self.folders.find(root, subject, partial(canonical_subject, self.database))

    def clip_name(self, annotation: Annotation, onset: int) -> str:
        """Return the clip's name in a sample id."""
        return annotation.clip

    def checked(self, annotation: Annotation) -> tuple[int, int, int]:
        """Return onset, apex and offset, after checking everything that needs no frames.

        Raises
        ------
        MerBenchError
            The annotation cannot be used: the message names cause and cure.
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
            A folder or file cannot be used, which may affect other annotations: the message names none.
        MerBenchError
            The annotation cannot be used: the message names cause and cure.
        """
        onset, apex, offset = self.checked(annotation)
        try:
            folder, frames = self._frames_of(annotation, (onset, apex), notes)
        except MerBenchError as error:
            raise FolderError(str(error)) from error
        if folder is None:
            raise MerBenchError(
                f"{annotation.where} has no folder of frames in {self.layout.home} ({self.frames_look_like}); "
                "restore it from the release, or leave this sample out"
            )
        numbers = _cut(annotation, folder, frames, (onset, apex, offset), notes)
        files = tuple(frames[number] for number in numbers)
        for frame in files:
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
        return sample, Clip(sample.sample_id, files, numbers.index(apex)), numbers

    def _frames_of(
        self, annotation: Annotation, needed: Sequence[int], notes: list[str]
    ) -> tuple[Path | None, Mapping[int, Path]]:
        """Return the first folder that has the needed frames, otherwise the first folder, and its frames."""
        folders = self.clip_folders(annotation)
        for folder in folders:
            frames = self.folders.frames(folder, self.frame_name)
            if all(number in frames for number in needed):
                if folder != folders[0]:
                    notes.append(f"{annotation.where}: {folders[0]} lacks its onset or apex frame; {folder} is read")
                return folder, frames
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
    annotation: Annotation, folder: Path, frames: Mapping[int, Path], interval: tuple[int, int, int], notes: list[str]
) -> tuple[int, ...]:
    """Return the numbers of the existing frames from onset to offset."""
    onset, apex, offset = interval
    for name, number in (("onset", onset), ("apex", apex)):
        if number not in frames:
            have = f"{min(frames)} to {max(frames)}" if frames else "none"
            raise MerBenchError(
                f"{annotation.where}: its {name} frame {number} is not in {folder} (frames there: {have}); "
                "restore the folder from the release, or leave this sample out"
            )
    numbers = tuple(number for number in frames if onset <= number <= offset)
    last = numbers[-1]
    if last < offset:
        notes.append(f"{annotation.where}: frame {offset}, its offset, is not on disk; the clip ends at frame {last}")
    gaps = last - onset + 1 - len(numbers)
    if gaps:
        notes.append(f"{annotation.where}: {gaps} of the {last - onset + 1} frames of the clip are not on disk")
    if apex == onset:
        notes.append(f"{annotation.where}: apex and onset are one frame, {apex}: there is no motion between them")
    return numbers
