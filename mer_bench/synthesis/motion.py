"""The motion of faces: action units as bumps on landmarks, expressions of a class, and a slight head sway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.synthesis.faces import Face
from mer_bench.synthesis.warping import Bump, displacement, grid

# Each action unit as (landmark, u, v, width), the width in eye distances and u towards the face's outside, so that
# the same line serves both sides; a landmark without a side stands in the middle and takes u as it is.
_ACTIONS: Mapping[int, tuple[tuple[str, float, float, float], ...]] = {
    1: (("inner brow", 0.0, -1.0, 0.19),),
    2: (("outer brow", 0.0, -0.9, 0.20), ("brow", 0.0, -0.4, 0.17)),
    4: (("inner brow", -0.45, 0.9, 0.20), ("brow", -0.2, 0.45, 0.20)),
    6: (("cheek", 0.1, -0.85, 0.24), ("lower lid", 0.0, -0.3, 0.13)),
    7: (("lower lid", 0.0, -0.5, 0.12), ("upper lid", 0.0, 0.6, 0.12)),
    9: (("nose", 0.1, -0.9, 0.17),),
    12: (("lip corner", 0.75, -0.75, 0.23),),
    14: (("lip corner", 0.8, 0.1, 0.15),),
    15: (("lip corner", 0.1, 0.95, 0.20),),
    26: (("lower lip", 0.0, 1.0, 0.32),),
}

# How often each action unit joins an expression of the class, and how strong it is then.
_EXPRESSIONS: Mapping[str, Mapping[int, tuple[float, float]]] = {
    "negative": {4: (0.85, 1.0), 9: (0.4, 0.8), 15: (0.45, 0.8)},
    "positive": {12: (1.0, 1.0), 6: (0.75, 0.8)},
    "surprise": {1: (1.0, 1.0), 2: (1.0, 1.0), 26: (0.6, 0.9)},
}
_LEADING = {"negative": 4, "positive": 12, "surprise": 1}
_AMBIGUOUS = 0.25
_FIDGETS = 0.3
# Of a clip, in pixels: between 1 and 3 after any rounding, too.
_WEAKEST, _STRONGEST = 1.05, 2.95


@dataclass(frozen=True)
class Style:
    """How one person moves: overall strength, and how much more the right side does than the left."""

    gain: float
    asymmetry: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Style:
        return cls(float(np.exp(rng.normal(0.0, 0.2))), float(np.clip(rng.normal(0.0, 0.15), -0.4, 0.4)))


@dataclass(frozen=True)
class Expression:
    """One expression at its strongest, or where it is measured.

    Parameters
    ----------
    units : tuple of int
        The action units that an annotator writes down.
    side : str
        ``L`` or ``R`` if only one side of the image moves, else empty.
    pushes : tuple of (int, float)
        Every action unit that moves, with its relative strength; an ambiguous expression borrows unannotated ones.
    peak : float
        The largest displacement in the key frame, the head's sway included, in pixels.
    """

    units: tuple[int, ...]
    side: str
    pushes: tuple[tuple[int, float], ...]
    peak: float


def draw_expression(rng: np.random.Generator, kind: str, style: Style) -> Expression:
    """Draw an expression of a kind: ``negative``, ``positive``, ``surprise`` or ``other``.

    A quarter of the three classes' expressions are weak and mixed with another class's leading action unit, and some
    come with a twitch of no class: the classes can be separated, but not perfectly.
    """
    if kind == "other":
        unit = int(rng.choice([7, 14]))
        return Expression((unit,), str(rng.choice(["L", "R"])) if unit == 14 else "", ((unit, 1.0),), _WEAKEST)
    pushes = {}
    for unit, (probability, mean) in _EXPRESSIONS[kind].items():
        if rng.random() < probability:
            pushes[unit] = mean * float(np.exp(rng.normal(0.0, 0.25)))
    pushes = pushes or {_LEADING[kind]: 1.0}
    units = tuple(sorted(pushes))
    peak = float(np.clip(2.0 * style.gain * np.exp(rng.normal(0.0, 0.25)), _WEAKEST, _STRONGEST))
    if rng.random() < _AMBIGUOUS:
        peak = _WEAKEST
        intruder = _LEADING[str(rng.choice([name for name in _LEADING if name != kind]))]
        pushes[intruder] = float(rng.uniform(0.7, 1.8))
    if rng.random() < _FIDGETS:
        pushes.setdefault(int(rng.choice([7, 14])), float(rng.uniform(0.3, 0.9)))
    return Expression(units, "", tuple(pushes.items()), peak)


def expression_field(face: Face, expression: Expression, style: Style) -> FloatArray:
    """Return the forward displacement (u, v) of the expression, up to a factor: (height, width, 2), float32."""
    bumps: list[Bump] = []
    for unit, strength in expression.pushes:
        bumps += _bumps(face, unit, strength, expression.side, style)
    height, width = face.image.shape[:2]
    return displacement(grid(height, width), bumps)


def scaled_to_peak(field: FloatArray, sway: FloatArray, peak: float) -> FloatArray:
    """Return ``field`` times the factor by which the longest vector of ``factor * field + sway`` is ``peak`` long.

    ``sway`` must be shorter than ``peak`` everywhere. Each pixel reaches that length at the positive root of a
    quadratic equation; the smallest root counts.
    """
    squared = (field**2).sum(axis=-1)
    moving = squared > 1e-6 * squared.max()
    squared = squared[moving]
    along = (field * sway).sum(axis=-1)[moving]
    headroom = peak**2 - (sway**2).sum(axis=-1)[moving]
    factor = ((np.sqrt(along**2 + squared * headroom) - along) / squared).min()
    return np.asarray(field * np.float32(factor), dtype=np.float32)


def intensity(frame: int, onset: int, apex: int, offset: int, rest: float) -> float:
    """Return the share of the apex's expression that is seen at a frame.

    It is 0 up to the onset, 1 at the apex, ``rest`` from the offset on; rise and fall are raised cosines.
    """
    if frame <= onset:
        return 0.0
    if frame <= apex:
        return float(0.5 - 0.5 * np.cos(np.pi * (frame - onset) / (apex - onset)))
    if frame >= offset:
        return rest
    return float(rest + (1.0 - rest) * (0.5 + 0.5 * np.cos(np.pi * (frame - apex) / (offset - apex))))


class HeadSway:
    """A slow, small movement of the whole head: below half a pixel anywhere in the frame."""

    def __init__(self, rng: np.random.Generator, height: int, width: int) -> None:
        self._phases = rng.uniform(0.0, 2.0 * np.pi, (3, 2))
        self._rates = rng.uniform(0.15, 0.6, (3, 2))
        # A sum of two sines differs by at most twice its amplitude from its value at the onset.
        half_diagonal = float(np.hypot(height, width)) / 2.0
        self._sizes = np.array([0.09, 0.09, 0.08 / half_diagonal])
        self._middle = np.array([width / 2.0, height / 2.0], dtype=np.float32)
        self._away = grid(height, width) - self._middle

    def field(self, steps: int) -> FloatArray:
        """Return the forward displacement (u, v) since the onset, ``steps`` frames ago: (height, width, 2), float32."""
        u, v, angle = self._sizes * (self._wave(steps) - self._wave(0))
        cosine, sine = np.cos(angle), np.sin(angle)
        turn = np.array([[cosine - 1.0, sine], [-sine, cosine - 1.0]], dtype=np.float32)
        return np.asarray(self._away @ turn + np.array([u, v], dtype=np.float32), dtype=np.float32)

    def _wave(self, steps: int) -> FloatArray:
        return np.asarray(np.sin(self._rates * steps + self._phases).mean(axis=1), dtype=np.float32)


def _bumps(face: Face, unit: int, strength: float, side: str, style: Style) -> list[Bump]:
    bumps = []
    for landmark, u, v, width in _ACTIONS[unit]:
        spread = width * face.eye_distance
        if landmark in face.points:
            bumps.append(Bump(face.points[landmark], (strength * u, strength * v), spread))
            continue
        for name, outward in (("left", -1.0), ("right", 1.0)):
            if side and not name.upper().startswith(side):
                continue
            share = strength * (1.0 + outward * style.asymmetry)
            bumps.append(Bump(face.points[f"{name} {landmark}"], (outward * share * u, share * v), spread))
    return bumps
