from __future__ import annotations

import os
import sys
import types
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.errors import MerBenchError
from mer_bench.vision import landmarks
from mer_bench.vision.alignment import to_grey, transform_points
from mer_bench.vision.landmarks import DETECTORS, MODEL_VARIABLE, Face, detect_face

FACE: ByteArray = data.astronaut()
BLANK: ByteArray = np.full((240, 320, 3), 128, dtype=np.uint8)


@pytest.fixture
def nothing_loaded() -> Iterator[None]:
    """Detectors are looked for again, and whatever a test puts in their place is forgotten."""
    caches = (landmarks._dlib_models, landmarks._mediapipe_finder)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def found(image: ByteArray, detector: str) -> Face:
    face = detect_face(image, (detector,))
    assert face is not None
    return face


def distance(one: FloatArray, other: FloatArray) -> float:
    return float(np.linalg.norm(one - other, axis=1).max())


@pytest.mark.parametrize(("detector", "counts"), [("dlib", {68}), ("mediapipe", {468, 478})])
def test_each_detector_finds_the_face_and_names_itself(detector: str, counts: set[int]) -> None:
    face = found(FACE, detector)
    assert face.detector == detector
    assert face.points.shape[0] in counts
    assert face.points.dtype == np.float32
    assert face.key_points.shape == (5, 2)
    assert face.key_points.dtype == np.float32


@pytest.mark.parametrize("detector", DETECTORS)
def test_key_points_come_as_eyes_nose_and_lip_corners_with_the_image_left_first(detector: str) -> None:
    left_eye, right_eye, nose, left_lip, right_lip = found(FACE, detector).key_points
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_lip[0] < nose[0] < right_lip[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_lip[1], right_lip[1])


