"""Generated flow maps: three databases that mimic SMIC-HS, SAMM and CASME II, for tests and demonstrations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mer_bench.arrays import MAP_SIDE, FloatArray
from mer_bench.caveats import Caveat
from mer_bench.databases.base import FACE_FLOW, DataSource
from mer_bench.errors import MerBenchError
from mer_bench.samples import SMIC_CODES, Sample, SampleTable
from mer_bench.strain import stack_strain

GENERATOR_VERSION = 1
"""Raised whenever the same seed gives other maps; part of every digest."""

_Grid = NDArray[np.float64]
_Bump = tuple[float, float, float, float, float]

# Samples (negative, positive, surprise) of each subject. `tiny`: all classes in every subject, so that every training
# fold has them all. `small`: the releases' class proportions, subjects of unequal size, some without a class.
_PLANS: Mapping[str, Mapping[str, tuple[tuple[int, int, int], ...]]] = {
    "tiny": {
        "smic": ((2, 2, 1), (1, 1, 1)),
        "samm": ((3, 1, 1), (1, 1, 1)),
        "casme2": ((2, 1, 2), (1, 1, 1)),
    },
    "small": {
        "smic": ((10, 6, 5), (5, 4, 4), (3, 3, 2), (2, 3, 0), (1, 0, 2)),
        "samm": ((12, 3, 2), (8, 2, 2), (5, 2, 0), (3, 1, 1), (2, 0, 0)),
        "casme2": ((11, 4, 3), (8, 3, 3), (5, 2, 1), (3, 0, 2), (1, 1, 0)),
    },
}

# Facial action units as bumps (x, y, u, v, width), in pixels of a 28×28 face whose eyes and lip corners lie where the
# field's template has them. Left half only (smaller x): the right half is its mirror image.
_ACTIONS: Mapping[str, tuple[_Bump, ...]] = {
    "inner and outer brow raiser (AU1+2)": ((11.0, 6.5, 0.0, -1.0, 2.2), (6.5, 6.5, 0.0, -0.8, 2.2)),
    "brow lowerer (AU4)": ((11.5, 6.8, 0.6, 0.9, 2.2), (7.0, 6.5, 0.3, 0.6, 2.0)),
    "cheek raiser (AU6)": ((7.5, 15.0, 0.0, -0.7, 2.6),),
    "nose wrinkler (AU9)": ((13.5, 16.5, 0.0, -0.8, 2.0),),
    "lip corner puller (AU12)": ((10.3, 22.1, -0.8, -0.9, 2.4),),
    "lip corner depressor (AU15)": ((10.3, 22.6, -0.2, 0.9, 2.2),),
    "jaw drop (AU26)": ((13.0, 25.5, 0.0, 0.9, 3.0),),
}

# How often each action joins an expression of the class, and how strong it is then.
_EXPRESSIONS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "negative": {
        "brow lowerer (AU4)": (0.85, 1.0),
        "nose wrinkler (AU9)": (0.35, 0.8),
        "lip corner depressor (AU15)": (0.45, 0.8),
    },
    "positive": {"lip corner puller (AU12)": (0.95, 1.0), "cheek raiser (AU6)": (0.55, 0.8)},
    "surprise": {"inner and outer brow raiser (AU1+2)": (0.92, 1.0), "jaw drop (AU26)": (0.5, 0.9)},
}


@dataclass(frozen=True)
class _Camera:
    """A database's recording: how much of the motion it catches, and its flow noise in pixels."""

    caught: float
    noise: float


# SMIC-HS has 100 frames a second against 200, and no marked apex: less motion is caught, and more noise.
_CAMERAS = {"smic": _Camera(0.75, 0.11), "samm": _Camera(0.9, 0.085), "casme2": _Camera(1.0, 0.075)}

_STRENGTH = 0.35
_AMBIGUOUS = 0.25


class SyntheticMaps(DataSource):
    """SYNTHETIC flow maps: no recordings of people, as every report states.

    Each class moves the face by its own facial actions (positive: lip corners and cheeks; negative: lowered brows,
    nose, lip corners down; surprise: raised brows, dropped jaw), with the subject's style, head motion, flow noise
    and some ambiguous samples, so that the classes can be learned but not perfectly.
    """

    native = FACE_FLOW
    caveats = (Caveat.SYNTHETIC,)

    def read_samples(self) -> SampleTable:
        """Return every sample of the chosen size; the subjects are called ``synthetic01``, ``synthetic02``, ..."""
        return SampleTable(self._samples.values())

    def load(self, sample_id: str) -> FloatArray:
        """Generate one map; it depends only on size, seed and id."""
        sample = self._sample(sample_id)
        style = _Style.draw(self._rng(f"{sample.database}/{sample.subject}"))
        u, v = _motion(self._rng(sample_id), sample.emotion, style, _CAMERAS[sample.database])
        return stack_strain(np.stack((u, v), axis=-1))

    def digest(self, sample_id: str) -> str:
        """Return the SHA-256 over the options, the id and `GENERATOR_VERSION`."""
        return self._hash(self._sample(sample_id).sample_id).hex()

    @cached_property
    def _samples(self) -> dict[str, Sample]:
        return {sample.sample_id: sample for sample in _plan_samples(str(self.options["size"]))}

    def _sample(self, sample_id: str) -> Sample:
        if sample_id not in self._samples:
            size = self.options["size"]
            raise MerBenchError(
                f"synthetic data of size {size} has no sample {sample_id!r}; its ids are in read_samples()"
            )
        return self._samples[sample_id]

    def _rng(self, name: str) -> np.random.Generator:
        return np.random.default_rng(int.from_bytes(self._hash(name), "big"))

    def _hash(self, name: str) -> bytes:
        text = f"synthetic {GENERATOR_VERSION} {self.options['size']} {self.options['seed']} {name}"
        return hashlib.sha256(text.encode()).digest()


