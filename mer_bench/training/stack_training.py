"""The training of one stack of folds from start to end, on one device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from mer_bench.errors import MethodError
from mer_bench.methods.draws import Draws, fold_key, step_keys
from mer_bench.methods.torch_method import ParameterGroup
from mer_bench.training.augmentation import Augmenter
from mer_bench.training.batches import Batch, epoch_batches
from mer_bench.training.checkpoint import Checkpoint
from mer_bench.training.epoch_log import EpochLog
from mer_bench.training.folds import SCORED, FoldSet, TrainedFold, TrainingFold
from mer_bench.training.graphs import StepGraphs
from mer_bench.training.mixup import Mixup
from mer_bench.training.networks import Networks, StackedNetworks, Tensors
from mer_bench.training.objective import batch_loss, with_penalty
from mer_bench.training.optimisation import Optimisation
from mer_bench.training.pace import Pace
from mer_bench.training.plain_state import (
    plain_numbers,
    python_draws,
    set_plain_numbers,
    set_python_draws,
    set_torch_draws,
    torch_draws,
)
from mer_bench.training.precision import autocast
from mer_bench.training.progress import Tell, TrainingProgress
from mer_bench.training.stack_state import StackState

_SCORED_ALONE = 1024
"""Held-out samples of a single fold that are scored at a time."""
_SHRINK = 0.75
"""On a GPU a stack loses the folds that have stopped once it has so many left: its steps have to be captured again."""


def stack_multiple(device: torch.device) -> int:
    """Return what the number of folds in a stack must be a multiple of; copies of folds fill it up.

    On a CPU, torch computes the last values of an array, those that fill no vector register, by other functions than
    the rest. With a multiple of 16 folds every register is full, so that no fold depends on its place or its company.
    That holds for stacks of one learning rate and weight decay: the optimiser takes the folds of each by themselves,
    however many they are, and their last bits may differ from those that they have in another stack.

    On a GPU it is enough that a stack is never a single fold, for which libraries have other kernels.
    """
    return 16 if device.type == "cpu" else 2


class StackTraining:
    """Some folds whose steps have the same shapes, trained together.

    What is saved is all that later epochs depend on: weights, buffers and the optimiser's state, the scores, the global
    generators of Python, NumPy and torch, and the plain numbers on the networks' modules and on the method. The caller
    isolates those generators.

    Parameters
    ----------
    folds : sequence of TrainingFold
        They differ in data and seed only, and have equally many batches in an epoch.
    networks : Networks
        Theirs, in the same order.
    groups : sequence of ParameterGroup
    device : torch.device
    tell : callable
        Receives how far the training is, now and then.
    checkpoint : Checkpoint, optional
    """

    def __init__(
        self,
        folds: Sequence[TrainingFold],
        networks: Networks,
        groups: Sequence[ParameterGroup],
        device: torch.device,
        *,
        tell: Tell,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self._folds, self._networks, self._device = folds, networks, device
        self._tell, self._checkpoint = tell, checkpoint
        self._method, self._config = folds[0].method, folds[0].method.training
        self._orders = [fold.order for fold in folds]
        self._n_batches = len(self._orders[0].sizes)
        methods = [fold.method for fold in folds]
        self._optimisation = Optimisation(methods, networks, groups, steps=self._n_batches)
        self._data = FoldSet.of(folds, device)
        self._keys = torch.tensor([fold_key(fold.seed) for fold in folds], dtype=torch.int32, device=device)
        self._finite = torch.ones(len(folds), dtype=torch.bool, device=device)
        self._state = StackState(folds)
        self._log = EpochLog(folds, device) if any(fold.tracked is not None for fold in folds) else None
        height, width = self._data.samples.shape[-2:]
        method = self._method
        self._augment = Augmenter(self._config.augmentation, method.input_kind, height, width, device)
        self._graphs = self._new_graphs()

    def run(self) -> list[TrainedFold]:
        """Train all epochs, and return what was scored."""
        self._resume()
        pace = Pace(self._config.epochs * self._n_batches, self._state.epoch * self._n_batches, self._synchronise)
        while self._state.epoch < self._config.epochs and self._state.running:
            batches = epoch_batches([self._orders[number] for number in self._state.alive], self._state.epoch)
            if self._log is not None:
                self._log.start(self._optimisation.rates(len(self._state.alive)))
            for number, batch in enumerate(batches):
                step = self._state.epoch * self._n_batches + number
                self._graphs.step(batch, step, self._optimisation.constants)
                self._optimisation.end_step()
                pace.count(batch.indices.numel())
                if pace.take_turn():
                    self._tell(self._progress(pace))
            self._state.add_scores(self._score())
            trained = self._state.running
            self._state.end_epoch(self._finite.tolist())
            if self._log is not None:
                self._log.end(self._state.epoch, self._state.alive, trained, self._n_batches)
            self._shrink()
            saves = self._checkpoint is not None and self._checkpoint.due and self._state.epoch < self._config.epochs
            # Before the state is saved: after an interruption, the epochs until then are not trained again.
            self._send_log(now=saves)
            if self._checkpoint is not None and saves:
                self._save(self._checkpoint)
        self._send_log(now=True)
        if self._checkpoint is not None:
            self._checkpoint.remove()
        return self._state.results()

    def _send_log(self, *, now: bool) -> None:
        """Send the values of epochs, if they are wanted and it is time to."""
        if self._log is not None and (now or self._log.due):
            self._tell(self._log.take())

    def _new_graphs(self) -> StepGraphs:
        return StepGraphs(self._step, self._device, capture=isinstance(self._networks, StackedNetworks))

    def try_step(self) -> None:
        """Run the first step, to see what memory it takes; the training cannot be used any more."""
        self._graphs.step(epoch_batches(self._orders, 0)[0], 0, self._optimisation.constants)

    @property
    def average(self) -> Tensors:
        """The average of the weights, by name; empty if none is taken."""
        return dict(self._optimisation.average or {})

    def _step(self, batch: Batch, step: Tensor) -> None:
        """Change the weights by one batch of each fold; it reads nothing out of the device."""
        data, config = self._data, self._config
        labels = data.labels.gather(1, batch.indices)
        inputs = data.take(data.train.gather(1, batch.indices))
        inputs = data.normalised(self._augmented(inputs, labels, step_keys(self._keys, 2 * step + 1)))
        keys = step_keys(self._keys, 2 * step)
        mixed = Mixup.of(config.mixup, self._networks, keys, batch) if config.mixup else None
        if mixed is not None:
            inputs = mixed.inputs(inputs)
        with autocast(config.precision, self._device):
            logits, penalty = self._networks(inputs, keys, batch.present, training=True)
        losses = self._weighted_losses(logits, labels, batch.present)
        if mixed is None:
            loss = batch_loss(*losses)
        else:
            loss = mixed.loss(losses, self._weighted_losses(logits, mixed.others(labels), batch.present))
        loss = with_penalty(loss, penalty, batch.present)
        self._finite &= loss.detach().isfinite()
        if self._log is not None:
            self._log.loss += loss.detach()
        # A capture that failed may have left some, in memory of its graph that is gone.
        self._optimisation.forget_gradients()
        torch.autograd.backward(loss.sum())
        self._optimisation.step()

    def _augmented(self, inputs: Tensor, labels: Tensor, keys: Tensor) -> Tensor:
        def of_fold(own: Tensor, labels: Tensor, key: Tensor) -> Tensor:
            draws = Draws(key)
            return self._method.augment(self._augment(own, draws), labels, draws)

        augmented: Tensor = self._networks.per_fold(of_fold)(inputs, labels, keys)
        if augmented.shape != inputs.shape:
            raise MethodError(f"augment gives {tuple(augmented.shape[1:])} for samples of {tuple(inputs.shape[1:])}")
        return augmented

    def _weighted_losses(self, logits: Tensor, labels: Tensor, present: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the loss of each sample, and how much it counts."""
        losses: Tensor = self._networks.per_fold(self._method.loss)(logits, labels)
        if losses.shape != labels.shape:
            raise MethodError(
                f"loss gives {tuple(losses.shape[1:])} for {labels.shape[1]} samples, not one number for each"
            )
        if self._data.class_weights is None:
            return losses, present
        weights: Tensor = self._data.class_weights.gather(1, labels)
        return losses, weights if present is None else weights * present

    @torch.no_grad()
    def _score(self) -> list[Tensor]:
        """Return the logits of the held-out sets; they stay on the device."""
        return [self._logits(places) for places in self._data.held_out]

    def _logits(self, places: Tensor) -> Tensor:
        parts = []
        for part in torch.split(places, SCORED if len(places) > 1 else _SCORED_ALONE, dim=1):
            inputs = self._data.normalised(self._data.take(part))
            with autocast(self._config.precision, self._device):
                weights = self._optimisation.average
                parts.append(self._networks(inputs, self._keys, None, training=False, weights=weights)[0])
        return torch.cat(parts, dim=1)

    def _shrink(self) -> None:
        """Go on without the folds that have stopped, where that is worth it."""
        running, rows = self._state.running, len(self._state.alive)
        if running and len(running) <= (_SHRINK * rows if self._device.type == "cuda" else rows - 1):
            self._keep(running)

    def _keep(self, rows: list[int]) -> None:
        """Go on with some of the folds only."""
        count = len(self._state.alive)
        others = [row for row in range(count) if row not in rows]
        rows = [*rows, *others[: -len(rows) % stack_multiple(self._device)]]
        if len(rows) == count:
            return
        chosen = torch.tensor(rows, device=self._device)
        self._networks.keep(chosen)
        self._optimisation.keep(chosen)
        self._data, self._keys, self._finite = self._data.choose(chosen), self._keys[chosen], self._finite[chosen]
        if self._log is not None:
            self._log.keep(chosen)
        self._state.keep(rows)
        self._graphs = self._new_graphs()

    def _synchronise(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def _progress(self, pace: Pace) -> TrainingProgress:
        folds = self._state.n_folds
        return TrainingProgress(
            folds,
            self._state.epoch,
            self._config.epochs,
            pace.samples_per_second * folds / len(self._state.alive),
            pace.seconds_left,
        )

    def _save(self, checkpoint: Checkpoint) -> None:
        tensors = {**self._networks.state(), **self._optimisation.state(), **self._state.tensors()}
        tensors |= {"finite": self._finite, **torch_draws(self._device)}
        numbers = plain_numbers(self._networks.network, self._method)
        # A full disk must not end the training.
        with suppress(OSError, RuntimeError):
            checkpoint.save(tensors, {**self._state.facts(), "numbers": numbers, "draws": python_draws()})

    def _fits(self, tensors: Tensors, facts: Mapping[str, Any]) -> bool:
        """Return whether what was saved is of such a training, as another version of mer-bench may have saved it."""
        alive = facts.get("alive")
        if not isinstance(alive, list) or not {"epoch", "stopped", "failed", "numbers", "draws"} <= facts.keys():
            return False
        wanted = self._networks.state()
        first = (len(alive),) if isinstance(self._networks, StackedNetworks) else ()
        shapes = {name: (*first, *own.shape[len(first) :]) for name, own in wanted.items()}
        return {"finite", *torch_draws(self._device)} <= tensors.keys() and all(
            name in tensors and tensors[name].dtype == own.dtype and tuple(tensors[name].shape) == shapes[name]
            for name, own in wanted.items()
        )

    def _resume(self) -> None:
        saved = None if self._checkpoint is None else self._checkpoint.load(self._device)
        if saved is None or not self._fits(*saved):
            return
        tensors, facts = saved
        self._keep(facts["alive"])
        with torch.no_grad():
            for name, own in self._networks.state().items():
                own.copy_(tensors[name])
        self._state.restore(tensors, facts)
        self._optimisation.restore(tensors, self._state.epoch * self._n_batches)
        self._finite.copy_(tensors["finite"])
        set_plain_numbers(self._networks.network, self._method, facts["numbers"])
        set_python_draws(facts["draws"])
        set_torch_draws(tensors, self._device)
