from __future__ import annotations

import time
from pathlib import Path

import pytest
from release_factory import (
    casme2_full,
    casme2_row,
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

from mer_bench.databases import mer_bench_databases, release, releases
from mer_bench.databases.base import CLIP
from mer_bench.databases.releases import Releases
from mer_bench.errors import MerBenchError

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
    assert source.problems() == source.notes() == source.marks == ()
    assert source.native == CLIP


def test_the_whole_composite_is_read_in_seconds(tmp_path: Path) -> None:
    write_smic(tmp_path / "SMIC", smic_full())
    write_samm(tmp_path / "SAMM", *samm_full())
    write_casme2(tmp_path / "CASME2", casme2_full())
    start = time.perf_counter()

    assert len(opened(tmp_path).read_samples()) == 164 + 159 + 255
    assert time.perf_counter() - start < 10


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


def test_an_unreadable_workbook_is_refused_by_name_whatever_the_others_are(composite: Path) -> None:
    (composite / "2" / "SAMM_Micro_FACS_Codes_v2.xlsx").write_bytes(b"")

    assert refusal(composite) == "SAMM_Micro_FACS_Codes_v2.xlsx is empty (0 bytes); restore it from the release"


def test_two_copies_of_one_release_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("old", "new"):
        write_casme2(tmp_path / name)

    message = refusal(tmp_path)
    assert message.startswith("CASME II is there twice, in ")
    assert str(tmp_path / "old" / "CASME2_RAW_selected") in message
    assert str(tmp_path / "new" / "CASME2_RAW_selected") in message
    assert opened(tmp_path / "old").read_samples().ids == [ID]


def test_two_copies_of_a_workbook_are_refused_by_name(tmp_path: Path) -> None:
    write_casme2(tmp_path)
    write_casme2(tmp_path / "annotation", frames=False)
    (tmp_path / "CASME2_RAW_selected").rename(tmp_path / "frames")

    assert "CASME II has two workbooks" in refusal(tmp_path)


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
    listing = releases._listing
    monkeypatch.setattr(releases, "_listing", lambda folder: listed.append(folder) or listing(folder))

    assert not Releases.recognises(tmp_path)
    assert len(listed) <= 2000


def test_frames_without_a_workbook_are_refused_and_another_releases_workbook_is_not_blamed(composite: Path) -> None:
    (composite / "CASME II (copy)" / "CASME2-coding-20140508.xlsx").rename(composite / "CASME II (copy)" / "mine.xlsx")

    assert "not the workbook CASME2-coding-20140508.xlsx (mine.xlsx: another table); put" in refusal(composite)


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    assert "is not a folder" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("place", [".", "2", "CASME II (copy)"])
def test_the_mark_beside_a_release_is_carried(composite: Path, place: str) -> None:
    (composite / place / "SYNTHETIC.txt").write_text("made up")

    assert opened(composite).marks == ("synthetic",)


def test_a_mark_in_a_folder_that_is_no_release_is_not_carried(composite: Path) -> None:
    (composite / "notes").mkdir()
    (composite / "notes" / "SYNTHETIC.txt").write_text("")

    assert opened(composite).marks == ()


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
    numbered_frames = release.numbered_frames
    monkeypatch.setattr(release, "numbered_frames", lambda *args: listed.append(args[0]) or numbered_frames(*args))

    assert len(source.read_samples()) == 20
    assert len(listed) == 1


def test_the_spec_offers_every_option_that_the_reader_asks_for(tmp_path: Path) -> None:
    (spec,) = [spec for spec in mer_bench_databases() if spec.name == "releases"]
    options = {parameter.name: parameter.default for parameter in spec.parameters}

    assert options == {"fixes": True, "smic_apex": "offset", "images": "raw"}
    assert Releases(write_casme2(tmp_path), options).read_samples().ids == [ID]
