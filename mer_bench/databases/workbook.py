"""Read an annotation workbook (.xlsx) of unknown origin: return its rows, or raise one sentence on what is wrong."""

from __future__ import annotations

import datetime
import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.cell.cell import ERROR_CODES

from mer_bench.databases.archive_checks import RESAVE, read_archive
from mer_bench.errors import MerBenchError, did_you_mean, reason_of

MOST_ROWS = 100_000
"""The longest table that is read; the official ones have fewer than a thousand rows."""

SHOWN = 40
"""How many characters of a name or a cell a message shows."""

_MOST_COLUMNS = 256
_EXCEL_ROWS = 1_048_576
_HEADER_SEARCH = 40
_LONGEST_HEADER = 200
_LONGEST_TEXT = 32_767
_LISTED = 20

_UNSTORED = object()
"""The value of a formula whose result no program has stored."""

_Sheet = Any
"""An openpyxl ``ReadOnlyWorksheet``: the library has no types."""


@dataclass(frozen=True)
class WorkbookRow:
    """One row of an annotation table.

    A bad cell raises only when it is read, so that a reader can list every bad row.

    Parameters
    ----------
    origin : str
        File name and row for messages: ``"CASME2-coding-20140508.xlsx row 37"``.
    number : int
        Excel's row number.
    cells : mapping of str to object
        Each column requested from `read_sheet`, under the requested name, to the cell's value; None if the cell is
        empty or an optional column is missing.
    """

    origin: str
    number: int
    cells: Mapping[str, object]

    def text(self, column: str) -> str:
        """Return a cell as text, stripped: ``""`` if it is empty, ``"46"`` for 46 and for 46.0.

        Raises
        ------
        MerBenchError
            The cell holds an Excel error, or a formula whose result was never stored.
        """
        value = self.cells[column]
        if _is_error(value) or value is _UNSTORED:
            raise MerBenchError(f"{self.origin}: column {column!r} {_fault(value)}")
        return _as_text(value)

    def frame(self, column: str) -> int:
        """Return a cell as a frame number, a whole number of at most nine digits.

        Raises
        ------
        MerBenchError
            It is not one: the message names row, column, value and cure.
        """
        value = self.cells[column]
        text = _as_text(value)
        if not re.fullmatch("[0-9]{1,9}", text):
            raise MerBenchError(f"{self.origin}: column {column!r} {_fault(value)}")
        return int(text)


def read_sheet(
    path: Path,
    *,
    columns: Sequence[str],
    sheet: str | None = None,
    header_row: int = 1,
    optional: Sequence[str] = (),
) -> list[WorkbookRow]:
    """Read the table below a header row.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        The required headers; capitals, spaces and line breaks are ignored.
    sheet : str, optional
        The sheet's name; without it, the first sheet with such a header row.
    header_row : int
        Row of the header in the release; if it is not there, the first 40 rows are searched.
    optional : sequence of str
        Headers that may be missing.

    Returns
    -------
    list of WorkbookRow
        In the sheet's order, without rows in which all these columns are empty.

    Raises
    ------
    MerBenchError
        The file is not such a workbook, is damaged, too large or unsafe, or has no such sheet, columns or rows.
    """
    with _opened(path) as books:
        table, header, places = _find_header(
            path.name, _chosen(path.name, list(books), sheet), columns, optional, header_row
        )
        empty = dict.fromkeys((*columns, *optional))
        read = [
            WorkbookRow(f"{path.name} row {number}", number, {**empty, **cells})
            for number, cells in _body(path.name, table, books[table], header, places)
        ]
    if not read:
        where = f"{path.name}: sheet {table.title!r} has its header in row {header}"
        raise MerBenchError(f"{where} and no rows below it; restore the file from the release")
    return read


def looks_like(path: Path, columns: Sequence[str], sheet: str | None = None) -> bool:
    """Return whether ``path`` is a readable workbook with such a header row; reads no rows below it."""
    try:
        with _opened(path) as books:
            _find_header(path.name, _chosen(path.name, list(books), sheet), columns, (), 1)
    except MerBenchError:
        return False
    return True


@contextmanager
def _opened(path: Path) -> Iterator[dict[_Sheet, _Sheet]]:
    """Yield each sheet with values, mapped to the same sheet with formulas.

    Any failure, in the file or in openpyxl, is a `MerBenchError`.
    """
    try:
        # openpyxl warns about what it ignores (styles, validation, extensions), none of which affects a cell's value.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = read_archive(path)
            values, formulas = (_sheets(content, data_only=data_only) for data_only in (True, False))
            yield dict(zip(values, formulas, strict=True))
    except MerBenchError:
        raise
    except Exception as error:  # a mutated file makes openpyxl raise almost anything
        raise MerBenchError(
            f"{path.name} is damaged or is not an .xlsx workbook ({reason_of(error.__cause__ or error)}); "
            f"restore it from the release, or {RESAVE}"
        ) from error


def _sheets(content: bytes, *, data_only: bool) -> list[_Sheet]:
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=data_only, keep_links=False)
    for sheet in book.worksheets:
        # The stored dimensions are often wrong, and rows beyond them would be lost.
        sheet.reset_dimensions()
    return list(book.worksheets)


