from __future__ import annotations

import datetime
import io
import os
import warnings
import zipfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mer_bench.databases import archive_checks
from mer_bench.databases.workbook import WorkbookRow, looks_like, read_sheet
from mer_bench.errors import MerBenchError

COLUMNS = ("Subject", "Filename", "OnsetFrame")
HEADER = ["Subject", "Filename", None, "OnsetFrame", "ApexFrame"]
FIRST = ["01", "EP02_01f", None, 46, 59]
CHEAP = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


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


def replaced(part: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
    def change(parts: dict[str, bytes]) -> None:
        assert old in parts[part]
        parts[part] = parts[part].replace(old, new, 1)

    return change


def error_of(path: Path, columns: Sequence[str] = COLUMNS, **options: object) -> str:
    with pytest.raises(MerBenchError) as caught:
        read_sheet(path, columns=columns, **options)  # type: ignore[arg-type]
    assert path.name in str(caught.value)
    return one_sentence(caught.value)


def one_sentence(error: MerBenchError) -> str:
    assert "\n" not in str(error)
    return str(error)


@pytest.fixture
def coding(tmp_path: Path) -> Path:
    return write(tmp_path / "coding.xlsx", Sheet1=[HEADER, FIRST, ["01", "EP03_02", None, 78.0, "/"]], Sheet2=[])


def row_of(value: object) -> WorkbookRow:
    return WorkbookRow("a.xlsx row 37", 37, {"ApexFrame": value})


def test_rows_come_by_column_name_with_the_place_they_came_from(coding: Path) -> None:
    first, second = read_sheet(coding, columns=COLUMNS, optional=("ApexFrame", "Notes"))
    assert (first.origin, first.number) == ("coding.xlsx row 2", 2)
    assert first.cells == {"Subject": "01", "Filename": "EP02_01f", "OnsetFrame": 46, "ApexFrame": 59, "Notes": None}
    assert (second.text("Subject"), second.frame("OnsetFrame"), second.text("ApexFrame")) == ("01", 78, "/")
    assert second.text("Notes") == ""


def test_headers_match_whatever_their_capitals_and_spaces(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", S=[[" subject", "FILE\nNAME ", "Onset  Frame"], ["6", "6_1", 1]])
    (row,) = read_sheet(path, columns=("Subject", "Filename", "Onset Frame"))
    assert row.cells == {"Subject": "6", "Filename": "6_1", "Onset Frame": 1}


@pytest.mark.parametrize("notes", [0, 5, 13, 39])
def test_a_header_is_found_where_the_notes_above_it_were_deleted_or_added(tmp_path: Path, notes: int) -> None:
    rows = [[f"note {number}"] for number in range(notes)]
    path = write(tmp_path / "samm.xlsx", MICRO_ONLY=[*rows, HEADER, FIRST])
    (row,) = read_sheet(path, columns=COLUMNS, sheet="MICRO_ONLY", header_row=14)
    assert row.number == notes + 2


def test_the_stated_header_row_goes_before_another_one_like_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", S=[HEADER, FIRST, HEADER, ["02", "EP01", None, 7, 8]])
    assert [row.text("Subject") for row in read_sheet(path, columns=COLUMNS, header_row=3)] == ["02"]
    assert len(read_sheet(path, columns=COLUMNS)) == 3


def test_without_a_name_the_first_sheet_with_the_columns_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", notes=[["read me"]], empty=[], label=[HEADER, FIRST], copy=[HEADER, FIRST, FIRST])
    assert len(read_sheet(path, columns=COLUMNS)) == 1
    assert len(read_sheet(path, columns=COLUMNS, sheet="copy")) == 2
    assert len(read_sheet(path, columns=COLUMNS, sheet="COPY ")) == 2


def test_rows_with_nothing_in_these_columns_are_left_out(tmp_path: Path) -> None:
    rows = [HEADER, FIRST, [], ["  ", None, "a remark"], ["02", "EP01", None, 7, 8], [None] * 5]
    assert [row.number for row in read_sheet(write(tmp_path / "a.xlsx", S=rows), columns=COLUMNS)] == [2, 5]


def test_a_wrong_statement_of_the_sheets_size_loses_no_rows(coding: Path) -> None:
    rezip(coding, replaced("xl/worksheets/sheet1.xml", b'ref="A1:E3"', b'ref="A1:A2"'))
    assert [row.frame("OnsetFrame") for row in read_sheet(coding, columns=COLUMNS)] == [46, 78]


def test_a_workbook_is_told_from_others(coding: Path, tmp_path: Path) -> None:
    (tmp_path / "text.xlsx").write_text("Subject,Filename,OnsetFrame")
    assert looks_like(coding, COLUMNS)
    assert looks_like(coding, COLUMNS, sheet="Sheet1")
    assert not looks_like(coding, COLUMNS, sheet="Sheet2")
    assert not looks_like(coding, ("Subject", "Mood"))
    assert not looks_like(tmp_path / "text.xlsx", COLUMNS)
    assert not looks_like(tmp_path / "none.xlsx", COLUMNS)


@pytest.mark.parametrize(("value", "number"), [(46, 46), (46.0, 46), ("46", 46), (" 46 ", 46), (0, 0), ("00046", 46)])
def test_a_frame_number_may_be_a_number_or_text(value: object, number: int) -> None:
    assert row_of(value).frame("ApexFrame") == number


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "is empty; enter the frame number"),
        ("  ", "is empty; enter the frame number"),
        ("/", "holds '/', which is not a frame number"),
        ("img46", "holds 'img46', which is not"),
        ("46-59", "holds '46-59', which is not"),
        ("x" * 500, f"holds '{'x' * 40}...', which is not"),
        ("a\nb", r"holds 'a\nb', which is not"),
        (-1, "holds '-1', which is not"),
        (46.5, "holds '46.5', which is not"),
        (float("nan"), "holds 'nan', which is not"),
        (float("inf"), "holds 'inf', which is not"),
        (1e300, "which is not a frame number (a whole number from 0 to 999999999)"),
        (10**9, "holds '1000000000', which is not"),
        pytest.param(10**6000, "holds '1.000e+6000', which is not", id="huge"),
        ("\u0661\u0662", "which is not a frame number"),
        (True, "holds 'TRUE', which is not"),
        ("#REF!", "holds the Excel error '#REF!'; correct the cell"),
        ("#N/A", "holds the Excel error '#N/A'"),
        (datetime.datetime(2014, 5, 8), "holds the date or time '2014-05-08 00:00:00'; format the cell as a number"),
        (datetime.time(1, 2), "holds the date or time '01:02:00'"),
        (datetime.timedelta(days=2), "holds the date or time '2 days, 0:00:00'"),
    ],
)
def test_what_is_no_frame_number_is_said_with_row_column_value_and_cure(value: object, said: str) -> None:
    with pytest.raises(MerBenchError) as caught:
        row_of(value).frame("ApexFrame")
    assert str(caught.value).startswith("a.xlsx row 37: column 'ApexFrame' ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (46, "46"), (46.0, "46"), (4.5, "4.5"), (" L12 or L14 ", "L12 or L14"), (True, "TRUE"), ("", "")],
)
def test_a_cell_reads_as_the_text_that_excel_shows(value: object, text: str) -> None:
    assert row_of(value).text("ApexFrame") == text


