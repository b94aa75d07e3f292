from __future__ import annotations

import functools
import os
import sys
import types
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import dlib
import numpy as np
import pytest
from support.portrait import PORTRAIT, face_in, portrait_face

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.errors import MerBenchError
from mer_bench.vision import landmarks
from mer_bench.vision.landmarks import DETECTORS, MODEL_VARIABLE, Face, detect_face

BLANK: ByteArray = np.full((240, 320, 3), 128, dtype=np.uint8)


@pytest.fixture
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load the detectors again during a test, and keep those of the process for the other tests."""
    for name in ("_dlib_models", "_mediapipe_finder", "detector_version"):
        monkeypatch.setattr(landmarks, name, functools.cache(getattr(landmarks, name).__wrapped__))


def distance(one: FloatArray, other: FloatArray) -> float:
    return float(np.linalg.norm(one - other, axis=1).max())


@pytest.mark.parametrize(("detector", "counts"), [("dlib", {68}), ("mediapipe", {468, 478})])
def test_each_detector_finds_the_face_and_names_itself(detector: str, counts: set[int]) -> None:
    face = portrait_face(detector)
    assert face.detector == detector
    assert face.points.shape[0] in counts
    assert (face.points.dtype, face.key_points.dtype) == (np.float32, np.float32)
    # By hand, from the picture: eye centres, nose tip, lip corners, the left of the image first.
    by_hand = np.array([(204, 104), (242, 106), (224, 124), (204, 144), (242, 146)], dtype=np.float32)
    assert distance(face.key_points, by_hand) < 6


@pytest.mark.parametrize(
    ("detector", "count", "groups"),
    [
        ("dlib", 68, [range(36, 42), range(42, 48), [30], [48], [54]]),
        ("mediapipe", 478, [[33, 133], [362, 263], [4], [61], [291]]),
    ],
)
def test_key_points_are_means_of_these_landmarks(detector: str, count: int, groups: list[Sequence[int]]) -> None:
    # dlib: iBUG 300-W's numbering; MediaPipe: its canonical face mesh.
    points = np.random.default_rng(0).uniform(0, 500, (count, 2)).astype(np.float32)
    expected = [points[list(group)].mean(axis=0) for group in groups]
    np.testing.assert_allclose(Face(detector, points).key_points, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("detector", "left", "top", "right", "bottom"),
    [
        ("dlib", 180, 85, 272, 180),
        ("mediapipe", 190, 90, 260, 150),  # cut at brows and lips: found only within an added border
    ],
)
def test_a_face_that_fills_its_image_keeps_its_position(
    detector: str, left: int, top: int, right: int, bottom: int
) -> None:
    expected = portrait_face(detector).key_points - np.array((left, top), dtype=np.float32)
    assert distance(face_in(PORTRAIT[top:bottom, left:right], detector).key_points, expected) < 4.0


@pytest.mark.parametrize(
    ("scores", "shape", "searches", "expected"),
    [
        ([1.0, 0.5], (400, 600), 1, (30, 40, 90, 110)),  # half of the best score is enough for the larger box
        ([1.0, 0.49], (400, 600), 1, (10, 20, 35, 50)),
        ([1.0, 0.5], (480, 2560), 1, (122, 162, 362, 442)),  # found at a quarter of the size, given at full size
        ([1.0, 0.5], (400, 600), 2, (15, 20, 45, 55)),  # found at twice the size
        ([1.0, 0.5], (400, 600), 3, None),
    ],
)
def test_dlib_takes_the_largest_certain_box_of_the_first_successful_search(
    scores: list[float], shape: tuple[int, int], searches: int, expected: tuple[int, ...] | None
) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    searched: list[ByteArray] = []

    def run(image: ByteArray, upsample: int) -> tuple[list[dlib.rectangle], list[float], list[int]]:
        searched.append(image)
        boxes = [dlib.rectangle(10, 20, 35, 50), dlib.rectangle(30, 40, 90, 110)]
        return (boxes, scores, [0, 0]) if len(searched) == searches else ([], [], [])

    assert landmarks._dlib_box(image, types.SimpleNamespace(run=run)) == expected
    first, second = {400: ((400, 600), (800, 1200)), 480: ((120, 640), (480, 2560))}[shape[0]]
    assert [one.shape for one in searched] == [first, second][:searches]
    if shape[0] == 480:
        assert np.abs(searched[0] - image.reshape(120, 4, 640, 4).mean(axis=(1, 3))).max() < 1, "averaged over areas"


@pytest.mark.parametrize("shape", [(240, 320, 3), (240, 320), (1, 1), (3, 200, 3)])
def test_an_image_without_a_face_gives_none(shape: tuple[int, ...]) -> None:
    assert detect_face(np.full(shape, 128, dtype=np.uint8)) is None


@pytest.mark.parametrize("order", [("dlib", "mediapipe"), ("mediapipe", "dlib")])
@pytest.mark.parametrize("blind", DETECTORS)
def test_the_first_detector_of_the_order_that_finds_a_face_is_used(
    order: Sequence[str], blind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = np.zeros((478, 2), dtype=np.float32)
    finders = {name: Mock(return_value=None if name == blind else points) for name in DETECTORS}
    for name, finder in finders.items():
        monkeypatch.setattr(landmarks, f"_find_by_{name}", finder)
    face = detect_face(BLANK, order)
    first, second = order
    assert face is not None
    assert face.detector == (second if first == blind else first)
    assert finders[second].called == (first == blind)


@pytest.mark.usefixtures("nothing_loaded")
def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    assert detect_face(PORTRAIT, ("mediapipe",)) is not None
    assert detect_face(BLANK) is None
    assert capfd.readouterr() == ("", "")
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_stderr_is_restored_after_an_error(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def fail(image: ByteArray) -> FloatArray | None:
        os.write(2, b"noise")
        raise RuntimeError("the graph broke")

    monkeypatch.setattr(landmarks, "_mediapipe_finder", lambda: (os.getpid(), fail))
    with pytest.raises(RuntimeError, match="the graph broke"):
        detect_face(PORTRAIT, ("mediapipe",))
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_a_process_without_stderr_can_detect_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_descriptor(number: int) -> int:
        raise OSError

    monkeypatch.setattr(landmarks, "_mediapipe_finder", lambda: (os.getpid(), lambda image: None))
    with monkeypatch.context() as patch:
        patch.setattr(landmarks.os, "dup", no_descriptor)
        face = detect_face(BLANK, ("mediapipe",))
    assert face is None


@pytest.mark.usefixtures("nothing_loaded")
@pytest.mark.parametrize(
    ("module", "cure"), [("dlib", "pip install dlib-bin"), ("mediapipe", r"pip install mediapipe==0\.10\.21")]
)
def test_a_missing_detector_is_an_error_with_the_command_that_installs_it(
    module: str, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MerBenchError, match=cure):
        detect_face(PORTRAIT, (module, *DETECTORS))


@pytest.mark.usefixtures("nothing_loaded")
@pytest.mark.parametrize("spec", [None, types.SimpleNamespace(submodule_search_locations=["/nowhere"])])
def test_a_missing_landmark_model_is_an_error_with_the_command_that_installs_it(
    spec: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landmarks.importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(MerBenchError, match="pip install face_recognition_models"):
        detect_face(PORTRAIT, ("dlib",))


def test_a_fork_of_a_process_that_started_mediapipe_gets_an_error_instead_of_hanging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portrait_face("mediapipe")
    monkeypatch.setattr(landmarks.os, "getpid", lambda: -1)
    with pytest.raises(MerBenchError, match="'spawn'"):
        detect_face(PORTRAIT, ("mediapipe",))


class TestNewMediaPipe:
    """From 0.10.30 on: no `solutions`, and a model file that the user provides."""

    @pytest.fixture(autouse=True)
    def _new_mediapipe(self, monkeypatch: pytest.MonkeyPatch, nothing_loaded: None) -> None:
        monkeypatch.setitem(sys.modules, "mediapipe", new_mediapipe())

    def test_the_model_file_of_the_variable_is_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        model = tmp_path / "face_landmarker.task"
        model.write_bytes(b"model")
        monkeypatch.setenv(MODEL_VARIABLE, str(model))
        face = face_in(PORTRAIT[:400], "mediapipe")
        assert face.points.shape == (478, 2)
        assert np.allclose(face.points, (512 * 0.25 - 0.5, 400 * 0.5 - 0.5))
        assert detect_face(BLANK, ("mediapipe",)) is None
        # sha256 of b"model"
        assert landmarks.detector_version("mediapipe") == "1.2 with model 9372c470"

    @pytest.mark.parametrize(
        ("value", "stated"),
        [
            (None, rf"{MODEL_VARIABLE} to the file face_landmarker\.task .*it is not set"),
            ("/nowhere/face.task", "'/nowhere/face.task', which is not a"),
            ("broken.task", r"broken\.task \(Unable to open zip archive\)"),
        ],
    )
    def test_without_a_model_file_the_error_states_why(
        self, value: str | None, stated: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Path("broken.task").touch()
        if value is not None:
            monkeypatch.setenv(MODEL_VARIABLE, value)
        with pytest.raises(MerBenchError, match=stated):
            detect_face(PORTRAIT, ("mediapipe",))


def new_mediapipe() -> Any:
    """A stand-in with the parts of mediapipe 1.x that are used; like the real one, it warns and prints."""

    class FaceLandmarker:
        @staticmethod
        def create_from_options(options: types.SimpleNamespace) -> FaceLandmarker:
            if not Path(options.base_options.model_asset_path).read_bytes():
                raise RuntimeError("Unable to open zip archive")
            assert (options.running_mode, options.num_faces) == ("IMAGE", 1)
            return FaceLandmarker()

        def detect(self, image: types.SimpleNamespace) -> types.SimpleNamespace:
            os.write(2, b"W0000 native noise\n")
            warnings.warn("Python noise", DeprecationWarning, stacklevel=1)
            assert image.image_format == "SRGB"
            faces = [[types.SimpleNamespace(x=0.25, y=0.5, z=0.0)] * 478] if image.data.std() > 0 else []
            return types.SimpleNamespace(face_landmarks=faces)

    module: Any = types.ModuleType("mediapipe")
    module.__version__ = "1.2"
    module.Image = types.SimpleNamespace
    module.ImageFormat = types.SimpleNamespace(SRGB="SRGB")
    module.tasks = types.SimpleNamespace(
        BaseOptions=types.SimpleNamespace,
        vision=types.SimpleNamespace(
            FaceLandmarker=FaceLandmarker,
            FaceLandmarkerOptions=types.SimpleNamespace,
            RunningMode=types.SimpleNamespace(IMAGE="IMAGE"),
        ),
    )
    return module
