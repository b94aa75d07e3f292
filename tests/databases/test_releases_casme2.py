from __future__ import annotations

from pathlib import Path

import pytest
from support.release_factory import (
    CASME2_EMOTIONS,
    CASME2_WORKBOOK,
    casme2_row,
    only_problem,
    opened,
    write_casme2,
    write_frames,
    write_workbook,
)

ID = "casme2/sub01/EP02_01f"


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


@pytest.mark.parametrize("folder", ["RAW_selected", "CASME2-RAW/CASME2-RAW", ".", "data/frames/raw"])
def test_the_frames_are_found_in_any_folder_a_few_levels_below(tmp_path: Path, folder: str) -> None:
    write_casme2(tmp_path, frames=False)
    write_frames(tmp_path / folder / "sub01" / "EP02_01f", range(46, 87))

    assert opened(tmp_path).clip(ID).apex == 13


def test_casme_beside_casme2_is_ignored(tmp_path: Path) -> None:
    write_casme2(tmp_path / "CASME2")
    write_frames(tmp_path / "CASME" / "CASME_raw_selected" / "sub01" / "EP01_5", [1, 2], "EP01_5-{}.jpg")
    source = opened(tmp_path)

    assert source.read_samples().ids == [ID]
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
