from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.release_factory import (
    SMIC_EXTENDED_HEADER,
    SMIC_HEADER,
    only_problem,
    opened,
    read_all,
    read_mutated,
    refusal,
    smic_full,
    told,
    write_clutter,
    write_frames,
    write_smic,
    write_workbook,
)
from support.release_fuzz import CELLS, CUTS, FUZZ, KEEP, NAMES

from mer_bench.databases.releases import Releases

IDS = ["smic/s1/s1_ne_01", "smic/s1/s1_po_01", "smic/s2/s2_sur_01"]
SURPRISE = "SMIC_all_raw/HS/s2/micro/surprise/s2_sur_01"


def plain_row(clip: str, emotion: str, onset: object, offset: object) -> list[object]:
    return [0, clip.split("_")[0], clip, emotion, onset, offset]


def extended_row(subject: object, clip: str, onset: object, offset: object, second: object = None) -> list[object]:
    return [subject, clip, None, onset, offset, second, second, 1, 99, "=E2-D2+1", None, "=I2-H2+1", "negative"]


def write_extended(root: Path, *rows: list[object]) -> Path:
    return write_workbook(root / "SMIC-HS-E_annotation.xlsx", SMIC_EXTENDED_HEADER, rows, sheet="HS", others=("VIS",))


def test_the_folders_give_the_official_counts(tmp_path: Path) -> None:
    source = opened(write_smic(tmp_path, smic_full(), numbers=(8, 9)))
    frame = source.read_samples().frame

    assert Counter(frame["emotion"]) == {"negative": 70, "positive": 51, "surprise": 43}
    assert frame["subject"].nunique() == 16
    assert (source.problems(), source.notes()) == ((), ())


def test_a_clip_runs_from_the_first_frame_to_the_last_which_is_its_apex(tmp_path: Path) -> None:
    source = opened(write_smic(tmp_path))
    frame = source.read_samples().frame

    assert list(frame["sample_id"]) == IDS
    assert list(frame["emotion"]) == ["negative", "positive", "surprise"]
    assert frame["origin"][0] == "HS/s1/micro/negative/s1_ne_01"
    assert set(frame["onset"]) == {8}
    assert set(frame["apex"]) == set(frame["offset"]) == {11}
    clip = source.clip(IDS[0])
    assert [path.name for path in clip.frames] == ["image8.bmp", "image9.bmp", "image10.bmp", "image11.bmp"]
    assert clip.apex == 3


@pytest.mark.parametrize(
    ("numbers", "apex"), [((8, 9, 10, 11, 12), 10), ((8, 9, 10, 11), 9), ((8, 11, 12), 11), ((8, 12), 8)]
)
def test_the_apex_can_be_the_frame_nearest_to_the_middle(tmp_path: Path, numbers: tuple[int, ...], apex: int) -> None:
    source = opened(write_smic(tmp_path, numbers=numbers), smic_apex="midpoint")

    assert set(source.read_samples().frame["apex"]) == {apex}
    assert source.clip(IDS[0]).frames[source.clip(IDS[0]).apex].name == f"image{apex}.bmp"


@pytest.mark.parametrize("hs", ["HS", "SMIC_all_raw/HS", "SMIC-HS", "SMIC/SMIC_all_raw/HS", "."])
@pytest.mark.parametrize("micro", [True, False])
def test_the_folders_are_found_under_their_other_names(tmp_path: Path, hs: str, micro: bool) -> None:
    assert opened(write_smic(tmp_path, hs=hs, micro=micro)).read_samples().ids == IDS


def test_padded_names_of_folders_and_frames_are_the_same(tmp_path: Path) -> None:
    write_smic(tmp_path, [("s01_NE_01", "negative"), ("S02_sur_01", "Surprise")], name="image{:06d}.bmp")

    assert opened(tmp_path).read_samples().ids == ["smic/s1/s1_ne_01", "smic/s2/s2_sur_01"]


def test_the_other_cameras_are_left_out_with_a_note(tmp_path: Path) -> None:
    write_smic(tmp_path)
    for camera in ("VIS", "NIR"):
        write_smic(tmp_path, [("s9_ne_01", "negative")], hs=f"SMIC_all_raw/{camera}")
    source = opened(tmp_path)

    assert source.read_samples().ids == IDS
    assert source.notes() == ("SMIC-HS: SMIC_all_raw/NIR, SMIC_all_raw/VIS left out: VIS and NIR are other cameras",)


