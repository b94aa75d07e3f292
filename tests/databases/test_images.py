from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile
from support.release_factory import png

from mer_bench.databases import images
from mer_bench.databases.images import image_size, read_image
from mer_bench.errors import MerBenchError

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "BMP": ".bmp", "TIFF": ".tif"}


def scene(mode: str = "RGB", size: tuple[int, int] = (40, 24)) -> Image.Image:
    """Red grows to the right, green downwards: no turn or swap of channels goes unseen."""
    width, height = size
    across = np.linspace(0, 255, width)[None, :].repeat(height, 0)
    down = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    pixels = np.stack([across, down, np.full_like(across, 60)], axis=-1).round().astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def pixels_of(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


@cache
def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    scene().save(stream, kind)
    return stream.getvalue()


def refusal(path: Path) -> str:
    """The sentence of `read_image`; no warning goes with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MerBenchError) as caught:
            read_image(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def size_refusal(path: Path) -> str:
    with pytest.raises(MerBenchError) as caught:
        image_size(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *[("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")],
        *[("BMP", mode) for mode in ("1", "L", "P", "RGB")],
        *[("TIFF", mode) for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK")],
    ],
)
def test_every_colour_mode_becomes_8_bit_rgb(tmp_path: Path, kind: str, mode: str) -> None:
    path = tmp_path / f"a{SUFFIXES[kind]}"
    scene(mode).save(path, kind)
    read = read_image(path)
    assert (read.shape, read.dtype, read.flags.writeable) == ((24, 40, 3), np.uint8, True)
    np.testing.assert_array_equal(read, pixels_of(scene(mode)))
    assert image_size(path) == (40, 24)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_becomes_rgb_but_for_its_losses(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.jpg"
    scene(mode).save(path, quality=95)
    difference = read_image(path).astype(int) - pixels_of(scene(mode))
    assert abs(difference).mean() < 3
    assert image_size(path) == (40, 24)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_is_scaled_to_8_bits(tmp_path: Path, suffix: str) -> None:
    grey = np.full((16, 16), 65535, dtype=np.uint16)
    grey[0, :4] = 0, 257, 32768, 128
    Image.fromarray(grey).save(tmp_path / f"a{suffix}")
    read = read_image(tmp_path / f"a{suffix}")
    assert read[0, :5, 0].tolist() == [0, 1, 128, 0, 255]
    assert read.shape == (16, 16, 3)
    assert (read == read[..., :1]).all()


def test_transparency_is_dropped_not_painted(tmp_path: Path) -> None:
    image = scene("RGBA")
    image.putalpha(0)
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), pixels_of(scene()))


def test_a_jpegs_orientation_leaves_pixels_as_stored(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    scene().save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert read_image(tmp_path / "a.jpg").shape == (24, 40, 3)
    assert image_size(tmp_path / "a.jpg") == (40, 24)


def test_a_tiff_with_an_orientation_is_refused(tmp_path: Path) -> None:
    scene().save(tmp_path / "a.tif", tiffinfo={0x0112: 6})
    assert "is a TIFF with an orientation tag; save it upright" in refusal(tmp_path / "a.tif")
    assert "is a TIFF with an orientation tag" in size_refusal(tmp_path / "a.tif")
    scene().save(tmp_path / "b.tif", tiffinfo={0x0112: 1})
    assert image_size(tmp_path / "b.tif") == (40, 24)


def test_numbers_that_have_no_fixed_range_are_refused(tmp_path: Path) -> None:
    scene("F").save(tmp_path / "f.tif")
    assert "has the colour mode F" in refusal(tmp_path / "f.tif")
    Image.fromarray(np.full((16, 16), 70_000, dtype=np.int32)).save(tmp_path / "i.tif")
    assert "has grey values from 70000 to 70000; save it with 8 or 16 bits" in refusal(tmp_path / "i.tif")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "empty.jpg").write_bytes(b"")
    for path, complaint in (
        (tmp_path / "gone.jpg", "does not exist; restore it from the release"),
        (tmp_path, "is not a file"),
        (tmp_path / "pipe.jpg", "is not a file"),
        (tmp_path / "empty.jpg", "is empty (0 bytes)"),
    ):
        assert complaint in refusal(path)
        assert complaint in size_refusal(path)


@pytest.mark.parametrize("content", [b"GIF89a" + bytes(200), b"\xff\xd8"])
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    for sentence in (refusal(tmp_path / "a.jpg"), size_refusal(tmp_path / "a.jpg")):
        assert "is not a JPEG, PNG, BMP or TIFF image, or is cut short" in sentence


@pytest.mark.parametrize("kind", SUFFIXES)
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_file_cut_short_is_refused(tmp_path: Path, kind: str, kept: float) -> None:
    path = tmp_path / f"a{SUFFIXES[kind]}"
    path.write_bytes(encoded(kind)[: int(len(encoded(kind)) * kept)])
    assert "cut short" in refusal(path)


def test_a_jpeg_whose_end_was_zeroed_is_refused(tmp_path: Path) -> None:
    content = encoded("JPEG")
    (tmp_path / "a.jpg").write_bytes(content[:-60] + bytes(60))
    assert "is cut short: its end marker is missing" in refusal(tmp_path / "a.jpg")


def test_changed_pixels_of_a_png_are_noticed_by_their_checksum(tmp_path: Path) -> None:
    header, rest = encoded("PNG").split(b"IDAT", 1)
    size = struct.unpack(">I", header[-4:])[0]
    stored = zlib.decompress(rest[:size])
    changed = zlib.compress(bytes(byte ^ (place == 500) for place, byte in enumerate(stored)))
    checksum, tail = rest[size : size + 4], rest[size + 4 :]
    (tmp_path / "a.png").write_bytes(
        header[:-4] + struct.pack(">I", len(changed)) + b"IDAT" + changed + checksum + tail
    )
    assert "is damaged or cut short" in refusal(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("width", "height", "complaint"),
    [
        (8001, 8000, "more than 64 megapixels, the most for one frame"),
        (2**31 - 1, 2**31 - 1, "more than 64 megapixels"),
        (16_385, 20, "is 16385×20 (width×height) pixels, more than 16384 on a side"),
    ],
)
def test_a_huge_image_is_refused_before_it_is_decoded(
    tmp_path: Path, width: int, height: int, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda *_: pytest.fail("decoded"))
    (tmp_path / "a.png").write_bytes(png(width, height, bytes(1000), colour=0))
    assert complaint in refusal(tmp_path / "a.png")
    assert complaint in size_refusal(tmp_path / "a.png")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(images.MOST_BYTES + 1)
    assert "more than 256 MiB, the most for one frame" in refusal(tmp_path / "a.png")
    assert "more than 256 MiB" in size_refusal(tmp_path / "a.png")


@pytest.mark.parametrize("size", [(15, 100), (100, 15)])
def test_an_image_too_small_for_a_face_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    scene(size=size).save(tmp_path / "a.png")
    complaint = f"is {size[0]}×{size[1]} (width×height) pixels, too small for a face (at least 16×16)"
    assert complaint in refusal(tmp_path / "a.png")
    scene(size=(16, 16)).save(tmp_path / "b.png")
    assert read_image(tmp_path / "b.png").shape == (16, 16, 3)
