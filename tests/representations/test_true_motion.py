"""Optical flow of the whole pipeline against the motion that is truly in synthetic clips."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support.rendered_clips import RenderedClip, render_clip

from mer_bench.arrays import FloatArray
from mer_bench.cache import content_digest
from mer_bench.databases.base import Clip
from mer_bench.representations.preprocess import computed_entry
from mer_bench.representations.preprocessing import PREPROCESSING, Recipe
from mer_bench.representations.task import PreprocessTask
from mer_bench.vision.alignment import aligning_transform
from mer_bench.vision.landmarks import detect_face

SIZE = 128
SETTINGS = {**{parameter.name: parameter.default for parameter in PREPROCESSING}, "size": SIZE}
KINDS = ("negative", "positive", "surprise")


def measured(rendered: RenderedClip, folder: Path, **settings: str) -> FloatArray:
    """Write a clip's onset and apex as frames, and return its flow (u, v, os) on the aligned face."""
    folder.mkdir()
    frames = (folder / "img1.png", folder / "img2.png")
    for path, frame in zip(frames, (rendered.frames[0], rendered.frames[rendered.apex]), strict=True):
        Image.fromarray(frame).save(path)
    recipe = Recipe("flow", {**SETTINGS, **settings})
    digest = content_digest(frames)
    task = PreprocessTask(Clip("clip", frames, 1), digest, digest, recipe, folder / "cache")
    return computed_entry(task, print).arrays["array"]


def truth(rendered: RenderedClip) -> FloatArray:
    """Return the true displacement on the aligned face, in its pixels: shape (SIZE, SIZE, 2)."""
    face = detect_face(rendered.frames[0])
    assert face is not None
    transform = aligning_transform(face.key_points, SIZE)
    aligned = cv2.warpAffine(rendered.motion, transform, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(aligned @ transform[:, :2].T, dtype=np.float32)


def end_point_error(found: FloatArray, true: FloatArray) -> float:
    return float(np.linalg.norm(found[..., :2] - true, axis=-1).mean())


@pytest.mark.parametrize(("database", "bound"), [("casme2", 0.06), ("samm", 0.06), ("casme3", 0.06), ("smic", 0.07)])
def test_tv_l1_finds_the_true_motion(database: str, bound: float, tmp_path: Path) -> None:
    errors, lengths = [], []
    for number, kind in enumerate(KINDS):
        rendered = render_clip(database, f"subject {number}", "clip", kind)
        true = truth(rendered)
        errors.append(end_point_error(measured(rendered, tmp_path / kind), true))
        lengths.append(float(np.linalg.norm(true, axis=-1).mean()))

    assert np.mean(errors) < bound
    assert np.mean(errors) < 0.6 * np.mean(lengths), "no flow at all would be off by the motion's mean length"


@pytest.mark.parametrize("flow", ["farneback", "dis"])
def test_the_other_algorithms_have_the_same_direction_and_unit(flow: str, tmp_path: Path) -> None:
    rendered = render_clip("casme2", "subject", "clip", "surprise")
    true = truth(rendered)
    found = measured(rendered, tmp_path / "clip", flow=flow)
    moving = np.linalg.norm(true, axis=-1) > 0.5

    assert moving.any()
    slope = (found[moving][:, :2] * true[moving]).sum() / (true[moving] ** 2).sum()
    assert 0.5 < slope < 1.5


def test_a_subject_who_does_not_move_has_strain_near_zero(tmp_path: Path) -> None:
    still = render_clip("casme2", "subject", "clip", "surprise", still=True)
    moved = render_clip("casme2", "subject", "clip", "surprise")
    # Not at the border, where any flow is guessed from one side.
    of_still, of_moved = (
        measured(rendered, tmp_path / name)[8:-8, 8:-8, 2] for name, rendered in (("still", still), ("moved", moved))
    )

    assert of_still.mean() < 0.005
    assert of_still.mean() < of_moved.mean() / 3
    assert of_still.max() < of_moved.max() / 3


def test_without_matched_brightness_flicker_passes_for_motion(tmp_path: Path) -> None:
    rendered = [render_clip("smic", f"subject {number}", "clip", kind, apex=8) for number, kind in enumerate(KINDS)]
    errors = {
        way: np.mean(
            [
                end_point_error(measured(one, tmp_path / f"{way} {number}", brightness=way), truth(one))
                for number, one in enumerate(rendered)
            ]
        )
        for way in ("match", "as-is")
    }

    assert errors["match"] < 0.75 * errors["as-is"]
