"""What the readers of the official releases share: their parts, their folders of frames, and clips cut from them."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mer_bench.databases.annotation_table import SHOWN, Annotation, Findings, Unread, shown
from mer_bench.databases.base import Clip
from mer_bench.databases.frame_files import checked_inside, numbered_frames
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.samples import Sample, canonical_clip, canonical_subject

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Layout:
    """Where the parts of a release lie.

    Parameters
    ----------
    homes : tuple of Path
        The folders that no frame may lie outside of.
    workbook : Path, optional
    objective_classes : Path, optional
        The second workbook of CASME II.
    frames : tuple of Path
        The folders that hold the subjects' folders, the preferred one first.
    """

    homes: tuple[Path, ...]
    workbook: Path | None
    objective_classes: Path | None
    frames: tuple[Path, ...]

    @property
    def home(self) -> Path:
        """The release's folder in messages."""
        return self.homes[0]

    def check(self, path: Path) -> Path:
        """Return a folder or file of the release, having made sure that no link takes it out of its home.

        Raises
        ------
        MerBenchError
            A link does.
        """
        home = next((home for home in self.homes if path.is_relative_to(home)), self.home)
        return checked_inside(home, path)


class Release(ABC):
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
    apart: ClassVar[re.Pattern[str]] = re.compile(r"(?!)")
    """Folders that look alike and hold something else."""
    frame_name: ClassVar[re.Pattern[str]]
    frames_look_like: ClassVar[str]
    """Where frames stand, for messages."""
    emotions: ClassVar[tuple[str, ...]]

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.folders = Folders(layout)

    @classmethod
    def arrangement(cls, names: Sequence[str], inside: Callable[[str], Sequence[str]]) -> str | None:
        """Say how a folder with these subfolders holds the release's frames; None where it does not.

        ``inside`` gives the names of the folders within a subfolder. Two folders of one arrangement are two copies.
        """
        subjects = [name for name in names if cls.subject_name.fullmatch(name)]
        # Some subjects' folders may be empty or lost.
        if any(cls.inside_subject.fullmatch(inner) for name in subjects[:5] for inner in inside(name)):
            return "subjects"
        return None

    @classmethod
    def holds_frames(cls, name: str) -> bool:
        """Say whether a folder of this name holds frames, or folders of frames, and nothing else."""
        return cls.subject_name.fullmatch(name) is not None

    @abstractmethod
    def annotations(self, findings: Findings) -> Iterator[Annotation]:
        """Yield every annotated clip; a row of which none can be made goes into ``findings``.

        Raises
        ------
        MerBenchError
            The workbook cannot be read at all.
        """

    def clip_folder(self, annotation: Annotation) -> Path | None:
        """Return the folder of a clip's frames, or None where there is none."""
        for root in self.layout.frames:
            subject = self.subject_folder(root, annotation.subject)
            clip = subject and self.folders.find(subject, annotation.clip, self._clip_key)
            if clip:
                return clip
        return None

    def subject_folder(self, root: Path, subject: str) -> Path | None:
        """Return the folder of a subject, however its number is padded."""
        return self.folders.find(root, subject, self._subject_key)

    def clip_name(self, annotation: Annotation, onset: int) -> str:
        """Return the clip's name in a sample id."""
        return annotation.clip

    def usable(self, annotation: Annotation, notes: list[str]) -> tuple[Sample, Clip, tuple[int, ...]]:
        """Return a sample, its clip and the numbers of the clip's frames.

        Raises
        ------
        MerBenchError
            It cannot be used; the sentence says why and what mends it.
        """
        _check_name(annotation, "subject", annotation.subject)
        _check_name(annotation, "clip", annotation.clip)
        self._check_emotion(annotation)
        onset, apex, offset = _interval(annotation)
        folder = self.clip_folder(annotation)
        if folder is None:
            raise MerBenchError(
                f"{annotation.where} has no folder of frames in {self.layout.home} ({self.frames_look_like}); "
                "restore it from the release, or leave this sample out"
            )
        found = self.folders.frames(folder, self.frame_name)
        numbers = _cut(annotation, folder, found, (onset, apex, offset), notes)
        frames = tuple(found[number] for number in numbers)
        for frame in frames:
            if frame.is_symlink():
                self.layout.check(frame)
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

    def _check_emotion(self, annotation: Annotation) -> None:
        if annotation.emotion not in self.emotions:
            raise MerBenchError(
                f"{annotation.where} has the emotion {shown(annotation.emotion)!r}"
                f"{did_you_mean(annotation.emotion[:SHOWN], self.emotions)}, which {self.title} does not have "
                f"({', '.join(self.emotions)}); correct the cell"
            )

    def _subject_key(self, name: str) -> str:
        return canonical_subject(self.database, name)

    def _clip_key(self, name: str) -> str:
        return canonical_clip(self.database, name)


class Folders:
    """The folders of a release, each listed once; none that a link takes out of the release is listed."""

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
            It cannot be read, or lies outside.
        """
        if folder not in self._children:
            self._layout.check(folder)
            try:
                with os.scandir(folder) as entries:
                    names = sorted(entry.name for entry in entries if is_folder(entry))
            except OSError as error:
                raise MerBenchError(f"{folder} cannot be read ({error.strerror}); check its permissions") from error
            self._children[folder] = [folder / name for name in names if not name.startswith(".")]
        return self._children[folder]

    def find(self, folder: Path, name: str, key: Callable[[str], str] = str.strip) -> Path | None:
        """Return the folder within ``folder`` whose name has the key ``name``, ignoring capitals.

        A folder is always asked with the same key.

        Raises
        ------
        MerBenchError
            Two folders have it, or ``folder`` cannot be read.
        """
        if folder not in self._named:
            named: dict[str, list[Path]] = {}
            for child in self.children(folder):
                named.setdefault(key(child.name).casefold(), []).append(child)
            self._named[folder] = named
        found = self._named[folder].get(name.casefold(), [])
        if len(found) > 1:
            raise MerBenchError(
                f"{folder} has two folders for {name}, {found[0].name!r} and {found[1].name!r}; remove one of them"
            )
        return found[0] if found else None

    def frames(self, folder: Path, pattern: re.Pattern[str]) -> dict[int, Path]:
        """Return a folder's frames by number, in order.

        Raises
        ------
        MerBenchError
            It cannot be read, lies outside, or has two files for one number.
        """
        if folder not in self._frames:
            self._frames[folder] = numbered_frames(self._layout.check(folder), pattern)
        return self._frames[folder]


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Say whether an entry is a folder or leads to one; a circle of links does not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _check_name(annotation: Annotation, what: str, name: str) -> None:
    # Ids end up in file names, so anything that could climb out of a folder is refused here.
    if not name:
        raise MerBenchError(f"{annotation.origin} names no {what}; complete or remove the row")
    if len(name) > SHOWN or not _NAME.fullmatch(name) or ".." in name:
        raise MerBenchError(
            f"{annotation.origin}: {what} {shown(name)!r} is not a name of at most {SHOWN} letters, digits, '_', '-' "
            "and single dots; correct the row"
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
