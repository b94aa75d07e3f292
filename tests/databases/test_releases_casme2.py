from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.release_factory import (
    CASME2_EMOTIONS,
    CASME2_HEADER,
    casme2_full,
    casme2_row,
    only_problem,
    opened,
    read_all,
    read_mutated,
    told,
    write_casme2,
    write_clutter,
    write_frames,
    write_workbook,
)
from support.release_fuzz import CELLS, CUTS, FUZZ, KEEP, NAMES

MEGC_CLASSES = {
    "happiness": "positive",
    "surprise": "surprise",
    "disgust": "negative",
    "repression": "negative",
}
WITHOUT_APEX = {"casme2/sub04/EP12_01f", "casme2/sub05/EP09_05f"}
WORKBOOK = "CASME2-coding-20140508.xlsx"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_casme2(tmp_path_factory.mktemp("casme2"), casme2_full())


def test_the_whole_workbook_gives_the_official_counts(full: Path) -> None:
    source = opened(full)
    frame = source.read_samples().frame

    assert Counter(frame["emotion"]) == CASME2_EMOTIONS
    assert len(frame) == 255
    assert frame["subject"].nunique() == 26
    assert source.problems() == ()
    only_others = frame.groupby("subject")["emotion"].agg(set).eq({"others"})
    assert sorted(only_others[only_others].index) == ["casme2/sub10", "casme2/sub18"]


def test_the_rules_of_megc_leave_145_samples_of_24_subjects(full: Path) -> None:
    frame = opened(full).read_samples().frame
    classes = frame["emotion"].map(MEGC_CLASSES)

    assert Counter(classes.dropna()) == {"negative": 90, "positive": 32, "surprise": 25}
    chosen = frame[classes.notna() & ~frame["sample_id"].isin(WITHOUT_APEX)]
    assert Counter(classes[chosen.index]) == {"negative": 88, "positive": 32, "surprise": 25}
    assert chosen["subject"].nunique() == 24


def test_the_open_apex_is_filled_from_the_known_fix(full: Path) -> None:
    source = opened(full)
    (row,) = source.read_samples().frame.query("sample_id == 'casme2/sub04/EP12_01f'").to_dict("records")

    assert (row["onset"], row["apex"], row["offset"]) == (261, 303, 321)
    clip = source.clip("casme2/sub04/EP12_01f")
    assert clip.frames[clip.apex].name == "img303.jpg"
    assert clip.frames[0].name == "img261.jpg"
    assert clip.frames[-1].name == "img321.jpg"
    (note,) = [note for note in source.notes() if "EP12_01f" in note]
    assert "'/' is read as 303" in note


def test_without_fixes_the_open_apex_is_a_problem_with_file_and_row(full: Path) -> None:
    source = opened(full, fixes=False)

    assert len(source.read_samples()) == 254
    (problem,) = source.problems()
    assert problem.startswith(f"{WORKBOOK} row 2: column 'ApexFrame' holds '/'")
    assert "sub04/EP12_01f" in problem


def test_an_apex_that_is_the_onset_is_kept_and_noted(full: Path) -> None:
    source = opened(full)

    assert source.clip("casme2/sub05/EP09_05f").apex == 0
    (note,) = [note for note in source.notes() if "EP09_05f" in note]
    assert note.startswith(f"{WORKBOOK} row 3 (sub05/EP09_05f): apex and onset are one frame, 69")


def test_action_units_are_text_whatever_the_cell_is(tmp_path: Path) -> None:
    rows = [
        casme2_row(clip=f"EP01_0{n}", onset=9, apex=10, offset=11, units=units)
        for n, units in enumerate((12, "L12", None))
    ]

    assert list(opened(write_casme2(tmp_path, rows)).read_samples().frame["action_units"]) == ["12", "L12", ""]


@pytest.mark.parametrize("subject", ["01", "1", 1, 1.0, "sub01", " 01 "])
def test_subjects_may_be_text_or_number_and_clips_carry_spaces(tmp_path: Path, subject: object) -> None:
    write_frames(tmp_path / "CASME2_RAW_selected" / "sub01" / "EP02_01f", range(46, 87))
    write_workbook(tmp_path / WORKBOOK, CASME2_HEADER, [casme2_row(subject, "EP02_01f  ")])

    assert opened(tmp_path).read_samples().ids == ["casme2/sub01/EP02_01f"]


