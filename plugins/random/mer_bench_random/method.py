"""Guess each sample's class with the training set's class frequencies."""

from __future__ import annotations

import hashlib

import numpy as np

from mer_bench import FloatArray, LabelledSamples, Method, UnlabelledSamples


class RandomGuess(Method):
    """One draw per sample, from a hash of the seed and of the sample's own values.

    A generator that is drawn from sample after sample would give other guesses for another order of the test set.
    """

    def fit(self, train: LabelledSamples, *, seed: int) -> None:
        """Count the classes."""
        self._seed = seed
        self._up_to = np.bincount(train.labels, minlength=self.n_classes).cumsum()

    def predict(self, test: UnlabelledSamples) -> FloatArray:
        """Return 1 for the class that is guessed, 0 for the others; equal samples get equal guesses."""
        guesses = [self._guess(sample) for sample in test.inputs]
        return np.eye(self.n_classes, dtype=np.float32)[guesses]

    def _guess(self, sample: FloatArray) -> int:
        content = np.ascontiguousarray(sample, dtype="<f4").tobytes()
        drawn = int.from_bytes(hashlib.sha256(f"{self._seed}\n".encode() + content).digest(), "big")
        # The class of one training sample, picked by chance: a class that the training set lacks is never picked.
        return int(np.searchsorted(self._up_to, drawn % int(self._up_to[-1]), side="right"))
