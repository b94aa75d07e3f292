from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support.release_factory import (
    casme2_full,
    casme2_row,
    only_problem,
    opened,
    picture,
    refusal,
    samm_full,
    smic_full,
    write_casme2,
    write_casme3,
    write_frames,
    write_samm,
    write_smic,
)

from mer_bench.caveats import SYNTHETIC_FILE
from mer_bench.databases import folders, mer_bench_databases
from mer_bench.databases.base import CLIP
from mer_bench.databases.releases import Releases
from mer_bench.engine import data_check
from mer_bench.errors import MerBenchError
from mer_bench.plugin_manager import load_catalogue

ID = "casme2/sub01/EP02_01f"


@pytest.fixture
def composite(tmp_path: Path) -> Path:
    write_smic(tmp_path / "data" / "1 SMIC-HS")
    write_samm(tmp_path / "data" / "2")
    write_casme2(tmp_path / "data" / "CASME II (copy)")
    write_casme3(tmp_path / "data" / "3")
    return tmp_path / "data"


def test_a_folder_of_releases_is_read_as_one(composite: Path) -> None:
    source = opened(composite)

    assert source.read_samples().ids == [
        ID,
        "casme3/spNO.1/b@166",
        "samm/006/006_1_2",
        "smic/s1/s1_ne_01",
        "smic/s1/s1_po_01",
        "smic/s2/s2_sur_01",
    ]
    assert source.problems() == source.notes() == source.caveats == ()
    assert source.native == CLIP


def test_the_whole_composite_is_read(tmp_path: Path) -> None:
    write_smic(tmp_path / "SMIC", smic_full())
    write_samm(tmp_path / "SAMM", *samm_full())
    write_casme2(tmp_path / "CASME2", casme2_full())

    assert len(opened(tmp_path).read_samples()) == 164 + 159 + 255


def test_a_subfolder_may_be_a_link_to_another_disk(tmp_path: Path) -> None:
    write_samm(tmp_path / "disk" / "SAMM")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "samm").symlink_to(tmp_path / "disk" / "SAMM")

    assert opened(tmp_path / "data").read_samples().ids == ["samm/006/006_1_2"]


def test_the_path_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write_casme2(tmp_path / "release"))

    assert opened(Path()).clip(ID).apex == 13


def test_what_cannot_be_used_in_one_release_leaves_the_others_alone(composite: Path) -> None:
    write_casme2(
        composite / "CASME II (copy)", [casme2_row(apex="/"), casme2_row(clip="EP01_01", apex=3)], frames=False
    )
    source = opened(composite)

    assert len(source.read_samples()) == 5
    assert len(source.problems()) == 2


def test_a_release_that_cannot_be_read_hides_no_other(composite: Path) -> None:
    (composite / "2" / "SAMM_Micro_FACS_Codes_v2.xlsx").write_bytes(b"")
    (composite / "3" / "annotation" / "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx").unlink()
    write_casme2(composite / "second CASME II")
    source = opened(composite)

    assert source.read_samples().ids == ["smic/s1/s1_ne_01", "smic/s1/s1_po_01", "smic/s2/s2_sur_01"]
    samm, casme2, casme3 = source.problems()
    assert samm.startswith(f"SAMM: {composite / '2' / 'SAMM_Micro_FACS_Codes_v2.xlsx'} is empty (0 bytes); ")
    assert casme2.startswith("CASME II: its frames are there twice, in ")
    assert casme3.startswith("CAS(ME)^3 Part A: ")


def test_where_no_release_can_be_read_the_problems_say_why(tmp_path: Path) -> None:
    write_casme2(tmp_path / "a")
    write_samm(tmp_path / "b")
    for workbook in tmp_path.glob("*/*.xlsx"):
        workbook.write_bytes(b"")
    source = opened(tmp_path)

    assert len(source.read_samples()) == 0
    assert len(source.problems()) == 2


def test_two_copies_of_one_release_are_a_problem_that_names_both(tmp_path: Path) -> None:
    for name in ("old", "new"):
        write_casme2(tmp_path / name)

    message = only_problem(tmp_path)
    assert message.startswith("CASME II: its frames are there twice, in ")
    assert str(tmp_path / "old" / "CASME2_RAW_selected") in message
    assert str(tmp_path / "new" / "CASME2_RAW_selected") in message
    assert opened(tmp_path / "old").read_samples().ids == [ID]


