"""From frames to representations: steps, cache, fall-backs, refusals."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.clip_data import SAMPLES, Clips

from mer_bench import MerBenchError, MethodSpec, Parameter, Representation
from mer_bench.arrays import FloatArray
from mer_bench.cache import Cache, CacheError, cache_folder
from mer_bench.engine.listener import Listener
from mer_bench.engine.preprocess import preprocess
from mer_bench.representations import preprocessing
from mer_bench.representations.preprocess import preprocess_sample
from mer_bench.representations.preprocessing import PREPROCESSING, Recipe, resolve_preprocessing
from mer_bench.representations.resolve import recipe_of, representation_caveats, resolve_representation
from mer_bench.representations.stack import compute_representation
from mer_bench.representations.task import Preprocessed, PreprocessTask, preprocess_task
from mer_bench.store.schema import RepresentationRecord
from mer_bench.vision.alignment import CROP_LANDMARKS
from mer_bench.vision.optical_flow import FLOW_PARAMETERS
from mer_bench.vision.regions import recombine_regions

OWN = (Parameter("layout", "five-mosaic", ""), Parameter("length", 4, ""), Parameter("interpolation", "linear", ""))
CHOSEN = {"region-flow": ("layout",), "frames": ("length", "interpolation")}
QUICK = {"size": 96, "flow": "farneback"}
IDS = list(SAMPLES)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clips:
    """Clips of a test's own, and a cache of its own."""
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    return Clips(tmp_path / "clips")


def record_of(name: str, source: Clips, settings: Mapping[str, object] = QUICK, **own: object) -> RepresentationRecord:
    spec = MethodSpec("net", "1", "Net", "acme:Net", Representation(name, CHOSEN.get(name, ())), "deep", OWN)
    return resolve_representation(spec, spec.resolve(None, own), source, resolve_preprocessing(settings, source))


def recipe(name: str, source: Clips, **settings: object) -> Recipe:
    found = recipe_of(record_of(name, source, {**QUICK, **settings}))
    assert found is not None
    return found


def preprocessed(name: str, source: Clips, sample_id: str = IDS[0], **settings: object) -> Preprocessed:
    return preprocess_sample(preprocess_task(source, sample_id, recipe(name, source, **settings)))


def arrays(name: str, source: Clips, settings: Mapping[str, object] = QUICK, **own: object) -> list[FloatArray]:
    record = record_of(name, source, settings, **own)
    return [array for array, _ in compute_representation(source, IDS, record, print)]


def cached_array(task: PreprocessTask) -> FloatArray:
    entry = task.cached(print)
    assert entry is not None
    return entry.arrays["array"]


def found_by(done: Preprocessed) -> dict[str, str]:
    """The detectors, without their versions."""
    return {what: detector.split()[0] for what, detector in done.facts.items()}


@pytest.mark.parametrize(
    ("name", "shape"),
    [("flow", (96, 96, 3)), ("face-flow", (28, 28, 3)), ("region-flow", (28, 28, 3)), ("frames", (4, 96, 96, 1))],
)
def test_every_representation_can_be_made_of_frames(source: Clips, name: str, shape: tuple[int, ...]) -> None:
    found = arrays(name, source)

    assert [(array.shape, array.dtype) for array in found] == [(shape, np.float32)] * 3
    assert all(np.isfinite(array).all() for array in found)


def test_a_rise_of_the_brows_is_flow_upwards_in_pixels_of_the_aligned_face(source: Clips) -> None:
    one, two, still = (flow[:, :, 1].min() for flow in arrays("flow", source, {"size": 96}))

    assert two < one < -0.3
    assert abs(still) < 0.1


def test_a_face_that_does_not_move_has_no_strain(source: Clips) -> None:
    strain = [float(flow[:, :, 2].mean()) for flow in arrays("flow", source, {"size": 96})]

    assert strain[2] < 1e-3
    assert min(strain[:2]) > 3 * strain[2]


def test_key_regions_are_cut_at_the_landmarks_of_the_apex_frame(source: Clips) -> None:
    task = preprocess_task(source, IDS[0], recipe("region-flow", source))
    done = preprocess_sample(task)
    cache = Cache(cache_folder())
    steps = {name: cache.read(name, task.recipe.key(name, task.sample_digest)) for name in ("flow", "regions")}
    flow, landmarks = (entry.arrays["array"] for entry in steps.values() if entry is not None)

    assert found_by(done) == {"aligned_by": "dlib", "regions_by": "mediapipe"}
    assert np.abs(landmarks - CROP_LANDMARKS * 96).max() < 12
    np.testing.assert_array_equal(cached_array(task), recombine_regions(flow, landmarks, "five-mosaic"))


def test_what_is_cached_is_not_computed_again(source: Clips) -> None:
    first, second = preprocessed("region-flow", source), preprocessed("region-flow", source)

    assert set(first.seconds) == {"read", "face", "align", "flow", "regions"}
    assert (second.failure, dict(second.seconds), second.facts) == ("", {}, first.facts)


