from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from support.release_factory import (
    SAMM_EMOTIONS,
    SAMM_HEADER,
    SAMM_WORKBOOK,
    SAMM_WRONG,
    only_problem,
    opened,
    samm_annotation,
    samm_full,
    samm_row,
    write_frames,
    write_samm,
    write_workbook,
)

ID = "samm/006/006_1_2"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows, numbers = samm_full()
    return write_samm(tmp_path_factory.mktemp("samm"), *rows, numbers=numbers)


def test_the_whole_workbook_gives_the_official_counts(full: Path) -> None:
    source = opened(full)
    frame = source.read_samples().frame

    assert Counter(frame["emotion"]) == SAMM_EMOTIONS
    assert frame["subject"].nunique() == 29
    assert source.problems() == ()


def test_rows_out_of_order_are_corrected_by_the_known_fixes(full: Path) -> None:
    source = opened(full)
    frame = source.read_samples().frame.set_index("sample_id")

    for clip, (onset, apex, offset, right) in SAMM_WRONG.items():
        row = frame.loc[f"samm/{clip[:3]}/{clip}"]
        expected = (onset, apex, right) if clip == "013_1_9" else (onset, right, offset)
        assert (row["onset"], row["apex"], row["offset"]) == expected
    assert len(source.notes()) == 4


def test_without_fixes_rows_out_of_order_are_problems(full: Path) -> None:
    source = opened(full, fixes=False)

    assert len(source.read_samples()) == 155
    assert [problem.split(" has ")[0] for problem in source.problems()] == [
        f"{SAMM_WORKBOOK} row {row} ({clip[:3]}/{clip})" for row, clip in enumerate(SAMM_WRONG, start=15)
    ]


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
