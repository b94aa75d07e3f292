"""Read one frame from disk exactly as stored: its size is checked before decoding, and it must decode completely."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from mer_bench.arrays import ByteArray
from mer_bench.bounded_files import open_bounded, read_bounded
from mer_bench.errors import MerBenchError, reason_of

FORMATS = ("JPEG", "PNG", "BMP", "TIFF")
MOST_BYTES = 256 << 20
MOST_PIXELS = 64_000_000
MOST_SIDE = 16_384
LEAST_SIDE = 16

_ORIENTATION = 0x0112
_WHAT = "one frame"
_TOO_MANY = f"more than {MOST_PIXELS // 10**6} megapixels, the most for {_WHAT}"
_RESTORE = "restore it from the release"


def read_image(path: Path) -> ByteArray:
    """Decode an image.

    Parameters
    ----------
    path : Path
        A JPEG, PNG, BMP or TIFF of any colour mode; only the first page is read.

    Returns
    -------
    ndarray of shape (height, width, 3), uint8
        RGB, pixels as stored: a JPEG's EXIF orientation is not applied, so that all frames of a clip have the same
        orientation. Grey is repeated in the three channels, 16-bit grey is scaled so that 65535 becomes 255, and
        transparency is dropped.

    Raises
    ------
    MerBenchError
        The file is missing, empty, cut short, damaged, of another format, or outside the size limits.
    """
    content = read_bounded(path, MOST_BYTES, _WHAT, _RESTORE)
    with _opened(path, io.BytesIO(content)) as image:
        if image.format == "PNG":
            # Decoding a PNG checks no chunk's checksum, and changed pixels would look like motion.
            image.verify()
    with _opened(path, io.BytesIO(content)) as image:
        if image.format in ("JPEG", "MPO") and content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda"):
            raise MerBenchError(f"{path} is cut short: its end marker is missing; {_RESTORE}")
        image.load()
        return _as_rgb(path, image)


def image_size(path: Path) -> tuple[int, int]:
    """Return (width, height) from the header only; the pixels may still be damaged.

    Raises
    ------
    MerBenchError
        As in `read_image`, except for damage after the header.
    """
    with open_bounded(path, MOST_BYTES, _WHAT, _RESTORE) as file, _opened(path, file) as image:
        return image.size


@contextmanager
def _opened(path: Path, stream: BinaryIO) -> Iterator[Image.Image]:
    """Yield the image after checking its header; any failure is a `MerBenchError`."""
    try:
        # Pillow warns about sizes, which are checked here, and about metadata, which is not used.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(stream, formats=FORMATS) as image:
                _check_header(path, image)
                yield image
    except MerBenchError:
        raise
    except Image.DecompressionBombError:
        raise MerBenchError(f"{path} has {_TOO_MANY}; {_RESTORE}") from None
    except UnidentifiedImageError:
        raise MerBenchError(
            f"{path} is not a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} image, or is cut short; {_RESTORE}"
        ) from None
    except Exception as error:  # damaged files make Pillow raise almost anything
        raise MerBenchError(f"{path} is damaged or cut short ({reason_of(error)}); {_RESTORE}") from error


def _check_header(path: Path, image: Image.Image) -> None:
    width, height = image.size
    fault = ""
    if width * height > MOST_PIXELS:
        fault = _TOO_MANY
    elif max(width, height) > MOST_SIDE:
        fault = f"more than {MOST_SIDE} on a side, the most for {_WHAT}"
    elif min(width, height) < LEAST_SIDE:
        fault = f"too small for a face (at least {LEAST_SIDE}×{LEAST_SIDE})"
    if fault:
        raise MerBenchError(f"{path} is {width}×{height} (width×height) pixels, {fault}; {_RESTORE}")
    if image.format == "TIFF" and image.getexif().get(_ORIENTATION, 1) != 1:
        # Pillow rotates a TIFF while decoding, and no other format.
        raise MerBenchError(f"{path} is a TIFF with an orientation tag; save it upright, without the tag")


def _as_rgb(path: Path, image: Image.Image) -> ByteArray:
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.int64)
        if grey.min() < 0 or grey.max() > 65535:
            raise MerBenchError(f"{path} has grey values from {grey.min()} to {grey.max()}; save it with 8 or 16 bits")
        scaled = ((grey * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(scaled[..., None], 3, axis=2)
    if image.mode in ("F", "LAB", "HSV"):
        raise MerBenchError(
            f"{path} has the colour mode {image.mode}, which has no fixed 8-bit RGB; save it as 8-bit RGB"
        )
    return np.array(image.convert("RGB"), dtype=np.uint8)
