"""One fold's predictions: a method is made, trained on the training set, and asked for scores of the test set."""

from __future__ import annotations

import sys

from mer_bench.evaluation.fold_scores import FoldScores, checked_scores
from mer_bench.evaluation.isolation import isolated
from mer_bench.evaluation.network_scores import train_network
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
    had_torch = "torch" in sys.modules
    while True:
        with isolated(seed):
            method = make_instance(setting)
            if isinstance(method, TorchMethod):
                return train_network(method, train, test, seed=seed, device=device, inner=inner)
            method.fit(train, seed=seed)
            scores = checked_scores(method.predict(test), len(test), setting.n_classes)
        if had_torch or "torch" not in sys.modules:
            return FoldScores(scores)
        # The method imported torch while it worked, so that its generator was not seeded: this fold once more.
        had_torch = True
