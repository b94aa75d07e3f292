"""Writes small releases in the official layouts: workbooks with the official headers and sheets, and frames."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import openpyxl
import pytest
from PIL import Image

from mer_bench.databases.releases import Releases
from mer_bench.errors import MerBenchError

Row = Sequence[object]

CASME2_WORKBOOK = "CASME2-coding-20140508.xlsx"
CASME2_HEADER = (
    *("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None),
    *("Action Units", "Estimated Emotion"),
)
CASME2_EMOTIONS = ("others", "disgust", "happiness", "repression", "surprise", "sadness", "fear")
SAMM_WORKBOOK = "SAMM_Micro_FACS_Codes_v2.xlsx"
SAMM_HEADER = (
    *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro"),
    *("Action Units", "Estimated Emotion", "Objective Classes", "Notes"),
)
SAMM_EMOTIONS = ("anger", "other", "happiness", "surprise", "contempt", "disgust", "fear", "sadness")

CASME3_WORKBOOK = "annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
CASME3_HEADER = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")
SMIC_HEADER = (None, "subject", "material", "emotion", "onset", "offset")
SMIC_EXTENDED_WORKBOOK = "SMIC-HS-E_annotation.xlsx"
SMIC_EXTENDED_HEADER = (
    *("Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", "FirstF", "LastF"),
    *("TotalMF1", "TotalMF2", "TotalVL", "Emotion"),
)
SMIC_CLIPS = (("s1_ne_01", "negative"), ("s1_po_01", "positive"), ("s2_sur_01", "surprise"))


def opened(path: Path, **options: bool | str) -> Releases:
    return Releases(path, {"fixes": True, "smic_apex": "offset", "images": "raw", **options})


def refusal(path: Path, **options: bool | str) -> str:
    """The one sentence with which a folder is refused."""
    with pytest.raises(MerBenchError) as caught:
        opened(path, **options).read_samples()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def only_problem(path: Path, **options: bool | str) -> str:
    (problem,) = opened(path, **options).problems()
    assert "\n" not in problem
    return problem


def moved_out_of(root: Path, inner: str, name: str = "elsewhere") -> None:
    """Replace a file or folder of a release by a link that leads out of it."""
    (root / inner).rename(root.with_name(name))
    (root / inner).symlink_to(root.with_name(name))


def png(width: int, height: int, rows: bytes, *, depth: int = 8, colour: int = 2, level: int = 9) -> bytes:
    """Return a PNG file of any header and any rows, right or wrong; colour 2 is RGB, 0 is grey."""
    body = b"\x89PNG\r\n\x1a\n"
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows, level)), (b"IEND", b"")):
        body += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return body


def write_frames(folder: Path, numbers: Iterable[int], name: str = "img{}.jpg") -> Path:
    """Write one frame per number; they are links to one file, which is fast."""
    folder.mkdir(parents=True, exist_ok=True)
    first: Path | None = None
    for number in numbers:
        path = folder / name.format(number)
        if first is None:
            path.write_bytes(picture(path.suffix))
            first = path
        else:
            os.link(first, path)
    return folder


@cache
def picture(suffix: str, shade: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (16, 16), shade).save(stream, {".jpg": "JPEG", ".bmp": "BMP", ".png": "PNG"}[suffix])
    return stream.getvalue()


def write_workbook(
    path: Path, header: Row, rows: Iterable[Row], *, sheet: str = "Sheet1", notes: int = 0, others: Sequence[str] = ()
) -> Path:
    """Write a workbook: rows of notes, the header, the rows; then further, empty sheets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    table = book.active
    table.title = sheet
    for number in range(notes):
        table.append([f"note {number + 1}"])
    table.append(header)
    for row in rows:
        table.append(list(row))
    for name in others:
        book.create_sheet(name)
    book.save(path)
    return path


def casme2_row(subject: object = "01", clip: object = "EP02_01f", onset: object = 46, apex: object = 59,
               offset: object = 86, emotion: object = "happiness", units: object = 12) -> list[object]:  # fmt: skip
    return [subject, clip, None, onset, apex, offset, None, units, emotion]


def casme2_annotation(root: Path, *rows: Row) -> Path:
    return write_workbook(root / CASME2_WORKBOOK, CASME2_HEADER, rows, others=("Sheet2", "Sheet3"))


