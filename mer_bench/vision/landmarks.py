"""Faces in images: where one is, and the five points on it that alignment and the key regions use."""

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
from mer_bench.errors import MerBenchError

DETECTORS = ("dlib", "mediapipe")
"""Every detector, in the order in which they are tried."""
MODEL_VARIABLE = "MER_BENCH_FACE_LANDMARKER"
"""The environment variable with the model file that MediaPipe needs from 0.10.30 on."""

Finder = Callable[[ByteArray], "FloatArray | None"]


def detect_face(image: ByteArray, detectors: Sequence[str] = DETECTORS) -> Face | None:
    """Find the landmarks of the face in an image.

    The detectors are tried in the order given, and the first that finds a face answers. dlib takes the largest of
    several faces, leaving out those less than half as certain as the surest; MediaPipe takes the most certain one. It
    misses faces narrower than about an eighth of the image; dlib misses those tilted by more than about 30 degrees.

    A detector that is not installed is an error and not passed over: which one aligns a clip must not depend on the
    machine.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3) or (height, width), uint8
        RGB or grey.
    detectors : sequence of str
        Names out of `DETECTORS`.

    Returns
    -------
    Face or None
        None where no detector finds a face.

    Raises
    ------
    MerBenchError
        A detector's package or model file is missing.

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
    """Return the version of a detector that has been used, with a hash of its model where the user brought that.

    Another version may find other points in the same image.
    """
    library = importlib.import_module(detector)
    version = str(getattr(library, "__version__", "unknown"))
    if detector == "mediapipe" and not hasattr(library, "solutions"):
        model = Path(os.environ.get(MODEL_VARIABLE, "")).read_bytes()
        return f"{version} with model {hashlib.sha256(model).hexdigest()[:8]}"
    return version


@dataclass(frozen=True)
class Face:
    """The landmarks of one face.

    Parameters
    ----------
    detector : str
        The one out of `DETECTORS` that found it.
    points : ndarray of shape (68, 2) for dlib and (468, 2) or (478, 2) for mediapipe, float32
        (x, y) in pixels of the image, 0 at the centre of the first pixel; a point may lie outside the image.
    """

    detector: str
    points: FloatArray

    @property
    def key_points(self) -> FloatArray:
        """The five points of `mer_bench.vision.regions.REGIONS`: (x, y) in pixels, shape (5, 2), float32.

        Eye centres, nose tip, lip corners. Left is the image's left on an upright face (the person's own right); on
        a face that is upside down the names stay with the face, so that alignment turns it upright.
        """
        groups = _KEY_POINTS[self.detector]
        centres = [self.points[list(group)].mean(axis=0) for group in groups]
        return np.array(centres, dtype=np.float32)


_KEY_POINTS: Mapping[str, tuple[tuple[int, ...], ...]] = MappingProxyType(
    {
        "dlib": ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47), (30,), (48,), (54,)),
        # Eyes by their corners, which blinking does not move. Of the mesh's points on the nose ridge, 4 is the one
        # that sticks out farthest, and the one that dlib's 30 lies on; 1 is between it and the lip.
        "mediapipe": ((33, 133), (362, 263), (4,), (61,), (291,)),
    }
)
"""What each of the five points is the mean of."""

_BOX_SIDE = 640
"""dlib looks for the box on an image of at most this longer side: its time grows with the area."""

_MARGIN = 0.25
"""The border, as a share of the longer side, that is added for a face that fills its image."""


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
    # A face below 80 pixels is not found: the second look is at the full size, or at twice a small one.
    for scale in (first, 1.0 if first < 1.0 else 2.0):
        interpolation = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
        seen = image if scale == 1.0 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=interpolation)
        boxes, scores, _ = detector.run(seen, 0)
        if boxes:
            # Folds of clothes score a little above nothing, and may be larger than the face.
            sure = [box for box, score in zip(boxes, scores, strict=True) if score >= max(scores) / 2]
            largest = max(sure, key=lambda box: box.area())
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
    # Found, never imported: the package's own code needs pkg_resources, which setuptools no longer has.
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
    process, find = _mediapipe_finder()
    if process != os.getpid():
        raise MerBenchError(
            f"MediaPipe was started in process {process} and hangs in its fork {os.getpid()}; "
            "start worker processes by the method 'spawn'"
        )
    with _silence():
        points = find(rgb)
        if points is None:
            # Its detector expects some background around the face, which a crop to the face has lost.
            margin = round(_MARGIN * max(rgb.shape))
            bordered = cv2.copyMakeBorder(rgb, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
            points = find(np.asarray(bordered, dtype=np.uint8))
            points = None if points is None else points - np.float32(margin)
    return points


@functools.cache
def _mediapipe_finder() -> tuple[int, Finder]:
    """Return what finds faces, and the process that it runs in: its threads do not come along into a fork."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _silence():
        try:
            import mediapipe
        except ImportError as error:
            raise MerBenchError(
                f"the face detector mediapipe cannot be imported ({error}): pip install mediapipe==0.10.21, "
                "or choose the detector dlib"
            ) from error
        # Gone from 0.10.30 on, and with it the models in the package.
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
        stated = f"it names {str(file)!r}, which is no file" if os.environ.get(MODEL_VARIABLE) else "it is not set"
        raise MerBenchError(
            f"mediapipe {getattr(mediapipe, '__version__', '')} comes without its face model: set {MODEL_VARIABLE} to "
            f"the file face_landmarker.task from https://ai.google.dev/edge/mediapipe/solutions/vision/face_landmarker "
            f"({stated}), or pip install mediapipe==0.10.21, which has the model inside"
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
            f"mediapipe cannot use the face model {file} ({error}); fetch face_landmarker.task again"
        ) from error

    def find(image: ByteArray) -> FloatArray | None:
        faces = landmarker.detect(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image)).face_landmarks
        return _pixels(faces[0], image) if faces else None

    return find


def _pixels(landmarks: Sequence[Any], image: ByteArray) -> FloatArray:
    # 0 and 1 are the image's edges, half a pixel outside the centres of its first and last pixels.
    height, width = image.shape[:2]
    return np.array([(point.x * width - 0.5, point.y * height - 0.5) for point in landmarks], dtype=np.float32)


# Two threads that put stderr aside at once would put each other's null device back.
_STDERR = threading.RLock()


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what MediaPipe's native libraries log, and what its Python code warns of, off the terminal."""
    with _STDERR, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            kept = os.dup(2)
        except OSError:  # The process runs without a stderr, and so nothing shows.
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
