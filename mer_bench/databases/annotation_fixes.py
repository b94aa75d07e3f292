"""Known errors in the releases' annotations, and their corrections: one TOML table of them a database."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mer_bench.databases.annotation_table import Annotation, Unread
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.samples import canonical_clip, canonical_subject

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OUT_OF_ORDER = "out-of-order"
"""As `Fix.old`: whatever numbers stand there, where onset <= apex <= offset does not hold."""

_FOLDER = Path(__file__).parent / "fixes"
_COLUMNS = ("onset", "apex", "offset")
_EDITION_KEYS = ("rows", "row", "sample")
_KEYS = ("sample", "row", "column", "old", "new", "reason", "source")
_SAMPLE = re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Fix:
    """One correction.

    Parameters
    ----------
    sample : str
        ``subject/clip`` as in a sample id, without CAS(ME)^3's onset; empty where only a row number is known.
    row : int
        Excel's row number; 0 where ``sample`` says enough. Where both are given, both must fit.
    column : {"onset", "apex", "offset"}
    old : str
        What must stand there, or `OUT_OF_ORDER`: a copy that has been corrected already is left alone.
    new : int
    reason, source : str
        For the note that goes with every correction.

    Notes
    -----
    A correction that knows its row alone is for one edition of the workbook: in another, that row is another sample.
    """

    sample: str
    row: int
    column: str
    old: str
    new: int
    reason: str
    source: str

    def fits(self, annotation: Annotation) -> bool:
        """Say whether this correction is meant for the annotation as it stands."""
        if self.sample and self.sample != f"{annotation.subject}/{annotation.clip}":
            return False
        if self.row and self.row != annotation.row:
            return False
        if self.old == OUT_OF_ORDER:
            return annotation.numbers is not None and not annotation.in_order
        return self.old == _printed(annotation, self.column)


@dataclass(frozen=True)
class Edition:
    """By what the edition of a workbook is known whose row numbers are stated: its length, and one row's sample."""

    rows: int
    row: int
    sample: str

    def fits(self, annotations: Sequence[Annotation]) -> bool:
        """Say whether these annotations are the edition's."""
        return len(annotations) == self.rows and any(
            annotation.row == self.row and f"{annotation.subject}/{annotation.clip}" == self.sample
            for annotation in annotations
        )


@dataclass(frozen=True)
class FixTable:
    """The known corrections of a database, and the edition that those by row number alone are for."""

    fixes: tuple[Fix, ...] = ()
    edition: Edition | None = None

    def fitting(self, annotations: Sequence[Annotation]) -> tuple[Fix, ...]:
        """Return the corrections that are meant for a table of annotations, be it this edition or another."""
        known = self.edition is not None and self.edition.fits(annotations)
        return tuple(fix for fix in self.fixes if fix.sample or known)


def load_fixes(database: str, folder: Path = _FOLDER) -> FixTable:
    """Return the known corrections of a database.

    Raises
    ------
    MerBenchError
        The table is not as it must be: the message names file, number and key.
    """
    file = folder / f"{database}.toml"
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MerBenchError(f"{file} cannot be read ({error}); install mer-bench again") from error
    tables, edition = content.pop("fix", []), content.pop("edition", None)
    if content or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise MerBenchError(f"{file} may hold tables [[fix]] and one [edition] alone; correct it")
    fixes = tuple(_read_fix(f"{file} fix {number}", database, table) for number, table in enumerate(tables, start=1))
    for fix in fixes:
        if len([other for other in fixes if _target(other) == _target(fix)]) > 1:
            raise MerBenchError(f"{file} corrects the {fix.column} of {fix.sample or f'row {fix.row}'} twice; keep one")
        if not fix.sample and edition is None:
            raise MerBenchError(f"{file} corrects row {fix.row} of no stated edition; add [edition] or name the sample")
    return FixTable(fixes, None if edition is None else _read_edition(f"{file} [edition]", database, edition))


def apply_fixes(fixes: Sequence[Fix], annotation: Annotation) -> tuple[Annotation, tuple[str, ...]]:
    """Return an annotation with its corrections, and a sentence for each.

    A row's corrections are applied together, and only where onset <= apex <= offset holds after them.
    """
    fitting = [fix for fix in fixes if fix.fits(annotation)]
    changes: dict[str, Any] = {fix.column: fix.new for fix in fitting}
    fixed = replace(annotation, **changes)
    if not fitting or not fixed.in_order:
        return annotation, ()
    return fixed, tuple(
        f"{annotation.where}: {fix.column} {_printed(annotation, fix.column)!r} is read as {fix.new}: {fix.reason} "
        f"({fix.source})"
        for fix in fitting
    )


def _target(fix: Fix) -> tuple[str, int, str]:
    return fix.sample, fix.row, fix.column


def _printed(annotation: Annotation, column: str) -> str:
    cell = getattr(annotation, column)
    return cell.text if isinstance(cell, Unread) else str(cell)


def _read_edition(where: str, database: str, table: object) -> Edition:
    if not isinstance(table, dict):
        raise MerBenchError(f"{where} = {table!r} is not a table; correct it")
    _check_keys(where, table, _EDITION_KEYS)
    return Edition(
        rows=_number(where, table, "rows", 1),
        row=_number(where, table, "row", 2),
        sample=_sample(where, database, table),
    )


def _read_fix(where: str, database: str, table: Mapping[str, object]) -> Fix:
    _check_keys(where, table, _KEYS)
    if "sample" not in table and "row" not in table:
        raise MerBenchError(f"{where} names neither sample nor row; name one")
    sample = _sample(where, database, table) if "sample" in table else ""
    column = _text(where, table, "column")
    if column not in _COLUMNS:
        raise MerBenchError(f"{where}: column = {column!r} is not one of: {', '.join(_COLUMNS)}")
    return Fix(
        sample=sample,
        row=_number(where, table, "row", 2) if "row" in table else 0,
        column=column,
        old=_text(where, table, "old"),
        new=_number(where, table, "new", 0),
        reason=_text(where, table, "reason"),
        source=_text(where, table, "source"),
    )


def _check_keys(where: str, table: Mapping[str, object], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise MerBenchError(f"{where}: unknown key {key!r}{did_you_mean(key, known)}; known: {', '.join(known)}")


def _sample(where: str, database: str, table: Mapping[str, object]) -> str:
    sample = _text(where, table, "sample")
    if not _SAMPLE.fullmatch(sample):
        raise MerBenchError(f"{where}: sample = {sample!r} is not of the form subject/clip")
    subject, clip = sample.split("/")
    return f"{canonical_subject(database, subject)}/{canonical_clip(database, clip)}"


def _text(where: str, table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise MerBenchError(f"{where}: {key} = {value!r} is not a text; state it")
    return value


def _number(where: str, table: Mapping[str, object], key: str, minimum: int) -> int:
    value = table.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise MerBenchError(f"{where}: {key} = {value!r} is not a whole number of at least {minimum}; state it")
    return value
