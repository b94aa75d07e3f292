from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from support.release_factory import casme2_annotation, casme2_row, opened, picture, write_casme2, write_frames

from mer_bench.engine.data_check import DatabaseCheck, DataCheck, check_data
from mer_bench.plugin_manager import load_catalogue

CLIP = "CASME2_RAW_selected/sub01/EP02_01f"
ID = "casme2/sub01/EP02_01f"


def checked(root: Path, *protocols: str, all_frames: bool = False) -> DataCheck:
    return check_data(opened(root), protocols, load_catalogue(), notice=print, all_frames=all_frames)


def replaced(root: Path, number: int, content: bytes) -> None:
    path = root / CLIP / f"img{number}.jpg"
    path.unlink()
    path.write_bytes(content)


def test_frames_present_missing_and_unreadable_are_counted_for_each_database(tmp_path: Path) -> None:
    other = io.BytesIO()
    Image.new("L", (24, 20)).save(other, "JPEG")
    write_casme2(tmp_path, casme2_row(), casme2_row("03", "EP07_03", 9, 10, 11, "fear"), casme2_row("03", apex="/"))
    for lost in (50, 51, 86):
        (tmp_path / CLIP / f"img{lost}.jpg").unlink()
    replaced(tmp_path, 52, other.getvalue())
    replaced(tmp_path, 53, b"")
    check = checked(tmp_path)
    (database,) = check.databases.values()
    empty, sizes = database.unreadable

    assert database == DatabaseCheck(2, 2, {"fear": 1, "happiness": 1}, 41, 3, [empty, sizes])
    assert empty.startswith(f"{ID}: {tmp_path / CLIP / 'img53.jpg'} is empty (0 bytes)")
    assert sizes == (
        f"{ID}: frames of several sizes, 16×16 (img46.jpg) and 24×20 (img52.jpg); restore the clip from the release"
    )
    assert not check.is_sound
    assert list(check.lines())[:4] == [
        "input: CASME II",
        "casme2: 2 samples of 2 subjects (fear 1, happiness 1)",
        "casme2: 41 frames found, 3 missing, 2 unreadable",
        "annotations: 1 problem, 2 notes",
    ]


@pytest.mark.parametrize(("number", "noticed"), [(46, True), (59, True), (60, False)])
def test_onset_and_apex_are_decoded_and_other_frames_only_on_request(
    tmp_path: Path, number: int, noticed: bool
) -> None:
    write_casme2(tmp_path)
    replaced(tmp_path, number, picture(".jpg")[:-2])

    assert checked(tmp_path).is_sound is not noticed
    assert not checked(tmp_path, all_frames=True).is_sound


def test_a_problem_alone_makes_the_data_unsound(tmp_path: Path) -> None:
    write_frames(tmp_path / CLIP, range(46, 87))
    casme2_annotation(tmp_path, casme2_row(), casme2_row(clip="EP99_99"))

    assert not checked(tmp_path).is_sound


def test_counts_are_compared_with_the_named_protocols_or_with_all_that_fit(tmp_path: Path) -> None:
    write_casme2(tmp_path)

    assert set(checked(tmp_path).protocols) == {"loso-casme2", "loso-casme2-4class", "loso-casme2-5class"}
    (differences,) = checked(tmp_path, "loso-casme2").protocols.values()
    assert differences[:2] == ["casme2: negative 0 of 88 (88 missing)", "casme2: positive 1 of 32 (31 missing)"]
