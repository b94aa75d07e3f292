"""Networks' scores of test sets: after the selected epoch, and after every epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mer_bench.arrays import BoolArray, FloatArray, IntArray, StringArray
from mer_bench.errors import MethodError
from mer_bench.evaluation.fold_scores import FoldScores, checked_scores
from mer_bench.evaluation.selection import InnerStop, best_inner_epoch, validation_subjects
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.training.progress import Tell

if TYPE_CHECKING:
    from mer_bench.training.checkpoint import Checkpoint
    from mer_bench.training.folds import TrainingFold


@dataclass(frozen=True)
class NetworkFold:
    """A fold whose method is a network, with its samples as places in an array.

    Parameters
    ----------
    method : TorchMethod
    inputs : ndarray of shape (samples, ..., channels), float32
        The same object for all folds that are trained together.
    train : ndarray of shape (n,), int64
    labels : ndarray of shape (n,), int64
    subjects : ndarray of shape (n,), str
    test : ndarray of shape (m,), int64
    seed : int
    inner : str or None
        As of `mer_bench.evaluation.predict.predict_fold`.
    peers : tuple of int
        As of `mer_bench.training.batches.EpochOrder`.
    tracked : int, optional
        As of `mer_bench.training.folds.TrainingFold`.
    """

    method: TorchMethod
    inputs: FloatArray
    train: IntArray
    labels: IntArray
    subjects: StringArray
    test: IntArray
    seed: int
    inner: str | None
    peers: tuple[int, ...] = ()
    tracked: int | None = None


def train_networks(
    folds: Sequence[NetworkFold],
    *,
    device: str,
    stacked: bool,
    tell: Tell = lambda progress: None,
    checkpoint: Callable[[Sequence[int]], Checkpoint | None] = lambda numbers: None,
) -> Iterator[tuple[int, FoldScores | MethodError]]:
    """Train networks, and yield each fold's number and scores after the selected epoch, or why there are none.

    It is the last epoch, or with ``inner`` the best on validation subjects.

    The parameters are those of `mer_bench.training.trainer.train_folds`.

    Raises
    ------
    MerBenchError
        As `train_folds`.
    MethodError
        What concerns all folds, as `train_folds`.
    """
    from mer_bench.training.trainer import train_folds

    splits: dict[int, BoolArray] = {}
    for number, fold in enumerate(folds):
        split = _split(fold)
        if isinstance(split, MethodError):
            yield number, split
        else:
            splits[number] = split
    if not splits:
        return
    numbers = list(splits)
    training = [_training_fold(folds[number], split) for number, split in splits.items()]

    def saved(places: Sequence[int]) -> Checkpoint | None:
        return checkpoint([numbers[place] for place in places])

    for place, trained in train_folds(training, device=device, stacked=stacked, tell=tell, checkpoint=saved):
        number = numbers[place]
        try:
            if trained.error:
                raise MethodError(trained.error)
            scores = _selected(folds[number], splits[number], trained.probabilities)
            yield number, replace(scores, stack=trained.stack)
        except MethodError as error:
            yield number, error


def learning_size(subjects: StringArray, *, seed: int, inner: bool) -> int:
    """Return how many samples of a training set a network learns from: with the inner rule, some are held out."""
    return len(subjects) - int(_validates(subjects, seed=seed, inner=inner).sum())


def _validates(subjects: StringArray, *, seed: int, inner: bool) -> BoolArray:
    """Return which items of a training set are held out for validation, as booleans."""
    if not inner:
        return np.zeros(len(subjects), dtype=bool)
    return np.isin(subjects, sorted(validation_subjects(subjects, seed=seed)))


def _split(fold: NetworkFold) -> BoolArray | MethodError:
    """Return which items of the training set are held out for validation, as booleans, or why none can be."""
    try:
        return _validates(fold.subjects, seed=fold.seed, inner=fold.inner is not None)
    except MethodError as error:
        return error


def _training_fold(fold: NetworkFold, out: BoolArray) -> TrainingFold:
    from mer_bench.training.folds import TrainingFold

    patience = fold.method.training.patience
    stop = None
    if fold.inner is None:
        held_out: tuple[IntArray, ...] = (fold.test,)
    else:
        held_out = (fold.train[out], fold.test)
        if patience:
            stop = InnerStop(fold.labels[out], fold.method.n_classes, fold.inner, patience)
    return TrainingFold(
        method=fold.method,
        inputs=fold.inputs,
        train=fold.train[~out],
        labels=fold.labels[~out],
        held_out=held_out,
        seed=fold.seed,
        stop=stop,
        peers=fold.peers,
        tracked=fold.tracked,
    )


def _selected(fold: NetworkFold, out: BoolArray, probabilities: tuple[FloatArray, ...]) -> FoldScores:
    n_classes = fold.method.n_classes
    for epochs in probabilities:
        for scores in epochs:
            checked_scores(scores, epochs.shape[1], n_classes)
    epochs = probabilities[-1]
    chosen = len(epochs) - 1
    if fold.inner is not None:
        chosen = best_inner_epoch(probabilities[0], fold.labels[out], n_classes, absent_class=fold.inner)
    return FoldScores(epochs[chosen], epochs, chosen)
