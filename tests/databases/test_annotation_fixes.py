from __future__ import annotations

from pathlib import Path

import pytest

from mer_bench.databases.annotation_fixes import OUT_OF_ORDER, Fix, FixTable, apply_fixes, load_fixes
from mer_bench.databases.annotation_table import Annotation, FrameCell, Unread
from mer_bench.errors import MerBenchError
from mer_bench.samples import DATABASES

SOUND = """
[[fix]]
sample = "sub04/EP12_01f"
row = 7
column = "apex"
old = "/"
new = 303
reason = "open"
source = "a table"
"""


def annotation(onset: FrameCell = 10, apex: FrameCell = 20, offset: FrameCell = 30, row: int = 7) -> Annotation:
    return Annotation("sub04", "EP12_01f", "disgust", onset, apex, offset, f"book.xlsx row {row}", row)


def fix(column: str = "apex", old: str = "20", new: int = 25, sample: str = "sub04/EP12_01f", row: int = 0) -> Fix:
    return Fix(column, old, new, "it is wrong", "a paper", sample, row)


def loaded(folder: Path, text: str) -> FixTable:
    (folder / "casme2.toml").write_text(text, encoding="utf-8")
    return load_fixes("casme2", folder)


def test_the_files_contain_the_published_corrections() -> None:
    published = {
        (database, fix.sample or str(fix.row), fix.column): (fix.old, fix.new)
        for database in DATABASES
        for fix in load_fixes(database).fixes
    }

    assert published == {
        ("smic", "s18/s18_sur_03", "emotion"): ("negative", "surprise"),
        ("casme2", "sub04/EP12_01f", "apex"): ("/", 303),
        **{
            ("casme2", f"sub24/{clip}", "emotion"): ("surprise", "sadness")
            for clip in ("EP07_01", "EP07_04f", "EP10_03")
        },
        ("samm", "028/028_4_1", "apex"): (OUT_OF_ORDER, 1105),
        ("samm", "032/032_3_1", "apex"): (OUT_OF_ORDER, 4945),
        ("samm", "032/032_3_2", "apex"): (OUT_OF_ORDER, 5130),
        ("samm", "013/013_1_9", "offset"): (OUT_OF_ORDER, 5739),
        ("casme3", "spNO.149/d", "apex"): (OUT_OF_ORDER, 160),
        ("casme3", "710", "offset"): (OUT_OF_ORDER, 34),
        ("casme3", "751", "onset"): (OUT_OF_ORDER, 2647),
        ("casme3", "752", "onset"): (OUT_OF_ORDER, 1),
        ("casme3", "752", "apex"): (OUT_OF_ORDER, 1),
        ("casme3", "798", "offset"): (OUT_OF_ORDER, 1845),
        ("casme3", "800", "offset"): (OUT_OF_ORDER, 2403),
    }


def test_a_fix_changes_its_column_and_notes_reason_and_source() -> None:
    fixed, (note,) = apply_fixes([fix()], annotation())

    assert (fixed.onset, fixed.apex, fixed.offset) == (10, 25, 30)
    assert note == "book.xlsx row 7 (sub04/EP12_01f): apex '20' is read as 25: it is wrong (a paper)"


@pytest.mark.parametrize(
    ("known", "row"),
    [
        pytest.param(fix(old="21"), annotation(), id="another value"),
        pytest.param(fix(old=OUT_OF_ORDER), annotation(), id="in order"),
        pytest.param(fix(old=OUT_OF_ORDER), annotation(apex=Unread("/", "no number")), id="no number"),
        pytest.param(fix(sample="sub04/EP12_02"), annotation(), id="another clip"),
        pytest.param(fix(row=8), annotation(), id="right clip, other row"),
        pytest.param(fix(new=31), annotation(), id="breaks the order"),
    ],
)
def test_a_fix_that_does_not_apply_or_breaks_the_order_is_not_used(known: Fix, row: Annotation) -> None:
    assert apply_fixes([known], row) == (row, ())


def test_the_fixes_of_one_row_are_applied_together() -> None:
    known = [fix(column, OUT_OF_ORDER, 1, sample="", row=7) for column in ("onset", "apex")]

    fixed, notes = apply_fixes(known, annotation(onset=900, apex=950, offset=30))
    assert (fixed.onset, fixed.apex, fixed.offset) == (1, 1, 30)
    assert len(notes) == 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('"apex"', '"units"'), "column = 'units' is not one of: onset, apex, offset, emotion"),
        (('"apex"', '"emotion"'), "new = 303 is not a text"),
        (("new = 303", "new = -1"), "new = -1 is not a whole number of at least 0"),
        (("row = 7", "row = 1"), "row = 1 is not a whole number of at least 2"),
        (("sub04/EP12_01f", "sub04"), "sample = 'sub04' is not of the form subject/clip"),
        (('source = "a table"', ""), "[fix 1]: key 'source' is missing; state it"),
        (('sample = "sub04/EP12_01f"\nrow = 7\n', ""), "names neither sample nor row"),
        (("[[fix]]", "[fix]"), "is not a list of tables; write each under [[fix]]"),
        (('sample = "sub04/EP12_01f"\n', ""), "corrects row 7 of an edition that is not stated; add [edition]"),
        ((SOUND, "[edition]\nrows = 5\nrow = 2\nsample = 'ab'"), "[edition]: sample = 'ab' is not of the form"),
        (("[[fix]]", "[edition]\nlines = 3\n[[fix]]"), "[edition]: unknown key 'lines'"),
    ],
)
def test_an_error_in_a_file_is_refused(tmp_path: Path, change: tuple[str, str], complaint: str) -> None:
    assert loaded(tmp_path, SOUND).fixes
    with pytest.raises(MerBenchError) as caught:
        loaded(tmp_path, SOUND.replace(*change))

    assert complaint in str(caught.value)
    assert "casme2.toml" in str(caught.value)


def test_two_fixes_of_one_cell_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MerBenchError, match="corrects the apex of sub04/EP12_01f twice"):
        loaded(tmp_path, SOUND + SOUND)


EDITION = """
[edition]
rows = 3
row = 2
sample = "Sub04/ep12_01F"

[[fix]]
row = 3
column = "apex"
old = "20"
new = 25
reason = "it is wrong"
source = "a paper"
"""


@pytest.mark.parametrize(
    ("rows", "fitting"),
    [((2, 3, 4), 1), ((3, 4, 5), 0), ((2, 3), 0), ((2, 3, 4, 5), 0)],
    ids=["the edition", "shifted by a row", "too short", "too long"],
)
def test_a_fix_by_row_number_alone_applies_to_one_edition(tmp_path: Path, rows: tuple[int, ...], fitting: int) -> None:
    table = loaded(tmp_path, EDITION)
    assert len(table.fitting([annotation(row=row) for row in rows])) == fitting


def test_a_fix_that_names_its_sample_is_for_every_edition_and_in_any_capitals(tmp_path: Path) -> None:
    table = loaded(tmp_path, SOUND.replace("sub04/EP12_01f", "SUB4/ep12_01F"))
    fixed, _ = apply_fixes(table.fitting([]), annotation(apex=Unread("/", "no number"), offset=400))
    assert fixed.apex == 303