def test_two_workbooks_that_differ_are_a_problem(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    write_casme2(tmp_path / "annotation", [casme2_row(apex=60)], frames=False)

    assert "CASME II: two workbooks that differ, " in only_problem(tmp_path)


def test_a_workbook_beside_the_frames_goes_before_one_elsewhere(tmp_path: Path) -> None:
    write_casme2(tmp_path / "a", [casme2_row(emotion="disgust")])
    write_casme2(tmp_path / "b", frames=False)

    assert opened(tmp_path).read_samples().frame["emotion"][0] == "disgust"


def test_every_release_is_recognised_alone_and_among_others(composite: Path) -> None:
    assert Releases.recognises(composite)
    assert all(Releases.recognises(child) for child in composite.iterdir())


def test_frames_or_workbooks_alone_only_resemble_a_release(tmp_path: Path) -> None:
    write_frames(tmp_path / "frames" / "sub01" / "EP02_01f", [1])
    write_casme2(tmp_path / "workbook", frames=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "my table.xls").write_bytes(b"")

    for name in ("frames", "workbook", "other"):
        assert not Releases.recognises(tmp_path / name)
        assert Releases.resembles(tmp_path / name)


def test_other_folders_neither_are_nor_resemble_a_release(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "s01_s1_ne_01.png").write_bytes(picture(".png"))
    (tmp_path / "labels.csv").write_text("smic,s01,s01_ne_01,0\n")
    (tmp_path / "~$labels.xlsx").write_bytes(b"")

    assert not Releases.recognises(tmp_path)
    assert not Releases.resembles(tmp_path)


def test_a_folder_with_a_workbook_of_unknown_name_is_told_which_are_known(tmp_path: Path) -> None:
    (tmp_path / "my table.xlsx").write_bytes(b"")

    message = refusal(tmp_path)
    assert "my table.xlsx" in message
    assert "CASME2-coding-20140508.xlsx" in message
    assert "HS/s1/micro/negative" in message


def test_the_survey_of_a_folder_with_very_many_folders_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2500):
        (tmp_path / f"x{number}").mkdir()
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: listed.append(folder) or scandir(folder))

    assert not Releases.recognises(tmp_path)
    assert 1900 < len(listed) <= 2000
    assert "only 2000 folders of" in refusal(tmp_path)


def test_the_limits_of_the_survey_are_noted(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    (tmp_path / "1/2/3/4/5/6/7").mkdir(parents=True)

    (note,) = opened(tmp_path).notes()
    assert note.startswith(f"folders more than 6 levels below {tmp_path} were not looked into, the first in ")


def test_a_release_six_levels_down_is_found(tmp_path: Path) -> None:
    write_smic(tmp_path / "1/2/3/4", hs="5/HS")

    assert len(opened(tmp_path).read_samples()) == 3


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
        f"{tmp_path / 'closed'} cannot be listed (Permission denied) and nothing in it is read; check its permissions"
    )
    assert len(opened(tmp_path).read_samples()) == 1


def test_frames_without_a_workbook_are_a_problem_and_another_releases_workbook_is_not_blamed(composite: Path) -> None:
    (composite / "CASME II (copy)" / "CASME2-coding-20140508.xlsx").rename(composite / "CASME II (copy)" / "mine.xlsx")

    assert "not the workbook CASME2-coding-20140508.xlsx (mine.xlsx: another table); put" in only_problem(composite)


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    assert "is not a folder" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("place", [".", "2", "CASME II (copy)"])
def test_the_mark_beside_a_release_is_carried(composite: Path, place: str) -> None:
    (composite / place / "SYNTHETIC.txt").write_text("made up")

    assert opened(composite).caveats == ("synthetic",)


@pytest.mark.parametrize("place", ["SMIC", "SMIC/HS", "link", "nested/deep", "linked/smic"])
def test_the_mark_is_found_from_whichever_folder_is_named(tmp_path: Path, place: str) -> None:
    release = write_smic(tmp_path / "SMIC", hs="HS")
    (release / SYNTHETIC_FILE).write_text("made up")
    (tmp_path / "link").symlink_to(release / "HS")
    (tmp_path / "linked" / "smic").mkdir(parents=True)
    (tmp_path / "linked" / "smic" / "frames").symlink_to(release / "HS")
    shutil.copytree(release, tmp_path / "nested" / "deep" / "down" / "SMIC")

    assert opened(tmp_path / place).caveats == ("synthetic",)


