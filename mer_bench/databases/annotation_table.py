"""Annotated clips as a release states them, and how its annotation table is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mer_bench.databases.workbook import SHOWN, WorkbookRow, read_sheet
from mer_bench.errors import MerBenchError
from mer_bench.samples import canonical_clip, canonical_subject


@dataclass(frozen=True)
class Unread:
    """A cell that holds no frame number: its text, and the sentence that says what is wrong with it."""

    text: str
    reason: str


FrameCell = int | Unread


@dataclass(frozen=True)
class Annotation:
    """One annotated clip as its release states it, unchecked.

    Parameters
    ----------
    subject, clip : str
        Canonical if they are valid names; the clip of CAS(ME)^3 does not yet include its onset.
    emotion : str
        In lower case.
    onset, apex, offset : int or Unread
    origin : str
        Source of the annotation: file and row, or a folder.
    row : int
        Excel's row number; 0 if the annotation is a folder.
    printed_onset : str
        The onset before any correction; folders may be named after it.
    printed_emotion : str
        What a workbook calls the clip, where ``emotion`` is from elsewhere and differs; otherwise empty.
    folder : Path, optional
        The folder of frames, if the folder itself is the annotation.
    """

    subject: str
    clip: str
    emotion: str
    onset: FrameCell
    apex: FrameCell
    offset: FrameCell
    origin: str
    row: int = 0
    action_units: str = ""
    objective_class: str = ""
    printed_onset: str = ""
    printed_emotion: str = ""
    folder: Path | None = None

    @property
    def name(self) -> str:
        """``subject/clip``, as corrections name a sample."""
        return f"{self.subject}/{self.clip}"

    @property
    def where(self) -> str:
        """How a message names the annotation: source and name."""
        return f"{self.origin} ({shown(self.subject)}/{shown(self.clip)})"

    @property
    def numbers(self) -> tuple[int, int, int] | None:
        """Onset, apex and offset; None if one of them is not a number."""
        match self.onset, self.apex, self.offset:
            case int(onset), int(apex), int(offset):
                return onset, apex, offset
        return None

    @property
    def in_order(self) -> bool:
        """Whether onset <= apex <= offset holds."""
        return self.numbers is not None and list(self.numbers) == sorted(self.numbers)


@dataclass
class Findings:
    """The sentences that `DataSource.problems` and `DataSource.notes` return."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Table:
    """The columns of a release's annotation table: the header for each field of `Annotation`.

    ``action_units`` and ``objective_class`` may be missing from a workbook.
    """

    headers: Mapping[str, str]
    sheet: str | None = None
    header_row: int = 1


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SPARE = ("action_units", "objective_class")


def read_table(path: Path, database: str, table: Table, findings: Findings) -> Iterator[Annotation]:
    """Yield the rows of an annotation workbook; a row without a readable name is added to ``findings``.

    Raises
    ------
    MerBenchError
        The workbook cannot be read at all.
    """
    headers = table.headers
    rows = read_sheet(
        path,
        columns=[header for name, header in headers.items() if name not in _SPARE],
        optional=[headers[name] for name in _SPARE if name in headers],
        sheet=table.sheet,
        header_row=table.header_row,
    )
    for row in rows:
        try:
            subject, clip, emotion = (row.text(headers[name]) for name in ("subject", "clip", "emotion"))
        except MerBenchError as error:
            findings.problems.append(str(error))
            continue
        onset = frame_cell(row, headers["onset"])
        yield Annotation(
            subject=canonical_subject(database, subject),
            clip=canonical_clip(database, clip),
            emotion=emotion.lower(),
            onset=onset,
            apex=frame_cell(row, headers["apex"]),
            offset=frame_cell(row, headers["offset"]),
            origin=row.origin,
            row=row.number,
            action_units=cell_text(row, headers.get("action_units")),
            objective_class=cell_text(row, headers.get("objective_class")),
            printed_onset=onset.text if isinstance(onset, Unread) else str(onset),
        )


def frame_cell(row: WorkbookRow, column: str) -> FrameCell:
    """Return a frame number, or what is wrong with the cell."""
    try:
        return row.frame(column)
    except MerBenchError as error:
        return Unread(cell_text(row, column), str(error))


def cell_text(row: WorkbookRow, column: str | None) -> str:
    """Return a cell's text; empty if there is no such column or value."""
    try:
        return row.text(column) if column else ""
    except MerBenchError:
        return ""


def check_name(origin: str, what: str, name: str) -> None:
    """Refuse an invalid name of a subject or clip: ids become file names, which must not lead out of a folder.

    Raises
    ------
    MerBenchError
        It is empty, too long, or contains anything but letters, digits, ``_``, ``-`` and single dots.
    """
    if not name:
        raise MerBenchError(f"{origin} names no {what}; complete or remove the row")
    if len(name) > SHOWN or not _NAME.fullmatch(name) or ".." in name:
        raise MerBenchError(
            f"{origin}: {what} {shown(name)!r} is not a name of at most {SHOWN} letters, digits, '_', '-' "
            "and single dots; correct the row"
        )


def shown(text: str) -> str:
    """Return a name as a message shows it: no control characters, not too long."""
    plain = "".join(sign if sign.isprintable() else "?" for sign in text[: SHOWN + 1])
    return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}..."
