"""Training of one fold: the data stays on the device, and batches are drawn by index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch._dynamo  # what the first optimizer imports, which takes a second: a worker has it before it forks
from torch import Tensor, nn

from mer_bench.arrays import FloatArray, IntArray
from mer_bench.errors import MethodError
from mer_bench.methods.method import LabelledSamples, UnlabelledSamples
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.methods.training_config import TrainingConfig
from mer_bench.threads import one_thread
from mer_bench.training.normalisation import Normaliser

_EVALUATION_BATCH = 1024


def train_fold(
    method: TorchMethod, train: LabelledSamples, held_out: Sequence[UnlabelledSamples], *, seed: int, device: str
) -> list[FloatArray]:
    """Train one network with cross-entropy (AHMSA-Net, eq. 5) and score held-out samples after every epoch.

    Every draw (initial weights, order of the samples, dropout) comes only from ``seed``, so that a fold gives the
    same scores alone and among others. The caller's random state is restored.

    Parameters
    ----------
    method : TorchMethod
    train : LabelledSamples
        Inputs of shape (n, ..., channels), float32.
    held_out : sequence of UnlabelledSamples
        Inputs of shape (m, ..., channels), float32, each. Each goes through the network separately: a network
        that normalises over a batch must not carry anything from the test set to the validation set.
    seed : int
    device : str
        A torch device: ``cpu``, ``cuda``, ``cuda:1``.

    Returns
    -------
    list of ndarray of shape (epochs, m, n_classes), float32
        Class probabilities, one array for each of ``held_out``.

    Raises
    ------
    MerBenchError
        The normalisation is not one for these inputs.
    MethodError
        The loss is no longer finite, or the network's output has the wrong shape.
    """
    config = method.training
    place = torch.device(device)
    with one_thread(), torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        torch.manual_seed(seed)
        order = torch.Generator().manual_seed(seed)
        network = method.build_network().to(place)
        normalise = Normaliser.fit(train.inputs, config.normalisation)
        x = _to_device(normalise(train.inputs), place)
        x_held_out = [_to_device(normalise(samples.inputs), place) for samples in held_out]
        y = torch.from_numpy(np.array(train.labels)).to(place)
        weights = _class_weights(train.labels, method.n_classes, config.class_weights)
        loss_of = nn.CrossEntropyLoss(weight=weights).to(place)
        optimizer = _optimizer(network, config)
        scores = [np.empty((config.epochs, len(part), method.n_classes), dtype=np.float32) for part in held_out]
        for epoch in range(config.epochs):
            network.train()
            for batch in _batches(len(train), config.batch_size, order):
                logits, penalty = _outputs(network, x[batch], method.n_classes)
                _step(loss_of(logits, y[batch]) + penalty, optimizer, epoch)
            for part, inputs in zip(scores, x_held_out, strict=True):
                part[epoch] = _probabilities(network, inputs, method.n_classes)
        return scores


def _step(loss: Tensor, optimizer: torch.optim.Optimizer, epoch: int) -> None:
    if not torch.isfinite(loss):
        raise MethodError(f"the training loss is {loss.item()} in epoch {epoch + 1}; a smaller lr may fix it")
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimizer.step()


@torch.no_grad()
def _probabilities(network: nn.Module, inputs: Tensor, n_classes: int) -> FloatArray:
    network.eval()
    logits = torch.cat([_outputs(network, part, n_classes)[0] for part in torch.split(inputs, _EVALUATION_BATCH)])
    return logits.softmax(dim=1).cpu().numpy()


def _outputs(network: nn.Module, inputs: Tensor, n_classes: int) -> tuple[Tensor, Tensor | float]:
    """Return logits, and the penalty that is added to the loss; 0 if the network has none."""
    outputs = network(inputs)
    logits, penalty = outputs if isinstance(outputs, tuple) and len(outputs) == 2 else (outputs, 0.0)
    if not isinstance(logits, Tensor):
        raise MethodError(f"the network gives an object of type {type(logits).__name__}, not a tensor of logits")
    if logits.shape != (len(inputs), n_classes):
        raise MethodError(f"the network gives {tuple(logits.shape)} for {len(inputs)} samples of {n_classes} classes")
    if not isinstance(penalty, (Tensor, int, float)):
        raise MethodError(f"the network's penalty is of type {type(penalty).__name__}, and is not one number")
    if isinstance(penalty, Tensor) and penalty.numel() != 1:
        raise MethodError(f"the network's penalty has the shape {tuple(penalty.shape)}, and is not one number")
    return logits, penalty


def _batches(n: int, size: int, order: torch.Generator) -> Iterator[Tensor]:
    """Yield index batches of a new random order.

    Batch normalisation fails on one sample: a single one left over joins the batch before.
    """
    indices = torch.randperm(n, generator=order)
    sizes = [size] * (n // size) + ([n % size] if n % size else [])
    if size > 1 and len(sizes) > 1 and sizes[-1] == 1:
        sizes[-2:] = [sizes[-2] + 1]
    yield from torch.split(indices, sizes)


def _to_device(normalised: FloatArray, device: torch.device) -> Tensor:
    """Move the channels from the last axis to the second."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(normalised, -1, 1))).to(device)


def _class_weights(labels: IntArray, n_classes: int, kind: str) -> Tensor | None:
    if kind == "none":
        return None
    counts = np.bincount(labels, minlength=n_classes)
    weights = np.where(counts > 0, len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)), 0.0)
    return torch.tensor(weights, dtype=torch.float32)


def _optimizer(network: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    parameters = network.parameters()
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=config.lr, momentum=0.9, weight_decay=config.weight_decay)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    # Otherwise MKL takes the square roots, from an approximation that is another on each vendor's processors.
    return kind(parameters, lr=config.lr, weight_decay=config.weight_decay, fused=True)