def test_the_detectors_agree_on_the_key_points() -> None:
    assert distance(found(FACE, "dlib").key_points, found(FACE, "mediapipe").key_points) < 2.5


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize(("angle", "scale"), [(0, 1.5), (15, 1.0), (-20, 2.0)])
def test_key_points_move_with_the_face(detector: str, angle: float, scale: float) -> None:
    turn = cv2.getRotationMatrix2D((225, 120), angle, scale)
    turn[:, 2] += (21.5, 130.5)
    moved = np.asarray(cv2.warpAffine(FACE, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)
    expected = transform_points(found(FACE, detector).key_points, turn.astype(np.float32))
    assert distance(found(moved, detector).key_points, expected) < 3.0 * scale


@pytest.mark.parametrize("detector", DETECTORS)
def test_grey_images_do(detector: str) -> None:
    assert distance(found(to_grey(FACE), detector).key_points, found(FACE, detector).key_points) < 2.0


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_face_that_fills_its_image_is_found_where_it_is(detector: str) -> None:
    crop = FACE[85:180, 180:272]
    expected = found(FACE, detector).key_points - np.array((180, 85), dtype=np.float32)
    assert distance(found(crop, detector).key_points, expected) < 3.0


def test_mediapipe_finds_a_face_cut_at_brows_and_lips_within_a_border_of_its_own() -> None:
    crop = FACE[90:150, 190:260]
    expected = found(FACE, "mediapipe").key_points - np.array((190, 90), dtype=np.float32)
    assert distance(found(crop, "mediapipe").key_points, expected) < 4.0


def test_a_large_frame_is_searched_small_but_its_points_are_of_the_full_size() -> None:
    frame = np.asarray(cv2.resize(FACE, (2048, 2048), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    expected = (found(FACE, "dlib").key_points + 0.5) * 4 - 0.5
    assert distance(found(frame, "dlib").key_points, expected) < 8.0


def test_a_small_face_in_a_large_frame_is_found_at_the_second_look() -> None:
    frame = np.full((1400, 1400, 3), 127, dtype=np.uint8)
    frame[600:1112, 800:1312] = FACE
    assert distance(found(frame, "dlib").key_points, found(FACE, "dlib").key_points + np.float32((800, 600))) < 2.0


def test_a_larger_but_doubtful_box_is_not_the_face() -> None:
    frame = np.full((640, 640, 3), 127, dtype=np.uint8)
    frame[100:612, 100:612] = FACE
    assert distance(found(frame, "dlib").key_points, found(FACE, "dlib").key_points + np.float32(100)) < 2.0


@pytest.mark.parametrize("detector", DETECTORS)
def test_the_same_image_gives_the_same_points_bit_for_bit(detector: str) -> None:
    assert np.array_equal(found(FACE, detector).points, found(FACE, detector).points)


@pytest.mark.parametrize("shape", [(240, 320, 3), (240, 320), (1, 1), (3, 200, 3)])
def test_an_image_without_a_face_gives_none(shape: tuple[int, ...]) -> None:
    assert detect_face(np.full(shape, 128, dtype=np.uint8)) is None


@pytest.mark.parametrize("order", [("dlib", "mediapipe"), ("mediapipe", "dlib")])
@pytest.mark.parametrize("blind", DETECTORS)
def test_the_first_detector_of_the_order_that_finds_a_face_answers(
    order: Sequence[str], blind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def finder(name: str) -> Any:
        def find(image: ByteArray) -> FloatArray | None:
            asked.append(name)
            return None if name == blind else np.zeros((478, 2), dtype=np.float32)

        return find

    monkeypatch.setattr(landmarks, "_find_by_dlib", finder("dlib"))
    monkeypatch.setattr(landmarks, "_find_by_mediapipe", finder("mediapipe"))
    face = detect_face(BLANK, order)
    seeing = next(name for name in order if name != blind)
    assert face is not None
    assert face.detector == seeing
    assert asked == list(order[: order.index(seeing) + 1])


@pytest.mark.usefixtures("nothing_loaded")
def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    assert detect_face(FACE, ("mediapipe",)) is not None
    assert detect_face(BLANK) is None
    assert capfd.readouterr() == ("", "")
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_stderr_comes_back_after_an_error(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def fail(image: ByteArray) -> FloatArray | None:
        os.write(2, b"noise")
        raise RuntimeError("the graph broke")

    monkeypatch.setattr(landmarks, "_mediapipe_finder", lambda: (os.getpid(), fail))
    with pytest.raises(RuntimeError, match="the graph broke"):
        detect_face(FACE, ("mediapipe",))
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


@pytest.mark.usefixtures("nothing_loaded")
@pytest.mark.parametrize(
    ("module", "cure"), [("dlib", "pip install dlib-bin"), ("mediapipe", r"pip install mediapipe==0\.10\.21")]
)
def test_a_missing_detector_is_an_error_with_the_command_that_installs_it(
    module: str, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MerBenchError, match=cure):
        detect_face(FACE, (module, *DETECTORS))


@pytest.mark.usefixtures("nothing_loaded")
def test_a_missing_landmark_model_is_an_error_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(landmarks.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MerBenchError, match="pip install face_recognition_models"):
        detect_face(FACE, ("dlib",))


@pytest.mark.usefixtures("nothing_loaded")
def test_a_fork_of_a_process_that_started_mediapipe_is_told_so_instead_of_hanging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert detect_face(FACE, ("mediapipe",)) is not None
    monkeypatch.setattr(landmarks.os, "getpid", lambda: -1)
    with pytest.raises(MerBenchError, match="'spawn'"):
        detect_face(FACE, ("mediapipe",))


class TestNewMediaPipe:
    """From 0.10.30 on: no `solutions`, and a model file of the user's own."""

    @pytest.fixture(autouse=True)
    def _new_mediapipe(self, monkeypatch: pytest.MonkeyPatch, nothing_loaded: None) -> None:
        monkeypatch.setitem(sys.modules, "mediapipe", new_mediapipe())

    def test_the_model_file_of_the_variable_is_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        model = tmp_path / "face_landmarker.task"
        model.write_bytes(b"model")
        monkeypatch.setenv(MODEL_VARIABLE, str(model))
        face = found(FACE, "mediapipe")
        assert face.points.shape == (478, 2)
        assert np.allclose(face.points, (512 * 0.25 - 0.5, 512 * 0.5 - 0.5))
        assert detect_face(BLANK, ("mediapipe",)) is None

    @pytest.mark.parametrize("value", [None, "", "/nowhere/face_landmarker.task"])
    def test_without_the_model_file_the_error_names_it_and_the_variable(
        self, value: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if value is not None:
            monkeypatch.setenv(MODEL_VARIABLE, value)
        with pytest.raises(MerBenchError, match=rf"{MODEL_VARIABLE} to the file face_landmarker\.task from https://"):
            detect_face(FACE, ("mediapipe",))

    def test_a_file_that_is_no_model_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = tmp_path / "broken.task"
        broken.write_bytes(b"")
        monkeypatch.setenv(MODEL_VARIABLE, str(broken))
        with pytest.raises(MerBenchError, match=r"broken\.task \(Unable to open zip archive\)"):
            detect_face(FACE, ("mediapipe",))


def new_mediapipe() -> Any:
    """A stand-in with the parts of mediapipe 1.x that are used, and its habit of warning and printing."""

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
            seen = [[types.SimpleNamespace(x=0.25, y=0.5, z=0.0)] * 478] if image.data.std() > 0 else []
            return types.SimpleNamespace(face_landmarks=seen)

    module: Any = types.ModuleType("mediapipe")
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
