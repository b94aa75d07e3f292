"""From frames to representations: steps, cache, fall-backs, refusals."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from support.clip_data import SAMPLES, Clips
from support.portrait import face_in
from support.rendered_clips import render_clip

from mer_bench import MerBenchError, MethodSpec, Parameter, Representation
from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.cache import Cache, cache_folder, content_digest
from mer_bench.databases.base import Clip
from mer_bench.databases.images import read_image
from mer_bench.engine.listener import Listener
from mer_bench.engine.preprocess import preprocess
from mer_bench.representations import preprocessing
from mer_bench.representations.preprocess import preprocess_sample
from mer_bench.representations.preprocessing import Recipe, resolve_preprocessing
from mer_bench.representations.resolve import recipe_of, representation_caveats, resolve_representation
from mer_bench.representations.settings import OF_METHOD, PREPROCESSING
from mer_bench.representations.stack import compute_representation
from mer_bench.representations.task import Preprocessed, PreprocessTask, preprocess_task
from mer_bench.store.schema import RepresentationRecord
from mer_bench.strain import stack_strain
from mer_bench.vision.alignment import (
    CROP_LANDMARKS,
    align,
    aligning_transform,
    match_brightness,
    to_grey,
    transform_points,
    whole_frame_transform,
)
from mer_bench.vision.choices import LAYOUTS
from mer_bench.vision.optical_flow import FLOW_MARGIN, optical_flow, shrink_map
from mer_bench.vision.regions import recombine_regions
from mer_bench.vision.scaling import scale_map
from mer_bench.vision.sequence import interpolate_frames

OWN = (
    *(Parameter("layout", "five-mosaic", ""), Parameter("scale", "physical", ""), Parameter("side", 28, "")),
    *(Parameter("length", 4, ""), Parameter("interpolation", "linear", "")),
)
CHOSEN = {
    "face-flow": ("scale", "side"),
    "region-flow": ("layout", "scale", "side"),
    "frames": ("length", "interpolation"),
}
QUICK = {"size": 96, "flow": "farneback"}
IDS = list(SAMPLES)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clips:
    """Clips that a test may change, and a cache of its own."""
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    return Clips(tmp_path / "clips")


def record_of(name: str, source: Clips, **settings: object) -> RepresentationRecord:
    """The record of a representation; `OWN` are settings of the method, the others of preprocessing."""
    spec = MethodSpec("net", "1", "Net", "acme:Net", Representation(name, CHOSEN.get(name, ())), "deep", OWN)
    own = {parameter.name: settings.pop(parameter.name) for parameter in OWN if parameter.name in settings}
    return resolve_representation(
        spec, spec.resolve(None, own), source, resolve_preprocessing({**QUICK, **settings}, source)
    )


def recipe(name: str, source: Clips, **settings: object) -> Recipe:
    made = recipe_of(record_of(name, source, **settings))
    assert made is not None
    return made


def task_of(name: str, source: Clips, sample_id: str = IDS[0], **settings: object) -> PreprocessTask:
    return preprocess_task(source, sample_id, recipe(name, source, **settings))


def preprocessed(name: str, source: Clips, **settings: object) -> Preprocessed:
    return preprocess_sample(task_of(name, source, **settings))


def cached(task: PreprocessTask, step: str | None = None) -> FloatArray:
    name = step or task.recipe.representation
    entry = Cache(task.cache).read(name, task.recipe.key(name, task.sample_digest))
    assert entry is not None
    return entry.arrays["array"]


def computed(name: str, source: Clips, step: str | None = None, **settings: object) -> FloatArray:
    task = task_of(name, source, **settings)
    assert preprocess_sample(task).failure == ""
    return cached(task, step)


def detectors(done: Preprocessed) -> dict[str, str]:
    """The detectors, without their versions."""
    return {kind: detector.split()[0] for kind, detector in done.facts.items()}


def frame(source: Clips, number: int) -> ByteArray:
    return read_image(source.frame(IDS[0], number))


def transform_of(source: Clips) -> FloatArray:
    return aligning_transform(face_in(frame(source, 0), "dlib").key_points, 96)


def overwrite(source: Clips, number: int, image: ByteArray) -> None:
    cv2.imwrite(str(source.frame(IDS[0], number)), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


@pytest.mark.parametrize("brightness", ["match", "as-is"])
def test_flow_is_from_the_aligned_onset_to_the_aligned_apex_whose_brightness_is_matched_to_the_onset(
    source: Clips, brightness: str
) -> None:
    overwrite(source, 2, np.rint(frame(source, 2) * 0.8).astype(np.uint8))
    onset, apex = (align(frame(source, number), transform_of(source), 96, FLOW_MARGIN) for number in (0, 2))
    matched = match_brightness(apex, onset) if brightness == "match" else apex
    around = stack_strain(optical_flow(onset, matched, "farneback", {"farneback_window": 9}))
    flow = around[FLOW_MARGIN:-FLOW_MARGIN, FLOW_MARGIN:-FLOW_MARGIN]
    settings = {"brightness": brightness, "farneback_window": 9}

    np.testing.assert_array_equal(computed("flow", source, **settings), flow)
    np.testing.assert_array_equal(computed("face-flow", source, **settings), shrink_map(flow))


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_region_flow_is_cut_at_the_landmarks_of_the_apex_frame_and_laid_out_as_chosen(
    source: Clips, layout: str
) -> None:
    task = task_of("region-flow", source, layout=layout)
    done = preprocess_sample(task)
    landmarks = transform_points(face_in(frame(source, 2), "mediapipe").key_points, transform_of(source))

    assert detectors(done) == {"aligned_by": "dlib", "regions_by": "mediapipe"}
    np.testing.assert_allclose(cached(task, "regions"), landmarks, atol=1e-3)
    expected = recombine_regions(cached(task, "flow"), cached(task, "regions"), layout)
    np.testing.assert_array_equal(cached(task), expected)


def test_the_published_recipe_scales_each_channel_of_the_full_size_map_to_8_bits_and_then_shrinks_it(
    source: Clips,
) -> None:
    full = computed("flow", source)
    levels = [cv2.normalize(plane, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U) for plane in cv2.split(full)]
    public = cv2.resize(np.dstack(levels), (28, 28), interpolation=cv2.INTER_AREA).astype(np.float32) / 255

    np.testing.assert_allclose(computed("face-flow", source, scale="per-map-8bit"), public, atol=1e-6)
    np.testing.assert_allclose(computed("face-flow", source, scale="per-map"), public, atol=1.01 / 255)


@pytest.mark.parametrize(("scale", "side"), [("per-map", 28), ("per-map-8bit", 36), ("physical", 36)])
def test_key_regions_are_cut_from_the_scaled_full_size_map_at_the_chosen_side(
    source: Clips, scale: str, side: int
) -> None:
    task = task_of("region-flow", source, scale=scale, side=side, layout="htnet")
    assert preprocess_sample(task).failure == ""
    scaled = scale_map(cached(task, "flow"), scale)

    assert cached(task).shape == (side, side, 3)
    np.testing.assert_array_equal(cached(task), recombine_regions(scaled, cached(task, "regions"), "htnet", side))


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("region-flow", {"side": 35}, r"^layout=five-mosaic has .* equally into side=35; choose an even side$"),
        (
            "face-flow",
            {"side": 120},
            r"^side=120 is larger than the aligned face, which has size=96; choose a side of at most 96, or "
            r"--preprocess size=120$",
        ),
    ],
)
def test_a_side_that_cannot_be_made_is_refused_before_anything_is_computed(
    source: Clips, name: str, settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(MerBenchError, match=sentence):
        record_of(name, source, **settings)
    assert computed("face-flow", source, side=35).shape == (35, 35, 3)


@pytest.mark.parametrize("interpolation", ["graph", "linear"])
def test_frames_are_aligned_by_the_onset_s_face_and_interpolated(source: Clips, interpolation: str) -> None:
    overwrite(source, 3, np.full((240, 240, 3), (255, 0, 9), dtype=np.uint8))  # TIM overshoots around this frame
    clip = np.stack([align(frame(source, number), transform_of(source), 96) for number in range(5)])
    frames = computed("frames", source, length=7, interpolation=interpolation)

    np.testing.assert_array_equal(frames[..., 0], interpolate_frames(clip, 7, interpolation).clip(0, 255))


def test_steps_in_the_cache_are_not_computed_again(source: Clips) -> None:
    first = preprocessed("face-flow", source)
    second = preprocessed("region-flow", source)
    third = preprocessed("region-flow", source)

    assert set(first.seconds) == {"read", "face", "align", "flow"}
    assert set(second.seconds) == {"read", "regions"}
    assert (third.failure, dict(third.seconds), third.facts) == ("", {}, second.facts)
    assert set(preprocessed("frames", source).seconds) == {"read", "align", "interpolate"}


STEPS = {"face", "frames", "flow", "regions", "face-flow", "region-flow"}
OF_FLOW = {"flow", "face-flow", "region-flow"}
CHANGED_BY: dict[str, set[str]] = {
    "align_by": STEPS,
    "size": STEPS - {"face"},
    "regions_by": {"regions", "region-flow"},
    "no_face": set(),
    "length": {"frames"},
    "interpolation": {"frames"},
    "layout": {"region-flow"},
    "scale": {"face-flow", "region-flow"},
    "side": {"face-flow", "region-flow"},
}
"""The steps whose arrays depend on a setting; OF_FLOW for the others."""


@pytest.mark.parametrize("algorithm", ["tv-l1", "farneback", "dis"])
def test_a_setting_is_in_the_keys_of_exactly_those_steps_that_depend_on_it(source: Clips, algorithm: str) -> None:
    parameters = (*PREPROCESSING, *OF_METHOD["frames"], *OF_METHOD["region-flow"])
    usual = {**{parameter.name: parameter.default for parameter in parameters}, "flow": algorithm}
    for name, value in usual.items():
        another = "dis" if algorithm == "tv-l1" else "tv-l1"
        changed = {**usual, name: another if name == "flow" else f"not {value}"}
        one, other = Recipe("flow", usual), Recipe("flow", changed)
        steps = {step for step in STEPS if one.key(step, "a") != other.key(step, "a")}
        of_other_algorithm = name.partition("_")[0] in {"tvl1", "farneback", "dis"} - {algorithm.replace("-", "")}
        assert steps == (set() if of_other_algorithm else CHANGED_BY.get(name, OF_FLOW)), name
    keys = {Recipe(step, usual).key(step, digest) for step in STEPS for digest in ("a", "b")}
    assert len(keys) == 12


@pytest.mark.parametrize(
    ("step", "built_on_it"),
    [
        ("face", STEPS),
        ("flow", OF_FLOW),
        ("regions", {"regions", "region-flow"}),
        ("frames", {"frames"}),
        ("region-flow", {"region-flow"}),
    ],
)
def test_new_code_of_a_step_changes_the_keys_and_hashes_of_all_steps_built_on_it(
    source: Clips, monkeypatch: pytest.MonkeyPatch, step: str, built_on_it: set[str]
) -> None:
    names = ("frames", "flow", "face-flow", "region-flow")
    params = {**recipe("frames", source).params, **recipe("region-flow", source).params}
    keys = {name: Recipe(name, params).key(name, "a") for name in STEPS}
    hashes = {name: record_of(name, source)["hash"] for name in names}
    monkeypatch.setitem(preprocessing.VERSIONS, step, 99)

    assert {name for name in STEPS if Recipe(name, params).key(name, "a") != keys[name]} == built_on_it
    assert {name for name in names if record_of(name, source)["hash"] != hashes[name]} == built_on_it & set(names)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("frames", {"no_face": "whole-frame"}),
        ("region-flow", {"regions_by": "dlib"}),
        ("region-flow", {"layout": "htnet"}),
        ("region-flow", {"side": 36}),
        ("face-flow", {"scale": "per-map"}),
    ],
)
def test_a_setting_changes_the_hash_of_the_representation(
    source: Clips, name: str, settings: dict[str, object]
) -> None:
    assert record_of(name, source, **settings)["hash"] != record_of(name, source)["hash"]


def test_a_damaged_entry_is_computed_again_with_a_notice(source: Clips) -> None:
    task = task_of("face-flow", source)
    preprocess_sample(task)
    good = cached(task)
    file = Cache(cache_folder()).path("face-flow", task.key)
    file.write_bytes(file.read_bytes()[:-4])
    again = preprocess_sample(task)

    assert again.notices == (f"{file} is damaged; it is computed again",)
    np.testing.assert_array_equal(cached(task), good)


def test_arrays_of_another_arithmetic_are_neither_used_nor_computed_in_this_process(
    source: Clips, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = record_of("face-flow", source)
    preprocess_sample(task_of("face-flow", source))
    assert len(list(compute_representation(source, IDS[:1], record, print))) == 1
    monkeypatch.setenv("MER_BENCH_ARITHMETIC", "native")

    with pytest.raises(MerBenchError, match=f"^{IDS[0]}: its representation .* run the same command again$"):
        list(compute_representation(source, IDS[:1], record, print))


GREY = np.full((240, 240, 3), 90, dtype=np.uint8)


@pytest.mark.slow
def test_by_default_only_a_sample_without_a_face_is_refused(source: Clips) -> None:
    overwrite(source, 0, GREY)
    tasks = [task_of("face-flow", source, sample_id) for sample_id in IDS]
    failures = {done.sample_id: done.failure for done in preprocess(tasks, jobs=1, listener=Listener())}

    assert failures == {
        "smic/s1/a": "smic/s1/a: no face is found in the onset frame s1/a/img0.png by dlib,mediapipe; check it, or "
        "keep such samples with --preprocess no_face=whole-frame",
        "smic/s1/b": "",
        "smic/s2/a": "",
    }


def test_a_sample_without_a_face_is_kept_whole_with_a_caveat_if_this_is_chosen(source: Clips) -> None:
    overwrite(source, 0, GREY)
    overwrite(source, 2, np.rint(frame(source, 2) * 0.9).astype(np.uint8))
    task = task_of("region-flow", source, no_face="whole-frame", brightness="as-is")
    whole = whole_frame_transform((240, 240), 96)
    onset, apex = (align(to_grey(frame(source, number)), whole, 96, FLOW_MARGIN) for number in (0, 2))
    flow = optical_flow(onset, apex, "farneback")[FLOW_MARGIN:-FLOW_MARGIN, FLOW_MARGIN:-FLOW_MARGIN]

    assert detectors(preprocess_sample(task)) == {"aligned_by": "none", "regions_by": "none"}
    np.testing.assert_array_equal(cached(task, "flow")[..., :2], flow)
    np.testing.assert_allclose(cached(task, "regions"), CROP_LANDMARKS * 96 - 0.5, rtol=1e-6)
    assert representation_caveats(record_of("region-flow", source, no_face="whole-frame")) == ("whole-frame",)
    assert representation_caveats(record_of("region-flow", source)) == ()
    # What is in the cache now is still refused where that is asked for.
    refusing = task_of("region-flow", source, brightness="as-is")
    assert "no face is found" in preprocess_sample(refusing).failure
    assert refusing.cached(print) is None


def test_an_apex_without_a_face_takes_the_key_regions_of_the_onset(source: Clips) -> None:
    overwrite(source, 2, GREY)
    task = task_of("region-flow", source)

    assert detectors(preprocess_sample(task)) == {"aligned_by": "dlib", "regions_by": "onset"}
    expected = transform_points(cached(task, "face"), transform_of(source))
    np.testing.assert_allclose(cached(task, "regions"), expected, atol=1e-3)


def test_detectors_are_tried_in_the_stated_order(source: Clips) -> None:
    done = preprocessed("region-flow", source, align_by="mediapipe,dlib", regions_by="dlib,mediapipe")

    assert detectors(done) == {"aligned_by": "mediapipe", "regions_by": "dlib"}


def test_frames_that_change_while_they_are_read_are_not_stored(source: Clips) -> None:
    task = task_of("face-flow", source)
    overwrite(source, 2, GREY)
    failure = preprocess_sample(task).failure

    assert failure.startswith("smic/s1/a: its frames changed while they were read, so nothing of it was stored")
    assert task.cached(print) is None


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_ends_the_work_at_the_first_sample(source: Clips, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    tasks = [replace(task_of("face-flow", source, sample_id), cache=tmp_path / "file") for sample_id in IDS]

    with pytest.raises(MerBenchError, match="the cache cannot be written"):
        preprocess(tasks, jobs=1, listener=Listener())


@pytest.mark.parametrize(
    ("content", "failure"),
    [
        (
            cv2.imencode(".png", GREY[:, :200])[1].tobytes(),
            "smic/s1/a: s1/a/img2.png has 200×240 pixels and the onset frame 240×240; all frames of a clip must have "
            "the same size: restore them from the release",
        ),
        (b"", "img2.png"),
    ],
    ids=["another size", "unreadable"],
)
def test_a_frame_that_cannot_be_used_fails_its_sample(source: Clips, content: bytes, failure: str) -> None:
    source.frame(IDS[0], 2).write_bytes(content)

    assert failure in preprocessed("face-flow", source).failure


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"flwo": "dis"}, r"^preprocessing has no parameter 'flwo' \(did you mean 'flow'\?\)"),
        ({"size": "20"}, r"^preprocessing: size=20 is below the smallest allowed value, 56$"),
        ({"flow": "dis", "tvl1_tau": 0.1}, r"^preprocessing: tvl1_tau is a setting of flow=tv-l1, but flow is dis; "),
    ],
)
def test_an_invalid_setting_is_refused(source: Clips, settings: Mapping[str, object], sentence: str) -> None:
    with pytest.raises(MerBenchError, match=sentence):
        resolve_preprocessing(settings, source)


def test_reading_from_the_cache_needs_no_vision_library(source: Clips, tmp_path: Path) -> None:
    task = task_of("region-flow", source)
    preprocess_sample(task)
    (tmp_path / "task").write_bytes(pickle.dumps(task))
    code = """
