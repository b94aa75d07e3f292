"""Choose the frames and the workbook of each release among everything in a folder."""

from __future__ import annotations

import filecmp
import os
import re
from collections.abc import Sequence
from pathlib import Path

from mer_bench.databases.annotation_table import Findings
from mer_bench.databases.folders import Layout
from mer_bench.databases.frame_files import checked_inside
from mer_bench.databases.release import Release
from mer_bench.databases.survey import FramesRoot, Survey
from mer_bench.errors import MerBenchError

_CROPPED = re.compile(r"crop", re.IGNORECASE)


def choose_layout(survey: Survey, kind: type[Release], images: str, findings: Findings) -> Layout | None:
    """Return where the parts of a release are, or None if there are none.

    Parameters
    ----------
    survey : Survey
    kind : type
    images : {"raw", "cropped"}
        Which frames to use if there are both.
    findings : Findings
        Gets a note on each choice, and each problem.

    Raises
    ------
    MerBenchError
        The release is there twice, or its frames have no workbook.
    """
    frames = _frames(survey, kind, images, findings)
    if not frames and not survey.ranked_workbooks(kind):
        return None
    if apart := survey.apart[kind] if kind.apart_holds else []:
        findings.notes.append(
            f"{kind.title}: {', '.join(_shown(survey, path) for path in apart)} left out: {kind.apart_holds}"
        )
    try:
        workbook = _workbook(survey, kind, frames, findings)
    except MerBenchError as error:
        if kind.workbook_name:
            raise
        findings.problems.append(f"{kind.title}: {error}; until then only its folders are read")
        workbook = None
    parts = frames or ((workbook.parent,) if workbook else ())
    return Layout(
        homes=tuple(dict.fromkeys(map(survey.home, parts))),
        workbook=workbook,
        extra_workbook=_extra_workbook(survey, kind, findings),
        frames=frames,
    )


def _frames(survey: Survey, kind: type[Release], images: str, findings: Findings) -> tuple[Path, ...]:
    copies: dict[str, list[FramesRoot]] = {"raw": [], "cropped": []}
    for root in survey.frames[kind]:
        copies["cropped" if any(map(_CROPPED.search, survey.names_of(root.path))) else "raw"].append(root)
    if not any(copies.values()):
        return ()
    if not copies[images]:
        (other,) = (name for name in copies if name != images)
        findings.notes.append(f"{kind.title} holds no {images} images; the {other} ones are read")
        images = other

    def is_official(root: FramesRoot) -> bool:
        return kind.official_frames.fullmatch(root.path.name) is not None

    kept: list[FramesRoot] = []
    for root in sorted(copies[images], key=lambda root: not is_official(root)):
        rivals = (other for other in kept if other.arrangement == root.arrangement and other.names & root.names)
        rival = next(rivals, None)
        if rival is None:
            kept.append(root)
        elif is_official(rival) and not is_official(root):
            findings.notes.append(
                f"{kind.title} is read from {_shown(survey, rival.path)}; {_shown(survey, root.path)}, which holds the "
                "same subjects, is not used"
            )
        else:
            raise MerBenchError(
                f"its frames are there twice, in {rival.path} and {root.path}; name the folder of one copy, or move "
                "the other one away"
            )
    return tuple(root.path for root in sorted(kept, key=lambda root: root.arrangement, reverse=True))


def _workbook(survey: Survey, kind: type[Release], frames: Sequence[Path], findings: Findings) -> Path | None:
    homes = set(map(survey.home, frames))

    def nearness(path: Path) -> tuple[bool, int]:
        # A workbook in the folder of the frames belongs to them; one elsewhere may belong to another copy.
        return survey.home(path.parent) not in homes, min((_distance(path.parent, root) for root in frames), default=0)

    ranked = sorted(survey.ranked_workbooks(kind), key=lambda place: (place[0], *nearness(place[1]), place[1]))
    if not ranked:
        _check_substitutes(survey, kind, frames[0])
        return None
    chosen, *others = (path for _, path in ranked)
    for other in others:
        alike = other.name.lower() == chosen.name.lower() and nearness(other)[0] == nearness(chosen)[0]
        if alike and not _same_content(chosen, other):
            raise MerBenchError(f"two workbooks that differ, {chosen} and {other}; remove one of them")
    if others:
        findings.notes.append(
            f"{kind.title} is read from {_shown(survey, chosen)}; not used: "
            f"{', '.join(_shown(survey, path) for path in others)}"
        )
    return checked_inside(survey.home(chosen.parent), chosen)


def _extra_workbook(survey: Survey, kind: type[Release], findings: Findings) -> Path | None:
    path = next((path for path in survey.workbooks if kind.extra_workbook.fullmatch(path.name)), None)
    try:
        return path and checked_inside(survey.home(path.parent), path)
    except MerBenchError as error:
        findings.notes.append(f"{kind.title} is read without its second workbook: {error}")
        return None


def _check_substitutes(survey: Survey, kind: type[Release], root: Path) -> None:
    """Refuse a table that is not a workbook, and a release without the workbook that it needs."""
    others = [path for path in (*survey.workbooks, *survey.other_tables) if not path.name.lower().endswith(".xlsx")]
    for path in others:
        if any(name.fullmatch(f"{path.stem}.xlsx") for name in kind.workbook_names):
            raise MerBenchError(
                f"{_shown(survey, path)} is not an .xlsx workbook; open it in Excel or LibreOffice and save it as "
                f"{path.stem}.xlsx beside it"
            )
    if not kind.workbook_name:
        return
    known = {path for other in survey.kinds for _, path in survey.ranked_workbooks(other)}
    tables = [
        path.name for path in survey.workbooks if path not in known and not kind.extra_workbook.fullmatch(path.name)
    ]
    seen = f" ({', '.join(tables)}: another table)" if tables else ""
    raise MerBenchError(
        f"{survey.home(root)} has frames but not the workbook {kind.workbook_name}{seen}; put the workbook there"
    )


def _shown(survey: Survey, path: Path) -> str:
    inner = path.relative_to(survey.path)
    return str(inner) if inner.parts else str(path)


def _distance(folder: Path, root: Path) -> int:
    common = len(Path(os.path.commonpath((folder, root))).parts)
    return len(folder.parts) + len(root.parts) - 2 * common


def _same_content(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
