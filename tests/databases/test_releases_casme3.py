from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.release_factory import (
    CASME3_HEADER,
    casme3_row,
    only_problem,
    opened,
    read_all,
    read_mutated,
    told,
    write_casme3,
    write_clutter,
    write_frames,
    write_workbook,
)
from support.release_fuzz import CELLS, CUTS, FUZZ, KEEP, NAMES

NAME = "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
WORKBOOK = f"annotation/{NAME}"
ID = "casme3/spNO.1/b@166"


def write_annotation(root: Path, *rows: list[object]) -> Path:
    return write_workbook(root / WORKBOOK, CASME3_HEADER, rows, sheet="label")


@pytest.mark.parametrize("by_clip", [False, True])
def test_one_video_holds_several_samples_which_carry_their_onset(tmp_path: Path, by_clip: bool) -> None:
    rows = [casme3_row(), casme3_row(onset=200, apex=204, offset=210, emotion="Happy"), casme3_row("spNO.10")]
    source = opened(write_casme3(tmp_path, rows, by_clip=by_clip))
    frame = source.read_samples().frame

    assert list(frame["sample_id"]) == [ID, "casme3/spNO.1/b@200", "casme3/spNO.10/b@166"]
    assert list(frame["emotion"]) == ["disgust", "happy", "disgust"]
    assert list(frame["objective_class"]) == ["I"] * 3
    assert (source.problems(), source.notes()) == ((), ())
    clip = source.clip(ID)
    assert [frame.name for frame in clip.frames] == [f"{number}.jpg" for number in range(166, 176)]
    assert clip.apex == 3


def test_colour_frames_are_read_and_never_the_depth(tmp_path: Path) -> None:
    for by_clip in (False, True):
        root = write_casme3(tmp_path / str(by_clip), by_clip=by_clip)
        frames = opened(root).clip(ID).frames
        assert {frame.suffix for frame in frames} == {".jpg"}


