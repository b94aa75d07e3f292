from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.map_folder import HEADER, IDS, MAPS, ROWS, message, source, write_png, write_release
from support.release_factory import moved_out_of, png

from mer_bench.databases import flow_maps
from mer_bench.databases.flow_maps import FlowMaps
from mer_bench.errors import MerBenchError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_release(tmp_path / "release")


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ("smic,s01,s01_ne_01,0", "s01_s1_ne_01.png"),
        ("SMIC,S1,S1_ne_01,0", "s1_s01_ne_01.PNG"),
        ("samm,6,6_1_2,0", "006_006_1_2 .png"),
        ("casme2,1,EP02_01f,0", "Sub1_EP02_01f .png"),
    ],
)
def test_padding_case_and_the_stray_space_do_not_matter(tmp_path: Path, row: str, name: str) -> None:
    root = write_release(tmp_path / "variant", row + "\n", (name,))
    (sample_id,) = source(root).read_samples().ids

    assert source(root).load(sample_id).shape == (28, 28, 3)


def test_maps_may_be_beside_the_csv(tmp_path: Path) -> None:
    assert source(write_release(tmp_path / "beside", folder=".")).read_samples().ids == IDS


def test_the_options_choose_the_csv_and_the_folder_of_maps_but_none_outside(tmp_path: Path) -> None:
    root = write_release(tmp_path / "chosen", folder="flow")
    (root / "other.csv").write_text("nonsense")
    (tmp_path / "labels.csv").write_text(HEADER + ROWS)

    assert source(root, labels="labels.csv", maps="flow").read_samples().ids == IDS
    for options in ({"labels": "../labels.csv"}, {"maps": ".."}, {"maps": str(tmp_path)}):
        assert "leads out of" in message(root, **{"labels": "labels.csv", **options})


def test_casme3_clips_carry_their_onset(tmp_path: Path) -> None:
    text = "dataset,sub,filename_o,label,onset\ncasme3,spNO.1,a,0,116\ncasme3,1,a,2,240\n"
    root = write_release(tmp_path / "casme3", text, ("spNO.1_a@116.png", "spNo.1_a_240.png"))

    assert source(root).read_samples().ids == ["casme3/spNO.1/a@116", "casme3/spNO.1/a@240"]


def test_reading_the_samples_decodes_no_map_and_ignores_other_pngs(release: Path) -> None:
    for name in (*MAPS, "sub99_EP01_01.png"):
        (release / "maps" / name).write_bytes(b"not an image")

    assert source(release).read_samples().ids == IDS


@pytest.mark.parametrize(("order", "planes"), [("u,v,os", (0, 1, 2)), ("v,os,u", (2, 0, 1))])
def test_load_returns_u_v_os_from_the_planes_that_the_option_names(
    release: Path, order: str, planes: tuple[int, int, int]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(release / "maps" / MAPS[1])
    loaded = source(release, channel_order=order).load("samm/006/006_1_2")

    assert loaded.dtype == np.float32
    assert loaded.flags["C_CONTIGUOUS"]
    np.testing.assert_allclose(loaded, pixels[..., planes] / 255, rtol=1e-6)


def test_the_digest_depends_on_content_channel_order_and_reader_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = write_release(tmp_path / "here"), write_release(tmp_path / "there")
    data = source(here)
    before = data.digest(IDS[0])

    assert source(there).digest(IDS[0]) == before
    assert source(here, channel_order="v,u,os").digest(IDS[0]) != before
    write_png(here / "maps" / MAPS[2], (1, 2, 3))
    assert data.digest(IDS[0]) != before, "of the file as it is now"
    monkeypatch.setattr(flow_maps, "READER_VERSION", flow_maps.READER_VERSION + 1)
    assert source(there).digest(IDS[0]) != before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LABELS.CSV", True),
        ("a.png", True),
        ("maps/a.txt", True),
        ("CASME2-coding.xlsx", False),
        ("sub01/a.png", False),
    ],
)
def test_a_csv_a_png_or_a_folder_maps_resembles_flow_maps(tmp_path: Path, name: str, expected: bool) -> None:
    (tmp_path / "data" / name).parent.mkdir(parents=True)
    (tmp_path / "data" / name).write_bytes(b"")

    assert FlowMaps.resembles(tmp_path / "data") is expected
    assert not FlowMaps.recognises(tmp_path / "data")


def test_recognises_a_release_and_nothing_else(release: Path, tmp_path: Path) -> None:
    no_maps = write_release(tmp_path / "no-maps", maps=())
    wrong_csv = write_release(tmp_path / "wrong-csv", "name,age\nAnn,7\n")

    assert FlowMaps.recognises(release)
    assert not any(FlowMaps.recognises(path) for path in (no_maps, wrong_csv, release / "labels.csv"))


