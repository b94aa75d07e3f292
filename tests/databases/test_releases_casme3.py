from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.release_factory import (
    CASME3_HEADER,
    CASME3_WORKBOOK,
    casme3_annotation,
    casme3_row,
    only_problem,
    opened,
    write_casme3,
    write_frames,
    write_workbook,
)

NAME = Path(CASME3_WORKBOOK).name
ID = "casme3/spNO.1/b@166"
VIDEO = "part_A/spNo.1/b"


@pytest.mark.parametrize("by_clip", [False, True])
def test_one_video_holds_several_samples_whose_names_include_their_onset(tmp_path: Path, by_clip: bool) -> None:
    rows = [casme3_row(), casme3_row(onset=200, apex=204, offset=210, emotion="Happy"), casme3_row("spNO.10")]
    source = opened(write_casme3(tmp_path, *rows, by_clip=by_clip))
    frame = source.read_samples().frame
    clip = source.clip(ID)

    assert list(frame["sample_id"]) == [ID, "casme3/spNO.1/b@200", "casme3/spNO.10/b@166"]
    assert list(frame["emotion"]) == ["disgust", "happy", "disgust"]
    assert (set(frame["action_units"]), set(frame["objective_class"])) == ({"4+L10"}, {"I"})
    assert (source.problems(), source.notes()) == ((), ())
    # In colour: the depth maps are PNGs.
    assert [frame.name for frame in clip.frames] == [f"{number}.jpg" for number in range(166, 176)]
    assert clip.apex == 3


def test_the_video_has_priority_over_the_clip_unless_it_lacks_the_onset_or_apex(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    write_casme3(tmp_path, by_clip=True)
    assert opened(tmp_path).clip(ID).frames[0] == tmp_path / VIDEO / "color" / "166.jpg"

    for lost in ("169", "166"):
        (tmp_path / VIDEO / "color" / f"{lost}.jpg").unlink()
        source = opened(tmp_path)
        assert source.clip(ID).frames[0].parent.name == "spNO.1_b_166"
        (note,) = source.notes()
        assert "lacks its onset or apex frame; " in note

    shutil.rmtree(tmp_path / VIDEO)
    assert opened(tmp_path).clip(ID).frames[0].parent.name == "spNO.1_b_166"
    assert opened(tmp_path).notes() == ()


def test_a_folder_of_clips_is_read_beside_the_videos_even_if_it_has_a_subject_of_theirs(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    write_frames(tmp_path / "extra" / "spNO.1_b_99999", [1], "{}.jpg")
    write_frames(tmp_path / "extra" / "spNO.1" / "zz" / "color", [1], "{}.jpg")

    assert opened(tmp_path).notes() == ()


def test_depth_without_colour_is_a_problem(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    shutil.rmtree(tmp_path / VIDEO / "color")

    problem = only_problem(tmp_path)
    assert problem.startswith(f"{NAME} row 2 (spNO.1/b): ")
    assert "b holds depth but no color; restore color from the release" in problem


def test_the_workbook_of_macro_expressions_is_never_used(tmp_path: Path) -> None:
    write_casme3(tmp_path / "CASME3")
    micro = tmp_path / "CASME3" / CASME3_WORKBOOK
    macro = NAME.replace("_ME_", "_MaE_")
    write_workbook(tmp_path / "CASME3" / macro, CASME3_HEADER, [casme3_row(emotion="fear")], sheet="label")
    assert opened(tmp_path).read_samples().frame["emotion"][0] == "disgust"

    micro.unlink()
    (tmp_path / "CASME3" / "annotation" / "CAS(ME)3_part_A_v2.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    problem = only_problem(tmp_path)
    assert f"not the workbook {NAME} (CAS(ME)3_part_A_v2.xls, {macro}: another table); put" in problem


@pytest.mark.parametrize(("subject", "clip"), [("spNo.1", "B"), ("SPNO.01", "b"), (1, "b")])
def test_capitals_and_padding_do_not_matter(tmp_path: Path, subject: object, clip: str) -> None:
    write_casme3(tmp_path)
    casme3_annotation(tmp_path, casme3_row(subject, clip))

    assert opened(tmp_path).read_samples().ids == [ID]


def test_the_other_parts_are_not_mistaken_for_part_a(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    for part in ("part_B", "Part C"):
        write_frames(tmp_path / part / "spNO.1" / "b" / "color", [1], "{}.jpg")
    source = opened(tmp_path)

    assert source.read_samples().ids == [ID]
    assert (source.problems(), source.notes()) == ((), ())


def test_two_rows_with_the_same_onset_are_a_problem_that_names_both(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    casme3_annotation(tmp_path, casme3_row(), casme3_row(subject="SPNO.1", emotion="fear"))

    assert f"{NAME} row 3 (spNO.1/b) is a second row for {ID}, after {NAME} row 2" in only_problem(tmp_path)


def official_rows() -> list[list[object]]:
    """860 rows: the row that identifies the edition, one out of order, one without an apex; others have no frames."""
    rows = [casme3_row(clip=f"x{number}", onset=1, apex=2, offset=3) for number in range(860)]
    rows[128] = casme3_row("spNO.149", "d", 112, 83, 170)
    rows[749] = casme3_row(clip="y", onset=2700, apex=2650, offset=2655)
    rows[750] = casme3_row(clip="y", onset=2641, apex="/", offset=2655)
    return rows


@pytest.mark.parametrize("onset", ["2700", "2647"], ids=["as printed", "corrected"])
def test_fixes_by_row_number_are_applied_to_the_official_edition(tmp_path: Path, onset: str) -> None:
    casme3_annotation(tmp_path, *official_rows())
    # A folder of a clip is named after either onset.
    write_frames(tmp_path / "Part_A_ME_clip" / "frame" / f"spNO.1_y_{onset}", range(2647, 2656), "{}.jpg")
    write_frames(tmp_path / "part_A" / "spNO.149" / "d" / "color", range(112, 171), "{}.jpg")
    source = opened(tmp_path)
    frame = source.read_samples().frame

    assert list(frame["sample_id"]) == ["casme3/spNO.1/y@2647", "casme3/spNO.149/d@112"]
    assert list(frame["apex"]) == [2650, 160]
    first, second = source.notes()
    assert first.startswith(f"{NAME} row 130 (spNO.149/d): apex '83' is read as 160")
    assert second.startswith(f"{NAME} row 751 (spNO.1/y): onset '2700' is read as 2647")
    # "/" is not out of order, so row 752 is not corrected.
    assert any(problem.startswith(f"{NAME} row 752: column 'Apex' holds '/'") for problem in source.problems())


@pytest.mark.parametrize("shift", [1, -1])
def test_fixes_by_row_number_are_not_applied_to_another_edition(tmp_path: Path, shift: int) -> None:
    rows = official_rows()
    rows = [casme3_row(clip="new", onset=1, apex=2, offset=3), *rows] if shift > 0 else rows[1:]
    # The row now at the corrected place is out of order too, and would be in order after the correction.
    rows[749] = casme3_row(clip="y", onset=2700, apex=2650, offset=2655)
    casme3_annotation(tmp_path, *rows)
    write_frames(tmp_path / "part_A" / "spNO.1" / "y" / "color", range(2640, 2660), "{}.jpg")
    source = opened(tmp_path)

    assert (len(source.read_samples()), source.notes()) == (0, ())
    assert any("row 751 (spNO.1/y) has onset 2700, apex 2650" in problem for problem in source.problems())