@pytest.mark.parametrize(
    "folder", ["CASME2_RAW_selected", "CASME2-RAW", "RAW_selected", "CASME2-RAW/CASME2-RAW", ".", "data/frames/raw"]
)
def test_the_frames_are_found_in_any_folder_a_few_levels_below(tmp_path: Path, folder: str) -> None:
    write_casme2(tmp_path, frames=False)
    write_frames(tmp_path / folder / "sub01" / "EP02_01f", range(46, 87))

    assert opened(tmp_path).clip("casme2/sub01/EP02_01f").apex == 13


@pytest.mark.parametrize("name", ["CASME2-coding-20190701.xlsx", "CASME2-coding-updated.xlsx", "casme2-coding.XLSX"])
def test_the_other_editions_of_the_workbook_are_read_too(tmp_path: Path, name: str) -> None:
    write_casme2(tmp_path)
    (tmp_path / WORKBOOK).rename(tmp_path / name)

    assert opened(tmp_path).read_samples().frame["origin"][0] == f"{name} row 2"


def test_of_several_editions_the_one_that_the_counts_are_of_is_read_with_a_note(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    write_workbook(tmp_path / "CASME2-coding-20190701.xlsx", CASME2_HEADER, [casme2_row(emotion="disgust")])
    source = opened(tmp_path)

    assert source.read_samples().frame["emotion"][0] == "happiness"
    assert source.notes() == (f"CASME II is read from {WORKBOOK}; not used: CASME2-coding-20190701.xlsx",)


def test_a_better_edition_elsewhere_goes_before_a_worse_one_beside_the_frames(tmp_path: Path) -> None:
    release = write_casme2(tmp_path / "CASME2", [casme2_row(emotion="disgust")])
    (release / WORKBOOK).rename(release / "CASME2-coding-updated.xlsx")
    write_casme2(tmp_path / "labels", frames=False)
    source = opened(tmp_path)

    assert source.read_samples().frame["emotion"][0] == "happiness"
    assert source.notes() == (f"CASME II is read from labels/{WORKBOOK}; not used: CASME2/CASME2-coding-updated.xlsx",)


def test_of_equal_copies_of_the_workbook_the_nearest_is_read_with_a_note(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    (tmp_path / "a" / "backup").mkdir(parents=True)
    shutil.copy(tmp_path / WORKBOOK, tmp_path / "a" / "backup" / WORKBOOK)
    source = opened(tmp_path)

    assert len(source.read_samples()) == 1
    assert source.problems() == ()
    assert source.notes() == (f"CASME II is read from {WORKBOOK}; not used: a/backup/{WORKBOOK}",)


@pytest.mark.parametrize("suffix", [".xls", ".csv"])
def test_the_workbook_in_another_format_is_told_to_be_saved_as_xlsx(tmp_path: Path, suffix: str) -> None:
    write_casme2(tmp_path)
    (tmp_path / WORKBOOK).rename((tmp_path / WORKBOOK).with_suffix(suffix))

    assert f"{suffix} is not an .xlsx workbook; open it in Excel or LibreOffice and save it" in only_problem(tmp_path)


def test_casme_beside_casme2_does_no_harm(tmp_path: Path) -> None:
    write_casme2(tmp_path / "CASME2")
    write_frames(tmp_path / "CASME" / "CASME_raw_selected" / "sub01" / "EP01_5", [1, 2], "EP01_5-{}.jpg")
    source = opened(tmp_path)

    assert source.read_samples().ids == ["casme2/sub01/EP02_01f"]
    assert source.problems() == source.notes() == ()


def test_the_official_folder_goes_before_another_of_the_same_subjects_with_a_note(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    write_frames(tmp_path / "A" / "sub01" / "EP02_01f", range(46, 60))
    source = opened(tmp_path)

    assert source.clip("casme2/sub01/EP02_01f").frames[0].is_relative_to(tmp_path / "CASME2_RAW_selected")
    assert source.notes() == (
        "CASME II is read from CASME2_RAW_selected; A, which holds the same subjects, is not used",
    )


def test_copies_of_the_other_kind_of_images_are_not_complained_of(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    for name in ("my crop", "your crop"):
        write_frames(tmp_path / name / "sub01" / "EP02_01f", range(46, 87), "reg_img{}.jpg")

    assert opened(tmp_path).problems() == ()
    assert "there twice" in only_problem(tmp_path, images="cropped")


def test_a_link_to_the_release_itself_is_no_copy(tmp_path: Path) -> None:
    write_casme2(tmp_path / "CASME2")
    (tmp_path / "again").symlink_to(".")
    (tmp_path / "link").symlink_to("CASME2")

    assert len(opened(tmp_path).read_samples()) == 1
    assert opened(tmp_path).problems() == ()


def test_capitals_of_clips_do_not_matter_to_names_and_fixes(tmp_path: Path) -> None:
    source = opened(write_casme2(tmp_path, [casme2_row("04", "ep12_01F", 261, "/", 321, "disgust")]))

    assert source.read_samples().ids == ["casme2/sub04/EP12_01f"]
    assert source.clip("casme2/sub04/EP12_01f").apex == 303 - 261


def test_empty_folders_of_the_first_subjects_hide_no_release(tmp_path: Path) -> None:
    write_casme2(tmp_path, [casme2_row("26")])
    for number in range(1, 26):
        (tmp_path / "CASME2_RAW_selected" / f"sub{number:02d}").mkdir()

    assert len(opened(tmp_path).read_samples()) == 1


def test_one_folders_fault_is_said_once_for_all_rows_that_need_it(tmp_path: Path) -> None:
    rows = [casme2_row(clip=f"EP01_0{number}", onset=9, apex=10, offset=11) for number in range(4)]
    write_casme2(tmp_path, rows)
    (tmp_path / "CASME2_RAW_selected" / "sub1").mkdir()

    assert only_problem(tmp_path).startswith(f"{WORKBOOK} row 2 (sub01/EP01_00) and 3 more: {tmp_path}")


def test_raw_or_cropped_images_are_read_as_asked(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    write_frames(tmp_path / "Cropped" / "sub01" / "EP02_01f", range(46, 87), "reg_img{}.jpg")

    raw, cropped = (opened(tmp_path, images=images).clip("casme2/sub01/EP02_01f") for images in ("raw", "cropped"))
    assert raw.frames[0].relative_to(tmp_path).parts[0] == "CASME2_RAW_selected"
    assert cropped.frames[0].relative_to(tmp_path).parts[0] == "Cropped"


def test_the_only_copy_of_the_frames_is_read_with_a_note(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    source = opened(tmp_path, images="cropped")

    assert len(source.read_samples()) == 1
    assert source.notes() == ("CASME II holds no cropped images; the raw ones are read",)


def test_frames_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    source = opened(write_casme2(tmp_path, [casme2_row(onset=8, apex=10, offset=12)]))
    clip = source.clip("casme2/sub01/EP02_01f")

    assert [frame.name for frame in clip.frames] == [f"img{number}.jpg" for number in range(8, 13)]
    assert clip.apex == 2


def test_padded_frame_names_are_the_same_numbers(tmp_path: Path) -> None:
    write_casme2(tmp_path, frames=False)
    write_frames(tmp_path / "RAW_selected" / "sub01" / "EP02_01f", range(46, 130), "img{:04d}.jpg")

    assert len(opened(tmp_path).clip("casme2/sub01/EP02_01f").frames) == 41


def test_objective_classes_come_from_their_own_workbook(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    header = ("Subject", "Filename", "Objective Class")
    path = write_workbook(tmp_path / "CASME2-ObjectiveClasses.xlsx", header, [(1, "EP02_01f", 3)])

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


def test_frames_missing_in_between_and_at_the_end_are_noted(tmp_path: Path) -> None:
    write_casme2(tmp_path, frames=False)
    numbers = sorted({*range(46, 80)} - {50, 51})
    write_frames(tmp_path / "RAW_selected" / "sub01" / "EP02_01f", numbers)
    source = opened(tmp_path)

    assert len(source.clip("casme2/sub01/EP02_01f").frames) == 32
    where = f"{WORKBOOK} row 2 (sub01/EP02_01f)"
    assert source.notes() == (
        f"{where}: frame 86, its offset, is not on disk; the clip ends at frame 79",
        f"{where}: 2 of the 34 frames of the clip are not on disk",
    )


@pytest.mark.parametrize(("lost", "name"), [(46, "onset"), (59, "apex")])
def test_a_missing_onset_or_apex_frame_is_a_problem(tmp_path: Path, lost: int, name: str) -> None:
    write_casme2(tmp_path)
    (tmp_path / f"CASME2_RAW_selected/sub01/EP02_01f/img{lost}.jpg").unlink()

    assert f"{WORKBOOK} row 2 (sub01/EP02_01f): its {name} frame {lost} is not in" in only_problem(tmp_path)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (casme2_row(apex="/"), "row 3: column 'ApexFrame' holds '/'"),
        (
            casme2_row(apex=40),
            "row 3 (sub01/EP02_01f) has onset 46, apex 40 and offset 86",
        ),
        (casme2_row(apex=90), "onset 46, apex 90 and offset 86, which are not in this order"),
        (casme2_row(offset=20), "onset 46, apex 59 and offset 20, which are not in this order"),
        (casme2_row(onset="forty"), "column 'OnsetFrame' holds 'forty'"),
        (casme2_row(onset=None), "column 'OnsetFrame' is empty"),
        (casme2_row(onset=46.5), "column 'OnsetFrame' holds '46.5'"),
        (casme2_row(onset="=40+6"), "column 'OnsetFrame' holds a formula whose value was never stored"),
        (casme2_row(subject="../01"), "row 3: subject '../01' is not a name"),
        (casme2_row(clip="../EP02_01f"), "row 3: clip '../EP02_01f' is not a name"),
        (casme2_row(clip="/etc"), "row 3: clip '/etc' is not a name"),
        (casme2_row(clip="EP02..01"), "row 3: clip 'EP02..01' is not a name"),
        (casme2_row(clip="C:\\EP02"), "row 3: clip 'C:\\\\EP02' is not a name"),
        (casme2_row(clip="E" * 3000), "is not a name of at most 40"),
        (casme2_row(clip=None), "row 3 names no clip"),
        (casme2_row(subject=None), "row 3 names no subject"),
        (
            casme2_row(emotion="hapiness"),
            "has the emotion 'hapiness' (did you mean 'happiness'?)",
        ),
        (casme2_row(emotion=None), "has the emotion ''"),
        (casme2_row(subject="=A1"), "row 3: column 'Subject' holds a formula"),
        (casme2_row(clip="EP99_99"), "row 3 (sub01/EP99_99) has no folder of frames"),
        (casme2_row(subject="02"), "row 3 (sub02/EP02_01f) has no folder of frames"),
    ],
)
def test_a_bad_row_is_a_problem_with_its_cause_and_keeps_no_other_from_being_read(
    tmp_path: Path, row: list[object], complaint: str
) -> None:
    write_casme2(tmp_path, [casme2_row(clip="EP01_01", onset=9, apex=10, offset=11)])
    write_frames(tmp_path / "CASME2_RAW_selected" / "sub01" / "EP02_01f", range(20, 95))
    sound = casme2_row(clip="EP01_01", onset=9, apex=10, offset=11)
    write_workbook(tmp_path / WORKBOOK, CASME2_HEADER, [sound, row])

    assert opened(tmp_path).read_samples().ids == ["casme2/sub01/EP01_01"]
    problem = only_problem(tmp_path)
    assert complaint in problem
    assert problem.startswith(WORKBOOK)
    assert "; " in problem


def test_two_rows_for_one_sample_are_a_problem_that_names_both(tmp_path: Path) -> None:
    rows = [casme2_row(), casme2_row(apex=60)]
    write_casme2(tmp_path, rows[:1])
    write_workbook(tmp_path / WORKBOOK, CASME2_HEADER, rows)

    assert opened(tmp_path).clip("casme2/sub01/EP02_01f").apex == 13
    problem = only_problem(tmp_path)
    assert f"{WORKBOOK} row 3 (sub01/EP02_01f) is a second row for casme2/sub01/EP02_01f" in problem
    assert f"after {WORKBOOK} row 2" in problem


def test_two_files_for_one_frame_are_a_problem(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    write_frames(tmp_path / "CASME2_RAW_selected" / "sub01" / "EP02_01f", [50], "img0{}.jpg")

    assert "has two files for frame 50" in only_problem(tmp_path)


def test_two_folders_of_one_subject_are_a_problem(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    write_frames(tmp_path / "CASME2_RAW_selected" / "sub1" / "EP02_01f", [46])

    assert "has two folders for sub01, 'sub01' and 'sub1'" in only_problem(tmp_path)


@pytest.mark.parametrize("link", ["sub01", "sub01/EP02_01f", "sub01/EP02_01f/img50.jpg"])
def test_a_link_out_of_the_release_is_a_problem(tmp_path: Path, link: str) -> None:
    root = write_casme2(tmp_path / "release", [casme2_row(), casme2_row("03", "EP07_03", 9, 10, 11)])
    inner = root / "CASME2_RAW_selected" / link
    inner.rename(tmp_path / "elsewhere")
    inner.symlink_to(tmp_path / "elsewhere")

    assert opened(root).read_samples().ids == ["casme2/sub03/EP07_03"]
    problem = only_problem(root)
    assert problem.startswith(f"{WORKBOOK} row 2 (sub01/EP02_01f): ")
    assert "leads out of" in problem
    assert "replace the link by a copy" in problem


def test_a_link_out_of_the_release_is_not_even_listed(tmp_path: Path) -> None:
    root = write_casme2(tmp_path / "release", [casme2_row(), casme2_row("03", "EP07_03", 9, 10, 11)])
    (root / "CASME2_RAW_selected" / "sub01").rename(tmp_path / "old")
    (tmp_path / "elsewhere").mkdir()
    (root / "CASME2_RAW_selected" / "sub01").symlink_to(tmp_path / "elsewhere")

    assert "sub01 leads out of" in only_problem(root)


def test_a_workbook_that_is_a_link_out_of_the_release_is_refused(tmp_path: Path) -> None:
    root = write_casme2(tmp_path / "release")
    (root / WORKBOOK).rename(tmp_path / WORKBOOK)
    (root / WORKBOOK).symlink_to(tmp_path / WORKBOOK)

    assert "leads out of" in only_problem(root)


def test_a_circle_of_links_is_left_alone(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    for folder in (tmp_path, tmp_path / "CASME2_RAW_selected", tmp_path / "CASME2_RAW_selected" / "sub01"):
        (folder / "sub77").symlink_to(folder / "sub77")

    assert len(opened(tmp_path).read_samples()) == 1


def test_a_workbook_without_a_column_is_refused_with_the_column(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    header = [cell if cell != "ApexFrame" else "Apex" for cell in CASME2_HEADER]
    write_workbook(tmp_path / WORKBOOK, header, [casme2_row()])

    assert "'ApexFrame'" in only_problem(tmp_path)


def test_frames_without_a_workbook_are_refused_with_its_name(tmp_path: Path) -> None:
    write_frames(tmp_path / "CASME2_RAW_selected" / "sub01" / "EP02_01f", range(46, 87))

    assert len(opened(tmp_path).read_samples()) == 0
    problem = only_problem(tmp_path)
    assert problem.startswith("CASME II: ")
    assert f"not the workbook {WORKBOOK}" in problem


def test_a_workbook_without_frames_is_one_problem(tmp_path: Path) -> None:
    write_casme2(tmp_path, casme2_full(), frames=False)

    assert len(opened(tmp_path).read_samples()) == 0
    assert "no folder of frames (CASME2_RAW_selected/sub01/EP02_01f/img46.jpg)" in only_problem(tmp_path)


def test_a_workbook_without_frames_is_looked_through_for_other_faults(tmp_path: Path) -> None:
    write_casme2(tmp_path, [casme2_row(), casme2_row(apex="/"), casme2_row(offset=20)], frames=False)

    missing, apex, order = opened(tmp_path).problems()
    assert "no folder of frames" in missing
    assert "row 3: column 'ApexFrame'" in apex
    assert "row 4 (sub01/EP02_01f) has onset 46, apex 59 and offset 20" in order


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_casme2(tmp_path_factory.mktemp("sound"))


@FUZZ
@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=len(CASME2_HEADER)), min_size=1, max_size=4))
def test_any_cells_give_samples_and_problems(sound: Path, rows: list[list[object]]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "raw").symlink_to(sound / "CASME2_RAW_selected")
        write_workbook(root / WORKBOOK, CASME2_HEADER, [casme2_row(), *rows])
        source = read_all(root)
        assert "casme2/sub01/EP02_01f" in source.read_samples().ids


@FUZZ
@given(cuts=CUTS, keep=KEEP)
def test_a_damaged_workbook_is_read_or_refused(sound: Path, cuts: list[tuple[int, int]], keep: int) -> None:
    assert told(read_mutated(sound, WORKBOOK, cuts, keep)) > 0


@FUZZ
@given(names=st.lists(NAMES, max_size=4, unique=True))
def test_any_names_of_files_and_folders_are_read_or_refused(names: list[str]) -> None:
    with TemporaryDirectory() as folder:
        root = write_casme2(Path(folder))
        write_clutter(
            root, (".", "CASME2_RAW_selected", "CASME2_RAW_selected/sub01", "CASME2_RAW_selected/sub01/EP02_01f"), names
        )
        assert told(read_all(root)) > 0
