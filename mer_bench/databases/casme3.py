"""CAS(ME)^3, Part A: a workbook of 860 rows, and frames by video or by clip."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from mer_bench.databases.annotation_table import Annotation, Table
from mer_bench.databases.release import Release
from mer_bench.errors import MerBenchError

_CLIP_FOLDER = re.compile(r"spno\.[0-9]+_.+_[0-9]+", re.IGNORECASE)


class Casme3(Release):
    """CAS(ME)^3, Part A.

    One video contains several samples, so the name of a sample includes its onset. The frames are either in the folder
    of the video, ``part_A/spNO.1/b/color``, or in one folder per sample, ``Part_A_ME_clip/frame/spNO.1_b_166``.
    """

    database = "casme3"
    title = "CAS(ME)^3 Part A"
    workbook_name = "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
    workbook_names = (
        re.compile(r"cas\(me\)\^?3_part_a_me_label_jpgindex_v2\.xlsx", re.IGNORECASE),
        # The macro-expressions' workbook (MaE) has the same columns.
        re.compile(r"cas\(?me\)?\^?3(?!.*(?:mae|macro)).*part_?a.*label.*\.xlsx", re.IGNORECASE),
    )
    subject_name = re.compile(r"spno\.[0-9]+", re.IGNORECASE)
    inside_subject = re.compile(r".+")
    official_frames = re.compile(r"part_a|frame", re.IGNORECASE)
    # The depth maps have the frames' numbers, and parts B and C are other recordings.
    apart = re.compile(r"depth|video|part[ _-]?[bc].*", re.IGNORECASE)
    frame_name = re.compile(r"([0-9]{1,9})\.(?:jpe?g|png|bmp)", re.IGNORECASE)
    frames_look_like = "part_A/spNO.1/b/color/166.jpg or Part_A_ME_clip/frame/spNO.1_b_166/166.jpg"
    emotions = ("disgust", "surprise", "others", "fear", "anger", "sad", "happy")

    table = Table(
        {
            "subject": "Subject",
            "clip": "Filename",
            "emotion": "emotion",
            "onset": "Onset",
            "apex": "Apex",
            "offset": "Offset",
            "action_units": "AU",
            "objective_class": "Objective class",
        },
        sheet="label",
    )

    @classmethod
    def arrangement(cls, names: Sequence[str], inside: Callable[[str], Sequence[str]]) -> str | None:
        """Distinguish folders of videos from folders of clips."""
        if any(_CLIP_FOLDER.fullmatch(name) for name in names):
            return "clips"
        return super().arrangement(names, inside)

    @classmethod
    def holds_frames(cls, name: str) -> bool:
        """Return whether a folder of this name holds frames; folders of clips count too."""
        return super().holds_frames(name) or _CLIP_FOLDER.fullmatch(name) is not None

    def clip_folders(self, annotation: Annotation) -> list[Path]:
        """Return the folder of the video, then the sample's own, whose name contains the printed onset."""
        folders = []
        without_colour = None
        for root in self.layout.frames:
            subject = self.subject_folder(root, annotation.subject)
            video = subject and self.folders.find(subject, annotation.clip)
            if video:
                colour = self.folders.find(video, "color")
                if colour is None and self.folders.find(video, "depth"):
                    without_colour = video
                else:
                    folders.append(colour or video)
            for onset in dict.fromkeys((annotation.printed_onset, str(annotation.onset))):
                # The same root may also hold folders of subjects, so the same key is used.
                clip = self.subject_folder(root, f"{annotation.subject}_{annotation.clip}_{onset}")
                if clip:
                    folders.append(clip)
        if without_colour and not folders:
            raise MerBenchError(f"{without_colour} holds depth but no color; restore color from the release")
        return folders

    def clip_name(self, annotation: Annotation, onset: int) -> str:
        """Return the clip with its onset: subject and clip alone name several samples."""
        return f"{annotation.clip}@{onset}"