def _plan_samples(size: str) -> Iterator[Sample]:
    for database, subjects in _PLANS[size].items():
        for number, counts in enumerate(subjects, start=1):
            subject = f"synthetic{number:02d}"
            for (emotion, code), count in zip(SMIC_CODES.items(), counts, strict=True):
                for take in range(1, count + 1):
                    clip = f"{subject}_{code}_{take:02d}"
                    yield Sample(database, subject, clip, emotion, f"synthetic ({size})")


@dataclass(frozen=True)
class _Style:
    """How one synthetic subject moves: overall strength, left-right imbalance, and position of the face's parts."""

    gain: float
    asymmetry: float
    shift: tuple[float, float]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Style:
        x, y = rng.normal(0.0, 0.7, size=2)
        return cls(
            gain=float(np.exp(rng.normal(0.0, 0.2))), asymmetry=float(rng.normal(0.0, 0.2)), shift=(float(x), float(y))
        )


def _motion(rng: np.random.Generator, emotion: str, style: _Style, camera: _Camera) -> tuple[_Grid, _Grid]:
    """Return (u, v) in pixels: facial actions, head motion and noise."""
    strength = _STRENGTH * style.gain * camera.caught
    u, v = np.zeros((MAP_SIDE, MAP_SIDE)), np.zeros((MAP_SIDE, MAP_SIDE))
    for action, amplitude in _draw_actions(rng, emotion):
        for bump in _ACTIONS[action]:
            du, dv = _both_sides(rng, bump, style)
            u += strength * amplitude * du
            v += strength * amplitude * dv
    head_u, head_v = _head_motion(rng)
    u += head_u + camera.noise * _smooth_noise(rng)
    v += head_v + camera.noise * _smooth_noise(rng)
    # Exponentials differ in the last bit between processors; 1e-5 pixels are negligible.
    return np.round(u, 5), np.round(v, 5)


def _draw_actions(rng: np.random.Generator, emotion: str) -> Iterator[tuple[str, float]]:
    """Yield the actions of one sample with their amplitudes; an ambiguous one is weaker and borrows from a class."""
    ambiguous = rng.random() < _AMBIGUOUS
    other = rng.choice([name for name in SMIC_CODES if name != emotion])
    expressions = ((emotion, 0.6), (str(other), 0.7)) if ambiguous else ((emotion, 1.0),)
    for name, weight in expressions:
        for action, (probability, mean) in _EXPRESSIONS[name].items():
            if rng.random() < probability:
                yield action, weight * mean * float(np.exp(rng.normal(0.0, 0.35)))


def _both_sides(rng: np.random.Generator, bump: _Bump, style: _Style) -> tuple[_Grid, _Grid]:
    x, y, u, v, width = bump
    jitter_x, jitter_y = rng.normal(0.0, 0.4, size=2)
    rows, cols = np.mgrid[0:MAP_SIDE, 0:MAP_SIDE].astype(np.float64)
    du, dv = np.zeros((MAP_SIDE, MAP_SIDE)), np.zeros((MAP_SIDE, MAP_SIDE))
    for side in (-1.0, 1.0):
        # The face's middle is at 15.4, as the template's nose says, not in the middle of the map.
        centre = 15.4 + side * (15.4 - x) + style.shift[0] + jitter_x
        distance = (cols - centre) ** 2 + (rows - y - style.shift[1] - jitter_y) ** 2
        weight = (1.0 + side * style.asymmetry) * np.exp(-distance / (2.0 * width**2))
        du -= side * u * weight
        dv += v * weight
    return du, dv


def _head_motion(rng: np.random.Generator) -> tuple[_Grid, _Grid]:
    """Return the residual of alignment: a small shift and a small rotation about the middle of the face."""
    shift_u, shift_v = rng.normal(0.0, 0.05, size=2)
    angle = rng.normal(0.0, 0.006)
    rows, cols = np.mgrid[0:MAP_SIDE, 0:MAP_SIDE].astype(np.float64)
    return shift_u - angle * (rows - 15.0), shift_v + angle * (cols - 15.4)


def _smooth_noise(rng: np.random.Generator) -> _Grid:
    """Return noise of unit spread that is smooth over about two pixels, as a regularised flow's error is."""
    place = np.arange(MAP_SIDE, dtype=np.float64)
    blur = np.exp(-((place[:, None] - place[None, :]) ** 2) / (2.0 * 1.5**2))
    blur /= np.sqrt((blur**2).sum(axis=1, keepdims=True))
    noise: _Grid = blur @ rng.standard_normal((MAP_SIDE, MAP_SIDE)) @ blur.T
    return noise