@pytest.mark.parametrize("place", ["SMIC_all_raw", "SMIC_all_raw/VIS", "link"])
def test_another_camera_alone_is_no_smic_hs_by_whatever_name_it_is_given(tmp_path: Path, place: str) -> None:
    write_smic(tmp_path / "disk", hs="SMIC_all_raw/VIS")
    (tmp_path / "disk" / "link").symlink_to(tmp_path / "disk" / "SMIC_all_raw" / "VIS")
    path = tmp_path / "disk" / place

    assert not Releases.recognises(path)
    assert Releases.resembles(path)
    assert "(VIS and NIR are other cameras)" in refusal(path)


def test_a_study_of_that_name_is_no_camera(tmp_path: Path) -> None:
    write_smic(tmp_path / "NIR experiments" / "SMIC")

    assert opened(tmp_path).read_samples().ids == IDS


def test_what_systems_leave_among_the_clips_is_no_clip(tmp_path: Path) -> None:
    write_smic(tmp_path)
    for name in ("__MACOSX", "@eaDir", ".git", "$RECYCLE.BIN"):
        (tmp_path / "SMIC_all_raw/HS/s1/micro/negative" / name).mkdir()

    assert opened(tmp_path).problems() == ()


def test_roots_with_other_subjects_are_parts_of_one_release(tmp_path: Path) -> None:
    write_smic(tmp_path, [("s1_ne_01", "negative")], hs="disc 1/HS")
    write_smic(tmp_path, [("s2_sur_01", "surprise")], hs="disc 2/HS")
    source = opened(tmp_path)

    assert source.read_samples().ids == ["smic/s1/s1_ne_01", "smic/s2/s2_sur_01"]
    assert source.problems() == source.notes() == ()


def test_folders_without_micro_expressions_are_not_read(tmp_path: Path) -> None:
    write_smic(tmp_path)
    write_frames(tmp_path / "SMIC_all_raw/HS/s1/non_micro/s1_non_01", [1, 2], "image{}.bmp")

    assert opened(tmp_path).read_samples().ids == IDS


def test_raw_and_cropped_images_are_two_copies_to_choose_from(tmp_path: Path) -> None:
    write_smic(tmp_path)
    write_smic(tmp_path, hs="SMIC_all_cropped/HS", name="reg_image{}.bmp")

    assert opened(tmp_path).clip(IDS[0]).frames[0].name == "image8.bmp"
    assert opened(tmp_path, images="cropped").clip(IDS[0]).frames[0].name == "reg_image8.bmp"


@pytest.mark.parametrize(
    ("clip", "folder", "complaint"),
    [
        ("s1_ne_01", "positive", "is negative by its name (ne) but is in the folder positive"),
        ("s1_sur_01", "negative", "is surprise by its name (sur) but is in the folder negative"),
        ("s1_xx_01", "negative", "is not named as SMIC's clips are (s1_ne_01)"),
        ("s1_ne_0 1", "negative", "is not named as SMIC's clips are"),
    ],
)
def test_a_folder_that_contradicts_its_name_is_a_problem(
    tmp_path: Path, clip: str, folder: str, complaint: str
) -> None:
    write_smic(tmp_path, [("s2_ne_02", "negative"), (clip, folder)])

    assert opened(tmp_path).read_samples().ids == ["smic/s2/s2_ne_02"]
    problem = only_problem(tmp_path)
    assert problem.startswith(f"HS/s1/micro/{folder}/{clip} {complaint}")


def test_a_clip_in_another_subjects_folder_is_a_problem(tmp_path: Path) -> None:
    write_smic(tmp_path)
    write_frames(tmp_path / "SMIC_all_raw/HS/s1/micro/negative/s3_ne_01", [1, 2], "image{}.bmp")

    assert "names the subject s3 but is in the folder of s1" in only_problem(tmp_path)


def test_a_folder_without_frames_is_a_problem(tmp_path: Path) -> None:
    write_smic(tmp_path)
    for path in (tmp_path / SURPRISE).iterdir():
        path.rename(path.with_suffix(".txt"))

    assert f"{SURPRISE.removeprefix('SMIC_all_raw/')} holds no frames" in only_problem(tmp_path)


