"""Train the networks of folds, side by side or one by one, and score held-out samples after every epoch."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import torch
import torch._dynamo  # what the first optimizer imports, which takes a second: a worker has it before it forks
from torch import nn

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError, MethodError, reason_of
from mer_bench.isolation import isolated
from mer_bench.methods.initial_weights import InitialWeights
from mer_bench.methods.method import LabelledSamples, UnlabelledSamples
from mer_bench.methods.torch_method import TRAINING_HOOKS, ParameterGroup, TorchMethod
from mer_bench.methods.training_config import STACKABLE_NUMBERS
from mer_bench.threads import one_thread
from mer_bench.training.checkpoint import Checkpoint
from mer_bench.training.folds import TrainedFold, TrainingFold
from mer_bench.training.graphs import is_out_of_memory
from mer_bench.training.initial_weights import load_initial_weights
from mer_bench.training.kernels import CPU_KERNELS
from mer_bench.training.networks import Networks, OneNetwork, StackedNetworks, give_sizes
from mer_bench.training.precision import tf32_allowed
from mer_bench.training.progress import Tell
from mer_bench.training.stack_training import StackTraining, stack_multiple

_TRIED = (2, 4)
"""Folds of the two stacks from which the memory of larger ones is predicted."""
_SHARE_OF_MEMORY = 0.85
"""Of the free memory, for stacks: an allocator loses some to gaps, and captured steps keep theirs."""


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
        if not stacked:
            yield from _one_by_one(folds, place, tell=tell, checkpoint=checkpoint)
            return
        for numbers in (part for group in _groups(folds) for part in _fitting(folds, group, place)):
            yield from _train(folds, numbers, place, tell=tell, checkpoint=checkpoint)


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
        training = _training([fold], [network], place, stacked=False, tell=tell, checkpoint=None)
        (trained,) = training.run()
        if trained.error:
            raise MethodError(trained.error)
        weights = {**network.state_dict(), **training.average}
        return {name: tensor.detach().cpu().numpy() for name, tensor in weights.items()}


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
                (trained,) = _stack([fold], device, stacked=False, tell=tell, checkpoint=checkpoint([number])).run()
        except MerBenchError:
            raise
        except Exception as error:
            if len(folds) == 1:
                raise
            trained = TrainedFold(error=reason_of(error))
        yield number, trained


def _groups(folds: Sequence[TrainingFold]) -> list[list[int]]:
    """Return the numbers of folds that can share their steps.

    They have equally many batches in an epoch. A method with hooks of its own may read its learning rate there, and
    only one method of a stack is asked: its folds have the same numbers, too.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for number, fold in enumerate(folds):
        config = fold.method.training
        numbers = tuple(getattr(config, name) for name in STACKABLE_NUMBERS) if _has_hooks(fold.method) else ()
        groups.setdefault((len(fold.order.sizes), numbers), []).append(number)
    return list(groups.values())


def _has_hooks(method: TorchMethod) -> bool:
    return any(getattr(type(method), name) is not getattr(TorchMethod, name) for name in TRAINING_HOOKS)


