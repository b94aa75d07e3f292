"""The annotation workbooks, with the sheets, headers and peculiarities of the official ones."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial

from openpyxl import Workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from mer_bench.synthesis.clips import expression_of
from mer_bench.synthesis.motion import Expression
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
_SMIC_UNLISTED = ("s1_ne_02", "s2_po_02")
_SMIC_HEADER = (
    *("Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", "Onset3F", "Offset3F"),
    *("FirstF", "LastF", "TotalMF1", "TotalMF2", "TotalMF3", "TotalVL", "Emotion"),
)
_SMIC_COLUMNS = {name: get_column_letter(place) for place, name in enumerate(_SMIC_HEADER, start=1) if name}
# As openpyxl writes it, with the cell's name and without a result.
_FORMULA = re.compile(r'(<c r="([A-Z]+[0-9]+)"[^>]*><f>[^<]*</f>)<v ?/?>(?:</v>)?')


def smic_workbook(plans: Sequence[ClipPlan], seed: int) -> tuple[str, bytes]:
    """Return name and content of SMIC-HS-E's workbook: some clips have no row, one has a second interval.

    Its numbers are formulas; those of one row, the first of subject s3, have no stored result.
    """
    del seed
    book, sheet = _book("HS")
    sheet.append(_SMIC_HEADER)
    listed = [plan for plan in plans if plan.name not in _SMIC_UNLISTED]
    unstored = next((plan for plan in listed if plan.subject == "s3"), None)
    results: dict[str, int] = {}
    for row, plan in enumerate(listed, start=2):
        formulas = _smic_formulas(row, plan, twice=row == 3)
        cells = [plan.number, plan.name, *[None] * (len(_SMIC_HEADER) - 3), plan.emotion]
        for column, (formula, result) in formulas.items():
            cells[_SMIC_HEADER.index(column)] = formula
            if plan is not unstored:
                results[f"{_SMIC_COLUMNS[column]}{row}"] = result
        cells[_SMIC_HEADER.index("FirstF")] = plan.onset - 50
        sheet.append(cells)
    book.create_sheet("VIS").append([name for name in _SMIC_HEADER if name not in ("Onset3F", "Offset3F", "TotalMF3")])
    return "SMIC-HS-E_annotation.xlsx", _saved(book, results)


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
        shown = expression_of(plan, seed)
        start = (f"{plan.number:03d}", plan.name, int(plan.name.split("_")[1]), *plan.printed, duration, "Micro - 1/2")
        sheet.append((*start, _samm_notation(row, shown), plan.emotion, _objective_class(shown), None))
    return "SAMM_Micro_FACS_Codes_v2.xlsx", _saved(book, results)


def casme2_workbook(plans: Sequence[ClipPlan], seed: int) -> tuple[str, bytes]:
    """Return name and content of CASME II's workbook: two columns without a header, subjects as text."""
    book, sheet = _book("Sheet1")
    header = ("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None)
    sheet.append((*header, "Action Units", "Estimated Emotion"))
    for plan in plans:
        units = _mixed(expression_of(plan, seed))
        sheet.append((f"{plan.number:02d}", plan.name, None, *plan.printed, None, units, plan.emotion))
    book.create_sheet("Sheet2")
    book.create_sheet("Sheet3")
    return "CASME2-coding-20140508.xlsx", _saved(book)


def casme3_workbook(plans: Sequence[ClipPlan], seed: int) -> tuple[str, bytes]:
    """Return name and content of CAS(ME)^3 Part A's workbook: clip names repeat within a subject."""
    book, sheet = _book("label")
    sheet.append(("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"))
    for plan in plans:
        shown = expression_of(plan, seed)
        sheet.append((plan.subject, plan.name, *plan.printed, _mixed(shown), _objective_class(shown), plan.emotion))
    return "annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", _saved(book)


def _smic_formulas(row: int, plan: ClipPlan, *, twice: bool) -> dict[str, tuple[str, int]]:
    """Return formula and result of the columns computed from FirstF, the first frame of the whole video."""
    at = {name: f"{column}{row}" for name, column in _SMIC_COLUMNS.items()}
    length = plan.offset - plan.onset + 1
    formulas = {
        "OnsetF": (f"={at['FirstF']}+50", plan.onset),
        "OffsetF": (f"={at['OnsetF']}+{length - 1}", plan.offset),
        "LastF": (f"={at['OffsetF']}+90", plan.offset + 90),
        "TotalMF1": (f"={at['OffsetF']}-{at['OnsetF']}+1", length),
        "TotalVL": (f"={at['LastF']}-{at['FirstF']}+1", length + 140),
    }
    if twice:
        formulas |= {
            "Onset2F": (f"={at['OffsetF']}+40", plan.offset + 40),
            "Offset2F": (f"={at['Onset2F']}+15", plan.offset + 55),
            "TotalMF2": (f"={at['Offset2F']}-{at['Onset2F']}+1", 16),
        }
    return formulas


def _book(title: str) -> tuple[Workbook, Worksheet]:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    sheet.title = title
    return book, sheet


def _samm_notation(row: int, shown: Expression) -> str:
    """Return action units as SAMM writes them: some rows leave open which of several was seen."""
    first, *others = map(str, shown.units)
    if shown.side:
        return f"{shown.side}12 or {shown.side}14"
    if others:
        return "+".join((first if row % 3 else f"({first} or 7)", *others))
    return (f"{first}A or 17A or 24A", f"{first}A", first)[row % 3]


def _mixed(shown: Expression) -> int | str:
    """Return action units as CASME II prints them: a single one is a number, others are text."""
    if len(shown.units) == 1 and not shown.side:
        return shown.units[0]
    return "+".join(f"{shown.side}{unit}" for unit in shown.units)


def _objective_class(shown: Expression) -> int:
    """Return the class that follows from the action units (Davison et al., 2018), for the few units used here."""
    seen = frozenset(shown.units)
    if 12 in seen:
        return 1
    if {1, 2} <= seen:
        return 2
    return 4 if 9 in seen else 5 if 15 in seen else 3 if 4 in seen else 7


def _saved(book: Workbook, results: Mapping[str, int] | None = None) -> bytes:
    """Return the workbook's bytes: reproducible, and with the formulas' results, which openpyxl does not write."""
    written = io.BytesIO()
    book.save(written)
    steady = io.BytesIO()
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(steady, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name).decode()
            if name == "docProps/core.xml":
                content = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2020-01-01T00:00:00Z", content)
            if name == "xl/worksheets/sheet1.xml" and results:
                content = _FORMULA.sub(partial(_with_result, results), content)
            target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return steady.getvalue()


def _with_result(results: Mapping[str, int], cell: re.Match[str]) -> str:
    return f"{cell[1]}<v>{results[cell[2]]}</v>" if cell[2] in results else cell[0]
