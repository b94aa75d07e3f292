"""scikit-learn's SVC, with C and gamma chosen on held-out subjects of the training set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.svm import SVC

from mer_bench import FloatArray, IntArray

_DoubleArray = NDArray[np.float64]

COST_FACTORS = (0.01, 0.1, 1.0, 10.0, 100.0)
GAMMA_FACTORS = (0.1, 1.0, 10.0)


@dataclass
class NestedSVC:
    """An SVC that chooses C and gamma by cross-validation over the subjects of its training set.

    Each part of the subjects is held out once. The pair with the best UF1 on the pooled predictions counts; of equals,
    the one with the smaller C, then the smaller gamma. Where a part leaves one class to train on, that class is its
    prediction. With a single subject, C and gamma stay as given.

    Parameters
    ----------
    kernel : {"rbf", "linear"}
    class_weight : {"balanced", None}
    cost : float
        C; if it is chosen, the middle of the grid, ``cost × COST_FACTORS``.
    gamma : float
        In units of scikit-learn's ``scale``, 1 / (number of values × their variance) of the training set; if it is
        chosen, the middle of the grid, ``gamma × GAMMA_FACTORS``.
    splits : int
        The number of parts; 1 to choose nothing.
    """

    kernel: str
    class_weight: str | None
    cost: float
    gamma: float
    splits: int

    def fit(self, inputs: FloatArray, labels: IntArray, groups: Any) -> NestedSVC:
        """Choose C and gamma, then fit on all samples.

        Parameters
        ----------
        inputs : ndarray of shape (n, values), float32
        labels : ndarray of shape (n,), int64
            Of at least two classes.
        groups : ndarray of shape (n,), str
            Each sample's subject.
        """
        values = inputs.astype(np.float64)
        variance = values.var()
        self.scale = 1 / (values.shape[1] * variance) if variance else 1.0
        parts = subject_parts(groups, self.splits)
        searching = parts.max() > 0
        self.chosen = self._search(values, labels, parts) if searching else (self.cost, self.gamma)
        cost, gamma = self.chosen
        self._svc = self._make(cost, self.kernel, gamma * self.scale).fit(inputs, labels)
        return self

    def predict(self, inputs: FloatArray) -> IntArray:
        """Return the predicted class of each sample."""
        predicted: IntArray = self._svc.predict(inputs)
        return predicted

    def decision_function(self, inputs: FloatArray) -> FloatArray:
        """Return the decision values, as those of scikit-learn's SVC."""
        values: FloatArray = self._svc.decision_function(inputs)
        return values

    def _search(self, values: _DoubleArray, labels: IntArray, parts: IntArray) -> tuple[float, float]:
        """Return the C and the gamma (in units of the scale) with the best UF1 on held-out subjects."""
        # Computed once: distances cost far more than the SVMs, which all take their kernel from them.
        rbf = self.kernel == "rbf"
        pairs = euclidean_distances(values, squared=True) if rbf else values @ values.T
        scores = {}
        for factor, of_cost in product(GAMMA_FACTORS if rbf else (1.0,), COST_FACTORS):
            gamma, cost = self.gamma * factor, self.cost * of_cost
            kernel = np.exp(-gamma * self.scale * pairs) if rbf else pairs
            predicted = self._held_out(kernel, labels, parts, cost)
            scores[cost, gamma] = float(f1_score(labels, predicted, average="macro"))
        return best_pair(scores)

    def _held_out(self, kernel: _DoubleArray, labels: IntArray, parts: IntArray, cost: float) -> IntArray:
        """Return each sample's prediction by the SVC of the other parts' subjects."""
        predicted = np.empty_like(labels)
        for part in range(parts.max() + 1):
            test, train = parts == part, parts != part
            known = labels[train]
            if len(np.unique(known)) == 1:
                predicted[test] = known[0]
            else:
                svc = self._make(cost, "precomputed", 1.0).fit(kernel[np.ix_(train, train)], known)
                predicted[test] = svc.predict(kernel[np.ix_(test, train)])
        return predicted

    def _make(self, cost: float, kernel: str, gamma: float) -> Any:
        return SVC(C=cost, kernel=kernel, gamma=gamma, class_weight=self.class_weight)


def best_pair(scores: Mapping[tuple[float, float], float]) -> tuple[float, float]:
    """Return the pair of C and gamma with the best score; of equals, the smaller C, then the smaller gamma."""
    # Rounded: equal scores may differ in their last bit, by the order of the sum over classes.
    return min(scores, key=lambda pair: (-round(scores[pair], 12), *pair))


def subject_parts(groups: Any, splits: int) -> IntArray:
    """Return each sample's part: subjects, the largest first, each go to the part with the fewest samples so far.

    This is the rule of scikit-learn's GroupKFold, whose order of equally large subjects depends on the processor before
    version 1.9; here it is that of their names, backwards. There are no more parts than subjects.
    """
    subjects, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    totals = [0] * splits
    part_of = np.zeros(len(subjects), dtype=np.int64)
    for subject in sorted(range(len(subjects)), key=lambda subject: (counts[subject], subject), reverse=True):
        part_of[subject] = totals.index(min(totals))
        totals[part_of[subject]] += counts[subject]
    parts: IntArray = part_of[place]
    return parts
