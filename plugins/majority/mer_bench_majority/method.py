"""Predict the training set's most frequent class, whatever the input."""

from __future__ import annotations

import numpy as np

from mer_bench import FloatArray, LabelledSamples, Method, UnlabelledSamples


class Majority(Method):
    """The training set's class frequencies, as every sample's scores."""

    def fit(self, train: LabelledSamples, *, seed: int) -> None:
        """Count the classes."""
        self._frequencies = np.bincount(train.labels, minlength=self.n_classes) / len(train)

    def predict(self, test: UnlabelledSamples) -> FloatArray:
        """Return the class frequencies, once for each sample."""
        return np.tile(self._frequencies, (len(test), 1)).astype(np.float32)
