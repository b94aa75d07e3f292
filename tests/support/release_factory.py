"""Writes little releases in the official layouts: workbooks with the official headers, sheets and traps, and frames."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pytest
from PIL import Image

from mer_bench.databases.releases import Releases
from mer_bench.errors import MerBenchError

Row = Sequence[object]

CASME2_HEADER = (
    *("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None),
    *("Action Units", "Estimated Emotion"),
)
CASME2_EMOTIONS = {
    **{"others": 99, "disgust": 63, "happiness": 32, "repression": 27, "surprise": 25},
    **{"sadness": 7, "fear": 2},
}
SAMM_HEADER = (
    *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro"),
    *("Action Units", "Estimated Emotion", "Objective Classes", "Notes"),
)
SAMM_EMOTIONS = {
    **{"Anger": 57, "Other": 26, "Happiness": 26, "Surprise": 15, "Contempt": 12, "Disgust": 9},
    **{"Fear": 8, "Sadness": 6},
}
CASME3_HEADER = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")
SMIC_HEADER = (None, "subject", "material", "emotion", "onset", "offset")
SMIC_EXTENDED_HEADER = (
    *("Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", "FirstF", "LastF"),
    *("TotalMF1", "TotalMF2", "TotalVL", "Emotion"),
)
SMIC_CODES = {"negative": "ne", "positive": "po", "surprise": "sur"}


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


def read_all(path: Path) -> Releases:
    """Ask a folder with anything of a release for everything: whatever is wrong in it, nothing is raised."""
    Releases.recognises(path)
    assert Releases.resembles(path)
    source = opened(path)
    for sample_id in source.read_samples().ids:
        clip = source.clip(sample_id)
        assert clip.frames
        assert 0 <= clip.apex < len(clip.frames)
    assert not any("\n" in sentence for sentence in (*source.problems(), *source.notes()))
    return source


def told(source: Releases) -> int:
    """Return of how many samples and problems a source tells: whatever is wrong, something must be said."""
    return len(source.read_samples()) + len(source.problems())


def write_clutter(root: Path, places: Iterable[str], names: Sequence[str]) -> None:
    """Put folders and empty files of these names into each place of a release."""
    for place in places:
        for number, name in enumerate(names):
            target = root / place / name
            if not target.exists():
                target.write_bytes(b"") if number % 2 else target.mkdir()


def write_frames(folder: Path, numbers: Iterable[int], name: str = "img{}.jpg") -> Path:
    """Write one frame a number; the same file under many names, for that is fast."""
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
    """Write a workbook: so many rows of notes, the header, the rows; then further, empty sheets."""
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


# CASME II


def casme2_row(subject: object = "01", clip: object = "EP02_01f", onset: object = 46, apex: object = 59,
               offset: object = 86, emotion: object = "happiness", units: object = 12) -> list[object]:  # fmt: skip
    return [subject, clip, None, onset, apex, offset, None, units, emotion]


def write_casme2(root: Path, rows: Sequence[Row] | None = None, *, frames: bool = True) -> Path:
    """Write CASME II; every clip has its frames from onset to offset, whatever its apex is."""
    rows = [casme2_row()] if rows is None else rows
    name = "CASME2-coding-20140508.xlsx"
    write_workbook(root / name, CASME2_HEADER, rows, others=("Sheet2", "Sheet3"))
    for subject, clip, _, onset, _, offset, *_ in rows if frames else ():
        folder = root / "CASME2_RAW_selected" / f"sub{subject}" / str(clip).strip()
        write_frames(folder, range(int(str(onset)), int(str(offset)) + 1))
    return root


def casme2_full() -> list[list[object]]:
    """255 rows with the official counts: two clips without a usable apex, and subjects 10 and 18 of others alone."""
    rows = [
        casme2_row("04", "EP12_01f", 261, "/", 321, "disgust", "4+7"),
        casme2_row("05", "EP09_05f", 69, 69, 123, "disgust", 4),
    ]
    left = Counter(CASME2_EMOTIONS)
    left["disgust"] -= 2
    everyone = [f"{number:02d}" for number in range(1, 27)]
    classed = cycle([subject for subject in everyone if subject not in ("10", "18")])
    anyone = cycle(everyone)
    for number, emotion in enumerate(left.elements()):
        subject = next(anyone if emotion == "others" else classed)
        clip = f"EP{number // 20 + 20}_{number % 20:02d}" + ("f " if number % 50 == 0 else "")
        units = (4, "4+7", "L12", "R10+12", None)[number % 5]
        rows.append(casme2_row(subject, clip, 9, 10, 11, emotion, units))
    return rows


# SAMM


def samm_row(subject: object = "006", clip: object = "006_1_2", onset: object = 5562, apex: object = 5588,
             offset: object = 5632, emotion: object = "Happiness") -> list[object]:  # fmt: skip
    duration = "=F15-D15+1"
    return [subject, clip, 1, onset, apex, offset, duration, "Micro - 1/2", "(R6 or R12)+R15", emotion, 3, None]


def write_samm(root: Path, rows: Sequence[Row] | None = None, numbers: Mapping[str, Iterable[int]] = {}) -> Path:
    """Write SAMM; ``numbers`` are the frames of clips that do not simply run from onset to offset."""
    rows = [samm_row()] if rows is None else rows
    write_workbook(root / "SAMM_Micro_FACS_Codes_v2.xlsx", SAMM_HEADER, rows, sheet="MICRO_ONLY", notes=13)
    for subject, clip, _, onset, _, offset, *_ in rows:
        wanted = numbers.get(str(clip), range(int(str(onset)), int(str(offset)) + 1))
        write_frames(root / str(subject) / str(clip), wanted, f"{subject}_{{:05d}}.jpg")
    return root


SAMM_WRONG = {
    "028_4_1": (1100, 1200, 1110, 1105),
    "032_3_1": (4940, 4900, 4950, 4945),
    "032_3_2": (5125, 5100, 5135, 5130),
    "013_1_9": (5735, 5737, 5700, 5739),
}
"""Onset, apex and offset that are not in order, and the number that fixes them."""


def samm_full() -> tuple[list[list[object]], dict[str, range]]:
    """159 rows with the official counts, four of them to be fixed and subject 025 of Other alone; and their frames."""
    rows: list[list[object]] = []
    numbers = {}
    left = Counter(SAMM_EMOTIONS)
    for clip, (onset, apex, offset, _) in SAMM_WRONG.items():
        rows.append(samm_row(clip[:3], clip, onset, apex, offset, "Anger"))
        numbers[clip] = range(onset, onset + 11)
        left["Anger"] -= 1
    everyone = [f"{number:03d}" for number in range(6, 35)]
    classed = cycle([subject for subject in everyone if subject != "025"])
    anyone = cycle(["025", *everyone])
    for number, emotion in enumerate(left.elements()):
        subject = next(anyone if emotion == "Other" else classed)
        rows.append(samm_row(subject, f"{subject}_7_{number}", 99, 100, 101, emotion))
    return rows, numbers


# CAS(ME)^3


def casme3_row(subject: object = "spNO.1", clip: object = "b", onset: object = 166, apex: object = 169,
               offset: object = 175, emotion: object = "disgust") -> list[object]:  # fmt: skip
    return [subject, clip, onset, apex, offset, "4+L10", "I", emotion]


def write_casme3(root: Path, rows: Sequence[Row] | None = None, *, by_clip: bool = False) -> Path:
    """Write CAS(ME)^3 Part A, with frames by video or by clip."""
    rows = [casme3_row()] if rows is None else rows
    name = "annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
    write_workbook(root / name, CASME3_HEADER, rows, sheet="label")
    for subject, clip, onset, _, offset, *_ in rows:
        wanted = range(int(str(onset)), int(str(offset)) + 1)
        if by_clip:
            write_frames(root / "Part_A_ME_clip" / "frame" / f"{subject}_{clip}_{onset}", wanted, "{}.jpg")
            write_frames(root / "Part_A_ME_clip" / "depth" / f"{subject}_{clip}_{onset}", wanted, "{}.png")
            continue
        video = root / "part_A" / str(subject).replace("spNO", "spNo") / str(clip)
        there = {int(path.stem) for path in (video / "color").glob("*.jpg")}
        write_frames(video / "color", sorted(set(wanted) - there), "{}.jpg")
        write_frames(video / "depth", sorted(set(wanted) - there), "{}.png")
    return root


# SMIC-HS


def write_smic(
    root: Path,
    clips: Iterable[tuple[str, str]] = (("s1_ne_01", "negative"), ("s1_po_01", "positive"), ("s2_sur_01", "surprise")),
    *,
    hs: str = "SMIC_all_raw/HS",
    name: str = "image{}.bmp",
    numbers: Iterable[int] = (8, 9, 10, 11),
    micro: bool = True,
) -> Path:
    numbers = tuple(numbers)
    for clip, emotion in clips:
        subject = root / hs / clip.split("_")[0]
        write_frames((subject / "micro" if micro else subject) / emotion / clip, numbers, name)
    return root


def smic_full() -> Iterator[tuple[str, str]]:
    """164 clips of 16 subjects with the official counts."""
    subjects = cycle(range(1, 17))
    for emotion, count in (("negative", 70), ("positive", 51), ("surprise", 43)):
        for number in range(count):
            yield f"s{next(subjects)}_{SMIC_CODES[emotion]}_{number + 1:02d}", emotion


# Fuzzing


def read_mutated(sound: Path, workbook: str, cuts: Sequence[tuple[int, int]], keep: int) -> Releases:
    """Read a copy of a release whose workbook has bytes changed and is cut short."""
    content = bytearray((sound / workbook).read_bytes())
    for place, value in cuts:
        content[place % len(content)] = value
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for child in sound.iterdir():
            if child.is_dir() and child.name != "annotation":
                (root / child.name).symlink_to(child)
        target = root / workbook
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(content[: len(content) - keep % len(content)])
        return read_all(root)
