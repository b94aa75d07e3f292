from __future__ import annotations

from pathlib import Path

import pytest
from support.release_factory import (
    SAMM_EMOTIONS,
    SAMM_HEADER,
    SAMM_WORKBOOK,
    only_problem,
    opened,
    samm_annotation,
    samm_row,
    write_frames,
    write_samm,
    write_workbook,
)

ID = "samm/006/006_1_2"
WRONG = {
    "013_1_9": (5735, 5737, 5700),
    "028_4_1": (1100, 1200, 1110),
    "032_3_1": (4940, 4900, 4950),
    "032_3_2": (5125, 5100, 5135),
}
"""Onset, apex and offset that are not in order."""


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
        **{"sample_id": ID, "database": "samm", "subject": "samm/006", "clip": "006_1_2"},
        **{"emotion": "happiness", "origin": f"{SAMM_WORKBOOK} row 15"},
        **{"onset": 5562, "apex": 5588, "offset": 5632},
        **{"action_units": "(R6 or R12)+R15", "objective_class": "3"},
    }
    clip = source.clip(ID)
    assert clip.frames[clip.apex] == tmp_path / "006" / "006_1_2" / "006_05588.jpg"


@pytest.mark.parametrize(
    ("folder", "name"), [("SAMM", "006_{:05d}.jpg"), ("SAMM_dataset", "img{}.jpg"), ("SAMM/SAMM", "6_{}.png")]
)
def test_names_of_folders_and_frames_may_differ(tmp_path: Path, folder: str, name: str) -> None:
    samm_annotation(tmp_path, samm_row())
    write_frames(tmp_path / folder / "6" / "6_1_2", range(5562, 5633), name)

    assert len(opened(tmp_path).clip(ID).frames) == 71


def test_only_the_official_sheet_is_read(tmp_path: Path) -> None:
    write_samm(tmp_path)
    write_workbook(tmp_path / SAMM_WORKBOOK, SAMM_HEADER, [samm_row()], sheet="MACRO")

    assert f"SAMM: {SAMM_WORKBOOK} has no sheet 'MICRO_ONLY'" in only_problem(tmp_path)