def test_frames_by_video_go_before_frames_by_clip(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    write_casme3(tmp_path, by_clip=True)

    assert opened(tmp_path).clip(ID).frames[0] == tmp_path / "part_A" / "spNo.1" / "b" / "color" / "166.jpg"


@pytest.mark.parametrize("lost", ["166", "169"])
def test_a_video_that_lost_its_onset_or_apex_gives_way_to_the_clip_with_a_note(tmp_path: Path, lost: str) -> None:
    write_casme3(tmp_path)
    write_casme3(tmp_path, by_clip=True)
    (tmp_path / "part_A" / "spNo.1" / "b" / "color" / f"{lost}.jpg").unlink()
    source = opened(tmp_path)

    assert source.clip(ID).frames[0].parent.name == "spNO.1_b_166"
    (note,) = source.notes()
    assert "lacks its onset or apex frame; " in note


def test_depth_without_colour_is_said(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    shutil.rmtree(tmp_path / "part_A" / "spNo.1" / "b" / "color")

    problem = only_problem(tmp_path)
    assert problem.startswith(f"{NAME} row 2 (spNO.1/b): ")
    assert "b holds depth but no color; restore color from the release" in problem


def test_the_workbook_of_macro_expressions_is_never_read_for_the_micro_one(tmp_path: Path) -> None:
    write_casme3(tmp_path / "CASME3")
    micro = tmp_path / "CASME3" / WORKBOOK
    macro = NAME.replace("_ME_", "_MaE_")
    write_workbook(tmp_path / "CASME3" / macro, CASME3_HEADER, [casme3_row(emotion="fear")], sheet="label")
    assert opened(tmp_path).read_samples().frame["emotion"][0] == "disgust"

    (tmp_path / "labels").mkdir()
    micro = micro.rename(tmp_path / "labels" / NAME)
    assert opened(tmp_path).read_samples().frame["emotion"][0] == "disgust"

    micro.unlink()
    assert len(opened(tmp_path).read_samples()) == 0
    assert f"({macro}: another table)" in only_problem(tmp_path)


def test_capitals_of_clips_do_not_matter(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    write_annotation(tmp_path, casme3_row(clip="B"))

    assert opened(tmp_path).read_samples().ids == [ID]


def test_a_sample_without_video_is_taken_from_its_clip(tmp_path: Path) -> None:
    write_casme3(tmp_path, [casme3_row(clip="c")], by_clip=True)
    write_casme3(tmp_path, [casme3_row()])
    write_annotation(tmp_path, casme3_row(clip="c"))

    assert opened(tmp_path).clip("casme3/spNO.1/c@166").frames[0].parent.name == "spNO.1_c_166"


@pytest.mark.parametrize("subject", ["spNO.1", "spNo.1", "SPNO.1", "spNO.01", 1])
def test_capitals_and_padding_of_subjects_do_not_matter(tmp_path: Path, subject: object) -> None:
    write_casme3(tmp_path)
    write_annotation(tmp_path, casme3_row(subject))

    assert opened(tmp_path).read_samples().ids == [ID]


def test_the_other_parts_are_not_taken_for_part_a(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    write_frames(tmp_path / "part_B" / "spNO.1" / "b" / "color", [1], "{}.jpg")
    write_frames(tmp_path / "Part C" / "spNO.1" / "b" / "color", [1], "{}.jpg")

    assert opened(tmp_path).read_samples().ids == [ID]


def test_dropped_frames_are_counted_in_a_note(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    for number in (167, 170, 175):
        (tmp_path / f"part_A/spNo.1/b/color/{number}.jpg").unlink()
    source = opened(tmp_path)

    assert source.notes() == (
        f"{NAME} row 2 (spNO.1/b): frame 175, its offset, is not on disk; the clip ends at frame 174",
        f"{NAME} row 2 (spNO.1/b): 2 of the 9 frames of the clip are not on disk",
    )
    assert source.clip(ID).apex == 2


def test_two_rows_of_one_onset_are_a_problem_that_names_both(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    write_annotation(tmp_path, casme3_row(), casme3_row(subject="SPNO.1", emotion="fear"))

    problem = only_problem(tmp_path)
    assert f"{NAME} row 3 (spNO.1/b) is a second row for {ID}, after {NAME} row 2" in problem


def official_rows() -> list[list[object]]:
    """860 rows: the row that the edition is known by, one that is out of order, and others without frames."""
    rows = [casme3_row(clip=f"x{number}", onset=1, apex=2, offset=3) for number in range(860)]
    rows[128] = casme3_row("spNO.149", "d", 112, 83, 170)
    rows[749] = casme3_row(clip="y", onset=2700, apex=2650, offset=2655)
    rows[750] = casme3_row(clip="y", onset=2641, apex="/", offset=2655)
    return rows


@pytest.mark.parametrize("shift", [1, -1])
def test_row_numbers_of_another_edition_correct_nothing(tmp_path: Path, shift: int) -> None:
    rows = official_rows()
    rows = [casme3_row(clip="new", onset=1, apex=2, offset=3), *rows] if shift > 0 else rows[1:]
    # What now stands where the corrected row stood is out of order too, and would be in order after its correction.
    rows[749] = casme3_row(clip="y", onset=2700, apex=2650, offset=2655)
    write_annotation(tmp_path, *rows)
    write_frames(tmp_path / "part_A" / "spNO.1" / "y" / "color", range(2640, 2660), "{}.jpg")
    source = opened(tmp_path)

    assert len(source.read_samples()) == 0
    assert source.notes() == ()
    assert any("row 751 (spNO.1/y) has onset 2700, apex 2650" in problem for problem in source.problems())


def test_a_slash_is_not_out_of_order(tmp_path: Path) -> None:
    write_annotation(tmp_path, *official_rows())
    write_frames(tmp_path / "part_A" / "spNO.1" / "y" / "color", range(1, 2660), "{}.jpg")

    assert any(
        problem.startswith(f"{NAME} row 752: column 'Apex' holds '/'") for problem in opened(tmp_path).problems()
    )


def test_known_fixes_go_by_row_number_and_the_id_has_the_mended_onset(tmp_path: Path) -> None:
    write_annotation(tmp_path, *official_rows())
    write_frames(tmp_path / "part_A" / "spNO.1" / "y" / "color", range(2640, 2660), "{}.jpg")
    write_frames(tmp_path / "part_A" / "spNO.149" / "d" / "color", range(112, 171), "{}.jpg")
    source = opened(tmp_path)
    frame = source.read_samples().frame

    assert list(frame["sample_id"]) == ["casme3/spNO.1/y@2647", "casme3/spNO.149/d@112"]
    assert list(frame["apex"]) == [2650, 160]
    first, second = source.notes()
    assert first.startswith(f"{NAME} row 130 (spNO.149/d): apex '83' is read as 160")
    assert second.startswith(f"{NAME} row 751 (spNO.1/y): onset '2700' is read as 2647")


def test_a_clip_folder_is_named_by_the_onset_as_printed(tmp_path: Path) -> None:
    write_annotation(tmp_path, *official_rows())
    write_frames(tmp_path / "Part_A_ME_clip" / "frame" / "spNO.1_y_2700", range(2647, 2656), "{}.jpg")

    assert opened(tmp_path).read_samples().ids == ["casme3/spNO.1/y@2647"]


def test_the_table_of_macro_and_micro_expressions_is_not_the_one_that_is_needed(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    (tmp_path / WORKBOOK).unlink()
    (tmp_path / "annotation" / "CAS(ME)3_part_A_v2.xls").write_bytes(b"\xd0\xcf\x11\xe0")

    message = only_problem(tmp_path)
    assert f"not the workbook {NAME} (CAS(ME)3_part_A_v2.xls: another table)" in message
    assert "put the workbook there" in message


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (casme3_row(apex="/"), "row 2: column 'Apex' holds '/'"),
        (casme3_row(apex=10), "row 2 (spNO.1/b) has onset 166, apex 10 and offset 175"),
        (casme3_row(subject="../spNO.1"), "row 2: subject '../spNO.1' is not a name"),
        (casme3_row(clip="../b"), "row 2: clip '../b' is not a name"),
        (casme3_row(clip="b/color"), "row 2: clip 'b/color' is not a name"),
        (casme3_row(clip="z"), "row 2 (spNO.1/z) has no folder of frames"),
        (casme3_row(onset=3), "its onset frame 3 is not in"),
        (casme3_row(emotion="sadness"), "has the emotion 'sadness'"),
    ],
)
def test_a_bad_row_is_a_problem(tmp_path: Path, row: list[object], complaint: str) -> None:
    write_casme3(tmp_path)
    write_annotation(tmp_path, row)

    assert complaint in only_problem(tmp_path)


@pytest.mark.parametrize("link", ["spNo.1", "spNo.1/b", "spNo.1/b/color", "spNo.1/b/color/168.jpg"])
def test_a_link_out_of_the_release_is_a_problem(tmp_path: Path, link: str) -> None:
    root = write_casme3(tmp_path / "release")
    inner = root / "part_A" / link
    inner.rename(tmp_path / "elsewhere")
    inner.symlink_to(tmp_path / "elsewhere")

    assert "leads out of" in only_problem(root)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_casme3(tmp_path_factory.mktemp("sound"))


@FUZZ
@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=len(CASME3_HEADER)), min_size=1, max_size=4))
def test_any_cells_give_samples_and_problems(sound: Path, rows: list[list[object]]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "part_A").symlink_to(sound / "part_A")
        write_annotation(root, casme3_row(), *rows)
        source = read_all(root)
        assert ID in source.read_samples().ids


@FUZZ
@given(cuts=CUTS, keep=KEEP)
def test_a_damaged_workbook_is_read_or_refused(sound: Path, cuts: list[tuple[int, int]], keep: int) -> None:
    assert told(read_mutated(sound, WORKBOOK, cuts, keep)) > 0


@FUZZ
@given(names=st.lists(NAMES, max_size=4, unique=True))
def test_any_names_of_files_and_folders_are_read_or_refused(names: list[str]) -> None:
    with TemporaryDirectory() as folder:
        root = write_casme3(Path(folder))
        write_clutter(
            root, (".", "annotation", "part_A", "part_A/spNo.1", "part_A/spNo.1/b", "part_A/spNo.1/b/color"), names
        )
        assert told(read_all(root)) > 0
