from __future__ import annotations

from pathlib import Path

import pytest
from support.release_factory import (
    SMIC_EXTENDED_WORKBOOK,
    only_problem,
    opened,
    refusal,
    smic_annotation,
    smic_extended_annotation,
    smic_extended_row,
    smic_row,
    write_frames,
    write_smic,
)

from mer_bench.databases.releases import Releases

IDS = ["smic/s1/s1_ne_01", "smic/s1/s1_po_01", "smic/s2/s2_sur_01"]
HS = "SMIC_all_raw/HS"


def test_a_clip_runs_from_the_first_frame_to_the_last_which_is_its_apex(tmp_path: Path) -> None:
    source = opened(write_smic(tmp_path))
    frame = source.read_samples().frame
    clip = source.clip(IDS[0])

    assert list(frame["sample_id"]) == IDS
    assert list(frame["emotion"]) == ["negative", "positive", "surprise"]
    assert frame["origin"][0] == "HS/s1/micro/negative/s1_ne_01"
    assert set(frame["onset"]) == {8}
    assert set(frame["apex"]) == set(frame["offset"]) == {11}
    assert [path.name for path in clip.frames] == ["image8.bmp", "image9.bmp", "image10.bmp", "image11.bmp"]
    assert clip.apex == 3


@pytest.mark.parametrize(
    ("numbers", "apex"), [((8, 9, 10, 11, 12), 10), ((8, 9, 10, 11), 9), ((8, 11, 12), 11), ((8, 12), 8)]
)
def test_the_apex_can_be_the_frame_nearest_to_the_middle(tmp_path: Path, numbers: tuple[int, ...], apex: int) -> None:
    root = write_smic(tmp_path, numbers=numbers)
    source = opened(root, smic_apex="midpoint")
    clip = source.clip(IDS[0])

    assert set(source.read_samples().frame["apex"]) == {apex}
    assert clip.frames[clip.apex].name == f"image{apex}.bmp"
    assert source.digest(IDS[0]) != opened(root).digest(IDS[0])


@pytest.mark.parametrize(("hs", "micro"), [("SMIC-HS", True), ("NIR experiments/SMIC_all_raw/HS", False), (".", True)])
def test_the_folders_are_found_under_their_other_names(tmp_path: Path, hs: str, micro: bool) -> None:
    clips = ("s01_NE_01", "negative"), ("S1_po_01", "Positive"), ("s2_sur_01", "surprise")
    write_smic(tmp_path, *clips, hs=hs, micro=micro, name="image{:06d}.bmp")

    assert opened(tmp_path).read_samples().ids == IDS


def test_the_other_cameras_are_left_out_with_a_note(tmp_path: Path) -> None:
    write_smic(tmp_path)
    for camera in ("VIS", "NIR"):
        write_smic(tmp_path, ("s9_ne_01", "negative"), hs=f"SMIC_all_raw/{camera}")
    source = opened(tmp_path)

    assert source.read_samples().ids == IDS
    assert source.notes() == ("SMIC-HS: SMIC_all_raw/NIR, SMIC_all_raw/VIS left out: VIS and NIR are other cameras",)


@pytest.mark.parametrize("place", ["SMIC_all_raw", "link"])
def test_another_camera_alone_is_not_smic_hs_under_any_name(tmp_path: Path, place: str) -> None:
    write_smic(tmp_path / "disk", hs="SMIC_all_raw/VIS")
    (tmp_path / "disk" / "link").symlink_to(tmp_path / "disk" / "SMIC_all_raw" / "VIS")
    path = tmp_path / "disk" / place

    assert not Releases.recognises(path)
    assert Releases.resembles(path)
    assert "(VIS and NIR are other cameras)" in refusal(path)


def test_system_folders_and_other_folders_among_the_clips_are_ignored(tmp_path: Path) -> None:
    write_smic(tmp_path)
    for name in ("s1/micro/negative/__MACOSX", "s1/micro/negative/@eaDir", "notes", "s1/non_micro/s1_non_01"):
        (tmp_path / HS / name).mkdir(parents=True)
    source = opened(tmp_path)

    assert (source.problems(), source.read_samples().ids) == ((), IDS)


