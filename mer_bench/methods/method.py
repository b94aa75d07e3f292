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
        A value for each parameter of the method's spec; while features are extracted, for those that shape them.
    n_classes : int
        The protocol's number of classes; a training side may lack some of them.
    representation : str
        What the inputs are: the spec's representation, or the one that stands in for it.
    """

    def __init__(self, params: Mapping[str, ParameterValue], n_classes: int, representation: str = "") -> None:
        self.params = params
        self.n_classes = n_classes
        self.representation = representation


class Method(MethodBase, ABC):
    """A method that trains itself.

    One whose spec has `features` writes `extract` too, and its ``inputs`` are then what that gives.
    """

    def extract(self, sample: FloatArray) -> FloatArray:
        """Return one sample's features, of the same shape and float for every sample; draws nothing.

        Without features a sample stands for itself: this is not called.

        Parameters
        ----------
        sample : ndarray, float32
            In the method's representation: (28, 28, 3), (size, size, 3) or (length, size, size, 1).
        """
        return sample

    @abstractmethod
    def fit(self, train: LabelledSamples, *, seed: int) -> None:
        """Train; the same samples and seed must give the same method."""

    @abstractmethod
    def predict(self, test: UnlabelledSamples) -> FloatArray:
        """Return finite scores of shape (n, n_classes); the largest of a row is the prediction."""