def test_one_clip_in_two_folders_is_a_problem_that_names_both(tmp_path: Path) -> None:
    write_smic(tmp_path)
    write_smic(tmp_path, [("s01_ne_01", "negative")])

    problem = only_problem(tmp_path)
    place = tmp_path / "SMIC_all_raw" / "HS"
    assert problem.startswith("HS/s1/micro/negative/s1_ne_01 (s1/s1_ne_01): ")
    assert f"{place}/s1/micro/negative/s1_ne_01 is a second folder for smic/s1/s1_ne_01, after {place}/s01/" in problem


@pytest.mark.parametrize("link", ["s2", "s2/micro", "s2/micro/surprise/s2_sur_01"])
def test_a_link_out_of_the_release_is_a_problem(tmp_path: Path, link: str) -> None:
    root = write_smic(tmp_path / "release")
    inner = root / "SMIC_all_raw" / "HS" / link
    inner.rename(tmp_path / "elsewhere")
    inner.symlink_to(tmp_path / "elsewhere")

    assert opened(root).read_samples().ids == IDS[:2]
    problem = only_problem(root)
    assert "leads out of" in problem
    assert link.count("/") < 2 or problem.startswith("HS/s2/micro/surprise/s2_sur_01 (s2/s2_sur_01): ")


def test_frames_that_are_missing_in_between_are_noted(tmp_path: Path) -> None:
    write_smic(tmp_path)
    (tmp_path / SURPRISE / "image9.bmp").unlink()
    source = opened(tmp_path)

    assert source.notes() == (
        "HS/s2/micro/surprise/s2_sur_01 (s2/s2_sur_01): 1 of the 4 frames of the clip are not on disk",
    )


def test_the_plain_workbook_states_onset_and_offset(tmp_path: Path) -> None:
    write_smic(tmp_path)
    rows = [plain_row("s1_ne_01", "negative", 9, 10), plain_row("s01_po_01", "positive", 8, 10)]
    write_workbook(tmp_path / "smic.xlsx", SMIC_HEADER, rows)
    source = opened(tmp_path)
    frame = source.read_samples().frame

    assert [tuple(row) for row in frame[["onset", "apex", "offset"]].to_numpy()] == [
        (9, 10, 10),
        (8, 10, 10),
        (8, 11, 11),
    ]
    assert list(frame["origin"])[:2] == ["smic.xlsx row 2", "smic.xlsx row 3"]
    assert len(source.clip(IDS[0]).frames) == 2
    (note,) = source.notes()
    assert note.startswith("smic.xlsx does not name 1 of 3 clips (s2/s2_sur_01): each is taken from the first frame")


def test_an_emotion_in_the_workbook_that_contradicts_the_folder_is_a_problem(tmp_path: Path) -> None:
    write_smic(tmp_path)
    rows = [extended_row(1, "s1_ne_01", 9, 10), extended_row(1, "s1_po_01", 8, 9), extended_row(2, "s2_sur_01", 8, 9)]
    write_extended(tmp_path, *rows)
    source = opened(tmp_path)

    assert source.read_samples().ids == IDS[:1]
    first, _ = source.problems()
    assert first.startswith("SMIC-HS-E_annotation.xlsx row 3 calls s1/s1_po_01 negative, but its folder ")


def test_what_the_workbook_cannot_say_is_taken_from_the_folder_with_a_note(tmp_path: Path) -> None:
    write_smic(tmp_path, [(f"s1_ne_0{number}", "negative") for number in range(1, 6)])
    write_extended(
        tmp_path,
        extended_row(1, "s1_ne_01", 9, 10, 20),
        extended_row(1, "s1_ne_02", "=H2+8", 10),
        extended_row(1, "s1_ne_03", 8, 200),
        extended_row(1, "s1_ne_04", 11, 9, "=E2"),
        extended_row(1, "s1_ne_05", 3, 9),
    )
    source = opened(tmp_path)
    frame = source.read_samples().frame

    assert [tuple(row) for row in frame[["onset", "offset"]].to_numpy()] == [(9, 10), *[(8, 11)] * 4]
    assert source.problems() == ()
    second, formula, outside, also, reverse, before = source.notes()
    name = "SMIC-HS-E_annotation.xlsx"
    assert second == f"{name} row 2 (s1/s1_ne_01): its second interval (from frame 20) is not used"
    assert formula.startswith(f"{name} row 3: column 'OnsetF' holds a formula whose value was never stored")
    assert outside.startswith(f"{name} row 4 (s1/s1_ne_03): frames 8 to 200 are not on disk in this order")
    assert also == f"{name} row 5 (s1/s1_ne_04): its second interval (without a stored number) is not used"
    assert before.startswith(f"{name} row 6 (s1/s1_ne_05): frames 3 to 9 are not on disk in this order")
    assert reverse.startswith(f"{name} row 5 (s1/s1_ne_04): frames 11 to 9 are not on disk in this order")


