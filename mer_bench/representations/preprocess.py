"""Preprocess one sample, from frames to cached arrays: face, alignment, flow, key regions, interpolated frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.cache import Cache, CacheError, Entry, content_digest
from mer_bench.databases.images import read_image
from mer_bench.errors import MerBenchError, Notice
from mer_bench.parameters import ParameterValue
from mer_bench.representations.task import ARRAY, NO_FACE, Preprocessed, PreprocessTask
from mer_bench.strain import stack_strain
from mer_bench.threads import one_thread
from mer_bench.vision.alignment import (
    CROP_LANDMARKS,
    align,
    aligning_transform,
    match_brightness,
    transform_points,
    whole_frame_transform,
)
from mer_bench.vision.choices import FLOW_PARAMETERS
from mer_bench.vision.landmarks import detect_face, detector_version
from mer_bench.vision.optical_flow import FLOW_MARGIN, optical_flow, shrink_map
from mer_bench.vision.regions import recombine_regions
from mer_bench.vision.scaling import scale_map
from mer_bench.vision.sequence import interpolate_frames


def preprocess_sample(task: PreprocessTask) -> Preprocessed:
    """Compute and cache one sample's representation; steps that the cache holds are not computed again.

    Uses one thread: samples are processed in parallel instead.
    """
    notices: list[str] = []
    steps = _Steps(task, notices.append)
    failure, facts = "", {}
    try:
        with one_thread():
            facts = dict(steps.entry(task.recipe.representation).facts)
    except CacheError:
        raise
    except MerBenchError as error:
        failure = str(error)
    return Preprocessed(task.clip.sample_id, failure, facts, steps.seconds, tuple(notices))


class _Steps:
    """The steps of one sample; frames and transform are read and computed once, when a step needs them."""

    def __init__(self, task: PreprocessTask, notice: Notice) -> None:
        self.task = task
        self.params: Mapping[str, ParameterValue] = task.recipe.params
        self.cache = Cache(task.cache, notice)
        self.size = int(str(self.params["size"]))
        self.seconds: dict[str, float] = {}

    def entry(self, name: str) -> Entry:
        """Return a step's entry, from the cache if it holds an acceptable one."""
        key = self.task.recipe.key(name, self.task.sample_digest)
        entry = self.cache.read(name, key)
        if entry is None or not self.task.accepts(entry):
            entry = self._compute[name]()
            self._check_unchanged()
            self.cache.write(name, key, entry)
        return entry

    def _check_unchanged(self) -> None:
        """Refuse frames that changed since they were hashed: their arrays would be cached under a wrong key."""
        if content_digest(self.task.clip.frames) != self.task.content:
            raise MerBenchError(
                f"{self.task.clip.sample_id}: its frames changed while they were read, so nothing of it was stored; "
                "run the same command again"
            )

    @property
    def _compute(self) -> Mapping[str, Callable[[], Entry]]:
        return {
            "face": self._face,
            "flow": self._flow,
            "regions": self._regions,
            "frames": self._frames,
            "face-flow": self._face_flow,
            "region-flow": self._region_flow,
        }

    def _face(self) -> Entry:
        """Find the key points on the onset frame: an array without rows if no face is found."""
        with self._timed("face"):
            detected = self._detect(self._onset, "align_by")
        points, by = detected or (np.empty((0, 2), dtype=np.float32), NO_FACE)
        return Entry({ARRAY: points}, {"aligned_by": by})

    def _flow(self) -> Entry:
        onset, apex = self._aligned(self._onset, FLOW_MARGIN), self._aligned(self._apex, FLOW_MARGIN)
        if self.params["brightness"] == "match":
            apex = match_brightness(apex, onset)
        with self._timed("flow"):
            algorithm = str(self.params["flow"])
            settings = {parameter.name: self.params[parameter.name] for parameter in FLOW_PARAMETERS[algorithm]}
            flow = stack_strain(optical_flow(onset, apex, algorithm, settings))
        inside = slice(FLOW_MARGIN, FLOW_MARGIN + self.size)
        return Entry({ARRAY: np.ascontiguousarray(flow[inside, inside])}, self._face_entry.facts)

    def _regions(self) -> Entry:
        """Find the key points on the apex frame; else take those of the onset frame, else `CROP_LANDMARKS`."""
        onset_points = self._face_entry.arrays[ARRAY]
        with self._timed("regions"):
            detected = self._detect(self._apex, "regions_by") if len(onset_points) else None
        if detected is not None:
            points, by = transform_points(detected[0], self._transform), detected[1]
        elif len(onset_points):
            points, by = transform_points(onset_points, self._transform), "onset"
        else:
            points, by = np.asarray(CROP_LANDMARKS * self.size - 0.5, dtype=np.float32), NO_FACE
        return Entry({ARRAY: points}, {**self._face_entry.facts, "regions_by": by})

    def _frames(self) -> Entry:
        clip = self.task.clip
        aligned = np.stack([self._aligned(self._read(path)) for path in clip.frames])
        with self._timed("interpolate"):
            length, method = self.params["length"], self.params["interpolation"]
            frames = interpolate_frames(aligned, int(str(length)), str(method))
        # Interpolation in time can leave the range of grey levels.
        return Entry({ARRAY: np.clip(frames, 0.0, 255.0)[..., np.newaxis]}, self._face_entry.facts)

    def _face_flow(self) -> Entry:
        flow = self.entry("flow")
        return Entry({ARRAY: shrink_map(self._scaled(flow), self.task.recipe.side)}, flow.facts)

    def _region_flow(self) -> Entry:
        flow, regions = self.entry("flow"), self.entry("regions")
        layout, side = str(self.params["layout"]), self.task.recipe.side
        recombined = recombine_regions(self._scaled(flow), regions.arrays[ARRAY], layout, side)
        return Entry({ARRAY: recombined}, regions.facts)

    def _scaled(self, flow: Entry) -> FloatArray | ByteArray:
        return scale_map(flow.arrays[ARRAY], str(self.params["scale"]))

    @cached_property
    def _onset(self) -> ByteArray:
        return self._read(self.task.clip.frames[0])

    @cached_property
    def _apex(self) -> ByteArray:
        return self._read(self.task.clip.frames[self.task.clip.apex])

    @cached_property
    def _face_entry(self) -> Entry:
        return self.entry("face")

    @cached_property
    def _transform(self) -> FloatArray:
        points = self._face_entry.arrays[ARRAY]
        if len(points):
            return aligning_transform(points, self.size)
        if self.params["no_face"] == "refuse":
            clip = self.task.clip
            raise MerBenchError(
                f"{clip.sample_id}: no face is found in the onset frame {_short(clip.frames[0])} by "
                f"{self.params['align_by']}; check it, or keep such samples with --preprocess no_face=whole-frame"
            )
        return whole_frame_transform(self._onset.shape, self.size)

    def _detect(self, image: ByteArray, setting: str) -> tuple[FloatArray, str] | None:
        """Return a face's key points, and the detector with its version: another version may find other points."""
        face = detect_face(image, str(self.params[setting]).split(","))
        return (face.key_points, f"{face.detector} {detector_version(face.detector)}") if face else None

    def _aligned(self, image: ByteArray, margin: int = 0) -> ByteArray:
        transform = self._transform
        with self._timed("align"):
            return align(image, transform, self.size, margin)

    def _read(self, path: Path) -> ByteArray:
        with self._timed("read"):
            image = read_image(path)
        if path != self.task.clip.frames[0] and image.shape != self._onset.shape:
            (height, width), (rows, columns) = image.shape[:2], self._onset.shape[:2]
            raise MerBenchError(
                f"{self.task.clip.sample_id}: {_short(path)} has {width}×{height} pixels and the onset frame "
                f"{columns}×{rows}; all frames of a clip must have the same size: restore them from the release"
            )
        return image

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def _short(path: Path) -> str:
    """Return the last three parts of a frame's path, which do not reveal where a user keeps the data."""
    return "/".join(path.parts[-3:])
