"""One fold: create a method, train it on the training set, and return its scores of the test set."""

from __future__ import annotations

import sys

import numpy as np

from mer_bench.errors import MethodError
from mer_bench.evaluation.fold_scores import FoldScores, checked_scores
from mer_bench.evaluation.network_scores import NetworkFold, train_networks
from mer_bench.isolation import isolated
from mer_bench.methods.instances import make_instance
from mer_bench.methods.method import LabelledSamples, UnlabelledSamples
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.plugin_manager import load_target


def predict_fold(
    setting: MethodSetting,
    train: LabelledSamples,
    test: UnlabelledSamples,
    *,
    seed: int,
    device: str = "cpu",
    inner: str | None = None,
) -> FoldScores:
    """Train a method on a fold's training set and return its scores of the test set.

    On the CPU it uses one thread: a sum split over several threads rounds differently, and a fold's predictions must
    be the same with any number of workers. What the method prints goes to stderr: stdout is for ``--json``.

    Parameters
    ----------
    setting : MethodSetting
    train : LabelledSamples
    test : UnlabelledSamples
    seed : int
        Seeds every generator.
    device : str
        A torch device: the method's ``self.device``.
    inner : str, optional
        If given, a network's epoch is selected on training subjects that are held out for validation; the value is the
        protocol's rule for a class that they have no sample of.

    Raises
    ------
    MethodError
        The method breaks its contract.
    """
    load_target(setting.spec.target)
    had_torch = "torch" in sys.modules
    while True:
        with isolated(seed):
            method = make_instance(setting, device)
            if isinstance(method, TorchMethod):
                return _trained(method, train, test, seed=seed, device=device, inner=inner)
            method.fit(train, seed=seed)
            scores = checked_scores(method.predict(test), len(test), setting.n_classes)
        if had_torch or "torch" not in sys.modules:
            return FoldScores(scores)
        # The method imported torch during this fold, so torch's generator was not seeded: compute the fold again.
        had_torch = True


def _trained(
    method: TorchMethod,
    train: LabelledSamples,
    test: UnlabelledSamples,
    *,
    seed: int,
    device: str,
    inner: str | None,
) -> FoldScores:
    """Train the network of one fold."""
    places = np.arange(len(train) + len(test))
    fold = NetworkFold(
        method=method,
        inputs=np.concatenate([train.inputs, test.inputs]),
        train=places[: len(train)],
        labels=train.labels,
        subjects=train.subjects,
        test=places[len(train) :],
        seed=seed,
        inner=inner,
    )
    ((_, scores),) = train_networks([fold], device=device, stacked=False)
    if isinstance(scores, MethodError):
        raise scores
    return scores