def test_representations_share_their_steps(source: Clips) -> None:
    preprocessed("face-flow", source)

    assert set(preprocessed("region-flow", source).seconds) == {"read", "regions"}
    assert set(preprocessed("frames", source).seconds) == {"read", "align", "interpolate"}


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        ({"flow": "dis"}, {"read", "align", "flow"}),
        ({"farneback_window": 9}, {"read", "align", "flow"}),
        ({"size": 112}, {"read", "align", "flow"}),
        ({"align_by": "mediapipe"}, {"read", "face", "align", "flow"}),
        ({"brightness": "as-is"}, {"read", "align", "flow"}),
        ({"regions_by": "dlib"}, set()),
        ({"no_face": "whole-frame"}, set()),
    ],
    ids=[
        "another algorithm",
        "its own setting",
        "size",
        "detector",
        "brightness",
        "a setting of another algorithm",
        "regions",
    ],
)
def test_a_setting_is_in_the_key_of_the_steps_that_read_it(
    source: Clips, settings: dict[str, object], steps: set[str]
) -> None:
    preprocessed("face-flow", source)

    assert set(preprocessed("face-flow", source, **settings).seconds) == steps


def test_every_setting_is_read_by_some_step(source: Clips) -> None:
    read: set[str] = set()
    for algorithm in FLOW_PARAMETERS:
        for name in preprocessing.OF_METHOD:
            read |= set(record_of(name, source, {"flow": algorithm})["params"])

    assert {parameter.name for parameter in PREPROCESSING} <= read


