"""What synthetic clips show: faces that detectors find, and known motion; on disk as rendered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support.rendered_clips import render_clip

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.databases import mer_bench_databases
from mer_bench.databases.releases import Releases
from mer_bench.synthesis import release_writer
from mer_bench.synthesis.clips import CAMERAS, Recording, face_of
from mer_bench.synthesis.motion import HeadSway
from mer_bench.synthesis.plans import ClipPlan, plan_release
from mer_bench.synthesis.release_writer import TRUE_MOTION
from mer_bench.vision.landmarks import detect_face

DATABASES = ("smic", "samm", "casme2", "casme3")
KEY_POINTS = ("left eye", "right eye", "nose tip", "left lip corner", "right lip corner")
OPTIONS = {p.name: p.default for spec in mer_bench_databases() if spec.name == "releases" for p in spec.parameters}


@dataclass(frozen=True)
class Pair:
    """Onset and key frame of a planned clip, and the true motion between them."""

    plan: ClipPlan
    onset: ByteArray
    key: ByteArray
    motion: FloatArray


Shown = Callable[[str], list[Pair]]


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    """Every other clip with motion of the tiny releases, each rendered once."""

    @cache
    def pairs(database: str) -> list[Pair]:
        plans = [plan for plan in plan_release(database, "tiny", 0) if plan.key_frame > plan.onset]
        return [pair(plan) for plan in plans[::2]]

    def pair(plan: ClipPlan) -> Pair:
        clip = Recording(plan, seed=0)
        return Pair(plan, clip.frame(plan.onset), clip.frame(plan.key_frame), clip.motion(plan.key_frame))

    yield pairs
    face_of.cache_clear()


def write_three_clips(database: str, root: Path) -> Path:
    """Write the first three clips of a tiny release."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release_writer, "plan_release", lambda *request: plan_release(*request)[:3])
        release_writer.write_release(database, root, size="tiny")
    return root


@pytest.fixture(scope="module")
def tiny_samm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_three_clips("samm", tmp_path_factory.mktemp("tiny") / "samm")


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def grey(image: ByteArray) -> FloatArray:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image, dtype=np.float32)


def brought_back(moved: FloatArray, motion: FloatArray) -> FloatArray:
    """The moved frame as it looks from the onset: onset(x) = moved(x + motion(x))."""
    y, x = np.mgrid[0 : moved.shape[0], 0 : moved.shape[1]].astype(np.float32)
    x, y = x + motion[..., 0], y + motion[..., 1]
    return np.asarray(cv2.remap(moved, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101), dtype=np.float32)


@pytest.mark.parametrize("database", DATABASES)
def test_the_true_motion_brings_the_key_frame_back_onto_the_onset(database: str, shown: Shown) -> None:
    shares = []
    for pair in shown(database):
        # The light may have changed between the frames; noise is taken off, motion is not.
        onset, key = (cv2.GaussianBlur(g / g.mean(), (0, 0), 1.5) for g in (grey(pair.onset), grey(pair.key)))
        moving = np.hypot(pair.motion[..., 0], pair.motion[..., 1]) > 0.5
        left = np.abs(brought_back(key, pair.motion) - onset)[moving].mean()
        shares.append(left / np.abs(key - onset)[moving].mean())

    assert len(shares) >= 6
    assert np.median(shares) < 0.35
    assert max(shares) < 0.75


@pytest.mark.parametrize("database", ["samm", "casme2"])
def test_what_is_on_disk_is_what_was_rendered(database: str, tiny_samm: Path, tmp_path: Path) -> None:
    root = tiny_samm if database == "samm" else write_three_clips(database, tmp_path / database)
    source = Releases(root, OPTIONS)
    for plan in plan_release(database, "tiny", 0)[:2]:
        recording = Recording(plan, seed=0)
        name = f"{database}/{plan.subject}/{plan.clip}"
        clip = source.clip(name)
        motion = np.load(root / TRUE_MOTION / f"{name}.npy")
        assert motion.dtype == np.float16
        assert np.abs(motion - recording.motion(plan.key_frame)).max() < 0.002
        for at, number in ((0, plan.onset), (clip.apex, plan.key_frame), (-1, plan.offset)):
            frame = recording.frame(number)
            stored = np.asarray(Image.open(clip.frames[at]), dtype=np.float32)
            assert stored.shape == frame.shape, "SAMM's frames are grey"
            assert np.abs(stored - frame).mean() < 4.0, "except for the loss of JPEG"