def write_casme2(root: Path, *rows: Row, frames: bool = True) -> Path:
    """Write CASME II; every clip has its frames from onset to offset, whatever its apex is."""
    rows = rows or (casme2_row(),)
    casme2_annotation(root, *rows)
    for subject, clip, _, onset, _, offset, *_ in rows if frames else ():
        folder = root / "CASME2_RAW_selected" / f"sub{subject}" / str(clip).strip()
        write_frames(folder, range(int(str(onset)), int(str(offset)) + 1))
    return root


def samm_row(subject: object = "006", clip: object = "006_1_2", onset: object = 5562, apex: object = 5588,
             offset: object = 5632, emotion: object = "Happiness") -> list[object]:  # fmt: skip
    return [subject, clip, 1, onset, apex, offset, "=F15-D15+1", "Micro - 1/2", "(R6 or R12)+R15", emotion, 3, None]


def samm_annotation(root: Path, *rows: Row) -> Path:
    return write_workbook(root / SAMM_WORKBOOK, SAMM_HEADER, rows, sheet="MICRO_ONLY", notes=13)


def write_samm(root: Path, *rows: Row) -> Path:
    """Write SAMM; the frames of a clip run from its smallest number to its largest."""
    rows = rows or (samm_row(),)
    samm_annotation(root, *rows)
    for subject, clip, _, *moments in rows:
        first, *_, last = sorted(int(str(moment)) for moment in moments[:3])
        write_frames(root / str(subject) / str(clip), range(first, last + 1), f"{subject}_{{:05d}}.jpg")
    return root


def casme3_row(subject: object = "spNO.1", clip: object = "b", onset: object = 166, apex: object = 169,
               offset: object = 175, emotion: object = "disgust") -> list[object]:  # fmt: skip
    return [subject, clip, onset, apex, offset, "4+L10", "I", emotion]


def casme3_annotation(root: Path, *rows: Row) -> Path:
    return write_workbook(root / CASME3_WORKBOOK, CASME3_HEADER, rows, sheet="label")


def write_casme3(root: Path, *rows: Row, by_clip: bool = False) -> Path:
    """Write CAS(ME)^3 Part A, with frames by video or by clip."""
    rows = rows or (casme3_row(),)
    casme3_annotation(root, *rows)
    for subject, clip, onset, _, offset, *_ in rows:
        wanted = range(int(str(onset)), int(str(offset)) + 1)
        if by_clip:
            write_frames(root / "Part_A_ME_clip" / "frame" / f"{subject}_{clip}_{onset}", wanted, "{}.jpg")
            write_frames(root / "Part_A_ME_clip" / "depth" / f"{subject}_{clip}_{onset}", wanted, "{}.png")
            continue
        video = root / "part_A" / str(subject).replace("spNO", "spNo") / str(clip)
        write_frames(video / "color", wanted, "{}.jpg")
        write_frames(video / "depth", wanted, "{}.png")
    return root


def smic_row(clip: str = "s1_ne_01", onset: object = 8, offset: object = 11) -> list[object]:
    emotion = {"ne": "negative", "po": "positive", "sur": "surprise"}[clip.split("_")[1]]
    return [0, clip.split("_")[0], clip, emotion, onset, offset]


def smic_annotation(root: Path, *rows: Row) -> Path:
    """Write the plain one of the two workbooks that are in use."""
    return write_workbook(root / "smic.xlsx", SMIC_HEADER, rows)


def smic_extended_row(subject: object, clip: str, onset: object, offset: object, second: object = None) -> list[object]:
    return [subject, clip, None, onset, offset, second, second, 1, 99, "=E2-D2+1", None, "=I2-H2+1", "negative"]


def smic_extended_annotation(root: Path, *rows: Row) -> Path:
    return write_workbook(root / SMIC_EXTENDED_WORKBOOK, SMIC_EXTENDED_HEADER, rows, sheet="HS", others=("VIS",))


def write_smic(
    root: Path,
    *clips: tuple[str, str],
    hs: str = "SMIC_all_raw/HS",
    name: str = "image{}.bmp",
    numbers: Sequence[int] = (8, 9, 10, 11),
    micro: bool = True,
) -> Path:
    for clip, emotion in clips or SMIC_CLIPS:
        subject = root / hs / clip.split("_")[0]
        write_frames((subject / "micro" if micro else subject) / emotion / clip, numbers, name)
    return root
