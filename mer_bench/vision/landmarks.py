"""Face detection: the landmarks of a face, and the five points that alignment and the key regions use."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.bounded_files import read_bounded
from mer_bench.errors import MerBenchError

DETECTORS = ("dlib", "mediapipe")
"""Every detector, in the default order of trying them."""
MODEL_VARIABLE = "MER_BENCH_FACE_LANDMARKER"
"""The environment variable that names the model file, which MediaPipe needs from version 0.10.30 on."""
_MOST_BYTES = 64 << 20

Finder = Callable[[ByteArray], "FloatArray | None"]


def detect_face(image: ByteArray, detectors: Sequence[str] = DETECTORS) -> Face | None:
    """Find the landmarks of the face in an image.

    The detectors are tried in the given order; the first face found is returned. Of several faces, dlib takes the
    largest whose score is at least half of the best score, and MediaPipe takes the one with the best score. MediaPipe
    misses faces narrower than about an eighth of the image; dlib misses faces tilted by more than about 30 degrees.

    A detector that is not installed is an error and is not skipped: which one aligns a clip must not depend on the
    machine.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3) or (height, width), uint8
        RGB or grey.
    detectors : sequence of str
        Names from `DETECTORS`.

    Returns
    -------
    Face or None
        None if no detector finds a face.

    Raises
    ------
    MerBenchError
        The package or the model file of a detector is missing.

    References
    ----------
    dlib's 68 points: Kazemi and Sullivan, CVPR 2014, trained on iBUG 300-W (for research use). MediaPipe's face mesh:
    Kartynnik et al., arXiv:1907.06724.
    """
    contiguous = np.ascontiguousarray(image)
    for name in detectors:
        find = _find_by_dlib if name == "dlib" else _find_by_mediapipe
        points = find(contiguous)
        if points is not None:
            return Face(name, points)
    return None


@functools.cache
def detector_version(detector: str) -> str:
    """Return the version of an installed detector, with a hash of the model file if the user provided one.

    Another version may find other points in the same image.
    """
    library = importlib.import_module(detector)
    version = str(getattr(library, "__version__", "unknown"))
    if detector == "mediapipe" and not hasattr(library, "solutions"):
        cure = f"set {MODEL_VARIABLE} to the file face_landmarker.task"
        model = read_bounded(Path(os.environ.get(MODEL_VARIABLE, "")), _MOST_BYTES, "a face model", cure)
        return f"{version} with model {hashlib.sha256(model).hexdigest()[:8]}"
    return version


@dataclass(frozen=True)
class Face:
    """The landmarks of one face.

    Parameters
    ----------
    detector : str
        The one of `DETECTORS` that found it.
    points : ndarray of shape (68, 2) for dlib and (468, 2) or (478, 2) for mediapipe, float32
        (x, y) in pixels of the image, 0 at the centre of the first pixel; a point may lie outside the image.
    """

    detector: str
    points: FloatArray

    @property
    def key_points(self) -> FloatArray:
        """The five points of `mer_bench.vision.regions.REGIONS`: (x, y) in pixels, shape (5, 2), float32.

        Eye centres, nose tip, lip corners. On an upright face, left is the left of the image (the person's own right).
        On a face that is upside down the names stay with the face, so that alignment turns it upright.
        """
        groups = _KEY_POINTS[self.detector]
        centres = [self.points[list(group)].mean(axis=0) for group in groups]
        return np.array(centres, dtype=np.float32)


_KEY_POINTS: Mapping[str, tuple[tuple[int, ...], ...]] = MappingProxyType(
    {
        "dlib": ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47), (30,), (48,), (54,)),
        # Each eye by its two corners, which blinking does not move. Of the mesh's points on the nose ridge, 4 protrudes
        # most and coincides with dlib's 30; 1 lies between it and the lip.
        "mediapipe": ((33, 133), (362, 263), (4,), (61,), (291,)),
    }
)
"""For each detector, the landmarks whose mean is each of the five points."""

_BOX_SIDE = 640
"""dlib searches an image whose longer side is at most this many pixels, because its time grows with the area."""

_MARGIN = 0.25
"""The border added around a face that fills its image, as a share of the longer side."""


def _find_by_dlib(image: ByteArray) -> FloatArray | None:
    detector, predictor, rectangle = _dlib_models()
    box = _dlib_box(image, detector)
    if box is None:
        return None
    parts = predictor(image, rectangle(*box)).parts()
    return np.array([(part.x, part.y) for part in parts], dtype=np.float32)


def _dlib_box(image: ByteArray, detector: Any) -> tuple[int, ...] | None:
    longer = max(image.shape[:2])
    first = min(1.0, _BOX_SIDE / longer)
    # dlib misses faces below 80 pixels: the second search is at full size, or at twice the size of a small image.
    for scale in (first, 1.0 if first < 1.0 else 2.0):
        interpolation = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
        resized = image if scale == 1.0 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=interpolation)
        boxes, scores, _ = detector.run(resized, 0)
        if boxes:
            # Folds of clothes score a little above zero, and may be larger than the face.
            certain = [box for box, score in zip(boxes, scores, strict=True) if score >= max(scores) / 2]
            largest = max(certain, key=lambda box: box.area())
            sides = (largest.left(), largest.top(), largest.right(), largest.bottom())
            return tuple(round((side + 0.5) / scale - 0.5) for side in sides)
    return None


@functools.cache
def _dlib_models() -> tuple[Any, Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import dlib
    except ImportError as error:
        raise MerBenchError(
            f"the face detector dlib cannot be imported ({error}): pip install dlib-bin, "
            "or choose the detector mediapipe"
        ) from error
    # Located, never imported: the package's own code needs pkg_resources, which setuptools no longer has.
    spec = importlib.util.find_spec("face_recognition_models")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        file = Path(folder) / "models" / "shape_predictor_68_face_landmarks.dat"
        if file.is_file():
            return dlib.get_frontal_face_detector(), dlib.shape_predictor(str(file)), dlib.rectangle
    raise MerBenchError(
        "dlib's file shape_predictor_68_face_landmarks.dat is missing: pip install face_recognition_models, "
        "or choose the detector mediapipe"
    )


def _find_by_mediapipe(image: ByteArray) -> FloatArray | None:
    rgb = image if image.ndim == 3 else np.stack((image,) * 3, axis=2)
    # MediaPipe's threads go on starting, and talking, until the first image is through.
    with _silence():
        process, find = _mediapipe_finder()
        if process != os.getpid():
            raise MerBenchError(
                f"MediaPipe was started in process {process} and hangs in its fork {os.getpid()}; "
                "start worker processes by the method 'spawn'"
            )
        points = find(rgb)
        if points is None:
            # MediaPipe's detector expects some background around the face, which a tight crop does not have.
            margin = round(_MARGIN * max(rgb.shape))
            bordered = cv2.copyMakeBorder(rgb, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
            points = find(np.asarray(bordered, dtype=np.uint8))
            points = None if points is None else points - np.float32(margin)
    return points


@functools.cache
def _mediapipe_finder() -> tuple[int, Finder]:
    """Return a finder of faces, and the process that started it: a fork does not inherit its threads."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import mediapipe
    except ImportError as error:
        raise MerBenchError(
            f"the face detector mediapipe cannot be imported ({error}): pip install mediapipe==0.10.21, "
            "or choose the detector dlib"
        ) from error
    # From 0.10.30 on, neither `solutions` nor the models are in the package.
    start = _face_mesh if hasattr(mediapipe, "solutions") else _face_landmarker
    return os.getpid(), start(mediapipe)


def _face_mesh(mediapipe: Any) -> Finder:
    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1)

    def find(image: ByteArray) -> FloatArray | None:
        faces = mesh.process(image).multi_face_landmarks
        return _pixels(faces[0].landmark, image) if faces else None

    return find