@pytest.mark.parametrize("database", DATABASES)
def test_a_face_moves_one_to_three_pixels_up_to_the_key_frame(database: str, shown: Shown) -> None:
    lengths = [float(np.hypot(pair.motion[..., 0], pair.motion[..., 1]).max()) for pair in shown(database)]

    assert min(lengths) >= 1.0
    assert max(lengths) <= 3.0
    assert np.ptp(lengths) > 0.5
    assert {pair.plan.key_frame == pair.plan.offset for pair in shown(database)} == {database == "smic"}


def test_the_head_moves_less_than_half_a_pixel() -> None:
    sway = [HeadSway(np.random.default_rng(seed), 320, 320).field(steps) for seed in range(5) for steps in (-2, 5, 60)]

    assert 0.05 < max(np.hypot(field[..., 0], field[..., 1]).max() for field in sway) < 0.5


def test_a_clip_without_motion_holds_nothing_but_noise() -> None:
    still = render_clip("samm", "006", "still", "surprise", still=True)
    frames = np.stack(still.frames).astype(np.float32)
    differences = frames[1:] - frames[0]

    assert not still.motion.any()
    assert not np.array_equal(still.frames[0], still.frames[1])
    assert np.abs(differences.mean(axis=(1, 2))).max() < 0.05
    # The camera's noise, twice, and rounding: no edge of the face stands out.
    assert differences.std() == pytest.approx(np.sqrt(2.0 * (CAMERAS["samm"].noise ** 2 + 1 / 12)), rel=0.05)
    assert np.abs(cv2.GaussianBlur(differences[3], (0, 0), 3.0)).max() < 1.0


def test_smic_s_light_flickers_and_the_others_does_not() -> None:
    def swing(database: str) -> float:
        frames = render_clip(database, "s1", "clip", "negative", length=12, apex=6, still=True).frames
        brightness = np.array([frame.mean() for frame in frames])
        return float(np.ptp(brightness) / brightness.mean())

    assert 0.005 < swing("smic") < 0.025
    assert swing("casme2") < 0.001


@pytest.mark.slow
@pytest.mark.parametrize("database", DATABASES)
def test_both_detectors_find_every_face_where_it_is(database: str, shown: Shown) -> None:
    for pair in {pair.plan.subject: pair for pair in shown(database)}.values():
        truth = face_of(0, database, pair.plan.subject)
        expected = np.array([truth.points[name] for name in KEY_POINTS])
        for frame, detector in ((pair.key, "mediapipe"), (pair.onset, "dlib")):
            face = detect_face(frame, (detector,))
            assert face is not None, f"{detector} finds no face in {pair.plan}"
            away = np.hypot(*(face.key_points - expected).T)
            assert away.max() < 0.12 * truth.eye_distance, f"{detector} in {pair.plan}: {away}"


def test_people_differ() -> None:
    faces = [face_of(0, "casme2", f"sub{number:02d}") for number in range(4)]

    assert np.ptp([face.eye_distance for face in faces]) > 2.0
    assert np.ptp([face.image.mean() for face in faces]) > 5.0


@pytest.mark.parametrize("database", DATABASES)
def test_no_face_has_a_border_of_one_colour(database: str) -> None:
    image = face_of(3, database, "somebody").image
    assert min(edge.std(axis=0).min() for edge in (image[0], image[-1], image[:, 0], image[:, -1])) > 1.0


@pytest.mark.slow
def test_the_same_request_gives_the_same_bytes_and_another_seed_does_not(tiny_samm: Path, tmp_path: Path) -> None:
    face_of.cache_clear()
    plan = ClipPlan("samm", "006", "006_1_2", "positive", "Happiness", 0, 4, 8)
    here, there = (Recording(plan, seed).frame(0) for seed in (0, 1))

    assert contents(write_three_clips("samm", tmp_path / "again")) == contents(tiny_samm)
    assert not np.array_equal(here, there)
