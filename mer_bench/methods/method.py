"""The contract of a method: train on labelled samples, score unlabelled ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mer_bench.arrays import FloatArray, IntArray, StringArray
from mer_bench.methods.setting import MethodSetting
from mer_bench.parameters import ParameterValue


@dataclass(frozen=True)
class LabelledSamples:
    """A fold's training set.

    Parameters
    ----------
    inputs : ndarray of shape (n, ...), float32
        The samples in the method's representation.
    labels : ndarray of shape (n,), int64
        Label ``c`` is the protocol's class number ``c``.
    subjects : ndarray of shape (n,), str
        Namespaced subjects (``smic/s1``), for splits inside the training set.
    """

    inputs: FloatArray
    labels: IntArray
    subjects: StringArray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class UnlabelledSamples:
    """A fold's test set, as a method sees it: inputs and nothing else.

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
    """The base of every method; each fold has an instance of its own.

    Parameters
    ----------
    setting : MethodSetting
        ``self.params`` has a value for each parameter of the spec (in `extract`, only for those that features depend
        on). ``self.n_classes`` is the protocol's number of classes; a training set may lack some.
        ``self.representation`` is what the inputs are: the spec's representation, or the one that approximates it.
        ``self.input_kind`` also says how maps are scaled, and how regions tile them.

    Attributes
    ----------
    device : str
        The torch device to compute on, known after the constructor: ``cpu``, or for a spec with ``uses_gpu`` and for
        networks the run's, such as ``cuda``.
    """

    device: str = "cpu"

    def __init__(self, setting: MethodSetting) -> None:
        self.spec = setting.spec
        self.params = setting.params
        self.n_classes = setting.n_classes
        self.representation = setting.representation
        self.input_kind = setting.input_kind


@dataclass(frozen=True)
class ParameterView(Mapping[str, Any]):
    """Some of a method's parameters, to be passed on: ``Network(**view)``."""

    params: Mapping[str, ParameterValue]
    names: tuple[str, ...]

    def __getitem__(self, name: str) -> Any:
        if name not in self.names:
            raise KeyError(name)
        return self.params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class Method(MethodBase, ABC):
    """A method that trains itself.

    If its spec has `features`, it also defines `extract`, and its ``inputs`` are the extracted features.
    """

    def extract(self, sample: FloatArray) -> FloatArray:
        """Return one sample's features: floats, of the same shape for every sample, without random draws.

        It is called only if the method's spec has features.

        Parameters
        ----------
        sample : ndarray, float32
            In the method's representation: (28, 28, 3), (size, size, 3) or (length, size, size, 1).
        """
        return sample

    def feature_params(self) -> Mapping[str, Any]:
        """Return the parameters that the spec's features name, to be passed on: ``lbp_top(sample, **...)``."""
        return ParameterView(self.params, self.spec.features.parameters if self.spec.features else ())

    @abstractmethod
    def fit(self, train: LabelledSamples, *, seed: int) -> None:
        """Train; the same samples and seed must give the same scores."""

    @abstractmethod
    def predict(self, test: UnlabelledSamples) -> FloatArray:
        """Return finite scores of shape (n, n_classes); the largest of a row is the prediction."""
