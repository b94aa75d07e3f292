"""Checks of a workbook before openpyxl reads it: a zip, or entities defined in XML, can expand to any size."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from pathlib import Path
from xml.parsers import expat

from mer_bench.bounded_files import read_bounded
from mer_bench.errors import MerBenchError

MOST_BYTES = 16 << 20
MOST_UNPACKED_BYTES = 64 << 20
MOST_ELEMENTS = 1_000_000
"""Limits of a workbook; the official ones unpack to less than a hundredth of them."""

RESAVE = "open it in Excel or LibreOffice and save it as .xlsx"

_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MOST_PARTS = 1000


def read_archive(path: Path) -> bytes:
    """Return the content of a workbook; one that would expand too far is refused before it is expanded.

    Raises
    ------
    MerBenchError
        It is not a file, cannot be read, is too large, is another kind of file, would expand too far, is encrypted or
        packed in an unknown way. A damaged file raises what ``zipfile`` raises.
    """
    content = read_bounded(
        path, MOST_BYTES, "an annotation workbook", "give the annotation workbook (.xlsx) of the release"
    )
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise MerBenchError(f"{path.name} is an old .xls or has a password; {RESAVE} without a password")
    if not content.startswith(b"PK"):
        raise MerBenchError(f"{path.name} is not an .xlsx workbook: it starts with {content[:8]!r}; {RESAVE}")
    _check_archive(path.name, content)
    return content


def _check_archive(name: str, content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        # zipfile gives no more bytes of a part than its directory states, so this sum is reliable.
        unpacked = sum(part.file_size for part in parts)
        if unpacked > MOST_UNPACKED_BYTES or len(parts) > _MOST_PARTS:
            raise MerBenchError(
                f"{name} unpacks to {unpacked} bytes in {len(parts)} parts, too much for an annotation workbook; "
                "restore it from the release"
            )
        if any(part.flag_bits & 1 or part.compress_type not in _PACKINGS for part in parts):
            raise MerBenchError(
                f"{name} is encrypted, or packed in a way unknown to .xlsx; {RESAVE} without a password"
            )
        elements = 0
        for part in parts:
            elements += _count_elements(name, part.filename, archive.read(part), MOST_ELEMENTS - elements)


def _count_elements(name: str, part: str, content: bytes, most: int) -> int:
    """Return how many XML elements a part has; of a part that is not XML, those before the parser stops."""
    count = 0

    def refuse_doctype(*_: object) -> None:
        raise MerBenchError(
            f"{name}: part {part!r} has a document type (DOCTYPE), which may define entities and which no workbook "
            "needs; restore the file from the release"
        )

    def count_one(*_: object) -> None:
        nonlocal count
        count += 1
        if count > most:
            raise MerBenchError(
                f"{name} holds more than {MOST_ELEMENTS} cells and other elements, too many for an annotation "
                "workbook; restore it from the release"
            )

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.StartElementHandler = count_one
    # A part that is no XML, such as a picture. openpyxl uses the same parser and stops at the same place.
    with suppress(expat.ExpatError, ValueError, LookupError):
        parser.Parse(content, True)
    return count
