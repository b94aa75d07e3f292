"""Label lists: the CSVs of HTNet and CausalNet with a header, MEGC2019's official one without."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from mer_bench.bounded_files import open_bounded, read_bounded
from mer_bench.databases.annotation_table import check_name
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.samples import DATABASES, SMIC_CODES, Sample, canonical_clip, canonical_subject

EMOTIONS = {str(label): emotion for label, emotion in enumerate(SMIC_CODES)}
"""MEGC2019's class map."""

_COLUMNS = ("dataset", "sub", "filename_o", "label")
_ONSET, _APEX = "onset", "apex"
_CASME3 = {"sub": "subject", "filename_o": "filename", _ONSET: "onset", _APEX: "apex", "label": "label_for_3"}
"""HTNet's list of CAS(ME)^3, ``cas(me)3_part_A_edited.csv``, names the same columns so, and no database."""
_HEAD_BYTES = 4096
_MOST_BYTES = 16 << 20
_WHAT = "a list of samples", "set the option labels to the CSV of the samples"


def read_labels(path: Path) -> list[Sample]:
    """Read every row of a label CSV.

    With a header the columns ``dataset, sub, filename_o, label`` are required, in any order; CAS(ME)^3
    needs ``onset`` too, because its clip names repeat, and may have ``apex``. HTNet's list of CAS(ME)^3 has
    ``Subject, Filename, Onset, Apex, label_for_3``. Without a header, the columns are
    ``database, subject, clip, label``, and blank lines between the rows are skipped.

    Parameters
    ----------
    path : Path
        The CSV: UTF-8, with or without a byte order mark.

    Returns
    -------
    list of Sample
        In the file's order; ids canonical, ``emotion`` one of ``negative``, ``positive``, ``surprise``; only those of
        CAS(ME)^3 have an onset and, if it is stated, an apex.

    Raises
    ------
    MerBenchError
        The file cannot be read as such a CSV, or a row of it cannot be used.
    """
    rows = _parse(path.name, _decode(path))
    if not rows:
        raise MerBenchError(f"{path.name} has no rows; give one line per sample: database,subject,clip,label")
    columns, has_header = _find_columns(path.name, *rows[0])
    body = rows[1:] if has_header else rows
    if not body:
        raise MerBenchError(f"{path.name} has a header but no rows; give one line per sample")
    return [_read_row(f"{path.name} row {number}", cells, columns) for number, cells in body]


def is_label_csv(path: Path) -> bool:
    """Return whether the file starts like a label CSV; reads only its first few kilobytes."""
    try:
        with open_bounded(path, _MOST_BYTES, *_WHAT) as file:
            head = file.read(_HEAD_BYTES).decode("utf-8-sig", errors="replace")
        rows = _parse(path.name, head)
        return bool(rows) and bool(_find_columns(path.name, *rows[0]))
    except MerBenchError:
        return False


def _decode(path: Path) -> str:
    content = read_bounded(path, _MOST_BYTES, *_WHAT, may_be_empty=True)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise MerBenchError(
            f"{path.name} is not UTF-8 text: byte 0x{byte:02x} at position {error.start}; save it again as CSV UTF-8"
        ) from None


def _parse(name: str, text: str) -> list[tuple[int, list[str]]]:
    """Return (line number, stripped cells) of every row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise MerBenchError(f"{name} row {reader.line_num} is not valid CSV: {error}; correct the row") from None
    return [(number, cells) for number, cells in rows if any(cells)]


def _find_columns(name: str, number: int, first: list[str]) -> tuple[dict[str, int], bool]:
    """Return the index of each column, and whether the first row is a header."""
    cells = [cell.lower() for cell in first]
    if cells[0] in DATABASES:
        return {column: place for place, column in enumerate(_COLUMNS)}, False
    if "dataset" not in cells and set(_CASME3.values()) <= set(cells):
        return {column: _place(name, number, cells, header) for column, header in _CASME3.items()}, True
    separator = next((sign for sign in ";\t|" if sign in first[0]), None)
    if len(cells) == 1 and separator is not None:
        raise MerBenchError(f"{name} is separated by {separator!r}; save it again with commas between the cells")
    if not set(cells) & set(_COLUMNS):
        raise MerBenchError(
            f"{name} row {number} starts with {first[0]!r}{did_you_mean(cells[0], DATABASES)}, which is neither "
            f"a database ({', '.join(DATABASES)}) nor a header with the columns {', '.join(_COLUMNS)}"
        )
    there = [column for column in (_ONSET, _APEX) if column in cells]
    return {column: _place(name, number, cells, column) for column in (*_COLUMNS, *there)}, True


def _place(name: str, number: int, cells: list[str], column: str) -> int:
    if cells.count(column) != 1:
        raise MerBenchError(
            f"{name} row {number} names the column {column!r} {cells.count(column)} times; "
            f"the header needs each of {', '.join(_COLUMNS)} once"
        )
    return cells.index(column)


def _read_row(origin: str, cells: list[str], columns: dict[str, int]) -> Sample:
    needed = max(place for column, place in columns.items() if column != _APEX) + 1
    if len(cells) < needed:
        raise MerBenchError(f"{origin} has {len(cells)} of the {needed} required cells; complete the row")
    row = {column: cells[place] for column, place in columns.items() if place < len(cells)}
    database = row.setdefault("dataset", "casme3").lower()
    if database not in DATABASES:
        guess = did_you_mean(database, DATABASES)
        raise MerBenchError(f"{origin}: unknown database {row['dataset']!r}{guess}; known: {', '.join(DATABASES)}")
    check_name(origin, "subject", row["sub"])
    check_name(origin, "clip", row["filename_o"])
    subject, clip = canonical_subject(database, row["sub"]), canonical_clip(database, row["filename_o"])
    onset = apex = None
    if database == "casme3":
        onset = _checked_onset(origin, row.get(_ONSET))
        apex = _frame_number(origin, _APEX, row[_APEX]) if row.get(_APEX) else None
        clip = f"{clip}@{onset}"
    if row["label"] not in EMOTIONS:
        class_map = ", ".join(f"{label} {emotion}" for label, emotion in EMOTIONS.items())
        raise MerBenchError(
            f"{origin}: label {row['label']!r} of {database}/{subject}/{clip} is outside the class map "
            f"({class_map}); correct or remove the row"
        )
    return Sample(database, subject, clip, EMOTIONS[row["label"]], origin, onset=onset, apex=apex)


def _checked_onset(origin: str, onset: str | None) -> int:
    if onset is None:
        raise MerBenchError(
            f"{origin}: a casme3 clip name is shared by several samples and this CSV has no 'onset' column; "
            "add a header row with the columns dataset,sub,filename_o,label,onset"
        )
    return _frame_number(origin, _ONSET, onset)


def _frame_number(origin: str, column: str, number: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", number):
        raise MerBenchError(f"{origin}: {column} {number!r} is not a frame number; correct the row")
    return int(number)