def test_a_folder_without_csv_or_with_several_is_refused(release: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (release / "combined.csv").write_text("smic,s01,s01_ne_01,0\n")

    assert "has no CSV" in message(tmp_path / "empty")
    assert "combined.csv, labels.csv" in message(release)
    assert "labels=" in message(release)
    assert "missing.csv does not exist" in message(release, labels="missing.csv")
    assert "is not a folder" in message(release, labels="labels.csv", maps="elsewhere")
    assert "is not a folder" in message(tmp_path / "nowhere")


def test_missing_maps_are_counted_and_the_first_few_named(tmp_path: Path) -> None:
    text = "".join(f"samm,006,006_1_{clip},0\n" for clip in range(1, 8))
    error = message(write_release(tmp_path / "gaps", text, ("006_006_1_1.png", "006_006_1_2.png")))

    assert "5 of 7 rows have no map" in error
    assert "samm/006/006_1_3 (labels.csv row 3)" in error
    assert "samm/006/006_1_5 (labels.csv row 5), ...; add" in error


def test_two_maps_for_one_row_or_one_for_two_are_refused(release: Path, tmp_path: Path) -> None:
    write_png(release / "maps" / "s01_s1_ne_01.png")
    shared = write_release(tmp_path / "shared", "smic,s1,EP01,0\ncasme2,sub01,EP01,0\n", ("1_EP01.png",))

    assert "smic/s1/s1_ne_01 has 2 maps, 's01_s01_ne_01 .png' and 's01_s1_ne_01.png'" in message(release)
    assert "the map '1_EP01.png' fits both smic/s1/EP01 (labels.csv row 1) and casme2/sub01/EP01" in message(shared)


@pytest.mark.parametrize("what", [f"maps/{MAPS[0]}", "labels.csv"])
def test_a_file_link_that_leads_out_of_the_folder_is_refused(release: Path, what: str) -> None:
    moved_out_of(release, what)

    assert "leads out of" in message(release)


def test_a_linked_folder_of_maps_is_followed_but_no_link_out_of_it(release: Path, tmp_path: Path) -> None:
    moved_out_of(release, "maps")

    assert FlowMaps.recognises(release)
    assert source(release).load("smic/s1/s1_ne_01").shape == (28, 28, 3)
    assert source(release, maps="maps").read_samples().ids == IDS
    moved_out_of(tmp_path / "elsewhere", MAPS[0], "elsewhere.png")
    assert "leads out of" in message(release)


def test_links_within_the_folder_of_a_database_s_maps_and_of_the_root_are_followed(tmp_path: Path) -> None:
    root = write_release(tmp_path / "nested", maps=())
    for database, name in zip(("smic", "samm", "casme2"), MAPS, strict=True):
        write_png(root / "maps" / database / name)
    moved_out_of(root, "maps/samm")
    moved_out_of(root / "maps", f"smic/{MAPS[0]}", "kept.png")
    (tmp_path / "linked").symlink_to(root)

    assert source(tmp_path / "linked").read_samples().ids == IDS
    assert source(tmp_path / "linked").load("smic/s1/s1_ne_01").shape == (28, 28, 3)


def saved(mode: str, size: tuple[int, int] = (28, 28)) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, "PNG")
    return stream.getvalue()


ROW = b"\0" * (1 + 28 * 3)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (saved("RGB", (56, 28)), "56×28 (width×height) pixels; a flow map must be 28×28"),
        (saved("L"), "8-bit greyscale PNG; save the map as 8-bit RGB"),
        (saved("RGBA"), "RGBA"),
        (png(28, 28, bytes((1 + 28 * 6) * 28), depth=16), "16-bit RGB"),
        (png(60_000, 60_000, bytes(1000)), "60000×60000"),
        (b"", "is empty (0 bytes)"),
        (b"GIF89a" + bytes(100), "is not a PNG"),
        (png(28, 28, ROW * 28)[:20], "cut short"),
        (png(28, 28, ROW * 28)[:50], "damaged PNG"),
        (png(28, 28, b"\x09" * len(ROW) * 28), "damaged PNG"),
        (png(28, 28, b"") + bytes(2_000_000), "more than 1 MiB, the most for a 28×28 map"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_no_map_is_refused(release: Path, content: bytes, part: str) -> None:
    (release / "maps" / MAPS[1]).write_bytes(content)

    error = message(release, "samm/006/006_1_2")
    assert part in error
    assert MAPS[1] in error


def test_changed_pixels_in_a_stream_without_end_are_refused(release: Path) -> None:
    content = bytearray(png(28, 28, ROW * 28, level=0))
    deflate = content.index(b"IDAT") + 6
    content[deflate] ^= 1  # no longer the last block, so zlib never comes to its checksum
    content[deflate + 20] ^= 0x7F
    (release / "maps" / MAPS[1]).write_bytes(content)

    assert "damaged PNG" in message(release, "samm/006/006_1_2")


def test_a_map_that_goes_away_and_an_unknown_id_are_refused(release: Path) -> None:
    data = source(release)
    data.read_samples()
    (release / "maps" / MAPS[1]).unlink()

    for read in (data.load, data.digest):
        with pytest.raises(MerBenchError, match="does not exist; restore it"):
            read("samm/006/006_1_2")
    with pytest.raises(MerBenchError, match="no sample 'samm/6/6_1_2'"):
        data.load("samm/6/6_1_2")