def _chosen(name: str, sheets: list[_Sheet], wanted: str | None) -> list[_Sheet]:
    if wanted is None:
        return sheets
    for same in (str, _normal):
        matches = [sheet for sheet in sheets if same(sheet.title) == same(wanted)]
        if matches:
            return matches[:1]
    titles = [str(sheet.title) for sheet in sheets]
    raise MerBenchError(
        f"{name} has no sheet {wanted!r}{did_you_mean(wanted, titles)}; its sheets: {_listed(titles)}; "
        "rename the sheet or restore the file from the release"
    )


def _find_header(
    name: str, sheets: list[_Sheet], columns: Sequence[str], optional: Sequence[str], header_row: int
) -> tuple[_Sheet, int, dict[str, int]]:
    """Return the sheet, the row number of the header, and the index of each existing column."""
    candidates = []
    for sheet in sheets:
        rows = _rows(sheet, max(_HEADER_SEARCH, header_row))
        top = {number: [_as_text(cell.value)[:_LONGEST_HEADER] for cell in row] for number, row in rows}
        for number in sorted(top, key=lambda number: (number != header_row, number)):
            n_present = len({_normal(header) for header in top[number]} & {_normal(column) for column in columns})
            if n_present == len(columns):
                return sheet, number, _places(f"{name} row {number}", top[number], (*columns, *optional))
            candidates.append((n_present, sheet.title, number, top[number]))
    if not candidates:
        raise MerBenchError(f"{name} has only empty sheets; restore the file from the release")
    _, title, number, headers = max(candidates, key=lambda candidate: candidate[0])
    present = [header for header in headers if header]
    missing = next(column for column in columns if _normal(column) not in map(_normal, present))
    raise MerBenchError(
        f"{name}: sheet {title!r} has no column {missing!r}{did_you_mean(missing, present)} in row {number}, which of "
        f"its first {_HEADER_SEARCH} rows is most like the header and has: {_listed(present)}; give it the columns "
        f"{_listed(columns)}"
    )


def _places(origin: str, headers: list[str], wanted: Sequence[str]) -> dict[str, int]:
    normal = [_normal(header) for header in headers]
    for column in wanted:
        times = normal.count(_normal(column))
        if times > 1:
            raise MerBenchError(f"{origin} has the column {column!r} {times} times; rename or remove all but one")
    return {column: normal.index(_normal(column)) for column in wanted if _normal(column) in normal}


def _body(
    name: str, values: _Sheet, formulas: _Sheet, header: int, places: Mapping[str, int]
) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield number and values by column of every row below the header that is not empty in these columns."""
    for (number, row), (_, stated) in zip(_rows(values, _EXCEL_ROWS + 1), _formula_rows(formulas), strict=False):
        # Formatting without values may reach down to Excel's last row.
        if number > _EXCEL_ROWS or (
            number > MOST_ROWS and any(row[place].value is not None for place in places.values())
        ):
            raise MerBenchError(
                f"{name}: sheet {values.title!r} continues below row {MOST_ROWS}, too far for an annotation workbook; "
                "delete what is below the table"
            )
        if number > header:
            known = stated or (None,) * len(row)
            cells = {column: _value(f"{name} row {number}", row[at], known[at]) for column, at in places.items()}
            if any(_as_text(value) for value in cells.values()):
                yield number, cells


def _rows(sheet: _Sheet, most: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield Excel's number and the cells of the first ``most`` rows."""
    # Missing rows come as empty ones: very many if a row's number is absurd.
    return enumerate(islice(sheet.iter_rows(max_col=_MOST_COLUMNS), most), start=1)


def _formula_rows(sheet: _Sheet) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield rows as `_rows` does; after a formula that openpyxl cannot read, endless empty ones.

    The stored results of the formulas remain valid.
    """
    with suppress(Exception):
        yield from _rows(sheet, _EXCEL_ROWS + 1)
    yield from repeat((0, ()))


def _value(origin: str, cell: Any, stated: Any) -> object:
    value: object = cell.value
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        raise MerBenchError(f"{origin} holds a text of {len(value)} characters, more than Excel allows; shorten it")
    # A formula whose stored result is the empty text is of type "str"; one without a stored result is of type "n".
    if value is None and stated is not None and stated.value is not None and cell.data_type != "str":
        return _UNSTORED
    return value


def _is_error(value: object) -> bool:
    return isinstance(value, str) and value.strip() in ERROR_CODES


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and value.bit_length() > 1000:
        # Python refuses to print whole numbers of many thousand digits.
        return f"{Decimal(value):.3e}"
    return str(value).strip()


def _fault(value: object) -> str:
    """Return what is wrong with a cell, and what fixes it."""
    if value is _UNSTORED:
        return (
            "holds a formula whose value was never stored; open the file in Excel or LibreOffice, save it and try again"
        )
    text = _as_text(value)
    if not text:
        return "is empty; enter the frame number"
    shown = repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")
    if _is_error(value):
        return f"holds the Excel error {shown}; correct the cell"
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta)):
        return f"holds the date or time {shown}; format the cell as a number and enter the frame number"
    return f"holds {shown}, which is not a frame number (a whole number from 0 to 999999999); correct the cell"


def _normal(header: object) -> str:
    return "".join(str(header).split()).casefold()


def _listed(names: Sequence[str]) -> str:
    shown = [repr(name[:SHOWN]) for name in names[:_LISTED]]
    return ", ".join(shown + ["..."] * (len(names) > _LISTED)) or "none"
