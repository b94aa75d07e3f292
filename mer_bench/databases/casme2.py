"""CASME II: a workbook of 255 rows, and one folder of frames per clip."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mer_bench.databases.annotation_table import Annotation, Findings, Table
from mer_bench.databases.release import Release
from mer_bench.databases.workbook import read_sheet
from mer_bench.errors import MerBenchError
from mer_bench.samples import canonical_clip, canonical_subject

_OBJECTIVE = "Objective Class"


class Casme2(Release):
    """CASME II; its objective classes are in a workbook of their own, which may be missing."""

    database = "casme2"
    title = "CASME II"
    workbook_name = "CASME2-coding-20140508.xlsx"
    workbook_names = tuple(
        re.compile(rf"casme[ _-]?(?:2|ii)[ _-]coding{edition}\.xlsx", re.IGNORECASE)
        for edition in ("-20140508", "-20190701", "-updated", ".*")
    )
    subject_name = re.compile(r"sub[0-9]{1,2}", re.IGNORECASE)
    inside_subject = re.compile(r"ep[0-9]+.*", re.IGNORECASE)
    official_frames = re.compile(r"casme2_raw_selected|cropped", re.IGNORECASE)
    extra_workbook = re.compile(r"casme[ _-]?(?:2|ii)[ _-]objective[ _-]?classes\.xlsx", re.IGNORECASE)
    frame_name = re.compile(r"(?:reg_)?img([0-9]{1,9})\.(?:jpe?g|png|bmp)", re.IGNORECASE)
    frames_look_like = "CASME2_RAW_selected/sub01/EP02_01f/img46.jpg"
    emotions = ("others", "disgust", "happiness", "repression", "surprise", "sadness", "fear")

    table = Table(
        {
            "subject": "Subject",
            "clip": "Filename",
            "emotion": "Estimated Emotion",
            "onset": "OnsetFrame",
            "apex": "ApexFrame",
            "offset": "OffsetFrame",
            "action_units": "Action Units",
        }
    )

    def annotations(self, findings: Findings) -> Iterator[Annotation]:
        """Yield every row of the workbook, with its objective class if that is known."""
        classes = _objective_classes(self.layout.extra_workbook, findings)
        for annotation in super().annotations(findings):
            objective = classes.get((annotation.subject, annotation.clip), "")
            yield replace(annotation, objective_class=objective)


def _objective_classes(path: Path | None, findings: Findings) -> dict[tuple[str, str], str]:
    if path is None:
        return {}
    classes = {}
    try:
        for row in read_sheet(path, columns=("Subject", "Filename", _OBJECTIVE)):
            subject = canonical_subject("casme2", row.text("Subject"))
            classes[subject, canonical_clip("casme2", row.text("Filename"))] = row.text(_OBJECTIVE)
    except MerBenchError as error:
        findings.notes.append(f"CASME II is read without objective classes: {error}")
        return {}
    return classes
