"""One fold's predictions: a method is made, trained on the training side, and asked for scores of the test side."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from mer_bench.arrays import FloatArray
from mer_bench.errors import MethodError
from mer_bench.evaluation.selection import best_inner_epoch, validation_subjects
from mer_bench.methods.method import LabelledSamples, Method, UnlabelledSamples
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.plugin_manager import load_target
from mer_bench.specs import MethodSpec, ParameterValue

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Read by numerical libraries as they are loaded."""


@dataclass(frozen=True)
class MethodSetting:
    """A method with all its settings: what a worker makes an instance of.

    Parameters
    ----------
    spec : MethodSpec
    params : mapping
        A value for each of the spec's parameters.
    n_classes : int
    representation : str
        What its inputs are.
    """

    spec: MethodSpec
    params: Mapping[str, ParameterValue]
    n_classes: int
    representation: str

    def feature_params(self) -> dict[str, ParameterValue]:
        """Return the parameters that features may depend on."""
        features = self.spec.features.parameters if self.spec.features else ()
        return {name: self.params[name] for name in sorted({*features, *self.spec.representation.parameters})}

    def make(self) -> Method | TorchMethod:
        """Return a new instance; what it does to its parameters reaches no other.

        Raises
        ------
        MethodError
            The class is not what the spec says.
        """
        return self._make(dict(self.params))

    def extractor(self) -> Method:
        """Return a new instance that knows nothing but what features may depend on.

        Raises
        ------
        MethodError
            The class is not what the spec says.
        """
        method = self._make(self.feature_params())
        assert isinstance(method, Method)
        return method

    def _make(self, params: dict[str, ParameterValue]) -> Method | TorchMethod:
        method = load_target(self.spec.target)(params, self.n_classes, self.representation)
        if isinstance(method, TorchMethod) != self.spec.trains_by_epoch:
            raise MethodError(f"{self.spec.target}: its spec's trains_by_epoch does not fit its class")
        if not isinstance(method, (Method, TorchMethod)):
            raise MethodError(f"{self.spec.target} is neither a Method nor a TorchMethod")
        extracts = isinstance(method, Method) and type(method).extract is not Method.extract
        if extracts != (self.spec.features is not None):
            raise MethodError(f"{self.spec.target}: its spec's features do not fit its class: `extract` goes with them")
        return method


@dataclass(frozen=True)
class FoldScores:
    """What a method says of a test side.

    Parameters
    ----------
    scores : ndarray of shape (n, n_classes)
    epoch_scores : ndarray of shape (epochs, n, n_classes), float32, or None
        Of a network, after every epoch.
    selected_epoch : int or None
        The epoch that ``scores`` are of, counted from 0.
    """

    scores: FloatArray
    epoch_scores: FloatArray | None = None
    selected_epoch: int | None = None


def predict_fold(
    setting: MethodSetting,
    train: LabelledSamples,
    test: UnlabelledSamples,
    *,
    seed: int,
    device: str = "cpu",
    inner: str | None = None,
) -> FoldScores:
    """Train a method on one side of a fold and return its scores of the other.

    On the CPU it uses one thread: a sum split over other threads would round differently, and a fold's predictions
    must be the same with any number of workers. What the method prints goes to stderr: stdout is for ``--json``.

    Parameters
    ----------
    setting : MethodSetting
    train : LabelledSamples
    test : UnlabelledSamples
    seed : int
        What all generators start from.
    device : str
        A torch device.
    inner : str, optional
        With it, some training subjects are held out and choose a network's epoch; it is the protocol's rule for a
        class that they have no sample of.

    Raises
    ------
    MethodError
        The method does not do what it should.
    """
    load_target(setting.spec.target)
    has_torch = "torch" in sys.modules
    scores = _predict_fold(setting, train, test, seed, device, inner)
    if not has_torch and "torch" in sys.modules:
        # The method imported it while it worked, so that its generator was not seeded: this fold once more.
        scores = _predict_fold(setting, train, test, seed, device, inner)
    return scores