def test_an_excel_error_is_no_text() -> None:
    with pytest.raises(MerBenchError, match=r"row 37: column 'ApexFrame' holds the Excel error '#NAME\?'; correct"):
        row_of("#NAME?").text("ApexFrame")


def test_one_bad_row_does_not_keep_the_others_from_being_read(tmp_path: Path) -> None:
    date = datetime.datetime(2014, 5, 8)
    bad = [["02", "b", None, value, 1] for value in ("/", None, date, True, "#REF!", "=A1")]
    path = write(tmp_path / "a.xlsx", S=[HEADER, FIRST, *bad, ["03", "c", None, 5, 6]])
    rows = read_sheet(path, columns=COLUMNS)
    assert [row.text("Subject") for row in rows] == ["01", *["02"] * 6, "03"]
    for row in rows[1:-1]:
        with pytest.raises(MerBenchError, match=rf"^a\.xlsx row {row.number}: column 'OnsetFrame' "):
            row.frame("OnsetFrame")
    assert rows[-1].frame("OnsetFrame") == 5


def test_a_formula_without_a_stored_value_is_told_from_an_empty_cell(tmp_path: Path) -> None:
    rows = [HEADER, ["01", "a", "=1+1", "=40+6", None], ["01", "b", None, None, None], ["=A2", "=B2", None, "=D2"]]
    first, second, third = read_sheet(write(tmp_path / "a.xlsx", S=rows), columns=COLUMNS)
    with pytest.raises(
        MerBenchError,
        match=r"^a\.xlsx row 2: column 'OnsetFrame' holds a formula whose value was never stored; open the file in "
        r"Excel or LibreOffice, save it and try again$",
    ):
        first.frame("OnsetFrame")
    with pytest.raises(MerBenchError, match=r"row 3: column 'OnsetFrame' is empty; enter"):
        second.frame("OnsetFrame")
    with pytest.raises(MerBenchError, match=r"row 4: column 'Subject' holds a formula whose value was never stored"):
        third.text("Subject")


