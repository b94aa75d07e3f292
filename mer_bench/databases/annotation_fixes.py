"""Known errors in the releases' annotations and their corrections: one TOML file per database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mer_bench.databases.annotation_table import Annotation, Unread
from mer_bench.samples import canonical_clip, canonical_subject
from mer_bench.strict_toml import TomlTable, read_toml

OUT_OF_ORDER = "out-of-order"
"""As `Fix.old`: any numbers for which onset <= apex <= offset does not hold."""

_FOLDER = Path(__file__).parent / "fixes"
_COLUMNS = ("onset", "apex", "offset", "emotion")
_FIRST_ROW = 2  # the row above is the header
_SAMPLE = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Fix:
    """One correction: a table ``[[fix]]`` with these fields as keys.

    Parameters
    ----------
    column : {"onset", "apex", "offset", "emotion"}
    old : str
        The value that is corrected, or `OUT_OF_ORDER`; a copy with another value is left unchanged.
    new : int or str
        A frame number, or an emotion in lower case.
    reason, source : str
        For the note about each correction.
    sample : str
        ``subject/clip`` as in a sample id, without CAS(ME)^3's onset; empty where only a row number is known.
    row : int
        Excel's row number; 0 if ``sample`` is enough. If both are given, both must match.

    Notes
    -----
    A correction only by row number is valid for one edition of the workbook; in another, the row is another sample.
    """

    column: str
    old: str
    new: int | str
    reason: str
    source: str
    sample: str = ""
    row: int = 0

    def fits(self, annotation: Annotation) -> bool:
        """Return whether this correction applies to the annotation."""
        if self.sample and self.sample != annotation.name:
            return False
        if self.row and self.row != annotation.row:
            return False
        if self.old == OUT_OF_ORDER:
            return annotation.numbers is not None and not annotation.in_order
        return self.old == _printed(annotation, self.column)


@dataclass(frozen=True)
class Edition:
    """How to recognise the edition that row numbers refer to: its number of rows, and the sample of one row."""

    rows: int
    row: int
    sample: str


@dataclass(frozen=True)
class FixTable:
    """The known corrections of a database, and the edition that row numbers refer to."""

    fixes: tuple[Fix, ...] = ()
    edition: Edition | None = None

    def fitting(self, annotations: Sequence[Annotation]) -> tuple[Fix, ...]:
        """Return the corrections for a table of annotations; those by row number only if it is the stated edition."""
        known = {Edition(len(annotations), annotation.row, annotation.name) for annotation in annotations}
        return tuple(fix for fix in self.fixes if fix.sample or self.edition in known)


def load_fixes(database: str, folder: Path = _FOLDER) -> FixTable:
    """Return the known corrections of a database.

    Raises
    ------
    MerBenchError
        The file is invalid: the message names file, number and key.
    """
    top = read_toml("table of fixes", folder / f"{database}.toml", cure="install mer-bench again")
    top.expect((), optional=("fix", "edition"))
    fixes = tuple(_read_fix(table, database) for table in top.optional("fix", top.array) or ())
    table = top.optional("edition", top.table)
    edition = None if table is None else _read_edition(table, database)
    targets = [(fix.sample, fix.row, fix.column) for fix in fixes]
    for fix, target in zip(fixes, targets, strict=True):
        if targets.count(target) > 1:
            raise top.error(f"corrects the {fix.column} of {fix.sample or f'row {fix.row}'} twice; keep one")
        if not fix.sample and edition is None:
            raise top.error(
                f"corrects row {fix.row} of an edition that is not stated; add [edition] or name the sample"
            )
    return FixTable(fixes, edition)


def apply_fixes(fixes: Sequence[Fix], annotation: Annotation) -> tuple[Annotation, tuple[str, ...]]:
    """Return the corrected annotation, and one sentence per correction.

    The corrections of a row are applied together, and only if onset <= apex <= offset holds afterwards.
    """
    fitting = [fix for fix in fixes if fix.fits(annotation)]
    changes: dict[str, Any] = {fix.column: fix.new for fix in fitting}
    if "emotion" in changes:
        changes["printed_emotion"] = ""
    fixed = replace(annotation, **changes)
    if not fitting or not fixed.in_order:
        return annotation, ()
    return fixed, tuple(
        f"{annotation.where}: {fix.column} {_printed(annotation, fix.column)!r} is read as {fix.new}: {fix.reason} "
        f"({fix.source})"
        for fix in fitting
    )


def _printed(annotation: Annotation, column: str) -> str:
    if column == "emotion" and annotation.printed_emotion:
        return annotation.printed_emotion
    cell = getattr(annotation, column)
    return cell.text if isinstance(cell, Unread) else str(cell)


def _read_edition(table: TomlTable, database: str) -> Edition:
    table.expect_fields(Edition)
    return Edition(table.count("rows"), table.count("row", _FIRST_ROW), _sample(table, database))


def _read_fix(table: TomlTable, database: str) -> Fix:
    table.expect_fields(Fix)
    column = table.choice("column", _COLUMNS)
    fix = Fix(
        column=column,
        old=table.text("old"),
        new=table.text("new") if column == "emotion" else table.count("new", minimum=0),
        reason=table.text("reason"),
        source=table.text("source"),
        sample=_sample(table, database),
        row=table.optional("row", lambda key: table.count(key, _FIRST_ROW)) or 0,
    )
    if not fix.sample and not fix.row:
        raise table.error("names neither sample nor row; name one")
    return fix


def _sample(table: TomlTable, database: str) -> str:
    sample = table.optional("sample", table.text)
    if sample is None:
        return ""
    if not _SAMPLE.fullmatch(sample):
        raise table.wrong("sample", "is not of the form subject/clip")
    subject, clip = sample.split("/")
    return f"{canonical_subject(database, subject)}/{canonical_clip(database, clip)}"
