"""Train the networks of folds, side by side or one by one, and score held-out samples after every epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext

import numpy as np
import torch

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError, MethodError, reason_of
from mer_bench.isolation import isolated
from mer_bench.methods.method import LabelledSamples, UnlabelledSamples
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.threads import one_thread
from mer_bench.training.build import build_network, build_training, training_of
from mer_bench.training.checkpoint import Checkpoint
from mer_bench.training.folds import TrainedFold, TrainingFold
from mer_bench.training.precision import tf32_allowed
from mer_bench.training.progress import Tell
from mer_bench.training.stacking import train_stacked


def train_folds(
    folds: Sequence[TrainingFold],
    *,
    device: str,
    stacked: bool,
    tell: Tell = lambda progress: None,
    checkpoint: Callable[[Sequence[int]], Checkpoint | None] = lambda numbers: None,
) -> Iterator[tuple[int, TrainedFold]]:
    """Train folds, and yield each with its number as soon as its training is done.

    Every draw (initial weights, order of the samples, dropout, augmentation) comes only from the fold's seed, so that
    a fold gives the same scores alone and among others. The caller's random state is restored.

    Parameters
    ----------
    folds : sequence of TrainingFold
        Of one row: they differ in data and seed only.
    device : str
        A torch device: ``cpu``, ``cuda``, ``cuda:1``.
    stacked : bool
        Train them together, as far as their batches allow; a fold that is left alone is trained beside a copy of
        itself. Otherwise one after the other.
    tell : callable
        Receives how far a training is, now and then.
    checkpoint : callable
        Returns where the training of some folds, named by their numbers, is saved; None for nowhere.

    Raises
    ------
    MerBenchError
        The normalisation is not one for these inputs, or the device lacks the precision.
    MethodError
        The network's output, or a hook of the method, breaks its contract.
    """
    place = torch.device(device)
    config = folds[0].method.training
    devices = [place] if place.type == "cuda" else []
    on_place = torch.cuda.device(place) if devices else nullcontext()
    with one_thread(), on_place, tf32_allowed(config.precision, place), torch.random.fork_rng(devices=devices):
        train = train_stacked if stacked else _one_by_one
        yield from train(folds, place, tell=tell, checkpoint=checkpoint)


def train_fold(
    method: TorchMethod, train: LabelledSamples, held_out: Sequence[UnlabelledSamples], *, seed: int, device: str
) -> list[FloatArray]:
    """Train one network, and score held-out samples after every epoch.

    Parameters
    ----------
    method : TorchMethod
    train : LabelledSamples
        Inputs of shape (n, ..., channels), float32.
    held_out : sequence of UnlabelledSamples
        Inputs of shape (m, ..., channels), float32, each.
    seed : int
    device : str
        A torch device.

    Returns
    -------
    list of ndarray of shape (epochs, m, n_classes), float32
        Class probabilities, one array for each of ``held_out``.

    Raises
    ------
    MerBenchError
        As `train_folds`.
    MethodError
        As `train_folds`, or the loss is no longer finite.
    """
    parts = [train.inputs, *(samples.inputs for samples in held_out)]
    ends = np.cumsum([len(part) for part in parts])
    places = np.split(np.arange(ends[-1]), ends[:-1])
    fold = TrainingFold(
        method=method,
        inputs=np.concatenate(parts),
        train=places[0],
        labels=train.labels,
        held_out=tuple(places[1:]),
        seed=seed,
    )
    ((_, trained),) = train_folds([fold], device=device, stacked=False)
    if trained.error:
        raise MethodError(trained.error)
    return list(trained.probabilities)


def train_weights(fold: TrainingFold, *, device: str, tell: Tell) -> dict[str, FloatArray]:
    """Train one network for all epochs, and return its weights and buffers by name.

    Parameters
    ----------
    fold : TrainingFold
        Its held-out sets are scored, and the scores are not used.
    device : str
        A torch device.
    tell : callable
        Receives how far the training is.

    Raises
    ------
    MerBenchError
        As `train_folds`.
    MethodError
        As `train_folds`, or the loss is no longer finite.
    """
    place = torch.device(device)
    with one_thread(), tf32_allowed(fold.method.training.precision, place):
        network = build_network(fold, place)
        training = training_of([fold], [network], place, stacked=False, tell=tell, checkpoint=None)
        (trained,) = training.run()
        if trained.error:
            raise MethodError(trained.error)
        with torch.no_grad():
            for name, average in training.average.items():
                network.get_parameter(name).copy_(average)  # a tensor with several names has it under each of them
        return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}


def _one_by_one(
    folds: Sequence[TrainingFold],
    device: torch.device,
    *,
    tell: Tell,
    checkpoint: Callable[[Sequence[int]], Checkpoint | None],
) -> Iterator[tuple[int, TrainedFold]]:
    """Train each fold by itself; where there are others, what one raises fails that one only."""
    for number, fold in enumerate(folds):
        try:
            with isolated(fold.seed):
                training = build_training([fold], device, stacked=False, tell=tell, checkpoint=checkpoint([number]))
                (trained,) = training.run()
        except MerBenchError:
            raise
        except Exception as error:
            if len(folds) == 1:
                raise
            trained = TrainedFold(error=reason_of(error))
        yield number, trained
