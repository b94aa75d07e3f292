"""Optical flow after the whole preprocessing, compared with the true motion of synthetic clips."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support.rendered_clips import render_clip

from mer_bench.arrays import FloatArray
from mer_bench.cache import Cache, content_digest
from mer_bench.databases.base import Clip
from mer_bench.representations.preprocess import computed_entry
from mer_bench.representations.preprocessing import PREPROCESSING, Recipe
from mer_bench.representations.task import PreprocessTask
from mer_bench.vision.alignment import aligning_transform

SIZE = 96
SETTINGS = {**{parameter.name: parameter.default for parameter in PREPROCESSING}, "size": SIZE}


def mean_length(field: FloatArray) -> float:
    return float(np.linalg.norm(field, axis=-1).mean())


@pytest.mark.parametrize(("database", "kind", "bound"), [("casme2", "surprise", 0.05), ("smic", "surprise", 0.06)])
def test_tv_l1_measures_the_true_motion(database: str, kind: str, bound: float, tmp_path: Path) -> None:
    rendered = render_clip(database, "subject", "clip", kind, length=2, apex=1)
    frames = (tmp_path / "img1.png", tmp_path / "img2.png")
    for path, frame in zip(frames, rendered.frames, strict=True):
        Image.fromarray(frame).save(path)
    recipe = Recipe("flow", SETTINGS)
    digest = content_digest(frames)
    task = PreprocessTask(Clip("clip", frames, 1), digest, digest, recipe, tmp_path / "cache")
    flow = computed_entry(task, print).arrays["array"]
    face = Cache(task.cache).read("face", recipe.key("face", digest))
    assert face is not None
    transform = aligning_transform(face.arrays["array"], SIZE)
    aligned = cv2.warpAffine(rendered.motion, transform, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
    true = np.asarray(aligned @ transform[:, :2].T, dtype=np.float32)
    error = mean_length(flow[..., :2] - true)

    assert error < bound
    assert error < 0.6 * mean_length(true), "a flow of zero would be wrong by the mean length of the motion"