def test_the_mark_beside_the_file_that_a_workbook_links_to_is_found(tmp_path: Path) -> None:
    release = write_casme2(tmp_path / "made" / "CASME2")
    (release / SYNTHETIC_FILE).write_text("made up")
    write_casme2(tmp_path / "data")
    workbook = tmp_path / "data" / "CASME2-coding-20140508.xlsx"
    workbook.unlink()
    workbook.symlink_to(release / workbook.name)

    assert opened(tmp_path / "data").caveats == ("synthetic",)


def test_a_mark_in_a_folder_that_is_no_release_is_not_carried(composite: Path) -> None:
    (composite / "notes").mkdir()
    (composite / "notes" / "SYNTHETIC.txt").write_text("")

    assert opened(composite).caveats == ()


def test_a_check_counts_problems_and_opens_a_frame_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [casme2_row(), casme2_row(clip="EP99_99", apex="/", onset=1, offset=1)]
    source = opened(write_casme2(tmp_path, rows))
    asked = []
    for name in ("image_size", "read_image"):
        function = getattr(data_check, name)
        monkeypatch.setattr(data_check, name, lambda path, function=function: asked.append(path) or function(path))
    check = data_check.check_data(source, (), load_catalogue(), notice=print)

    assert "annotations: 1 problems, 0 notes" in list(check.lines())
    assert len(asked) == len(set(asked)) == 41


def test_an_unknown_sample_is_refused(composite: Path) -> None:
    with pytest.raises(MerBenchError, match="has no usable sample 'casme2/sub01/EP99' among its 6"):
        opened(composite).clip("casme2/sub01/EP99")


def test_the_digest_depends_on_the_frames_and_not_on_the_place(tmp_path: Path) -> None:
    here, there = write_casme2(tmp_path / "here"), write_casme2(tmp_path / "there")
    before = opened(here).digest(ID)

    assert opened(there).digest(ID) == before
    assert opened(here, fixes=False, smic_apex="midpoint").digest(ID) == before
    frame = here / "CASME2_RAW_selected" / "sub01" / "EP02_01f" / "img60.jpg"
    frame.unlink()
    frame.write_bytes(picture(".jpg", 200))
    assert opened(here).digest(ID) != before


def test_the_digest_depends_on_apex_and_on_the_numbers_of_the_frames(tmp_path: Path) -> None:
    digests = set()
    for number, row in enumerate((casme2_row(), casme2_row(apex=60), casme2_row(onset=47), casme2_row(offset=85))):
        digests.add(opened(write_casme2(tmp_path / str(number), [row])).digest(ID))

    assert len(digests) == 4


def test_the_digest_depends_on_the_choice_of_smics_apex(tmp_path: Path) -> None:
    root = write_smic(tmp_path)
    offset, midpoint = (opened(root, smic_apex=apex).digest("smic/s1/s1_ne_01") for apex in ("offset", "midpoint"))

    assert offset != midpoint


def test_a_folder_is_listed_once_for_all_samples_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["spNO.1", "b", onset, onset + 1, onset + 2, "4", "I", "fear"] for onset in range(1, 60, 3)]
    source = opened(write_casme3(tmp_path, rows))
    listed = []
    numbered_frames = folders.numbered_frames
    monkeypatch.setattr(folders, "numbered_frames", lambda *args: listed.append(args[0]) or numbered_frames(*args))

    assert len(source.read_samples()) == 20
    assert len(listed) == 1


def test_the_spec_offers_every_option_that_the_reader_asks_for(tmp_path: Path) -> None:
    (spec,) = [spec for spec in mer_bench_databases() if spec.name == "releases"]
    options = {parameter.name: parameter.default for parameter in spec.parameters}

    assert options == {"fixes": True, "smic_apex": "offset", "images": "raw"}
    assert Releases(write_casme2(tmp_path), options).read_samples().ids == [ID]
