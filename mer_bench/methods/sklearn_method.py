"""Methods that are a scikit-learn estimator."""

from __future__ import annotations

from abc import abstractmethod
from inspect import Parameter, signature
from typing import Any

import numpy as np

from mer_bench.arrays import FloatArray, IntArray
from mer_bench.methods.method import LabelledSamples, Method, UnlabelledSamples

_SEARCH = ("estimator", "cv", "scoring", "refit", "error_score")
"""The settings by which a scikit-learn search is known, of whatever package: their base class has no public name."""


class SklearnMethod(Method):
    """A scikit-learn estimator on flattened inputs.

    Put everything that is fitted (a scaler, a projection) into the estimator's pipeline, so that it sees the fold's
    training set only.

    An estimator that chooses its settings must choose them on other subjects than it trains on. A scikit-learn search
    (``GridSearchCV``, ``RandomizedSearchCV``, ``HalvingGridSearchCV``) therefore gets ``groups=train.subjects``, which
    a splitter such as ``StratifiedGroupKFold`` uses; so does any other estimator whose ``fit`` has an argument
    ``groups``. Put the pipeline into the search: a pipeline does not pass groups on to a search inside it.
    """

    @abstractmethod
    def build_estimator(self, n_classes: int, seed: int) -> Any:
        """Return an unfitted scikit-learn classifier."""

    def fit(self, train: LabelledSamples, *, seed: int) -> None:
        """Fit the estimator, unless the training set has one class only."""
        self._classes: IntArray = np.unique(train.labels)
        self._estimator: Any = None
        if len(self._classes) > 1:
            estimator = self.build_estimator(self.n_classes, seed)
            groups = {"groups": train.subjects} if _takes_groups(estimator) else {}
            self._estimator = estimator.fit(_flat(train.inputs), train.labels, **groups)

    def predict(self, test: UnlabelledSamples) -> FloatArray:
        """Return probabilities if the estimator has them, else decision values, else votes (1 for the predicted class).

        The estimator's own ``predict`` decides: a sample whose scores disagree with it (ties, Platt scaling) gets
        votes, and so do all samples if there is not one value for each class (one-vs-one). A class that is absent from
        the training set scores below all others.
        """
        if self._estimator is None:
            return self._votes(np.full(len(test), self._classes[0]))
        inputs = _flat(test.inputs)
        predicted = np.asarray(self._estimator.predict(inputs))
        votes = self._votes(predicted)
        known = self._class_scores(inputs)
        if known is None or known.shape != (len(test), len(self._classes)):
            return votes
        scores = np.repeat(known.min(axis=1, keepdims=True) - 1, self.n_classes, axis=1)
        scores[:, self._classes] = known
        agrees = scores.argmax(axis=1) == predicted
        return np.where(agrees[:, None], scores, votes).astype(np.float32)

    def _class_scores(self, inputs: FloatArray) -> FloatArray | None:
        if hasattr(self._estimator, "predict_proba"):
            return np.asarray(self._estimator.predict_proba(inputs), dtype=np.float32)
        if hasattr(self._estimator, "decision_function"):
            values = np.asarray(self._estimator.decision_function(inputs), dtype=np.float32)
            return np.stack([-values, values], axis=1) if values.ndim == 1 else values
        return None

    def _votes(self, predicted: IntArray) -> FloatArray:
        return np.eye(self.n_classes, dtype=np.float32)[predicted]


def _takes_groups(estimator: Any) -> bool:
    parameters = signature(estimator.fit).parameters
    # A search's ``fit`` names no argument ``groups``, but hands it to the splitter; a pipeline's would refuse it.
    others = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values())
    return "groups" in parameters or (others and all(hasattr(estimator, name) for name in _SEARCH))


def _flat(inputs: FloatArray) -> FloatArray:
    return inputs.reshape(len(inputs), -1)
