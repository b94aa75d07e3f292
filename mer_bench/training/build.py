"""From folds to their training: each fold's network, built from its own seed, alone or in a stack."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from mer_bench.errors import MethodError
from mer_bench.isolation import isolated
from mer_bench.methods.initial_weights import InitialWeights
from mer_bench.methods.torch_method import ParameterGroup
from mer_bench.training.checkpoint import Checkpoint
from mer_bench.training.folds import TrainingFold
from mer_bench.training.initial_weights import load_initial_weights
from mer_bench.training.kernels import CPU_KERNELS
from mer_bench.training.networks import Networks, OneNetwork, StackedNetworks, give_sizes
from mer_bench.training.progress import Tell
from mer_bench.training.stack_training import StackTraining, stack_multiple


def build_training(
    folds: Sequence[TrainingFold], device: torch.device, *, stacked: bool, tell: Tell, checkpoint: Checkpoint | None
) -> StackTraining:
    """Return the training of folds, as one stack or of a single one, with the networks in their initial state.

    Raises
    ------
    MerBenchError
        The normalisation is not one for these inputs.
    MethodError
        The network has nothing to train, or a hook of the method breaks its contract.
    """
    networks = [build_network(fold, device) for fold in folds]
    copies = -len(folds) % stack_multiple(device) if stacked else 0
    folds, networks = [*folds, *[folds[0]] * copies], [*networks, *[networks[0]] * copies]
    return training_of(folds, networks, device, stacked=stacked, tell=tell, checkpoint=checkpoint)


def training_of(
    folds: Sequence[TrainingFold],
    networks: Sequence[nn.Module],
    device: torch.device,
    *,
    stacked: bool,
    tell: Tell,
    checkpoint: Checkpoint | None,
) -> StackTraining:
    """Return what `build_training` does, of networks that are built."""
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