def _face_landmarker(mediapipe: Any) -> Finder:
    file = Path(os.environ.get(MODEL_VARIABLE, ""))
    if not file.is_file():
        stated = f"it names {str(file)!r}, which is not a file" if os.environ.get(MODEL_VARIABLE) else "it is not set"
        raise MerBenchError(
            f"mediapipe {getattr(mediapipe, '__version__', '')} is installed without a face model: set "
            f"{MODEL_VARIABLE} to the file face_landmarker.task from "
            "https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker "
            f"({stated}), or pip install mediapipe==0.10.21, which includes the model"
        )
    vision = mediapipe.tasks.vision
    options = vision.FaceLandmarkerOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(file)),
        running_mode=vision.RunningMode.IMAGE,
        num_faces=1,
    )
    try:
        landmarker = vision.FaceLandmarker.create_from_options(options)
    except (RuntimeError, ValueError) as error:
        raise MerBenchError(
            f"mediapipe cannot use the face model {file} ({error}); download face_landmarker.task again"
        ) from error

    def find(image: ByteArray) -> FloatArray | None:
        faces = landmarker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)).face_landmarks
        return _pixels(faces[0], image) if faces else None

    return find


def _pixels(landmarks: Sequence[Any], image: ByteArray) -> FloatArray:
    # 0 and 1 are the image's edges, half a pixel outside its first and last pixel centres.
    height, width = image.shape[:2]
    return np.array([(point.x * width - 0.5, point.y * height - 0.5) for point in landmarks], dtype=np.float32)


# Two threads that redirect stderr at once would restore each other's null device.
_STDERR = threading.RLock()


@contextmanager
def _silence() -> Iterator[None]:
    """Hide the log lines of MediaPipe's native libraries and the warnings of its Python code."""
    with _STDERR, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            kept = os.dup(2)
        except OSError:  # The process has no stderr, so there is nothing to hide.
            yield
            return
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
