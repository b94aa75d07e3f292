from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.release_factory import (
    SAMM_EMOTIONS,
    SAMM_HEADER,
    SAMM_WRONG,
    only_problem,
    opened,
    read_all,
    read_mutated,
    samm_full,
    samm_row,
    told,
    write_clutter,
    write_frames,
    write_samm,
    write_workbook,
)
from support.release_fuzz import CELLS, CUTS, FUZZ, KEEP, NAMES

NEGATIVE = ("anger", "contempt", "disgust", "fear", "sadness")
MEGC_CLASSES = {"happiness": "positive", "surprise": "surprise", **dict.fromkeys(NEGATIVE, "negative")}
WORKBOOK = "SAMM_Micro_FACS_Codes_v2.xlsx"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_samm(tmp_path_factory.mktemp("samm"), *samm_full())


def write_annotation(root: Path, *rows: list[object]) -> Path:
    return write_workbook(root / WORKBOOK, SAMM_HEADER, rows, sheet="MICRO_ONLY", notes=13)


def test_the_whole_workbook_gives_the_official_counts(full: Path) -> None:
    source = opened(full)
    frame = source.read_samples().frame

    assert Counter(frame["emotion"]) == {emotion.lower(): count for emotion, count in SAMM_EMOTIONS.items()}
    assert len(frame) == 159
    assert frame["subject"].nunique() == 29
    assert source.problems() == ()
    assert set(frame[frame["subject"] == "samm/025"]["emotion"]) == {"other"}


def test_the_rules_of_megc_leave_133_samples_of_28_subjects(full: Path) -> None:
    frame = opened(full).read_samples().frame
    classes = frame["emotion"].map(MEGC_CLASSES)

    assert Counter(classes.dropna()) == {"negative": 92, "positive": 26, "surprise": 15}
    assert frame[classes.notna()]["subject"].nunique() == 28


def test_rows_out_of_order_are_mended_by_the_known_fixes(full: Path) -> None:
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
        f"{WORKBOOK} row {row} ({clip[:3]}/{clip})" for row, clip in enumerate(SAMM_WRONG, start=15)
    ]


def test_a_copy_that_was_corrected_already_is_left_alone(tmp_path: Path) -> None:
    source = opened(write_samm(tmp_path, [samm_row("028", "028_4_1", 1100, 1113, 1130, "Anger")]))

    assert source.read_samples().frame["apex"][0] == 1113
    assert source.notes() == ()


def test_a_row_has_its_frames_units_and_objective_class(tmp_path: Path) -> None:
    source = opened(write_samm(tmp_path))
    (row,) = source.read_samples().frame.to_dict("records")

    assert row == {
        "sample_id": "samm/006/006_1_2",
        "database": "samm",
        "subject": "samm/006",
        "clip": "006_1_2",
        "emotion": "happiness",
        "origin": f"{WORKBOOK} row 15",
        "onset": 5562,
        "apex": 5588,
        "offset": 5632,
        "action_units": "(R6 or R12)+R15",
        "objective_class": "3",
    }
    clip = source.clip("samm/006/006_1_2")
    assert clip.frames[clip.apex] == tmp_path / "006" / "006_1_2" / "006_05588.jpg"


def test_others_is_the_emotion_other(tmp_path: Path) -> None:
    assert opened(write_samm(tmp_path, [samm_row(emotion="Others")])).read_samples().frame["emotion"][0] == "other"


@pytest.mark.parametrize("subject", ["006", "6", 6, 6.0])
def test_subjects_that_lost_their_zeros_are_the_same(tmp_path: Path, subject: object) -> None:
    write_samm(tmp_path)
    write_annotation(tmp_path, samm_row(subject))

    assert opened(tmp_path).read_samples().ids == ["samm/006/006_1_2"]


@pytest.mark.parametrize("folder", ["SAMM", "SAMM_dataset", "SAMM/SAMM"])
@pytest.mark.parametrize("name", ["006_{:05d}.jpg", "img{}.jpg", "6_{}.png"])
def test_folder_and_frame_names_have_variants(tmp_path: Path, folder: str, name: str) -> None:
    write_annotation(tmp_path, samm_row())
    write_frames(tmp_path / folder / "6" / "6_1_2", range(5562, 5633), name)

    assert len(opened(tmp_path).clip("samm/006/006_1_2").frames) == 71


def test_another_sheet_than_the_official_one_is_not_read(tmp_path: Path) -> None:
    write_samm(tmp_path)
    write_workbook(tmp_path / WORKBOOK, SAMM_HEADER, [samm_row()], sheet="MACRO")

    assert "SAMM: SAMM_Micro_FACS_Codes_v2.xlsx has no sheet 'MICRO_ONLY'" in only_problem(tmp_path)


@pytest.mark.parametrize("link", ["006", "006/006_1_2"])
def test_a_link_out_of_the_release_is_a_problem(tmp_path: Path, link: str) -> None:
    write_samm(tmp_path / "data" / "samm")
    inner = tmp_path / "data" / "samm" / link
    inner.rename(tmp_path / "elsewhere")
    inner.symlink_to(tmp_path / "elsewhere")

    assert "leads out of" in only_problem(tmp_path / "data")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (samm_row(apex="/"), "row 15: column 'Apex Frame' holds '/'"),
        (samm_row(apex=1), "row 15 (006/006_1_2) has onset 5562, apex 1 and offset 5632"),
        (samm_row(subject="..", clip=".."), "row 15: subject '..' is not a name"),
        (samm_row(clip="006_1_2/../../x"), "is not a name"),
        (samm_row(clip="006_9_9"), "has no folder of frames"),
        (samm_row(onset=5000), "its onset frame 5000 is not in"),
        (samm_row(emotion="Anger?"), "has the emotion 'anger?' (did you mean 'anger'?)"),
    ],
)
def test_a_bad_row_is_a_problem(tmp_path: Path, row: list[object], complaint: str) -> None:
    write_samm(tmp_path)
    write_annotation(tmp_path, row)

    assert complaint in only_problem(tmp_path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sound")
    write_annotation(root, samm_row())
    write_frames(root / "frames" / "006" / "006_1_2", range(5562, 5633), "006_{:05d}.jpg")
    return root


@FUZZ
@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=len(SAMM_HEADER)), min_size=1, max_size=4))
def test_any_cells_give_samples_and_problems(sound: Path, rows: list[list[object]]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "frames").symlink_to(sound / "frames")
        write_annotation(root, samm_row(), *rows)
        source = read_all(root)
        assert "samm/006/006_1_2" in source.read_samples().ids


@FUZZ
@given(cuts=CUTS, keep=KEEP)
def test_a_damaged_workbook_is_read_or_refused(sound: Path, cuts: list[tuple[int, int]], keep: int) -> None:
    assert told(read_mutated(sound, WORKBOOK, cuts, keep)) > 0


@FUZZ
@given(names=st.lists(NAMES, max_size=4, unique=True))
def test_any_names_of_files_and_folders_are_read_or_refused(names: list[str]) -> None:
    with TemporaryDirectory() as folder:
        root = write_samm(Path(folder))
        write_clutter(root, (".", "006", "006/006_1_2"), names)
        assert told(read_all(root)) > 0