def _predict_fold(
    setting: MethodSetting,
    train: LabelledSamples,
    test: UnlabelledSamples,
    seed: int,
    device: str,
    inner: str | None,
) -> FoldScores:
    with isolated(seed):
        method = setting.make()
        if isinstance(method, TorchMethod):
            return _train_network(method, train, test, seed=seed, device=device, inner=inner)
        method.fit(train, seed=seed)
        return FoldScores(_checked(method.predict(test), len(test), setting.n_classes))


def extract_features(setting: MethodSetting, sample: FloatArray) -> FloatArray:
    """Return the features that a method extracts from one sample, float32.

    Raises
    ------
    MethodError
        They are no array of finite floats.
    """
    load_target(setting.spec.target)
    with isolated(0):
        features: object = setting.extractor().extract(sample)
    if not isinstance(features, np.ndarray) or not np.issubdtype(features.dtype, np.floating) or not features.ndim:
        raise MethodError(f"{setting.spec.target}: extract gives {type(features).__name__}, not an array of floats")
    features = features.astype(np.float32)
    if not np.isfinite(features).all():
        raise MethodError(f"{setting.spec.target}: extract gives NaN or infinite values")
    return features


@contextmanager
def isolated(seed: int) -> Iterator[None]:
    """One thread, stdout kept clean, and the global generators seeded, and restored after.

    Torch's too, where something imported it before.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (the global one is what a method may draw from)
    torch = sys.modules.get("torch")
    forked = torch.random.fork_rng(devices=[]) if torch else nullcontext()
    try:
        with _one_thread(), redirect_stdout(sys.stderr), forked:
            if torch:
                torch.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit the libraries that are loaded, and those that the method is going to load."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        with threadpool_limits(1):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _train_network(
    method: TorchMethod,
    train: LabelledSamples,
    test: UnlabelledSamples,
    *,
    seed: int,
    device: str,
    inner: str | None,
) -> FoldScores:
    """Return the scores of the epoch that counts: the last, or with ``inner`` the best on validation subjects."""
    from mer_bench.training.trainer import train_fold

    if inner is None:
        (epochs,) = train_fold(method, train, [test], seed=seed, device=device)
        _check_epochs(epochs, len(test), method.n_classes)
        return FoldScores(epochs[-1], epochs, len(epochs) - 1)
    learning, validation = _split(train, validation_subjects(train.subjects, seed=seed))
    held_out = [UnlabelledSamples(validation.inputs), test]
    validated, epochs = train_fold(method, learning, held_out, seed=seed, device=device)
    _check_epochs(validated, len(validation), method.n_classes)
    _check_epochs(epochs, len(test), method.n_classes)
    chosen = best_inner_epoch(validated, validation.labels, method.n_classes, absent_class=inner)
    return FoldScores(epochs[chosen], epochs, chosen)


def _split(train: LabelledSamples, held_out: set[str]) -> tuple[LabelledSamples, LabelledSamples]:
    out = np.isin(train.subjects, sorted(held_out))
    inside, outside = (
        LabelledSamples(train.inputs[part], train.labels[part], train.subjects[part]) for part in (~out, out)
    )
    return inside, outside


def _check_epochs(epochs: FloatArray, n: int, n_classes: int) -> None:
    for scores in epochs:
        _checked(scores, n, n_classes)


def _checked(scores: FloatArray, n: int, n_classes: int) -> FloatArray:
    # A copy: a method may hand out the same array each time.
    scores = np.array(scores)
    if scores.shape != (n, n_classes):
        raise MethodError(f"scores have shape {scores.shape}, not ({n}, {n_classes})")
    if scores.dtype.kind not in "fiu" or not np.isfinite(scores).all():
        raise MethodError("scores hold NaN, infinite or other values that are no real numbers")
    return scores