def test_folders_with_different_subjects_are_parts_of_one_release(tmp_path: Path) -> None:
    write_smic(tmp_path, ("s1_ne_01", "negative"), hs="disc 1/HS")
    write_smic(tmp_path, ("s2_sur_01", "surprise"), hs="disc 2/HS")
    source = opened(tmp_path)

    assert source.read_samples().ids == ["smic/s1/s1_ne_01", "smic/s2/s2_sur_01"]
    assert source.problems() == source.notes() == ()


@pytest.mark.parametrize(
    ("folder", "complaint"),
    [
        ("s1/micro/negative/s1_sur_01", "is surprise by its name (sur) but is in the folder negative"),
        ("s1/micro/negative/s1_xx_01", "is not named as SMIC's clips are (s1_ne_01)"),
        ("s1/micro/negative/s3_ne_01", "names the subject s3 but is in the folder of s1"),
        ("s1/micro/negative/s1_ne_02", "holds no frames (image1.bmp, ...)"),
    ],
)
def test_a_folder_that_contradicts_its_place_or_is_empty_is_a_problem(
    tmp_path: Path, folder: str, complaint: str
) -> None:
    write_smic(tmp_path, ("s2_ne_02", "negative"))
    write_frames(tmp_path / HS / folder, [1, 2], "image{}.txt.bmp" if "no frames" in complaint else "image{}.bmp")

    assert opened(tmp_path).read_samples().ids == ["smic/s2/s2_ne_02"]
    assert only_problem(tmp_path).startswith(f"HS/{folder} {complaint}")


def test_one_clip_in_two_folders_is_a_problem_that_names_both(tmp_path: Path) -> None:
    write_smic(tmp_path)
    write_smic(tmp_path, ("s01_ne_01", "negative"))

    problem = only_problem(tmp_path)
    place = tmp_path / HS
    assert problem.startswith("HS/s1/micro/negative/s1_ne_01 (s1/s1_ne_01): ")
    assert f"{place}/s1/micro/negative/s1_ne_01 is a second folder for smic/s1/s1_ne_01, after {place}/s01/" in problem


def test_the_plain_workbook_states_onset_and_offset(tmp_path: Path) -> None:
    write_smic(tmp_path)
    smic_annotation(tmp_path, smic_row("s1_ne_01", 9, 10), smic_row("s01_po_01", 8, 10))
    source = opened(tmp_path)
    frame = source.read_samples().frame

    assert frame[["onset", "apex", "offset"]].to_numpy().tolist() == [[9, 10, 10], [8, 10, 10], [8, 11, 11]]
    assert list(frame["origin"])[:2] == ["smic.xlsx row 2", "smic.xlsx row 3"]
    assert len(source.clip(IDS[0]).frames) == 2
    (note,) = source.notes()
    assert note.startswith("smic.xlsx does not name 1 of 3 clips (s2/s2_sur_01): each runs from the first frame of its")


@pytest.mark.parametrize("workbook", [SMIC_EXTENDED_WORKBOOK, "smic.xlsx"])
def test_folder_and_clip_name_are_read_where_the_workbook_contradicts_both(tmp_path: Path, workbook: str) -> None:
    write_smic(tmp_path)
    smic_extended_annotation(
        tmp_path, *(smic_extended_row(clip[1], clip, 9, 10) for clip in ("s1_ne_01", "s1_po_01", "s2_sur_01"))
    )
    (tmp_path / SMIC_EXTENDED_WORKBOOK).rename(tmp_path / workbook)
    source = opened(tmp_path)
    frame = source.read_samples().frame

    assert dict(zip(frame["sample_id"], frame["emotion"], strict=True)) == dict(
        zip(IDS, ("negative", "positive", "surprise"), strict=True)
    )
    assert set(frame["onset"]) == {9}
    assert source.problems() == ()
    assert source.notes() == tuple(
        f"{workbook} row {row} ({name}): the workbook says negative, the folder and the clip's name say {emotion}, "
        "which is read"
        for row, name, emotion in ((3, "s1/s1_po_01", "positive"), (4, "s2/s2_sur_01", "surprise"))
    )


