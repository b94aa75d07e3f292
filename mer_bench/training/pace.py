"""How fast a training is, and when it is time to say so."""

from __future__ import annotations

import time
from collections.abc import Callable

_TELL_SECONDS = 1.0


class Pace:
    """Counts steps and samples since a first step, which takes longer than others.

    Parameters
    ----------
    steps : int
        Of the whole training.
    done : int
        Of these, before an interruption.
    synchronise : callable
        Waits until the device has done what it was given.
    """

    def __init__(self, steps: int, done: int, synchronise: Callable[[], None]) -> None:
        self._left = steps - done
        self._synchronise = synchronise
        self._started: float | None = None
        self._told = time.monotonic()
        self._samples = 0
        self._steps = 0

    def count(self, samples: int) -> None:
        """Count a step of so many samples."""
        self._steps += 1
        self._left -= 1
        if self._steps == 1:
            self._synchronise()
            self._started = time.monotonic()
        else:
            self._samples += samples
        if self._steps == 2:
            self._synchronise()

    def take_turn(self) -> bool:
        """Return whether to say now how far the training is; then it is not time again before a while has passed."""
        now = time.monotonic()
        if self._steps < 2 or (self._steps > 2 and now - self._told < _TELL_SECONDS):
            return False
        self._told = now
        return True

    @property
    def samples_per_second(self) -> float:
        """Of all folds, copies included."""
        return self._samples / self._elapsed

    @property
    def seconds_left(self) -> float:
        """If no fold stops early."""
        return self._elapsed / (self._steps - 1) * self._left

    @property
    def _elapsed(self) -> float:
        return max(time.monotonic() - (self._started or 0.0), 1e-9)