def _fitting(folds: Sequence[TrainingFold], numbers: Sequence[int], device: torch.device) -> list[Sequence[int]]:
    """Return a group in parts of about equal size that the device's memory holds."""
    if device.type != "cuda" or len(numbers) <= _TRIED[-1]:
        return [numbers]
    try:
        size = folds_that_fit(device, predicted_bytes([folds[number] for number in numbers], device))
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        size = _TRIED[0]
    n_parts = -(-len(numbers) // size)
    return [numbers[start::n_parts] for start in range(n_parts)]


def predicted_bytes(folds: Sequence[TrainingFold], device: torch.device) -> tuple[float, float]:
    """Return the memory that any stack takes on a GPU, and that each fold adds, from a step of two small stacks."""
    few, more = _TRIED
    peaks = []
    # The first is not counted: libraries allocate what they keep at their first call.
    for count in (few, few, more):
        _free_memory()
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        training = _stack(folds[:count], device, stacked=True, tell=lambda progress: None, checkpoint=None)
        training.try_step()
        peaks.append(torch.cuda.max_memory_allocated(device) - before)
        del training
    _free_memory()
    each = (peaks[-1] - peaks[-2]) / (more - few)
    return peaks[-2] - few * each, each


def _free_memory() -> None:
    """Give back a GPU's memory. A training refers to itself, by the steps that it has captured."""
    gc.collect()
    torch.cuda.empty_cache()


def folds_that_fit(device: torch.device, predicted: tuple[float, float]) -> int:
    """Return how many folds the free memory of a GPU holds, of what `predicted_bytes` returns; at least 2."""
    free, _ = torch.cuda.mem_get_info(device)
    base, each = predicted
    return max(2, int((_SHARE_OF_MEMORY * free - base) / max(each, 1.0)))


def _train(
    folds: Sequence[TrainingFold],
    numbers: Sequence[int],
    device: torch.device,
    *,
    tell: Tell,
    checkpoint: Callable[[Sequence[int]], Checkpoint | None],
) -> Iterator[tuple[int, TrainedFold]]:
    """Train folds as one stack; where the device lacks the memory, as two stacks of half the folds."""
    own = [folds[number] for number in numbers]
    try:
        trained = _stack(own, device, stacked=True, tell=tell, checkpoint=checkpoint(numbers)).run()
    except RuntimeError as error:
        if len(numbers) == 1 or not is_out_of_memory(error):
            raise
        trained = None
    if trained is not None:
        for number, one in zip(numbers, trained, strict=False):
            yield number, replace(one, stack=len(numbers))
        return
    _free_memory()
    middle = len(numbers) // 2
    for half in (numbers[:middle], numbers[middle:]):
        yield from _train(folds, half, device, tell=tell, checkpoint=checkpoint)


def _stack(
    folds: Sequence[TrainingFold], device: torch.device, *, stacked: bool, tell: Tell, checkpoint: Checkpoint | None
) -> StackTraining:
    """Build each fold's network from its own seed, alone, and join them."""
    if stacked:
        folds = [*folds, *(folds[0] for _ in range(-len(folds) % stack_multiple(device)))]
    networks = [build_network(fold, device) for fold in folds]
    return _training(folds, networks, device, stacked=stacked, tell=tell, checkpoint=checkpoint)


def _training(
    folds: Sequence[TrainingFold],
    networks: Sequence[nn.Module],
    device: torch.device,
    *,
    stacked: bool,
    tell: Tell,
    checkpoint: Checkpoint | None,
) -> StackTraining:
    method = folds[0].method
    joined: Networks
    if stacked:
        joined = StackedNetworks(networks, method.n_classes)
    else:
        joined = OneNetwork(networks[0], method.n_classes, CPU_KERNELS if device.type == "cpu" else {})
    if not joined.parameters:
        raise MethodError("build_network returns a network without trainable parameters")
    groups = _all_groups(method.parameter_groups(networks[0]), list(joined.parameters))
    return StackTraining(folds, joined, groups, device, tell=tell, checkpoint=checkpoint)


def build_network(fold: TrainingFold, device: torch.device) -> nn.Module:
    """Return a fold's network with its initial weights, which depend on its seed only."""
    with isolated(fold.seed):
        network = fold.method.build_network()
        sample = np.moveaxis(np.asarray(fold.inputs[fold.train[:1]]), -1, 1)
        give_sizes(network, torch.from_numpy(np.ascontiguousarray(sample)))
        config = fold.method.training
        if config.init_from:
            # Its digest is checked here too: the file may have changed since the run was planned.
            weights = InitialWeights.named(config.init_from, config.init_sha256)
            load_initial_weights(network, weights.file, fold.method.n_classes)
    return network.to(device)


def _all_groups(given: Sequence[ParameterGroup], names: Sequence[str]) -> list[ParameterGroup]:
    """Return groups that have every trained parameter once.

    Raises
    ------
    MethodError
        The method's groups name a parameter twice, or one that is not trained.
    """
    named = [name for group in given for name in group.names]
    unknown = [name for name in named if name not in names]
    if unknown:
        raise MethodError(f"parameter_groups names {unknown[0]!r}, which is no trained parameter of the network")
    twice = [name for name in named if named.count(name) > 1]
    if twice:
        raise MethodError(f"parameter_groups names {twice[0]!r} twice")
    rest = tuple(name for name in names if name not in named)
    return [*(group for group in given if group.names), *([ParameterGroup(rest)] if rest else [])]
