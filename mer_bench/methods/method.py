"""The contract of a method: train on labelled samples, score unlabelled ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from mer_bench.arrays import FloatArray, IntArray, StringArray
from mer_bench.specs import ParameterValue


@dataclass(frozen=True)
class LabelledSamples:
    """A fold's training side.

    Parameters
    ----------
    inputs : ndarray of shape (n, ...), float32
        The samples in the method's representation.
    labels : ndarray of shape (n,), int64
        Label ``c`` is the protocol's class number ``c``.
    subjects : ndarray of shape (n,), str
        Namespaced subjects (``smic/s1``), for splits inside the training side.
    """

    inputs: FloatArray
    labels: IntArray
    subjects: StringArray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class UnlabelledSamples:
    """A fold's test side, as a method sees it: inputs and nothing else.

    No labels, and no sample ids either: SMIC's clip names (``s1_ne_01``) spell the class.

    Parameters
    ----------
    inputs : ndarray of shape (n, ...), float32
        The samples in the method's representation.
    """

    inputs: FloatArray

    def __len__(self) -> int:
        return len(self.inputs)


class MethodBase:
    """What every method is made from; one instance serves one fold.

    Parameters
    ----------
    params : mapping
        A value for each parameter of the method's spec.
    n_classes : int
        The protocol's number of classes; a training side may lack some of them.
    """

    def __init__(self, params: Mapping[str, ParameterValue], n_classes: int) -> None:
        self.params = params
        self.n_classes = n_classes


class Method(MethodBase, ABC):
    """A method that trains itself."""

    @abstractmethod
    def fit(self, train: LabelledSamples, *, seed: int) -> None:
        """Train; the same samples and seed must give the same method."""

    @abstractmethod
    def predict(self, test: UnlabelledSamples) -> FloatArray:
        """Return finite scores of shape (n, n_classes); the largest of a row is the prediction."""
