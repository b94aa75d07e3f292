"""SAMM: a workbook of 159 rows below 13 rows of notes, and one folder of grey frames per clip."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from mer_bench.databases.annotation_table import Annotation, Findings, Table
from mer_bench.databases.release import Release


class Samm(Release):
    """SAMM's micro-expressions."""

    database = "samm"
    title = "SAMM"
    workbook_name = "SAMM_Micro_FACS_Codes_v2.xlsx"
    workbook_names = (
        re.compile(r"samm[ _-]micro[ _-]facs[ _-]codes[ _-]v2\.xlsx", re.IGNORECASE),
        re.compile(r"samm[ _-].*(?:facs|codes).*\.xlsx", re.IGNORECASE),
    )
    subject_name = re.compile(r"[0-9]{1,3}")
    inside_subject = re.compile(r"[0-9]{1,3}_[0-9]+_[0-9]+")
    official_frames = re.compile(r"samm", re.IGNORECASE)
    frame_name = re.compile(r"(?:[0-9]{1,3}_|img)([0-9]{1,9})\.(?:jpe?g|png|bmp)", re.IGNORECASE)
    frames_look_like = "006/006_1_2/006_05562.jpg"
    emotions = ("anger", "other", "happiness", "surprise", "contempt", "disgust", "fear", "sadness")

    table = Table(
        {
            "subject": "Subject",
            "clip": "Filename",
            "emotion": "Estimated Emotion",
            "onset": "Onset Frame",
            "apex": "Apex Frame",
            "offset": "Offset Frame",
            "action_units": "Action Units",
            "objective_class": "Objective Classes",
        },
        sheet="MICRO_ONLY",
        header_row=14,
    )

    def annotations(self, findings: Findings) -> Iterator[Annotation]:
        """Yield every row of the workbook."""
        for annotation in super().annotations(findings):
            # Some copies spell this emotion both ways.
            yield replace(annotation, emotion="other") if annotation.emotion == "others" else annotation
