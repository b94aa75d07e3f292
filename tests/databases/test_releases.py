"""What all official releases share: finding their parts, choosing among copies, and the rules for every row."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.release_factory import (
    CASME2_HEADER,
    CASME2_WORKBOOK,
    CASME3_WORKBOOK,
    SAMM_WORKBOOK,
    casme2_annotation,
    casme2_row,
    casme3_annotation,
    casme3_row,
    moved_out_of,
    only_problem,
    opened,
    picture,
    refusal,
    samm_annotation,
    samm_row,
    write_casme2,
    write_casme3,
    write_frames,
    write_samm,
    write_smic,
    write_workbook,
)

from mer_bench.caveats import SYNTHETIC_FILE
from mer_bench.databases import mer_bench_databases
from mer_bench.databases import releases as releases_module
from mer_bench.databases.base import CLIP, InputFacts
from mer_bench.databases.releases import Releases
from mer_bench.errors import MerBenchError

ID = "casme2/sub01/EP02_01f"
FRAMES = "CASME2_RAW_selected/sub01/EP02_01f"
WHERE = f"{CASME2_WORKBOOK} row 2 (sub01/EP02_01f)"


@pytest.fixture
def composite(tmp_path: Path) -> Path:
    write_smic(tmp_path / "data" / "1 SMIC-HS")
    write_samm(tmp_path / "data" / "2")
    write_casme2(tmp_path / "data" / "CASME II (copy)")
    write_casme3(tmp_path / "data" / "3")
    return tmp_path / "data"


def test_a_folder_of_releases_is_read_as_one(composite: Path) -> None:
    source = opened(composite)

    assert all(map(Releases.recognises, (composite, *composite.iterdir())))
    assert source.read_samples().ids == [
        *(ID, "casme3/spNO.1/b@166", "samm/006/006_1_2"),
        *("smic/s1/s1_ne_01", "smic/s1/s1_po_01", "smic/s2/s2_sur_01"),
    ]
    assert source.problems() == source.notes() == source.caveats == ()
    assert source.native == CLIP
    with pytest.raises(MerBenchError, match="has no usable sample 'casme2/sub01/EP99' among its 6"):
        source.clip("casme2/sub01/EP99")


def test_the_facts_name_the_releases_that_are_there_before_any_annotation_is_read(composite: Path) -> None:
    for workbook in composite.rglob("*.xlsx"):
        workbook.write_bytes(b"no workbook")

    assert opened(composite).input_facts() == InputFacts("SMIC-HS, SAMM, CASME II, CAS(ME)^3 Part A")
    shutil.rmtree(composite / "2")
    next((composite / "CASME II (copy)").glob("*.xlsx")).unlink()
    assert opened(composite).input_facts().name == "SMIC-HS, CAS(ME)^3 Part A"
    (composite / SYNTHETIC_FILE).write_text("synthetic")
    assert opened(composite).input_facts().name == "SYNTHETIC frames in the layout of SMIC-HS, CAS(ME)^3 Part A"
    assert opened(composite / "nowhere").input_facts() == InputFacts("no release")


def test_a_faulty_release_leaves_the_others_readable(composite: Path) -> None:
    (composite / "2" / SAMM_WORKBOOK).write_bytes(b"")
    (composite / "3" / CASME3_WORKBOOK).unlink()
    write_casme2(composite / "second CASME II")
    source = opened(composite)

    assert source.read_samples().ids == ["smic/s1/s1_ne_01", "smic/s1/s1_po_01", "smic/s2/s2_sur_01"]
    samm, casme2, casme3 = source.problems()
    assert samm.startswith(f"SAMM: {composite / '2' / SAMM_WORKBOOK} is empty (0 bytes); ")
    assert casme2.startswith("CASME II: its frames are there twice, in ")
    assert all(str(composite / copy) in casme2 for copy in ("CASME II (copy)", "second CASME II"))
    assert casme3.startswith("CAS(ME)^3 Part A: ")


# Recognising


def test_frames_or_workbooks_alone_only_resemble_a_release(tmp_path: Path) -> None:
    write_frames(tmp_path / "frames" / "sub01" / "EP02_01f", [1])
    write_casme2(tmp_path / "workbook", frames=False)
    write_smic(tmp_path / "VIS", hs=".")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "my table.xls").write_bytes(b"")

    for name in ("frames", "workbook", "other", "VIS"):
        assert not Releases.recognises(tmp_path / name)
        assert Releases.resembles(tmp_path / name)


def test_other_folders_neither_are_nor_resemble_a_release(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "s01_s1_ne_01.png").write_bytes(picture(".png"))
    (tmp_path / "labels.csv").write_text("smic,s01,s01_ne_01,0\n")
    (tmp_path / "~$labels.xlsx").write_bytes(b"")

    assert not Releases.recognises(tmp_path)
    assert not Releases.resembles(tmp_path)


def test_a_folder_without_a_release_is_refused_with_what_is_needed(tmp_path: Path) -> None:
    (tmp_path / "my table.xlsx").write_bytes(b"")

    message = refusal(tmp_path)
    assert "has no release that mer-bench knows (workbooks there: my table.xlsx); it needs one of" in message
    assert CASME2_WORKBOOK in message
    assert "HS/s1/micro/negative" in message
    assert "is not a folder; name the folder of a release" in refusal(tmp_path / "nowhere")


# Searching


def test_the_search_of_very_many_folders_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2100):
        (tmp_path / f"x{number}").mkdir()
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: listed.append(folder) or scandir(folder))

    assert not Releases.recognises(tmp_path)
    assert len(listed) == 2000
    assert "only 2000 folders of" in refusal(tmp_path)


def test_a_release_is_found_six_levels_down_and_deeper_folders_are_noted(tmp_path: Path) -> None:
    write_smic(tmp_path / "1/2/3/4", hs="5/HS")
    (tmp_path / "1/2/3/4/5/6/7").mkdir(parents=True)
    source = opened(tmp_path)

    assert len(source.read_samples()) == 3
    (note,) = source.notes()
    assert note.startswith(f"folders more than 6 levels below {tmp_path} were not searched, the first in ")


def test_a_folder_that_cannot_be_listed_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_casme2(tmp_path)
    (tmp_path / "closed").mkdir()
    scandir = os.scandir

    def refusing(folder: Path) -> object:
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    assert only_problem(tmp_path) == (
        f"{tmp_path / 'closed'} cannot be listed (Permission denied), so nothing in it is read; check its permissions"
    )
    assert len(opened(tmp_path).read_samples()) == 1


def test_links_in_a_circle_and_to_the_release_itself_are_no_copies(tmp_path: Path) -> None:
    write_casme2(tmp_path / "CASME2")
    (tmp_path / "again").symlink_to(".")
    (tmp_path / "link").symlink_to("CASME2")
    for folder in (tmp_path, tmp_path / "CASME2" / "CASME2_RAW_selected", (tmp_path / "CASME2" / FRAMES).parent):
        (folder / "sub77").symlink_to(folder / "sub77")
    source = opened(tmp_path)

    assert (source.problems(), source.read_samples().ids) == ((), [ID])


# Choosing among copies


def test_the_official_folder_has_priority_over_another_of_the_same_subjects(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    write_frames(tmp_path / "A" / "sub01" / "EP02_01f", range(46, 60))
    source = opened(tmp_path)

    assert source.clip(ID).frames[0].is_relative_to(tmp_path / "CASME2_RAW_selected")
    assert source.notes() == (
        "CASME II is read from CASME2_RAW_selected; A, which holds the same subjects, is not used",
    )


def test_raw_or_cropped_images_are_read_as_chosen(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    assert opened(tmp_path, images="cropped").notes() == ("CASME II holds no cropped images; the raw ones are read",)
    write_frames(tmp_path / "my crop" / "sub01" / "EP02_01f", range(46, 87), "reg_img{}.jpg")

    for images, name in (("raw", "CASME2_RAW_selected"), ("cropped", "my crop")):
        source = opened(tmp_path, images=images)
        assert source.clip(ID).frames[0].relative_to(tmp_path).parts[0] == name
        assert source.notes() == ()
    write_frames(tmp_path / "your crop" / "sub01" / "EP02_01f", range(46, 87), "reg_img{}.jpg")
    assert opened(tmp_path).problems() == ()
    assert "there twice" in only_problem(tmp_path, images="cropped")


@pytest.mark.parametrize(
    ("chosen", "other"),
    [
        ("CASME2-coding-20190701.xlsx", "casme2-coding-updated.XLSX"),
        (f"labels/{CASME2_WORKBOOK}", "CASME2-coding-20190701.xlsx"),
    ],
    ids=["later", "official but far away"],
)
def test_of_several_editions_the_best_known_is_read_with_a_note(tmp_path: Path, chosen: str, other: str) -> None:
    write_casme2(tmp_path, casme2_row(emotion="disgust"))
    (tmp_path / CASME2_WORKBOOK).rename(tmp_path / other)
    write_workbook(tmp_path / chosen, CASME2_HEADER, [casme2_row(emotion="fear")])
    source = opened(tmp_path)

    assert source.read_samples().frame["emotion"][0] == "fear"
    assert source.notes() == (f"CASME II is read from {chosen}; not used: {other}",)


def test_of_equal_copies_of_the_workbook_the_nearest_is_read_and_two_that_differ_are_a_problem(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    far = tmp_path / "a" / "backup" / CASME2_WORKBOOK
    far.parent.mkdir(parents=True)
    shutil.copy(tmp_path / CASME2_WORKBOOK, far)
    source = opened(tmp_path)

    assert len(source.read_samples()) == 1
    assert source.notes() == (f"CASME II is read from {CASME2_WORKBOOK}; not used: a/backup/{CASME2_WORKBOOK}",)
    casme2_annotation(far.parent, casme2_row(apex=60))
    assert "CASME II: two workbooks that differ, " in only_problem(tmp_path)


def test_a_workbook_in_the_release_s_folder_has_priority_over_one_elsewhere(tmp_path: Path) -> None:
    write_casme2(tmp_path / "b", casme2_row(emotion="disgust"))
    write_casme2(tmp_path / "a", frames=False)

    assert opened(tmp_path).read_samples().frame["emotion"][0] == "disgust"


def test_a_workbook_in_another_format_must_be_saved_as_xlsx(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    (tmp_path / CASME2_WORKBOOK).rename((tmp_path / CASME2_WORKBOOK).with_suffix(".csv"))

    assert ".csv is not an .xlsx workbook; open it in Excel or LibreOffice and save it" in only_problem(tmp_path)


def test_frames_without_a_workbook_are_a_problem_that_lists_only_unknown_tables(composite: Path) -> None:
    (composite / "CASME II (copy)" / CASME2_WORKBOOK).rename(composite / "CASME II (copy)" / "mine.xlsx")

    problem = only_problem(composite)
    assert problem.startswith("CASME II: ")
    assert f"has frames but not the workbook {CASME2_WORKBOOK} (mine.xlsx: another table); put" in problem


def test_a_workbook_without_frames_is_a_problem_and_its_other_faults_are_listed(tmp_path: Path) -> None:
    write_casme2(tmp_path, casme2_row(), casme2_row(apex="/"), casme2_row(offset=20), frames=False)

    assert len(opened(tmp_path).read_samples()) == 0
    missing, apex, order = opened(tmp_path).problems()
    assert f"has no folder of frames ({FRAMES}/img46.jpg); put it beside the workbook" in missing
    assert "row 3: column 'ApexFrame'" in apex
    assert "row 4 (sub01/EP02_01f) has onset 46, apex 59 and offset 20" in order


# Rows and frames


@pytest.mark.parametrize(
    ("write", "annotate", "row"),
    [
        (write_casme2, casme2_annotation, casme2_row(1.0, "ep02_01F  ")),
        (write_casme2, casme2_annotation, casme2_row(" sub01 ")),
        (write_samm, samm_annotation, samm_row(6, emotion="Others")),
        (write_casme3, casme3_annotation, casme3_row(1, "B")),
        (write_casme3, casme3_annotation, casme3_row("SPNO.01")),
    ],
)
def test_a_row_may_spell_subject_and_clip_otherwise(
    tmp_path: Path, write: Callable[[Path], Path], annotate: Callable[..., Path], row: list[object]
) -> None:
    ids = opened(write(tmp_path)).read_samples().ids
    annotate(tmp_path, row)

    assert opened(tmp_path).read_samples().ids == ids


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (casme2_row(apex="/"), "row 3: column 'ApexFrame' holds '/'"),
        (casme2_row(apex=40), "(sub01/EP02_01f) has onset 46, apex 40 and offset 86, which are not in this order"),
        (casme2_row(apex=90), "onset 46, apex 90 and offset 86, which are not in this order"),
        (casme2_row(onset="forty"), "column 'OnsetFrame' holds 'forty'"),
        (casme2_row(offset=None), "column 'OffsetFrame' is empty"),
        (casme2_row(onset="=40+6"), "column 'OnsetFrame' holds a formula whose value was never stored"),
        (casme2_row(subject="../01"), "row 3: subject '../01' is not a name"),
        (casme2_row(clip="/etc"), "row 3: clip '/etc' is not a name"),
        (casme2_row(clip="EP02..01"), "row 3: clip 'EP02..01' is not a name"),
        (casme2_row(clip="E" * 41), "is not a name of at most 40"),
        (casme2_row(clip=None), "row 3 names no clip"),
        (casme2_row(subject=None), "row 3 names no subject"),
        (casme2_row(subject="=A1"), "row 3: column 'Subject' holds a formula"),
        (casme2_row(emotion="hapiness"), "has the emotion 'hapiness' (did you mean 'happiness'?)"),
        (casme2_row(clip="EP99_99"), "row 3 (sub01/EP99_99) has no folder of frames"),
        (casme2_row(onset=19), "row 3 (sub01/EP02_01f): its onset frame 19 is not in"),
        (casme2_row(apex=99, offset=120), "its apex frame 99 is not in"),
    ],
)
def test_a_bad_row_is_a_problem_with_its_cause_and_the_others_are_read(
    tmp_path: Path, row: list[object], complaint: str
) -> None:
    sound = casme2_row(clip="EP01_01", onset=9, apex=10, offset=11)
    write_casme2(tmp_path, sound)
    write_frames(tmp_path / FRAMES, range(20, 95))
    casme2_annotation(tmp_path, sound, row)

    assert opened(tmp_path).read_samples().ids == ["casme2/sub01/EP01_01"]
    problem = only_problem(tmp_path)
    assert problem.startswith(CASME2_WORKBOOK)
    assert complaint in problem
    assert "; " in problem


def test_two_rows_for_one_sample_are_a_problem_that_names_both(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    casme2_annotation(tmp_path, casme2_row(), casme2_row(apex=60))

    assert opened(tmp_path).clip(ID).apex == 13
    problem = only_problem(tmp_path)
    assert (
        f"{CASME2_WORKBOOK} row 3 (sub01/EP02_01f) is a second row for {ID}, after {CASME2_WORKBOOK} row 2" in problem
    )


def test_frames_are_sorted_by_number_whatever_their_padding(tmp_path: Path) -> None:
    write_casme2(tmp_path, casme2_row(onset=8, apex=10, offset=101), frames=False)
    write_frames(tmp_path / FRAMES, [8, 9, 10, 11], "img{}.jpg")
    write_frames(tmp_path / FRAMES, [100, 101, 102, 7], "img{:04d}.jpg")
    clip = opened(tmp_path).clip(ID)

    assert [frame.stem for frame in clip.frames] == ["img8", "img9", "img10", "img11", "img0100", "img0101"]
    assert clip.apex == 2


def test_missing_frames_between_and_at_the_end_are_noted(tmp_path: Path) -> None:
    write_casme2(tmp_path, frames=False)
    write_frames(tmp_path / FRAMES, sorted({*range(46, 80)} - {50, 51}))
    source = opened(tmp_path)

    assert len(source.clip(ID).frames) == 32
    assert source.notes() == (
        f"{WHERE}: frame 86, its offset, is not on disk; the clip ends at frame 79",
        f"{WHERE}: 2 of the 34 frames of the clip are not on disk",
    )


def test_an_apex_that_is_the_onset_is_kept_and_noted(tmp_path: Path) -> None:
    source = opened(write_casme2(tmp_path, casme2_row(apex=46)))

    assert source.clip(ID).apex == 0
    assert source.notes() == (f"{WHERE}: apex and onset are one frame, 46: there is no motion between them",)


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ((FRAMES, "img0{}.jpg"), "has two files for frame 50, 'img050.jpg' and 'img50.jpg'"),
        (("CASME2_RAW_selected/sub1/EP02_01f", "img{}.jpg"), "has two folders for sub01, 'sub01' and 'sub1'"),
        (("CASME2_RAW_selected/sub01/ep02_01F", "img{}.jpg"), "has two folders for EP02_01f"),
    ],
)
def test_a_frame_or_folder_that_is_there_twice_is_a_problem(
    tmp_path: Path, extra: tuple[str, str], complaint: str
) -> None:
    write_casme2(tmp_path)
    write_frames(tmp_path / extra[0], [50], extra[1])

    assert complaint in only_problem(tmp_path)


def test_the_fault_of_a_folder_is_reported_once_for_all_its_rows(tmp_path: Path) -> None:
    write_casme2(tmp_path, *(casme2_row(clip=f"EP01_0{n}", onset=9, apex=10, offset=11) for n in range(4)))
    (tmp_path / "CASME2_RAW_selected" / "sub1").mkdir()

    assert only_problem(tmp_path).startswith(f"{CASME2_WORKBOOK} row 2 (sub01/EP01_00) and 3 more: {tmp_path}")


@pytest.mark.parametrize(
    ("write", "links"),
    [
        (write_smic, [f"SMIC_all_raw/HS/{inner}" for inner in ("s2", "s2/micro", "s2/micro/surprise/s2_sur_01")]),
        (write_casme2, ["CASME2_RAW_selected/sub01", FRAMES, f"{FRAMES}/img50.jpg", CASME2_WORKBOOK]),
        (write_samm, ["006", "006/006_1_2", "006/006_1_2/006_05600.jpg"]),
        (write_casme3, ["part_A/spNo.1/b", "part_A/spNo.1/b/color", "part_A/spNo.1/b/color/168.jpg"]),
    ],
    ids=["smic", "casme2", "samm", "casme3"],
)
def test_a_link_out_of_the_release_is_a_problem(
    tmp_path: Path, write: Callable[[Path], Path], links: list[str]
) -> None:
    for number, link in enumerate(links):
        root = write(tmp_path / str(number) / "data" / "release").parent
        moved_out_of(root, f"release/{link}")

        problem = only_problem(root)
        assert "leads out of" in problem
        assert "replace the link by a copy" in problem


# Synthetic data


@pytest.mark.parametrize("place", [".", "2", "CASME II (copy)"])
def test_a_file_in_a_release_or_above_marks_it_as_synthetic(composite: Path, place: str) -> None:
    (composite / "notes").mkdir()
    (composite / "notes" / SYNTHETIC_FILE).write_text("this folder has no release")
    assert opened(composite).caveats == ()
    (composite / place / SYNTHETIC_FILE).write_text("synthetic")

    assert opened(composite).caveats == ("synthetic",)


@pytest.mark.parametrize("place", ["SMIC/all/HS", "link", "nested/deep", "linked/smic"])
def test_synthetic_data_is_known_from_whichever_folder_is_named(tmp_path: Path, place: str) -> None:
    release = write_smic(tmp_path / "SMIC", hs="all/HS")
    (release / SYNTHETIC_FILE).write_text("synthetic")
    (tmp_path / "link").symlink_to(release / "all" / "HS")
    (tmp_path / "linked" / "smic").mkdir(parents=True)
    (tmp_path / "linked" / "smic" / "frames").symlink_to(release / "all" / "HS")
    shutil.copytree(release, tmp_path / "nested" / "deep" / "down" / "SMIC")

    assert opened(tmp_path / place).caveats == ("synthetic",)


# Digests and options


def test_the_digest_depends_on_frames_numbers_and_reader_version_and_not_on_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = write_casme2(tmp_path / "here")
    digests = [opened(here).digest(ID)]
    assert opened(write_casme2(tmp_path / "there"), fixes=False, smic_apex="midpoint").digest(ID) == digests[0]

    monkeypatch.setattr(releases_module, "READER_VERSION", 999)
    digests.append(opened(here).digest(ID))
    # The first has the same contents at the same places as the one before, under other numbers.
    rows = (casme2_row(onset=47, apex=60, offset=87), casme2_row(apex=60), casme2_row(offset=85))
    for number, row in enumerate(rows):
        digests.append(opened(write_casme2(tmp_path / str(number), row)).digest(ID))
    (here / FRAMES / "img60.jpg").unlink()
    (here / FRAMES / "img60.jpg").write_bytes(picture(".jpg", 200))
    digests.append(opened(here).digest(ID))
    assert len(set(digests)) == 6


def test_the_spec_offers_every_option_that_the_reader_needs(tmp_path: Path) -> None:
    (spec,) = [spec for spec in mer_bench_databases() if spec.name == "releases"]
    options = {parameter.name: parameter.default for parameter in spec.parameters}

    assert options == {"fixes": True, "smic_apex": "offset", "images": "raw"}
    assert Releases(write_casme2(tmp_path), options).read_samples().ids == [ID]
