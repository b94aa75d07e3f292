"""Optical flow after the whole preprocessing, compared with the true motion of synthetic clips."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support.rendered_clips import RenderedClip, render_clip

from mer_bench.arrays import FloatArray
from mer_bench.cache import Cache, content_digest
from mer_bench.databases.base import Clip
from mer_bench.representations.preprocess import computed_entry
from mer_bench.representations.preprocessing import Recipe
from mer_bench.representations.settings import PREPROCESSING
from mer_bench.representations.task import PreprocessTask
from mer_bench.vision.alignment import aligning_transform

SIZE = 96
SETTINGS = {**{parameter.name: parameter.default for parameter in PREPROCESSING}, "size": SIZE}


@cache
def clip_of(database: str, kind: str, *, still: bool = False) -> RenderedClip:
    return render_clip(database, "subject", "clip", kind, length=2, apex=1, still=still)


def measured(rendered: RenderedClip, folder: Path, **settings: str) -> tuple[FloatArray, FloatArray]:
    """Return a clip's flow (u, v, os) and its true displacement (u, v), both in pixels of the aligned face."""
    frames = (folder / "img1.png", folder / "img2.png")
    for path, frame in zip(frames, rendered.frames, strict=True):
        Image.fromarray(frame).save(path)
    recipe = Recipe("flow", {**SETTINGS, **settings})
    digest = content_digest(frames)
    task = PreprocessTask(Clip("clip", frames, 1), digest, digest, recipe, folder / "cache")
    flow = computed_entry(task, print).arrays["array"]
    face = Cache(task.cache).read("face", recipe.key("face", digest))
    assert face is not None
    transform = aligning_transform(face.arrays["array"], SIZE)
    aligned = cv2.warpAffine(rendered.motion, transform, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
    return flow, np.asarray(aligned @ transform[:, :2].T, dtype=np.float32)


def mean_length(field: FloatArray) -> float:
    return float(np.linalg.norm(field, axis=-1).mean())


@pytest.mark.parametrize(
    ("database", "kind", "bound"),
    [
        ("casme2", "surprise", 0.05),
        ("samm", "negative", 0.05),
        ("casme3", "positive", 0.06),
        ("smic", "surprise", 0.06),
    ],
)
def test_tv_l1_measures_the_true_motion(database: str, kind: str, bound: float, tmp_path: Path) -> None:
    flow, true = measured(clip_of(database, kind), tmp_path)
    error = mean_length(flow[..., :2] - true)

    assert error < bound
    assert error < 0.6 * mean_length(true), "a flow of zero would be wrong by the mean length of the motion"


def test_a_subject_who_does_not_move_has_almost_no_strain(tmp_path: Path) -> None:
    strain = []
    for still in (True, False):
        (tmp_path / str(still)).mkdir()
        flow, _ = measured(clip_of("casme2", "surprise", still=still), tmp_path / str(still))
        # Without the border, where flow is estimated from one side only.
        strain.append(flow[8:-8, 8:-8, 2])

    assert strain[0].mean() < 0.005
    assert strain[0].mean() < strain[1].mean() / 3
    assert strain[0].max() < strain[1].max() / 3


def test_without_matched_brightness_flicker_looks_like_motion(tmp_path: Path) -> None:
    onset, apex = clip_of("smic", "positive").frames
    darker = RenderedClip((onset, np.rint(apex * 0.97).astype(np.uint8)), 1, clip_of("smic", "positive").motion)
    errors = []
    for brightness in ("match", "as-is"):
        flow, true = measured(darker, tmp_path, brightness=brightness)
        errors.append(mean_length(flow[..., :2] - true))

    assert errors[0] < 0.5 * errors[1]
    assert errors[0] < 0.08