@pytest.mark.parametrize("step", ["face", "flow", "regions", "region-flow"])
def test_new_code_of_a_step_changes_hash_and_keys_of_all_built_on_it(
    source: Clips, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = record_of("region-flow", source)["hash"]
    key = recipe("region-flow", source).key("region-flow", "digest")
    frames = recipe("frames", source).key("frames", "digest")
    monkeypatch.setitem(preprocessing.VERSIONS, step, 99)

    assert record_of("region-flow", source)["hash"] != before
    assert recipe("region-flow", source).key("region-flow", "digest") != key
    assert (recipe("frames", source).key("frames", "digest") != frames) == (step == "face")


def test_a_changed_frame_is_another_entry(source: Clips) -> None:
    preprocessed("face-flow", source)
    Image.open(source.frame(IDS[1], 2)).save(source.frame(IDS[0], 2))

    assert "flow" in preprocessed("face-flow", source).seconds


def test_a_damaged_entry_is_computed_anew_with_a_notice(source: Clips) -> None:
    task = preprocess_task(source, IDS[0], recipe("face-flow", source))
    preprocess_sample(task)
    good = cached_array(task)
    file = Cache(cache_folder()).path("face-flow", task.key)
    file.write_bytes(file.read_bytes()[:-4])
    again = preprocess_sample(task)

    assert again.notices == (f"{file} is damaged; it is computed again",)
    np.testing.assert_array_equal(cached_array(task), good)


def no_face(source: Clips, number: int = 0) -> None:
    Image.fromarray(np.full((240, 240, 3), 90, dtype=np.uint8)).save(source.frame(IDS[0], number))


def test_a_sample_without_a_face_is_refused_by_default_and_no_other(source: Clips) -> None:
    no_face(source)
    tasks = [preprocess_task(source, sample_id, recipe("face-flow", source)) for sample_id in IDS]
    done = {one.sample_id: one.failure for one in preprocess(tasks, jobs=1, listener=Listener())}

    assert done[IDS[0]] == (
        "smic/s1/a: no face is found in the onset frame s1/a/img0.png by dlib,mediapipe; look at the frame, or keep "
        "such samples with --preprocess no_face=whole-frame"
    )
    assert (done[IDS[1]], done[IDS[2]]) == ("", "")


def test_a_sample_without_a_face_is_kept_whole_where_asked_and_marked(source: Clips) -> None:
    no_face(source)
    record = record_of("region-flow", source, {**QUICK, "no_face": "whole-frame"})

    assert found_by(preprocessed("region-flow", source, no_face="whole-frame")) == {
        "aligned_by": "none",
        "regions_by": "none",
    }
    assert representation_caveats(record) == ("whole-frame",)
    assert representation_caveats(record_of("region-flow", source)) == ()


def test_what_was_kept_without_a_face_is_refused_where_that_is_asked(source: Clips) -> None:
    no_face(source)

    assert preprocessed("face-flow", source, no_face="whole-frame").failure == ""
    assert "no face is found" in preprocessed("face-flow", source).failure
    assert preprocess_task(source, IDS[0], recipe("face-flow", source)).cached(print) is None


def test_frames_that_change_while_they_are_read_are_not_kept(source: Clips) -> None:
    task = preprocess_task(source, IDS[0], recipe("face-flow", source))
    good = source.frame(IDS[0], 2).read_bytes()
    source.frame(IDS[0], 2).write_bytes(source.frame(IDS[1], 2).read_bytes())
    failure = preprocess_sample(task).failure
    source.frame(IDS[0], 2).write_bytes(good)

    assert failure.startswith("smic/s1/a: its frames changed while they were read")
    assert preprocess_task(source, IDS[0], recipe("face-flow", source)).cached(print) is None


def test_a_cache_that_cannot_be_written_ends_the_work_at_the_first_sample(source: Clips, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    tasks = [
        replace(preprocess_task(source, sample_id, recipe("face-flow", source)), cache=tmp_path / "file")
        for sample_id in IDS
    ]

    with pytest.raises(CacheError, match="the cache cannot be written"):
        preprocess(tasks, jobs=1, listener=Listener())
    with pytest.raises(MerBenchError, match="the cache cannot be written"):
        preprocess(tasks, jobs=2, listener=Listener())


def test_an_apex_without_a_face_takes_the_onset_s_key_regions(source: Clips) -> None:
    no_face(source, number=2)

    assert found_by(preprocessed("region-flow", source)) == {"aligned_by": "dlib", "regions_by": "onset"}


def test_detectors_are_asked_in_the_stated_order(source: Clips) -> None:
    done = preprocessed("region-flow", source, align_by="mediapipe,dlib", regions_by="dlib,mediapipe")

    assert found_by(done) == {"aligned_by": "mediapipe", "regions_by": "dlib"}


def test_frames_of_two_sizes_in_a_clip_are_refused(source: Clips) -> None:
    image = Image.open(source.frame(IDS[0], 2)).resize((200, 180))
    image.save(source.frame(IDS[0], 2))

    assert preprocessed("face-flow", source).failure == (
        "smic/s1/a: s1/a/img2.png is 200×180 pixels and the onset frame 240×240; the frames of a clip must be of one "
        "size: restore them from the release"
    )


def test_a_frame_that_cannot_be_read_fails_its_sample(source: Clips) -> None:
    source.frame(IDS[0], 2).write_bytes(b"")

    assert "img2.png" in preprocessed("face-flow", source).failure


def test_two_processes_give_what_one_gives(source: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [preprocess_task(source, sample_id, recipe("region-flow", source)) for sample_id in IDS]
    other = [replace(task, cache=tmp_path / "other") for task in tasks]

    assert {one.failure for one in preprocess(tasks, jobs=1, listener=Listener())} == {""}
    assert {one.failure for one in preprocess(other, jobs=2, listener=Listener())} == {""}
    for one, two in zip(tasks, other, strict=True):
        np.testing.assert_array_equal(cached_array(one), cached_array(two))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"flwo": "dis"}, r"^preprocessing has no parameter 'flwo' \(did you mean 'flow'\?\)"),
        ({"flow": "raft"}, r"^preprocessing: flow='raft' is not one of: tv-l1, farneback, dis$"),
        ({"size": "20"}, r"^preprocessing: size=20 is below the smallest allowed value, 56$"),
        ({"align_by": "eye"}, r"align_by='eye' is not one of"),
        (
            {"flow": "dis", "tvl1_tau": 0.1},
            r"^preprocessing: tvl1_tau is a setting of flow=tv-l1, and flow=dis is",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_refused(source: Clips, settings: dict[str, object], said: str) -> None:
    with pytest.raises(MerBenchError, match=said):
        resolve_preprocessing(settings, source)


def test_a_parameter_that_shapes_no_such_representation_is_refused(source: Clips) -> None:
    spec = MethodSpec("net", "1", "Net", "acme:Net", Representation("flow", ("layout",)), "deep", OWN)

    with pytest.raises(MerBenchError, match=r"^method net: parameter 'layout' does not shape the rep"):
        resolve_representation(spec, spec.resolve(None, {}), source, resolve_preprocessing({}, source))


def test_reading_from_the_cache_needs_no_vision_library(source: Clips) -> None:
    preprocessed("region-flow", source)
    code = f"""
import sys
for name in ("cv2", "dlib", "mediapipe", "skimage"):
    sys.modules[name] = None
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from mer_bench.cache import content_digest
from mer_bench.databases.base import Clip
from mer_bench.representations.preprocessing import Recipe
from mer_bench.representations.task import PreprocessTask
from mer_bench.engine import session
frames = tuple(Path({str(source.folder / IDS[0])!r}) / f"img{{number}}.png" for number in range(5))
recipe = Recipe("region-flow", {dict(recipe("region-flow", source).params)!r})
digest = content_digest(frames)
task = PreprocessTask(Clip("x", frames, 2), digest, digest, recipe, Path({str(cache_folder())!r}))
print(task.cached(print).arrays["array"].shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "(28, 28, 3)\n", "")