def test_the_one_clip_that_the_official_workbook_contradicts_is_a_correction_with_its_reason(tmp_path: Path) -> None:
    write_smic(tmp_path, ("s18_sur_03", "surprise"))
    smic_extended_annotation(tmp_path, smic_extended_row(18, "s18_sur_03", 9, 10))
    (note,) = opened(tmp_path).notes()
    (unexplained,) = opened(tmp_path, fixes=False).notes()

    assert list(opened(tmp_path).read_samples().frame["emotion"]) == ["surprise"]
    assert note.startswith(f"{SMIC_EXTENDED_WORKBOOK} row 2 (s18/s18_sur_03): emotion 'negative' is read as surprise: ")
    assert "MEGC 2019's list" in note
    assert "the workbook says negative" in unexplained
    assert list(opened(tmp_path, fixes=False).read_samples().frame["emotion"]) == ["surprise"]


def test_a_clip_without_a_usable_interval_runs_over_its_whole_folder_with_a_note(tmp_path: Path) -> None:
    write_smic(tmp_path, *((f"s1_ne_0{number}", "negative") for number in range(1, 6)))
    smic_extended_annotation(
        tmp_path,
        smic_extended_row(1, "s1_ne_01", 9, 10, 20),
        smic_extended_row(1, "s1_ne_02", "=H2+8", 10),
        smic_extended_row(1, "s1_ne_03", 8, 200),
        smic_extended_row(1, "s1_ne_04", 11, 9, "=E2"),
        smic_extended_row(1, "s1_ne_05", 3, 9, "-"),
    )
    source = opened(tmp_path)

    intervals = source.read_samples().frame[["onset", "offset"]].to_numpy().tolist()
    assert intervals == [[9, 10], *[[8, 11]] * 4]
    assert source.problems() == ()
    starts = [
        "2 (s1/s1_ne_01): its second interval (from frame 20) is not used",
        "3: column 'OnsetF' holds a formula whose value was never stored",
        "4 (s1/s1_ne_03): frames 8 to 200 are not on disk in this order; the clip runs from frame 8",
        "5 (s1/s1_ne_04): its second interval (without a stored number) is not used",
        "5 (s1/s1_ne_04): frames 11 to 9 are not on disk in this order",
        "6 (s1/s1_ne_05): frames 3 to 9 are not on disk in this order",
    ]
    for note, start in zip(source.notes(), starts, strict=True):
        assert note.startswith(f"{SMIC_EXTENDED_WORKBOOK} row {start}")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (smic_row("s1_ne_01"), "smic.xlsx row 3 names s1/s1_ne_01 again, after smic.xlsx row 2"),
        (smic_row("s18_sur_03"), "smic.xlsx row 3 names s18/s18_sur_03, which has no folder of frames in"),
        ([0, "s1", "=A1", "negative", 8, 9], "row 3: column 'material' holds a formula"),
    ],
)
def test_a_bad_row_is_a_problem(tmp_path: Path, row: list[object], complaint: str) -> None:
    write_smic(tmp_path, ("s1_ne_01", "negative"))
    smic_annotation(tmp_path, smic_row("s1_ne_01"), row)

    assert opened(tmp_path).read_samples().ids == ["smic/s1/s1_ne_01"]
    assert complaint in only_problem(tmp_path)


def test_a_workbook_that_cannot_be_used_is_a_problem_and_the_folders_are_read(tmp_path: Path) -> None:
    write_smic(tmp_path / "damaged")
    (tmp_path / "damaged" / "smic.xlsx").write_bytes(b"no workbook")
    write_smic(tmp_path / "two")
    for place, onset in (("a", 8), ("b", 9)):
        smic_annotation(tmp_path / "two" / place, smic_row(onset=onset))

    for name, start in (("damaged", "smic.xlsx is not an .xlsx workbook"), ("two", "two workbooks that differ")):
        assert set(opened(tmp_path / name).read_samples().frame["onset"]) == {8}
        problem = only_problem(tmp_path / name)
        assert problem.startswith(f"SMIC-HS: {start}")
        assert problem.endswith("until then only its folders are read")
