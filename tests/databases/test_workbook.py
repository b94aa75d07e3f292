from __future__ import annotations

import datetime
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl
import pytest

from mer_bench.databases import archive_checks, workbook
from mer_bench.databases.workbook import WorkbookRow, looks_like, read_sheet
from mer_bench.errors import MerBenchError

COLUMNS = ("Subject", "Filename", "OnsetFrame")
HEADER = ["Subject", "Filename", None, "OnsetFrame", "ApexFrame"]
FIRST = ["01", "EP02_01f", None, 46, 59]
SHEET = "xl/worksheets/sheet1.xml"


def write(path: Path, **sheets: Sequence[Sequence[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def rezip(path: Path, change: Callable[[dict[str, bytes]], None], packing: int = zipfile.ZIP_DEFLATED) -> Path:
    """Change the parts of a workbook in place."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def replaced(old: bytes, new: bytes, part: str = SHEET) -> Callable[[dict[str, bytes]], None]:
    def change(parts: dict[str, bytes]) -> None:
        assert old in parts[part]
        parts[part] = parts[part].replace(old, new, 1)

    return change


def error_of(path: Path, columns: Sequence[str] = COLUMNS, sheet: str | None = None) -> str:
    with pytest.raises(MerBenchError) as caught:
        read_sheet(path, columns=columns, sheet=sheet)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def coding(tmp_path: Path) -> Path:
    return write(tmp_path / "coding.xlsx", Sheet1=[HEADER, FIRST, ["01", "EP03_02", None, 78.0, "/"]], Sheet2=[])


def row_of(value: object) -> WorkbookRow:
    return WorkbookRow("a.xlsx row 37", 37, {"ApexFrame": value})


# The table


def test_rows_are_read_by_column_name_with_their_origin(coding: Path) -> None:
    first, second = read_sheet(coding, columns=COLUMNS, optional=("ApexFrame", "Notes"))
    assert (first.origin, first.number) == ("coding.xlsx row 2", 2)
    assert first.cells == {"Subject": "01", "Filename": "EP02_01f", "OnsetFrame": 46, "ApexFrame": 59, "Notes": None}
    assert (second.text("Subject"), second.frame("OnsetFrame"), second.text("ApexFrame")) == ("01", 78, "/")
    assert second.text("Notes") == ""


def test_headers_match_whatever_their_capitals_and_spaces_and_empty_rows_are_left_out(tmp_path: Path) -> None:
    rows = [[" subject", "FILE\nNAME ", "Onset  Frame"], ["6", "6_1", 1], [], ["  ", None, None, "x"], ["7", "7_1", 2]]
    first, second = read_sheet(write(tmp_path / "a.xlsx", S=rows), columns=("Subject", "Filename", "Onset Frame"))
    assert first.cells == {"Subject": "6", "Filename": "6_1", "Onset Frame": 1}
    assert second.number == 5


@pytest.mark.parametrize("notes", [0, 39])
def test_the_header_is_found_where_notes_above_it_were_deleted_or_added(tmp_path: Path, notes: int) -> None:
    rows = [[f"note {number}"] for number in range(notes)]
    path = write(tmp_path / "samm.xlsx", MICRO_ONLY=[*rows, HEADER, FIRST])
    (row,) = read_sheet(path, columns=COLUMNS, sheet="MICRO_ONLY", header_row=14)
    assert row.number == notes + 2


def test_the_stated_header_row_has_priority_over_another_one_like_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", S=[HEADER, FIRST, HEADER, ["02", "EP01", None, 7, 8]])
    assert [row.text("Subject") for row in read_sheet(path, columns=COLUMNS, header_row=3)] == ["02"]
    assert len(read_sheet(path, columns=COLUMNS)) == 3


def test_without_a_name_the_first_sheet_with_the_columns_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", notes=[["read me"]], empty=[], label=[HEADER, FIRST], copy=[HEADER, FIRST, FIRST])
    assert len(read_sheet(path, columns=COLUMNS)) == 1
    assert len(read_sheet(path, columns=COLUMNS, sheet="COPY ")) == 2
    assert looks_like(path, COLUMNS)
    assert looks_like(path, COLUMNS, sheet="label")
    assert not looks_like(path, COLUMNS, sheet="notes")
    assert not looks_like(path, ("Subject", "Mood"))
    assert not looks_like(tmp_path / "none.xlsx", COLUMNS)


def test_a_wrong_statement_of_the_sheet_s_size_loses_no_rows(coding: Path) -> None:
    rezip(coding, replaced(b'ref="A1:E3"', b'ref="A1:A2"'))
    assert [row.frame("OnsetFrame") for row in read_sheet(coding, columns=COLUMNS)] == [46, 78]


@pytest.mark.parametrize(
    ("rows", "columns", "sheet", "complaint"),
    [
        ([HEADER, FIRST], COLUMNS, "Sheet11", "has no sheet 'Sheet11' (did you mean 'Sheet1'?); its sheets: 'Sheet1'"),
        (
            *([["note"], HEADER, FIRST], ("Subject", "Onset Frames"), None),
            "has no column 'Onset Frames' (did you mean 'OnsetFrame'?) in row 2, which of its first 40 rows is most "
            "like the header and has: 'Subject', 'Filename', 'OnsetFrame', 'ApexFrame'; give it",
        ),
        ([["Subject", "subject ", *COLUMNS[1:]]], COLUMNS, None, "row 1 has the column 'Subject' 2 times; rename or"),
        ([["note"], HEADER, [], [" "]], COLUMNS, None, "sheet 'Sheet1' has its header in row 2 and no rows below it"),
        ([], COLUMNS, None, "has only empty sheets"),
    ],
)
def test_a_table_that_is_not_as_expected_is_refused(
    tmp_path: Path, rows: list[list[object]], columns: tuple[str, ...], sheet: str | None, complaint: str
) -> None:
    assert complaint in error_of(write(tmp_path / "a.xlsx", Sheet1=rows), columns, sheet)


def test_rows_far_below_the_table_are_refused(coding: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 1000)
    monkeypatch.setattr(workbook, "_EXCEL_ROWS", 10_000)
    rezip(coding, replaced(b"</sheetData>", b'<row r="2000"><c r="A2000"/></row></sheetData>'))
    assert len(read_sheet(coding, columns=COLUMNS)) == 2, "formatting alone is no row"
    rezip(coding, replaced(b'<c r="A2000"/>', b'<c r="A2000"><v>1</v></c>'))
    assert "sheet 'Sheet1' continues below row 1000" in error_of(coding)
    rezip(coding, replaced(b'r="2000"', b'r="99999999999999"'))
    assert "sheet 'Sheet1' continues below row 1000" in error_of(coding)


# Cells


@pytest.mark.parametrize(("value", "number"), [(46.0, 46), (" 046 ", 46), (0, 0), (999_999_999, 999_999_999)])
def test_a_frame_number_may_be_a_number_or_text(value: object, number: int) -> None:
    assert row_of(value).frame("ApexFrame") == number


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (None, "is empty; enter the frame number"),
        ("/", "holds '/', which is not a frame number (a whole number from 0 to 999999999)"),
        ("x" * 500, f"holds '{'x' * 40}...', which is not"),
        ("a\nb", r"holds 'a\nb', which is not"),
        (-1, "holds '-1', which is not"),
        (46.5, "holds '46.5', which is not"),
        (10**9, "holds '1000000000', which is not"),
        pytest.param(10**6000, "holds '1.000e+6000', which is not", id="huge"),
        ("\u0661\u0662", "which is not a frame number"),
        (True, "holds 'TRUE', which is not"),
        ("#REF!", "holds the Excel error '#REF!'; correct the cell"),
        (datetime.datetime(2014, 5, 8), "holds the date or time '2014-05-08 00:00:00'; format the cell as a number"),
    ],
)
def test_another_value_is_refused_with_row_column_value_and_cure(value: object, complaint: str) -> None:
    with pytest.raises(MerBenchError) as caught:
        row_of(value).frame("ApexFrame")
    assert str(caught.value).startswith("a.xlsx row 37: column 'ApexFrame' ")
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (46, "46"), (46.0, "46"), (4.5, "4.5"), (" L12 or L14 ", "L12 or L14")]
)
def test_a_cell_reads_as_the_text_that_excel_shows(value: object, text: str) -> None:
    assert row_of(value).text("ApexFrame") == text
    with pytest.raises(MerBenchError, match=r"row 37: column 'ApexFrame' holds the Excel error '#NAME\?'; correct"):
        row_of("#NAME?").text("ApexFrame")


def test_a_formula_without_a_stored_value_is_distinguished_from_an_empty_cell(tmp_path: Path) -> None:
    rows = [HEADER, ["=A2", "a", "=1+1", "=40+6", None], ["01", "b", None, None, None]]
    first, second = read_sheet(write(tmp_path / "a.xlsx", S=rows), columns=COLUMNS)
    never = "holds a formula whose value was never stored; open the file in Excel or LibreOffice, save it and try again"
    for read, column in ((first.frame, "OnsetFrame"), (first.text, "Subject")):
        with pytest.raises(MerBenchError, match=rf"^a\.xlsx row 2: column '{column}' {never}$"):
            read(column)
    with pytest.raises(MerBenchError, match=r"row 3: column 'OnsetFrame' is empty; enter"):
        second.frame("OnsetFrame")


def test_a_formula_with_a_stored_value_has_that_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", S=[HEADER, ["01", "a", None, "=40+6", '=""']])
    rezip(path, replaced(b"<f>40+6</f><v />", b"<f>40+6</f><v>46</v>"))
    rezip(path, replaced(b'<c r="E2"><f>""</f><v />', b'<c r="E2" t="str"><f>""</f><v></v>'))
    (row,) = read_sheet(path, columns=(*COLUMNS, "ApexFrame"))
    assert (row.frame("OnsetFrame"), row.text("ApexFrame")) == (46, "")


def test_a_formula_that_openpyxl_cannot_read_has_its_stored_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", S=[COLUMNS, ("1", "EP01", 46), ("2", "EP02", 47)])
    unreadable = b'<f t="shared" ref="C2:C3" si="0">A2+"x</f>'
    rezip(path, replaced(b"<v>46</v>", unreadable + b"<v>46</v>"))
    rezip(path, replaced(b"<v>47</v>", b'<f t="shared" si="0"/><v>47</v>'))

    assert [row.frame("OnsetFrame") for row in read_sheet(path, columns=COLUMNS)] == [46, 47]


def test_a_text_that_excel_could_not_hold_is_refused(coding: Path) -> None:
    rezip(coding, replaced(b"EP02_01f", b"x" * 32_768))
    assert "coding.xlsx row 2 holds a text of 32768 characters, more than Excel allows" in error_of(coding)


# The file


@pytest.mark.parametrize(
    ("content", "complaint", "cure"),
    [
        pytest.param(bytes((16 << 20) + 1), "more than 16 MiB", "give the annotation workbook", id="large"),
        (b"", "is empty (0 bytes)", "give the annotation workbook (.xlsx) of the release"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 64, "is an old .xls or has a password", "save it as .xlsx"),
        (b"Subject,Filename\n", "is not an .xlsx workbook: it starts with b'Subject,'", "save it as .xlsx"),
        (b"PK\x03\x04" + b"\0" * 60, "is damaged or is not an .xlsx workbook (BadZipFile", "restore it"),
    ],
)
def test_another_file_is_refused_with_its_cure(tmp_path: Path, content: bytes, complaint: str, cure: str) -> None:
    assert "does not exist; give the annotation workbook" in error_of(tmp_path / "a.xlsx")
    (tmp_path / "a.xlsx").write_bytes(content)
    message = error_of(tmp_path / "a.xlsx")
    assert complaint in message
    assert cure in message


def test_a_zip_bomb_is_refused_before_it_is_unpacked(coding: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_checks, "MOST_UNPACKED_BYTES", 200_000)
    assert read_sheet(coding, columns=COLUMNS)
    rezip(coding, lambda parts: parts.update({"xl/bomb.xml": b"0" * 200_001}))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_, **__: pytest.fail("unpacked"))
    assert "in 11 parts, too much for an annotation workbook" in error_of(coding)


def test_too_many_parts_or_another_packing_is_refused(coding: Path) -> None:
    rezip(coding, lambda parts: None, packing=zipfile.ZIP_LZMA)
    assert "is encrypted, or packed in a way unknown to .xlsx" in error_of(coding)
    rezip(coding, lambda parts: parts.update({f"xl/{number}.xml": b"" for number in range(1000)}))
    assert "parts, too much for an annotation workbook" in error_of(coding)


def test_too_many_cells_are_refused_before_openpyxl_builds_them(coding: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_checks, "MOST_ELEMENTS", 2000)
    assert read_sheet(coding, columns=COLUMNS)
    monkeypatch.setattr(openpyxl, "load_workbook", lambda *_, **__: pytest.fail("parsed"))
    rezip(coding, replaced(b"</sheetData>", b"<row>" + b"<c/>" * 2000 + b"</row></sheetData>"))
    assert "holds more than 2000 cells" in error_of(coding)


@pytest.mark.parametrize(("part", "encoding"), [("xl/workbook.xml", "utf-16"), (SHEET, "utf-8")])
def test_entities_are_refused_in_any_part_and_encoding(coding: Path, part: str, encoding: str) -> None:
    head = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE w [<!ENTITY a0 "ha">]><w>&a0;</w>'
    rezip(coding, lambda parts: parts.update({part: head.encode(encoding)}))
    assert f"part {part!r} has a document type (DOCTYPE)" in error_of(coding)
