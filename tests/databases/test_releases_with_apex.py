"""What only one of the releases does whose workbook states the apex: CASME II, CAS(ME)^3 Part A and SAMM."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.release_factory import (
    CASME2_EMOTIONS,
    CASME2_WORKBOOK,
    CASME3_HEADER,
    CASME3_WORKBOOK,
    SAMM_EMOTIONS,
    SAMM_HEADER,
    SAMM_WORKBOOK,
    casme2_row,
    casme3_annotation,
    casme3_row,
    only_problem,
    opened,
    samm_annotation,
    samm_row,
    write_casme2,
    write_casme3,
    write_frames,
    write_samm,
    write_workbook,
)

CASME2_ID = "casme2/sub01/EP02_01f"
CASME3_NAME = Path(CASME3_WORKBOOK).name
CASME3_ID = "casme3/spNO.1/b@166"
VIDEO = "part_A/spNo.1/b"
SAMM_ID = "samm/006/006_1_2"
WRONG = {
    "013_1_9": (5735, 5737, 5700),
    "028_4_1": (1100, 1200, 1110),
    "032_3_1": (4940, 4900, 4950),
    "032_3_2": (5125, 5100, 5135),
}
"""Onset, apex and offset that are not in order."""


# CASME II


def test_every_emotion_is_read_and_action_units_are_text(tmp_path: Path) -> None:
    rows = [
        casme2_row(clip=f"EP01_0{number}", onset=9, apex=10, offset=11, emotion=emotion, units=units)
        for number, (emotion, units) in enumerate(zip(CASME2_EMOTIONS, (12, "L12", *[None] * 5), strict=True))
    ]
    source = opened(write_casme2(tmp_path, *rows))
    frame = source.read_samples().frame

    assert source.problems() == source.notes() == ()
    assert list(frame["emotion"]) == list(CASME2_EMOTIONS)
    assert list(frame["action_units"])[:3] == ["12", "L12", ""]


def test_the_missing_apex_is_filled_in_from_the_known_fix_or_a_problem(tmp_path: Path) -> None:
    source = opened(write_casme2(tmp_path, casme2_row("04", "ep12_01F", 261, "/", 321, "disgust")))
    clip = source.clip("casme2/sub04/EP12_01f")

    assert [clip.frames[at].name for at in (0, clip.apex, -1)] == ["img261.jpg", "img303.jpg", "img321.jpg"]
    (note,) = source.notes()
    assert note.startswith(f"{CASME2_WORKBOOK} row 2 (sub04/EP12_01f): apex '/' is read as 303: ")
    problem = only_problem(tmp_path, fixes=False)
    assert problem.startswith(f"{CASME2_WORKBOOK} row 2: column 'ApexFrame' holds '/'")
    assert problem.endswith("(sample sub04/EP12_01f)")


def test_a_later_table_that_calls_a_sad_clip_surprise_is_corrected_as_megc_has_it(tmp_path: Path) -> None:
    rows = [casme2_row("24", clip, 9, 10, 11, "surprise") for clip in ("EP07_01", "ep07_04F", "EP18_03")]
    source = opened(write_casme2(tmp_path, *rows))

    assert list(source.read_samples().frame["emotion"]) == ["sadness", "sadness", "surprise"]
    assert [note.partition(": the")[0] for note in source.notes()] == [
        f"{CASME2_WORKBOOK} row {row} (sub24/{clip}): emotion 'surprise' is read as sadness"
        for row, clip in ((2, "EP07_01"), (3, "EP07_04f"))
    ]


@pytest.mark.parametrize("folder", ["RAW_selected", "CASME2-RAW/CASME2-RAW", ".", "data/frames/raw"])
def test_the_frames_are_found_in_any_folder_a_few_levels_below(tmp_path: Path, folder: str) -> None:
    write_casme2(tmp_path, frames=False)
    write_frames(tmp_path / folder / "sub01" / "EP02_01f", range(46, 87))

    assert opened(tmp_path).clip(CASME2_ID).apex == 13


def test_casme_beside_casme2_is_ignored(tmp_path: Path) -> None:
    write_casme2(tmp_path / "CASME2")
    write_frames(tmp_path / "CASME" / "CASME_raw_selected" / "sub01" / "EP01_5", [1, 2], "EP01_5-{}.jpg")
    source = opened(tmp_path)

    assert source.read_samples().ids == [CASME2_ID]
    assert source.problems() == source.notes() == ()


def test_empty_folders_of_the_first_subjects_do_not_hide_the_release(tmp_path: Path) -> None:
    write_casme2(tmp_path, casme2_row("26"))
    for number in range(1, 26):
        (tmp_path / "CASME2_RAW_selected" / f"sub{number:02d}").mkdir()

    assert len(opened(tmp_path).read_samples()) == 1


def test_objective_classes_come_from_their_own_workbook(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    header = ("Subject", "Filename", "Objective Class")
    path = write_workbook(tmp_path / "CASME2-ObjectiveClasses.xlsx", header, [(2, "EP02_01f", 4), (1, "EP02_01f", 3)])
    assert list(opened(tmp_path).read_samples().frame["objective_class"]) == ["3"]

    path.write_bytes(b"PK")
    source = opened(tmp_path)
    assert list(source.read_samples().frame["objective_class"]) == [""]
    (note,) = source.notes()
    assert note.startswith("CASME II is read without objective classes: CASME2-ObjectiveClasses.xlsx is damaged")

    path.unlink()
    path.symlink_to(write_workbook(tmp_path.with_name("elsewhere.xlsx"), header, [(1, "EP02_01f", 3)]))
    source = opened(tmp_path)
    assert len(source.read_samples()) == 1
    (note,) = source.notes()
    assert note.startswith("CASME II is read without its second workbook: ")


# CAS(ME)^3


@pytest.mark.parametrize("by_clip", [False, True])
def test_one_video_holds_several_samples_whose_names_include_their_onset(tmp_path: Path, by_clip: bool) -> None:
    rows = [casme3_row(), casme3_row(onset=200, apex=204, offset=210, emotion="Happy"), casme3_row("spNO.10")]
    source = opened(write_casme3(tmp_path, *rows, by_clip=by_clip))
    frame = source.read_samples().frame
    clip = source.clip(CASME3_ID)

    assert list(frame["sample_id"]) == [CASME3_ID, "casme3/spNO.1/b@200", "casme3/spNO.10/b@166"]
    assert list(frame["emotion"]) == ["disgust", "happy", "disgust"]
    assert (set(frame["action_units"]), set(frame["objective_class"])) == ({"4+L10"}, {"I"})
    assert (source.problems(), source.notes()) == ((), ())
    # In colour: the depth maps are PNGs.
    assert [frame.name for frame in clip.frames] == [f"{number}.jpg" for number in range(166, 176)]
    assert clip.apex == 3


def test_the_video_has_priority_over_the_clip_unless_it_lacks_the_onset_or_apex(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    write_casme3(tmp_path, by_clip=True)
    assert opened(tmp_path).clip(CASME3_ID).frames[0] == tmp_path / VIDEO / "color" / "166.jpg"

    for lost in ("169", "166"):
        (tmp_path / VIDEO / "color" / f"{lost}.jpg").unlink()
        source = opened(tmp_path)
        assert source.clip(CASME3_ID).frames[0].parent.name == "spNO.1_b_166"
        (note,) = source.notes()
        assert "lacks its onset or apex frame; " in note

    shutil.rmtree(tmp_path / VIDEO)
    assert opened(tmp_path).clip(CASME3_ID).frames[0].parent.name == "spNO.1_b_166"
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
    assert problem.startswith(f"{CASME3_NAME} row 2 (spNO.1/b): ")
    assert "b holds depth but no color; restore color from the release" in problem


def test_the_workbook_of_macro_expressions_is_never_used(tmp_path: Path) -> None:
    write_casme3(tmp_path / "CASME3")
    micro = tmp_path / "CASME3" / CASME3_WORKBOOK
    macro = CASME3_NAME.replace("_ME_", "_MaE_")
    write_workbook(tmp_path / "CASME3" / macro, CASME3_HEADER, [casme3_row(emotion="fear")], sheet="label")
    assert opened(tmp_path).read_samples().frame["emotion"][0] == "disgust"

    micro.unlink()
    (tmp_path / "CASME3" / "annotation" / "CAS(ME)3_part_A_v2.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    problem = only_problem(tmp_path)
    assert f"not the workbook {CASME3_NAME} (CAS(ME)3_part_A_v2.xls, {macro}: another table); put" in problem


def test_the_other_parts_are_not_mistaken_for_part_a(tmp_path: Path) -> None:
    write_casme3(tmp_path)
    for part in ("part_B", "Part C"):
        write_frames(tmp_path / part / "spNO.1" / "b" / "color", [1], "{}.jpg")
    source = opened(tmp_path)

    assert source.read_samples().ids == [CASME3_ID]
    assert (source.problems(), source.notes()) == ((), ())


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
    assert first.startswith(f"{CASME3_NAME} row 130 (spNO.149/d): apex '83' is read as 160")
    assert second.startswith(f"{CASME3_NAME} row 751 (spNO.1/y): onset '2700' is read as 2647")
    # "/" is not out of order, so row 752 is not corrected.
    assert any(problem.startswith(f"{CASME3_NAME} row 752: column 'Apex' holds '/'") for problem in source.problems())


def test_fixes_by_row_number_are_not_applied_to_another_edition(tmp_path: Path) -> None:
    rows = official_rows()[1:]
    # The row now at the corrected place is out of order too, and would be in order after the correction.
    rows[749] = casme3_row(clip="y", onset=2700, apex=2650, offset=2655)
    casme3_annotation(tmp_path, *rows)
    write_frames(tmp_path / "part_A" / "spNO.1" / "y" / "color", range(2640, 2660), "{}.jpg")
    source = opened(tmp_path)

    assert (len(source.read_samples()), source.notes()) == (0, ())
    assert any("row 751 (spNO.1/y) has onset 2700, apex 2650" in problem for problem in source.problems())


# SAMM


def test_rows_out_of_order_are_corrected_by_the_known_fixes_or_problems(tmp_path: Path) -> None:
    source = opened(write_samm(tmp_path, *(samm_row(clip[:3], clip, *wrong) for clip, wrong in WRONG.items())))

    assert source.read_samples().frame[["onset", "apex", "offset"]].to_numpy().tolist() == [
        *([5735, 5737, 5739], [1100, 1105, 1110], [4940, 4945, 4950], [5125, 5130, 5135])
    ]
    assert sum(" is read as " in note for note in source.notes()) == 4
    assert [problem.split(" has ")[0] for problem in opened(tmp_path, fixes=False).problems()] == [
        f"{SAMM_WORKBOOK} row {row} ({clip[:3]}/{clip})" for row, clip in enumerate(WRONG, start=15)
    ]


def test_every_emotion_is_read(tmp_path: Path) -> None:
    emotions = [*SAMM_EMOTIONS, "others"]
    rows = (samm_row(clip=f"006_1_{n}", emotion=emotion.capitalize()) for n, emotion in enumerate(emotions, start=1))

    assert list(opened(write_samm(tmp_path, *rows)).read_samples().frame["emotion"]) == [*SAMM_EMOTIONS, "other"]


def test_a_row_has_its_frames_units_and_objective_class(tmp_path: Path) -> None:
    source = opened(write_samm(tmp_path))
    (row,) = source.read_samples().frame.to_dict("records")

    assert row == {
        **{"sample_id": SAMM_ID, "database": "samm", "subject": "samm/006", "clip": "006_1_2"},
        **{"emotion": "happiness", "origin": f"{SAMM_WORKBOOK} row 15"},
        **{"onset": 5562, "apex": 5588, "offset": 5632},
        **{"action_units": "(R6 or R12)+R15", "objective_class": "3"},
    }
    clip = source.clip(SAMM_ID)
    assert clip.frames[clip.apex] == tmp_path / "006" / "006_1_2" / "006_05588.jpg"


@pytest.mark.parametrize(
    ("folder", "name"), [("SAMM", "006_{:05d}.jpg"), ("SAMM_dataset", "img{}.jpg"), ("SAMM/SAMM", "6_{}.png")]
)
def test_names_of_folders_and_frames_may_differ(tmp_path: Path, folder: str, name: str) -> None:
    samm_annotation(tmp_path, samm_row())
    write_frames(tmp_path / folder / "6" / "6_1_2", range(5562, 5633), name)

    assert len(opened(tmp_path).clip(SAMM_ID).frames) == 71


def test_only_the_official_sheet_is_read(tmp_path: Path) -> None:
    write_samm(tmp_path)
    write_workbook(tmp_path / SAMM_WORKBOOK, SAMM_HEADER, [samm_row()], sheet="MACRO")

    assert f"SAMM: {SAMM_WORKBOOK} has no sheet 'MICRO_ONLY'" in only_problem(tmp_path)