def test_a_row_without_a_folder_is_a_problem(tmp_path: Path) -> None:
    write_smic(tmp_path)
    rows = [
        *(plain_row("s1_ne_01", "negative", 8, 11), plain_row("s1_po_01", "positive", 8, 11)),
        *(plain_row("s2_sur_01", "surprise", 8, 11), plain_row("s18_sur_03", "surprise", 8, 11)),
    ]
    write_workbook(tmp_path / "smic.xlsx", SMIC_HEADER, rows)

    assert "smic.xlsx row 5 names s18/s18_sur_03, which has no folder of frames in" in only_problem(tmp_path)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (plain_row("s1_ne_01", "negative", 8, 9), "smic.xlsx row 3 names s1/s1_ne_01 again, after smic.xlsx row 2"),
        ([0, "../s1", "../../s1_ne_01", "negative", 8, 9], "row 3 names ../s1/../../s1_ne_01, which has no folder"),
        ([0, "s1", "=A1", "negative", 8, 9], "row 3: column 'material' holds a formula"),
    ],
)
def test_a_bad_row_is_a_problem(tmp_path: Path, row: list[object], complaint: str) -> None:
    write_smic(tmp_path, [("s1_ne_01", "negative")])
    write_workbook(tmp_path / "smic.xlsx", SMIC_HEADER, [plain_row("s1_ne_01", "negative", 8, 11), row])

    assert opened(tmp_path).read_samples().ids == ["smic/s1/s1_ne_01"]
    assert complaint in only_problem(tmp_path)


def test_a_workbook_that_cannot_be_read_is_a_problem_and_the_folders_are_read(tmp_path: Path) -> None:
    write_smic(tmp_path)
    (tmp_path / "smic.xlsx").write_bytes(b"no workbook")

    assert opened(tmp_path).read_samples().ids == IDS
    problem = only_problem(tmp_path)
    assert problem.startswith("SMIC-HS: smic.xlsx is not an .xlsx workbook")
    assert problem.endswith("until then its folders alone are read")


def test_two_workbooks_that_differ_are_a_problem_and_the_folders_are_read(tmp_path: Path) -> None:
    write_smic(tmp_path)
    for place, onset in (("a", 8), ("b", 9)):
        rows = [plain_row("s1_ne_01", "negative", onset, 10)]
        write_workbook(tmp_path / place / "smic.xlsx", SMIC_HEADER, rows)

    assert set(opened(tmp_path).read_samples().frame["onset"]) == {8}
    assert "SMIC-HS: two workbooks that differ" in only_problem(tmp_path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_smic(tmp_path_factory.mktemp("sound"))
    write_workbook(root / "smic.xlsx", SMIC_HEADER, [plain_row("s1_ne_01", "negative", 8, 11)])
    return root


@FUZZ
@given(
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=len(SMIC_EXTENDED_HEADER)), min_size=1, max_size=4),
    extended=st.booleans(),
)
def test_any_cells_give_samples_and_problems(sound: Path, rows: list[list[object]], extended: bool) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "HS").symlink_to(sound / "SMIC_all_raw" / "HS")
        if extended:
            write_extended(root, *rows)
        else:
            write_workbook(root / "smic.xlsx", SMIC_HEADER, rows)
        source = read_all(root)
        assert len(source.read_samples()) + len(source.problems()) >= 3


@FUZZ
@given(cuts=CUTS, keep=KEEP)
def test_a_damaged_workbook_is_read_or_refused(sound: Path, cuts: list[tuple[int, int]], keep: int) -> None:
    assert told(read_mutated(sound, "smic.xlsx", cuts, keep)) > 0


@FUZZ
@given(names=st.lists(NAMES, max_size=4, unique=True))
def test_any_names_of_files_and_folders_are_read_or_refused(names: list[str]) -> None:
    with TemporaryDirectory() as folder:
        root = write_smic(Path(folder), hs="HS")
        write_clutter(
            root, (".", "HS", "HS/s1", "HS/s1/micro", "HS/s1/micro/negative", "HS/s1/micro/negative/s1_ne_01"), names
        )
        assert told(read_all(root)) > 0
