"""A network's scores of a test set: after the selected epoch, and after every epoch."""

from __future__ import annotations

import numpy as np

from mer_bench.evaluation.fold_scores import FoldScores, checked_scores
from mer_bench.evaluation.selection import best_inner_epoch, validation_subjects
from mer_bench.methods.method import LabelledSamples, UnlabelledSamples
from mer_bench.methods.torch_method import TorchMethod


def train_network(
    method: TorchMethod,
    train: LabelledSamples,
    test: UnlabelledSamples,
    *,
    seed: int,
    device: str,
    inner: str | None,
) -> FoldScores:
    """Train a network and return its scores after the selected epoch.

    It is the last epoch, or with ``inner`` the best on validation subjects.

    The parameters are those of `mer_bench.evaluation.predict.predict_fold`.
    """
    from mer_bench.training.trainer import train_fold

    if inner is None:
        learning, held_out = train, [test]
    else:
        learning, validation = _split(train, validation_subjects(train.subjects, seed=seed))
        held_out = [UnlabelledSamples(validation.inputs), test]
    trained = train_fold(method, learning, held_out, seed=seed, device=device)
    for epochs, samples in zip(trained, held_out, strict=True):
        for scores in epochs:
            checked_scores(scores, len(samples), method.n_classes)
    epochs = trained[-1]
    chosen = len(epochs) - 1
    if inner is not None:
        chosen = best_inner_epoch(trained[0], validation.labels, method.n_classes, absent_class=inner)
    return FoldScores(epochs[chosen], epochs, chosen)


def _split(train: LabelledSamples, held_out: set[str]) -> tuple[LabelledSamples, LabelledSamples]:
    out = np.isin(train.subjects, sorted(held_out))
    inside, outside = (
        LabelledSamples(train.inputs[part], train.labels[part], train.subjects[part]) for part in (~out, out)
    )
    return inside, outside
