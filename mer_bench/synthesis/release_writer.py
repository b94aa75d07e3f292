"""Write a synthetic release: completely or not at all, and marked as synthetic from the first file on."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np

from mer_bench.arrays import ByteArray
from mer_bench.atomic import new_folder
from mer_bench.caveats import SYNTHETIC_FILE
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.synthesis import LAYOUTS, SIZES
from mer_bench.synthesis.clips import CAMERAS, Recording, face_of
from mer_bench.synthesis.draws import GENERATOR_VERSION
from mer_bench.synthesis.plans import ClipPlan, plan_release
from mer_bench.synthesis.workbooks import casme2_workbook, casme3_workbook, samm_workbook, smic_workbook

TRUE_MOTION = "true_motion"
"""The folder of the true displacements: ``<database>/<subject>/<clip>.npy`` per sample."""

_JPEG_QUALITY = 95


@dataclass(frozen=True)
class _Format:
    """How a database stores its frames and its annotation."""

    workbook: Callable[[Sequence[ClipPlan], int], tuple[str, bytes]]
    frames: str
    frame: Callable[[ClipPlan, int], str]


_FORMATS: Mapping[str, _Format] = MappingProxyType(
    {
        "smic": _Format(
            smic_workbook, "HS", lambda plan, n: f"{plan.subject}/micro/{plan.emotion}/{plan.name}/image{n:06d}.bmp"
        ),
        "samm": _Format(samm_workbook, ".", lambda plan, n: f"{plan.subject}/{plan.name}/{plan.subject}_{n:05d}.jpg"),
        "casme2": _Format(
            casme2_workbook, "CASME2_RAW_selected", lambda plan, n: f"{plan.subject}/{plan.name}/img{n}.jpg"
        ),
        "casme3": _Format(
            casme3_workbook, "part_A", lambda plan, n: f"{_casme3_folder(plan.subject)}/{plan.name}/color/{n}.jpg"
        ),
    }
)


def write_release(
    layout: str,
    out: Path,
    *,
    size: str = "small",
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write a small but complete release of synthetic people in an official layout.

    The same layout, size and seed give the same files on one machine. A clip depends only on its name: the layout
    ``3db`` has the same clips as the layouts of its databases. The true displacement from the onset to the apex (SMIC:
    the offset, which is used as the apex) is in `TRUE_MOTION` as float16 arrays of shape (height, width, 2): (u, v) in
    pixels of the frame, u to the right, v down.

    Parameters
    ----------
    layout : str
        One of `mer_bench.synthesis.LAYOUTS`; ``3db`` has one subfolder per database.
    out : Path
        The folder; it must not exist, or be empty. It appears only when everything is written.
    size : {"tiny", "small", "large"}
    seed : int
        At least 0.
    progress : callable, optional
        Called with the number of clips written and in total, first with none written.

    Raises
    ------
    MerBenchError
        An unknown layout or size, a negative seed, ``out`` is in use, or it cannot be written.
    """
    statement = _statement(layout, size, seed)

    def is_the_same(existing: Path) -> bool:
        # Another process may have written the same release in the meantime.
        file = existing / SYNTHETIC_FILE
        return file.is_file() and file.read_text(encoding="utf-8") == statement

    with new_folder(out, "the synthetic release", "name another folder", is_the_same) as root:
        for done, total in _written(root, layout, size, seed, statement):
            progress(done, total)


def _statement(layout: str, size: str, seed: int) -> str:
    """Check the request, and return the content of `SYNTHETIC_FILE`."""
    for noun, value, known in (("layout", layout, LAYOUTS), ("size", size, SIZES)):
        if value not in known:
            raise MerBenchError(
                f"no synthetic release has the {noun} {value!r}{did_you_mean(value, known)}; known: {', '.join(known)}"
            )
    if seed < 0:
        raise MerBenchError(f"a synthetic release cannot be made with seed {seed}; name a seed of at least 0")
    return (
        "SYNTHETIC: nothing in this folder is a recording of a person who took part in a study, and no score that is "
        "measured on it says anything about a method's worth on real data.\n"
        "Every face is skimage.data.astronaut(), a photograph in the public domain, warped into synthetic people and "
        "animated by mer-bench.\n"
        f"generator version: {GENERATOR_VERSION}\nlayout: {layout}\nsize: {size}\nseed: {seed}\n"
    )


def _written(root: Path, layout: str, size: str, seed: int, statement: str) -> Iterator[tuple[int, int]]:
    """Write everything, and yield the number of clips written and in total."""
    plans = {database: plan_release(database, size, seed) for database in LAYOUTS[layout]}
    done, total = 0, sum(map(len, plans.values()))
    # An interrupted release must not be mistaken for a real one.
    for folder in (root, root / TRUE_MOTION):
        _write(folder / SYNTHETIC_FILE, statement.encode())
    yield done, total
    for database, subfolder in LAYOUTS[layout].items():
        home = root / subfolder
        for folder in (home, home / _FORMATS[database].frames):
            _write(folder / SYNTHETIC_FILE, statement.encode())
        name, content = _FORMATS[database].workbook(plans[database], seed)
        _write(home / name, content)
        for plan in plans[database]:
            _write_clip(home, root / TRUE_MOTION, plan, seed)
            done += 1
            yield done, total


def _write_clip(home: Path, true_motion: Path, plan: ClipPlan, seed: int) -> None:
    recording = Recording(plan, seed)
    depth = _depth_map(plan, seed) if plan.database == "casme3" else b""
    form = _FORMATS[plan.database]
    for number in plan.frames:
        path = home / form.frames / form.frame(plan, number)
        _write(path, _encoded(recording.frame(number), path.suffix))
        if depth:
            _write(path.parent.parent / "depth" / f"{number}.png", depth)
    array = io.BytesIO()
    np.save(array, recording.motion(plan.key_frame).astype(np.float16), allow_pickle=False)
    _write(true_motion / plan.database / plan.subject / f"{plan.clip}.npy", array.getvalue())


def _depth_map(plan: ClipPlan, seed: int) -> bytes:
    """Return a 16-bit image of a round head in front of a wall, in millimetres; no method reads it."""
    camera, face = CAMERAS[plan.database], face_of(seed, plan.database, plan.subject)
    x, y = face.points["nose tip"]
    rows, cols = np.ogrid[0 : camera.height, 0 : camera.width]
    across, down = (cols - x) / (1.1 * face.eye_distance), (rows - y) / (1.5 * face.eye_distance)
    height = np.sqrt(np.clip(1.0 - across**2 - down**2, 0.0, 1.0))
    return _encoded(np.where(height > 0, 800.0 - 90.0 * height, 1500.0).astype(np.uint16), ".png")


def _encoded(image: ByteArray | np.ndarray[tuple[int, ...], np.dtype[np.uint16]], suffix: str) -> bytes:
    stored = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    fine, content = cv2.imencode(suffix, stored, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if suffix == ".jpg" else [])
    assert fine
    return content.tobytes()


def _casme3_folder(subject: str) -> str:
    # The labels have spNO, some folders of the release spNo.
    return subject.replace("NO", "No") if subject.endswith("2") else subject


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