def test_a_formula_with_a_stored_value_has_that_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", S=[HEADER, ["01", "a", None, "=40+6", '=""']])
    sheet = "xl/worksheets/sheet1.xml"
    rezip(path, replaced(sheet, b"<f>40+6</f><v />", b"<f>40+6</f><v>46</v>"))
    rezip(path, replaced(sheet, b'<c r="E2"><f>""</f><v />', b'<c r="E2" t="str"><f>""</f><v></v>'))
    (row,) = read_sheet(path, columns=(*COLUMNS, "ApexFrame"))
    assert (row.frame("OnsetFrame"), row.text("ApexFrame")) == (46, "")


def test_a_formula_that_cannot_be_read_has_its_stored_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", S=[COLUMNS, ("1", "EP01", 46), ("2", "EP02", 47)])
    unreadable = b'<f t="shared" ref="C2:C3" si="0">A2+"x</f>'

    def change(parts: dict[str, bytes]) -> None:
        (name,) = [name for name in parts if name.startswith("xl/worksheets/sheet")]
        sheet = parts[name].replace(b"<v>46</v>", unreadable + b"<v>46</v>")
        parts[name] = sheet.replace(b"<v>47</v>", b'<f t="shared" si="0"/><v>47</v>')

    rows = read_sheet(rezip(path, change), columns=COLUMNS)

    assert [row.frame(COLUMNS[2]) for row in rows] == [46, 47]


