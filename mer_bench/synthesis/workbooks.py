"""The annotation workbooks, with the sheets, headers and habits of the official ones."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from mer_bench.synthesis.clips import expression_of
from mer_bench.synthesis.plans import ClipPlan

_NOTES = (
    "SYNTHETIC: no line of this workbook describes a recording of a person.",
    "Micro-facial movements, one a row; frame numbers count the frames of the whole recording.",
    "Onset Frame: the first frame of the movement.",
    "Apex Frame: the frame in which the movement is strongest.",
    "Offset Frame: the last frame of the movement.",
    "Duration: Offset - Onset + 1, in frames.",
    "L and R: a movement of the left or of the right side alone.",
    "A, B, C: the intensity of an action unit, where it was noted.",
    "Estimated Emotion: after the action units and what was shown.",
    "Objective Classes: after the action units alone; 1 to 7.",
    "Subject and Filename are text: leading zeros count.",
)
_SAMM_HEADER_ROW = 14
_SAMM_HEADER = (
    *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration"),
    *("Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes"),
)
_SMIC_UNLISTED = ("s1_ne_02", "s2_sur_02")
_SMIC_HEADER = (
    *("Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", "Onset3F", "Offset3F"),
    *("FirstF", "LastF", "TotalMF1", "TotalMF2", "TotalMF3", "TotalVL", "Emotion"),
)


def smic_workbook(plans: Sequence[ClipPlan], seed: int) -> tuple[str, bytes]:
    """Return name and content of SMIC-HS-E's workbook: some clips have no row, one has a second interval."""
    del seed
    book, sheet = _book("HS")
    sheet.append(_SMIC_HEADER)
    listed = [plan for plan in plans if plan.name not in _SMIC_UNLISTED]
    for place, plan in enumerate(listed):
        second = (plan.offset + 40, plan.offset + 55) if place == 1 else (None, None)
        length = plan.offset - plan.onset + 1
        row = (plan.number, plan.name, None, plan.onset, plan.offset, *second, None, None)
        last = plan.offset + 90
        totals = (length, 16 if place == 1 else None, None, last - plan.onset + 51)
        sheet.append((*row, plan.onset - 50, last, *totals, plan.emotion))
    book.create_sheet("VIS").append([name for name in _SMIC_HEADER if name not in ("Onset3F", "Offset3F", "TotalMF3")])
    return "SMIC-HS-E_annotation.xlsx", _saved(book)


def samm_workbook(plans: Sequence[ClipPlan], seed: int) -> tuple[str, bytes]:
    """Return name and content of SAMM's workbook: notes above the header, and durations that are formulas."""
    book, sheet = _book("MICRO_ONLY")
    for row, note in enumerate(_NOTES, start=1):
        sheet.cell(row, 1, note)
    for column, name in enumerate(_SAMM_HEADER, start=1):
        sheet.cell(_SAMM_HEADER_ROW, column, name)
    results = {}
    for row, plan in enumerate(plans, start=_SAMM_HEADER_ROW + 1):
        duration = f"=F{row}-D{row}+1"
        results[f"G{row}"] = plan.offset - plan.onset + 1
        units, side = _units(plan, seed)
        notation = "+".join(map(str, units))
        # Some rows leave it open which of two neighbouring units was seen.
        notation = f"{side}12 or {side}14" if side else f"{notation}A" if len(units) == 1 and row % 3 == 0 else notation
        frames = (plan.onset, plan.printed_apex, plan.offset)
        start = (f"{plan.number:03d}", plan.name, int(plan.name.split("_")[1]), *frames, duration, "Micro - 1/2")
        sheet.append((*start, notation, plan.emotion, _objective_class(units), None))
    return "SAMM_Micro_FACS_Codes_v2.xlsx", _saved(book, results)


def casme2_workbook(plans: Sequence[ClipPlan], seed: int) -> tuple[str, bytes]:
    """Return name and content of CASME II's workbook: two columns without a header, subjects as text."""
    book, sheet = _book("Sheet1")
    header = ("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None)
    sheet.append((*header, "Action Units", "Estimated Emotion"))
    for plan in plans:
        frames = (plan.onset, plan.printed_apex, plan.offset)
        units, side = _units(plan, seed)
        sheet.append((f"{plan.number:02d}", plan.name, None, *frames, None, _mixed(units, side), plan.emotion))
    book.create_sheet("Sheet2")
    book.create_sheet("Sheet3")
    return "CASME2-coding-20140508.xlsx", _saved(book)


def casme3_workbook(plans: Sequence[ClipPlan], seed: int) -> tuple[str, bytes]:
    """Return name and content of CAS(ME)^3 Part A's workbook: clip names repeat within a subject."""
    book, sheet = _book("label")
    sheet.append(("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"))
    for plan in plans:
        frames = (plan.onset, plan.printed_apex, plan.offset)
        units, side = _units(plan, seed)
        sheet.append((plan.subject, plan.name, *frames, _mixed(units, side), _objective_class(units), plan.emotion))
    return "annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", _saved(book)


def _book(title: str) -> tuple[Workbook, Worksheet]:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = title
    return book, sheet


def _units(plan: ClipPlan, seed: int) -> tuple[tuple[int, ...], str]:
    expression = expression_of(seed, plan.database, plan.subject, plan.clip, plan.kind)
    return expression.units, expression.side


def _mixed(units: tuple[int, ...], side: str) -> int | str:
    """Return action units as CASME II prints them: a lone one is a number, all else is text."""
    if len(units) == 1 and not side:
        return units[0]
    return "+".join(f"{side}{unit}" for unit in units)


def _objective_class(units: tuple[int, ...]) -> int:
    """Return the class that the action units alone decide (Davison et al., 2018), for the few units that occur here."""
    seen = frozenset(units)
    if 12 in seen:
        return 1
    if {1, 2} <= seen:
        return 2
    return 4 if 9 in seen else 5 if 15 in seen else 3 if 4 in seen else 7


def _saved(book: Workbook, results: Mapping[str, int] | None = None) -> bytes:
    """Return the workbook's bytes: the same at any time, with the formulas' results, which openpyxl leaves out."""
    written = io.BytesIO()
    book.save(written)
    steady = io.BytesIO()
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(steady, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name).decode()
            if name == "docProps/core.xml":
                content = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2020-01-01T00:00:00Z", content)
            for cell, value in (results or {}).items() if name == "xl/worksheets/sheet1.xml" else ():
                content = re.sub(
                    rf'(<c r="{cell}"[^>]*><f>[^<]*</f>)<v ?/?>(?:</v>)?', rf"\g<1><v>{value}</v>", content
                )
            target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return steady.getvalue()