import pickle, sys
for name in ("cv2", "dlib", "mediapipe", "skimage"):
    sys.modules[name] = None
from mer_bench.engine import session
print(pickle.load(open("task", "rb")).cached(print).arrays["array"].shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "(28, 28, 3)\n", "")


@pytest.mark.parametrize(("database", "kind", "bound"), [("casme2", "surprise", 0.05), ("smic", "surprise", 0.06)])
def test_tv_l1_measures_the_true_motion(database: str, kind: str, bound: float, tmp_path: Path) -> None:
    rendered = render_clip(database, "subject", "clip", kind, length=2, apex=1)
    frames = (tmp_path / "img1.png", tmp_path / "img2.png")
    for path, frame in zip(frames, rendered.frames, strict=True):
        Image.fromarray(frame).save(path)
    recipe = Recipe("flow", {**{parameter.name: parameter.default for parameter in PREPROCESSING}, "size": 96})
    digest = content_digest(frames)
    task = PreprocessTask(Clip("clip", frames, 1), digest, digest, recipe, tmp_path / "cache")
    preprocess_sample(task)
    computed = task.cached(print)
    assert computed is not None
    flow = computed.arrays["array"]
    face = Cache(task.cache).read("face", recipe.key("face", digest))
    assert face is not None
    transform = aligning_transform(face.arrays["array"], 96)
    aligned = cv2.warpAffine(rendered.motion, transform, (96, 96), borderMode=cv2.BORDER_REPLICATE)
    true = np.asarray(aligned @ transform[:, :2].T, dtype=np.float32)
    error, motion = (np.linalg.norm(field, axis=-1).mean() for field in (flow[..., :2] - true, true))
    rim = np.ones((96, 96), dtype=bool)
    rim[2:-2, 2:-2] = False

    assert error < bound
    assert error < 0.6 * motion, "a flow of zero would be wrong by the mean length of the motion"
    assert flow[rim, 2].max() < 0.6 * flow[~rim, 2].max(), "strain at the rim of the face, where nothing moves"