def test_a_missing_file_a_folder_or_a_pipe_is_no_workbook(tmp_path: Path) -> None:
    assert "does not exist; give the annotation workbook" in error_of(tmp_path / "a.xlsx")
    assert "is not a file" in error_of(tmp_path)
    os.mkfifo(tmp_path / "pipe.xlsx")
    assert "is not a file" in error_of(tmp_path / "pipe.xlsx")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty (0 bytes)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 64, "is an old .xls or has a password"),
        (b"Subject,Filename\n", "is not an .xlsx workbook: it starts with b'Subject,'"),
        (b"PK\x03\x04" + b"\0" * 60, "is damaged or is not an .xlsx workbook (BadZipFile"),
    ],
)
def test_what_is_no_workbook_is_said_with_what_mends_it(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    message = error_of(path)
    assert said in message
    assert "workbook (.xlsx) of the release" in message or "save it as .xlsx" in message or "restore it" in message


def test_a_workbook_cut_short_is_damaged(coding: Path) -> None:
    content = coding.read_bytes()
    for length in (10, len(content) // 2, len(content) - 1):
        coding.write_bytes(content[:length])
        assert "is damaged or is not an .xlsx workbook" in error_of(coding)


def test_a_zip_without_a_workbook_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("readme.txt", "frames")
    assert "is damaged or is not an .xlsx workbook (KeyError" in error_of(tmp_path / "a.xlsx")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(coding: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rezip(coding, lambda parts: parts.update({"xl/bomb.xml": b"0" * (archive_checks.MOST_UNPACKED_BYTES + 1)}))
    assert coding.stat().st_size < 200_000
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_, **__: pytest.fail("unpacked"))
    assert "in 11 parts, too much for an annotation workbook" in error_of(coding)


def test_a_part_that_unpacks_to_more_than_it_states_is_refused(coding: Path) -> None:
    rezip(coding, lambda parts: parts.update({"xl/bomb.xml": b"0" * 4_000_000}))
    stated, lie = (4_000_000).to_bytes(4, "little"), (64).to_bytes(4, "little")
    content = coding.read_bytes()
    assert content.count(stated) == 2
    coding.write_bytes(content.replace(stated, lie))
    assert "is damaged" in error_of(coding)


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.xlsx").open("wb") as file:
        file.truncate(1 << 40)
    assert "more than 16 MiB" in error_of(tmp_path / "a.xlsx")


def test_too_many_parts_or_another_packing_is_refused(coding: Path) -> None:
    rezip(coding, lambda parts: None, packing=zipfile.ZIP_LZMA)
    assert "is encrypted, or packed in a way unknown to .xlsx" in error_of(coding)
    rezip(coding, lambda parts: parts.update({f"xl/{number}.xml": b"" for number in range(1000)}))
    assert "parts, too much for an annotation workbook" in error_of(coding)


def test_too_many_cells_are_refused_before_openpyxl_builds_them(coding: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_checks, "MOST_ELEMENTS", 2000)
    assert read_sheet(coding, columns=COLUMNS)
    monkeypatch.setattr(openpyxl, "load_workbook", lambda *_, **__: pytest.fail("parsed"))
    rezip(
        coding, replaced("xl/worksheets/sheet1.xml", b"</sheetData>", b"<row>" + b"<c/>" * 2000 + b"</row></sheetData>")
    )
    assert "holds more than 2000 cells" in error_of(coding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"])
def test_entities_are_refused_in_any_part_and_encoding(coding: Path, part: str, encoding: str) -> None:
    bomb = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    head = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE w [<!ENTITY a0 "ha">{bomb}]><w>&a9;</w>'
    rezip(coding, lambda parts: parts.update({part: head.encode(encoding)}))
    assert "has a document type (DOCTYPE)" in error_of(coding)


def test_a_picture_among_the_parts_does_no_harm(coding: Path) -> None:
    rezip(coding, lambda parts: parts.update({"xl/media/image1.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256))}))
    assert len(read_sheet(coding, columns=COLUMNS)) == 2


def test_an_unknown_sheet_is_answered_with_those_that_are_there(coding: Path) -> None:
    message = error_of(coding, sheet="Sheet11")
    assert "has no sheet 'Sheet11' (did you mean 'Sheet1'?); its sheets: 'Sheet1', 'Sheet2'" in message


def test_a_missing_column_is_answered_with_those_that_are_there(coding: Path) -> None:
    message = error_of(coding, columns=("Subject", "Onset Frames"))
    assert "sheet 'Sheet1' has no column 'Onset Frames' (did you mean 'OnsetFrame'?) in row 1" in message
    assert "has: 'Subject', 'Filename', 'OnsetFrame', 'ApexFrame'; give it the columns" in message


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", S=[["Subject", "subject ", "Filename", "OnsetFrame"], ["01", "02", "a", 1]])
    assert "a.xlsx row 1 has the column 'Subject' 2 times; rename or remove all but one" in error_of(path)


def test_a_sheet_without_rows_or_without_anything_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", S=[["note"], HEADER, [], [" "]])
    assert "sheet 'S' has its header in row 2 and no rows below it" in error_of(path)
    assert "has no sheet with anything in it" in error_of(write(tmp_path / "b.xlsx", S=[]))


def test_rows_far_below_the_table_are_refused(coding: Path) -> None:
    sheet = "xl/worksheets/sheet1.xml"
    far = b'<row r="200000"><c r="A200000"/></row></sheetData>'
    rezip(coding, replaced(sheet, b"</sheetData>", far))
    assert len(read_sheet(coding, columns=COLUMNS)) == 2, "formatting alone is no row"
    rezip(coding, replaced(sheet, b'<c r="A200000"/>', b'<c r="A200000"><v>1</v></c>'))
    assert "sheet 'Sheet1' goes on below row 100000" in error_of(coding)
    rezip(coding, replaced(sheet, b'r="200000"', b'r="99999999999999"'))
    assert "sheet 'Sheet1' goes on below row 100000" in error_of(coding)


def share_a_text(path: Path, text: bytes) -> None:
    """Put a text where Excel puts it, once for all cells, instead of into the cell as openpyxl does."""
    main = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    listed = b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + kind + b'"/></Types>'
    strings = b'<sst xmlns="' + main + b'"><si><t>' + text + b"</t></si></sst>"
    cell = b'<c r="B2" t="inlineStr"><is><t>EP02_01f</t></is></c>'
    rezip(path, replaced("[Content_Types].xml", b"</Types>", listed))
    rezip(path, replaced("xl/worksheets/sheet1.xml", cell, b'<c r="B2" t="s"><v>0</v></c>'))
    rezip(path, lambda parts: parts.update({"xl/sharedStrings.xml": strings}))


def test_a_text_that_cells_share_is_read(coding: Path) -> None:
    share_a_text(coding, b"EP99")
    assert [row.text("Filename") for row in read_sheet(coding, columns=COLUMNS)] == ["EP99", "EP03_02"]


def test_a_text_beyond_excels_limit_is_refused(coding: Path) -> None:
    share_a_text(coding, b"x" * 5_000_000)
    assert "coding.xlsx row 2 holds a text of 5000000 characters" in error_of(coding)


def test_what_openpyxl_warns_of_is_not_shown(coding: Path) -> None:
    date = b'<c r="E2" s="1"><v>1e300</v></c>'
    with zipfile.ZipFile(coding) as archive:
        styles = archive.read("xl/styles.xml")
    two = styles.replace(b'<cellXfs count="1">', b'<cellXfs count="2">').replace(
        b"</cellXfs>", b'<xf numFmtId="14" fontId="0" fillId="0" borderId="0"/></cellXfs>'
    )
    rezip(coding, lambda parts: parts.update({"xl/styles.xml": two}))
    rezip(coding, replaced("xl/worksheets/sheet1.xml", b'<c r="E2" t="n"><v>59</v></c>', date))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, _ = read_sheet(coding, columns=COLUMNS, optional=("ApexFrame",))
    with pytest.raises(MerBenchError, match="column 'ApexFrame' holds the Excel error '#VALUE!'"):
        first.frame("ApexFrame")


SCALARS = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.integers(),
    st.integers(min_value=10**4000, max_value=10**5000),
    st.floats(),
    st.booleans(),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.timedeltas(),
)


@CHEAP
@given(SCALARS)
@example(-0.0)
def test_any_cell_is_a_frame_number_or_an_error(value: object) -> None:
    row = row_of(value)
    try:
        number = row.frame("ApexFrame")
    except MerBenchError as error:
        one_sentence(error)
        return
    assert 0 <= number < 10**9
    assert row.text("ApexFrame").lstrip("0") in (str(number), "")


@CHEAP
@given(SCALARS)
def test_any_cell_is_text_or_an_excel_error(value: object) -> None:
    assert row_of(value).text("ApexFrame") == row_of(row_of(value).text("ApexFrame")).text("ApexFrame")


@cache
def real_workbook() -> bytes:
    stream = io.BytesIO()
    book = openpyxl.Workbook()
    for row in (["note"], HEADER, FIRST, ["02", "EP01", datetime.datetime(2014, 5, 8), "=1+1", "/"]):
        book.active.append(row)
    book.save(stream)
    return stream.getvalue()


def assert_rows_or_one_sentence(path: Path) -> None:
    try:
        rows = read_sheet(path, columns=COLUMNS, optional=("ApexFrame",), header_row=2)
    except MerBenchError as error:
        one_sentence(error)
        return
    assert rows


@CHEAP
@given(st.binary(max_size=400), st.sampled_from([b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"]))
def test_any_bytes_give_rows_or_one_sentence(tmp_path: Path, content: bytes, start: bytes) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(start + content)
    assert_rows_or_one_sentence(path)


@CHEAP
@given(st.data())
def test_a_workbook_with_changed_bytes_gives_rows_or_one_sentence(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(real_workbook())
    places = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, byte in data.draw(st.lists(places, min_size=1, max_size=20)):
        content[place] = byte
    path = tmp_path / "a.xlsx"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    assert_rows_or_one_sentence(path)


@CHEAP
@given(st.data())
def test_a_workbook_with_changed_parts_gives_rows_or_one_sentence(tmp_path: Path, data: st.DataObject) -> None:
    """Behind the zip's checksums: the XML itself is cut, changed or dropped."""
    path = tmp_path / "a.xlsx"
    path.write_bytes(real_workbook())

    def change(parts: dict[str, bytes]) -> None:
        name = data.draw(st.sampled_from(sorted(parts)))
        content = parts[name]
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 30)))
        put = data.draw(
            st.sampled_from([b"", b"x", b"-1", b"9" * 5000, b'"', b"<c>", b"\xff", b"</", b"e", b'r="ZZZ0"'])
        )
        parts[name] = content[:start] + put + content[end:]
        if data.draw(st.integers(0, 9)) == 0:
            del parts[name]

    rezip(path, change)
    assert_rows_or_one_sentence(path)
