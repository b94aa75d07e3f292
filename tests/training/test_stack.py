"""Folds of a stack, or alone: one that fails, stops or is interrupted changes no other one."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.stacked import Small, SmallMethod, folds_of, own_method, same, trained, with_nan
from torch import nn

from mer_bench import TorchMethod
from mer_bench.arrays import FloatArray
from mer_bench.methods.torch_method import ParameterGroup
from mer_bench.training import graphs, pace, stack_training, stacking
from mer_bench.training.batches import Batch
from mer_bench.training.checkpoint import Checkpoint
from mer_bench.training.folds import TrainedFold, TrainingFold
from mer_bench.training.graphs import StepGraphs
from mer_bench.training.optimisation import Optimisation
from mer_bench.training.progress import TrainingProgress


class PartlyFrozen(TorchMethod):
    def build_network(self) -> nn.Module:
        network = Small(self.n_classes)
        network.attention.weight.requires_grad_(False)
        return network


class Grouped(SmallMethod):
    """Trains its last layer first in the order of the optimiser, and has a parameter without a gradient."""

    def build_network(self) -> nn.Module:
        network = Small(self.n_classes)
        network.maps.aside = nn.Parameter(torch.ones(3))
        return network

    def parameter_groups(self, network: nn.Module) -> Sequence[ParameterGroup]:
        return [ParameterGroup(("head.2.weight", "head.2.bias"), lr_factor=0.5)]


class ChannelsLast(SmallMethod):
    """Its convolution's weights are in the order of another layout in memory."""

    def build_network(self) -> nn.Module:
        return Small(self.n_classes).to(memory_format=torch.channels_last)


class After:
    """Stops after some epochs."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def __call__(self, probabilities: FloatArray) -> bool:
        return len(probabilities) >= self.epochs


def folds(n: int, kind: type[TorchMethod] = SmallMethod, **params: object) -> list[TrainingFold]:
    return folds_of(lambda: own_method(kind, **params), n)


@pytest.mark.parametrize("place", [0, 3])
@pytest.mark.parametrize("params", [{}, {"clip_norm": 0.1, "average": 0.5, "mixup": 0.4}])
def test_a_nan_in_a_fold_fails_it_and_leaves_the_others_as_they_are(place: int, params: dict[str, object]) -> None:
    sound = folds(5, **params)
    shared = with_nan(sound[place]).inputs
    spoilt = [with_nan(fold) if number == place else replace(fold, inputs=shared) for number, fold in enumerate(sound)]
    before, after = trained(sound, stacked=True), trained(spoilt, stacked=True)

    assert after[place].error == "the training loss is not finite in epoch 1; a smaller lr may fix it"
    assert [same(one, other) for one, other in zip(before, after, strict=True)] == [i != place for i in range(5)]


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("kind", [SmallMethod, PartlyFrozen, Grouped])
def test_a_fold_that_stops_has_the_epochs_until_then_and_changes_no_other(
    kind: type[TorchMethod], stacked: bool
) -> None:
    # Of 17 folds 13 stop, and the copies of the first with it: the stack becomes smaller.
    sound = folds(17 if stacked else 2, kind, epochs=4, schedule="cosine", average=0.9, optimizer="adamw")
    stops = [replace(fold, stop=After(2)) if number % 4 != 1 else fold for number, fold in enumerate(sound)]
    whole, stopped = trained(sound, stacked=stacked), trained(stops, stacked=stacked)

    for number, (one, other) in enumerate(zip(whole, stopped, strict=True)):
        epochs = 2 if number % 4 != 1 else 4
        assert len(other.probabilities[0]) == epochs
        np.testing.assert_array_equal(other.probabilities[0], one.probabilities[0][:epochs])


class BreakError(Exception):
    """The training is interrupted here."""


def interrupted(folds: Sequence[TrainingFold], file: Path, after: int, *, stacked: bool) -> None:
    """Train until some saved epochs are done, and break off in the middle of the next one."""
    saved: list[Path] = []

    class Counting(Checkpoint):
        def save(self, *content: object) -> None:  # type: ignore[override]
            super().save(*content)  # type: ignore[arg-type]
            saved.append(self.file)

    def tell(progress: TrainingProgress) -> None:
        if len(saved) == after:
            raise BreakError

    with pytest.raises(BreakError):
        trained(folds, stacked=stacked, tell=tell, checkpoint=lambda _: Counting(file, seconds=0))
    assert file.exists()


LONG: dict[str, object] = {
    **{"epochs": 5, "schedule": "one-cycle", "average": 0.9, "clip_norm": 0.5, "mixup": 0.3, "noise": 0.02},
    **{"sampling": "balanced", "optimizer": "adamw"},
}


@pytest.fixture
def always_telling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_TELL_SECONDS", 0.0)


@pytest.mark.slow
@pytest.mark.usefixtures("always_telling")
@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize(("kind", "optimizer"), [(SmallMethod, "adamw"), (Grouped, "adamw"), (Grouped, "sgd")])
def test_an_interrupted_training_goes_on_with_the_same_bits(
    tmp_path: Path, kind: type[TorchMethod], optimizer: str, stacked: bool
) -> None:
    def own() -> list[TrainingFold]:
        made = folds(17 if stacked else 1, kind, **{**LONG, "optimizer": optimizer})
        return [replace(fold, stop=After(2 + number % 4)) for number, fold in enumerate(made)]

    if not stacked:
        sound = [replace(own()[0], stop=None)]
    whole = trained(own() if stacked else sound, stacked=stacked)
    file = tmp_path / "folder" / "one.checkpoint"
    for after in (2, 1):  # it is interrupted twice, the second time one epoch further
        interrupted(own() if stacked else sound, file, after, stacked=stacked)
    told: list[int] = []
    again = trained(
        own() if stacked else sound,
        stacked=stacked,
        tell=lambda progress: told.append(progress.epoch),
        checkpoint=lambda _: Checkpoint(file),
    )

    assert min(told) == 3
    assert all(same(one, other) for one, other in zip(whole, again, strict=True))
    assert list(tmp_path.rglob("*.checkpoint")) == []


def goes_on(file: Path, kind: type[TorchMethod], *, stacked: bool, **params: object) -> bool:
    """Whether an interrupted training of a method gives what one without an interruption gives."""

    def own() -> list[TrainingFold]:
        return folds(3 if stacked else 1, kind, epochs=4, **params)

    whole = trained(own(), stacked=stacked)
    interrupted(own(), file, 2, stacked=stacked)
    told: list[int] = []
    again = trained(
        own(), stacked=stacked, tell=lambda progress: told.append(progress.epoch), checkpoint=lambda _: Checkpoint(file)
    )
    assert min(told) == 2
    return all(same(one, other) for one, other in zip(whole, again, strict=True))


@pytest.mark.usefixtures("always_telling")
@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("params", [{"average": 0.9}, {"optimizer": "sgd", "momentum": 0.8}])
def test_moments_go_on_with_their_own_weights_in_another_memory_layout(
    tmp_path: Path, params: dict[str, object], stacked: bool
) -> None:
    assert goes_on(tmp_path / "x", ChannelsLast, stacked=stacked, **params)


class Outside(Small):
    """Its training goes by what a way of keeping something outside of trained weights and buffers says."""

    def __init__(self, n_classes: int, factor: Callable[[Outside], float]) -> None:
        super().__init__(n_classes)
        self.factor, self.steps = factor, 0
        self.teacher = nn.Parameter(torch.zeros(3), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x * self.factor(self) if self.training else x)


def counted(network: Outside) -> float:
    network.steps += 1
    return 1 / network.steps


def of_a_teacher(network: Outside) -> float:
    with torch.no_grad():
        network.teacher.lerp_(network.head[2].bias, 0.1)
    return 1 + 10 * float(network.teacher.sum())


@pytest.mark.usefixtures("always_telling")
@pytest.mark.parametrize(
    "factor",
    [
        lambda _: random.gauss(1, 0.2),
        lambda _: 1 + np.random.normal() / 5,  # noqa: NPY002
        lambda _: 1 + float(torch.empty(1).exponential_()),
        counted,
        of_a_teacher,
    ],
    ids=["Python", "NumPy", "torch", "number", "frozen"],
)
def test_what_a_network_keeps_or_draws_in_its_own_way_goes_on_too(
    tmp_path: Path, factor: Callable[[Outside], float]
) -> None:
    class Kept(SmallMethod):
        def build_network(self) -> nn.Module:
            return Outside(self.n_classes, factor)

    assert goes_on(tmp_path / "x", Kept, stacked=False)


class Ramped(SmallMethod):
    """Counts the calls of its loss, which become weaker."""

    calls = 0

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().loss(logits, labels) / self.calls


@pytest.mark.usefixtures("always_telling")
@pytest.mark.parametrize("stacked", [False, True])
def test_a_number_on_the_method_goes_on_too(tmp_path: Path, stacked: bool) -> None:
    assert goes_on(tmp_path / "x", Ramped, stacked=stacked, optimizer="sgd")


@pytest.mark.usefixtures("always_telling")
def test_a_failed_fold_stays_failed_after_an_interruption(tmp_path: Path) -> None:
    sound = folds(3, epochs=5)
    shared = with_nan(sound[1]).inputs
    spoilt = [replace(sound[0], inputs=shared), with_nan(sound[1]), replace(sound[2], inputs=shared)]
    whole = trained(spoilt, stacked=True)
    interrupted(spoilt, tmp_path / "x", 2, stacked=True)

    again = trained(spoilt, stacked=True, checkpoint=lambda _: Checkpoint(tmp_path / "x"))
    assert [fold.error for fold in again] == [fold.error for fold in whole]
    assert again[1].error
    assert same(again[0], whole[0])
    assert same(again[2], whole[2])


def damaged(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def with_another_weight(file: Path) -> None:
    """Change the sign of one weight: the file can still be parsed."""
    saved = Checkpoint(file).load(torch.device("cpu"))
    assert saved is not None
    content = bytearray(file.read_bytes())
    weight = saved[0]["parameter/head.2.weight"]
    content[content.index(weight.numpy().tobytes()) + 3] ^= 0x80
    file.write_bytes(content)


def of_a_newer_trainer(file: Path) -> None:
    Checkpoint(file).save({"weights": torch.zeros(3)}, {"round": 3})


def empty(file: Path) -> None:
    file.write_bytes(b"")


def not_there(file: Path) -> None:
    file.unlink()


@pytest.fixture(scope="module")
def with_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[TrainedFold], bytes]:
    """Two folds trained without an interruption, and what is saved of their training after half of its epochs."""
    own, file = folds(2, epochs=4), tmp_path_factory.mktemp("interrupted") / "x"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "_TELL_SECONDS", 0.0)
        interrupted(own, file, 2, stacked=True)
    return trained(own, stacked=True), file.read_bytes()


@pytest.mark.parametrize("change", [damaged, with_another_weight, of_a_newer_trainer, empty, not_there])
def test_a_file_that_is_no_checkpoint_of_this_training_is_ignored(
    tmp_path: Path, with_checkpoint: tuple[list[TrainedFold], bytes], change: Callable[[Path], None]
) -> None:
    whole, saved = with_checkpoint
    (tmp_path / "x").write_bytes(saved)
    change(tmp_path / "x")

    again = trained(folds(2, epochs=4), stacked=True, checkpoint=lambda _: Checkpoint(tmp_path / "x"))
    assert all(same(one, other) for one, other in zip(whole, again, strict=True))
    assert not (tmp_path / "x").exists()


def test_going_on_leaves_the_callers_random_numbers_as_they_were(
    tmp_path: Path, with_checkpoint: tuple[list[TrainedFold], bytes]
) -> None:
    (tmp_path / "x").write_bytes(with_checkpoint[1])
    before = random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state()  # noqa: NPY002
    trained(folds(2, epochs=4), stacked=True, checkpoint=lambda _: Checkpoint(tmp_path / "x"))

    assert (random.getstate(), np.random.get_state()[1].tobytes()) == before[:2]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[2])


def test_a_full_disk_does_not_end_a_training(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("no folder")
    own = folds(1, epochs=3)
    made = trained(own, stacked=False, checkpoint=lambda _: Checkpoint(tmp_path / "taken" / "x", seconds=0))
    assert same(made[0], trained(own, stacked=False)[0])


def test_a_stack_that_does_not_fit_is_halved_and_what_is_finished_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of five folds fit; the others are tried in their turn."""
    own = folds(5, epochs=1)
    whole = trained(own, stacked=True)
    tried: list[list[int]] = []
    stack = stacking.build_training

    def limited(folds: Sequence[TrainingFold], *arguments: object, **options: object) -> object:
        seeds = [fold.seed - 1000 for fold in folds]
        tried.append(seeds)
        if len(folds) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return stack(folds, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(stacking, "build_training", limited)
    halves = trained(own, stacked=True)

    assert tried == [[0, 1, 2, 3, 4], [0, 1], [2, 3, 4], [2], [3, 4]]
    assert [fold.stack for fold in whole] == [5] * 5
    assert [fold.stack for fold in halves] == [2, 2, 1, 2, 2]
    assert all(same(one, other) for one, other in zip(whole, halves, strict=True))


def test_a_single_fold_that_does_not_fit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(stacking, "build_training", refuse)
    with pytest.raises(torch.OutOfMemoryError):
        trained(folds(1), stacked=True)


def test_folds_with_more_batches_are_a_stack_of_their_own() -> None:
    own = folds(4, epochs=1)
    longer = [replace(own[i], train=own[i].train[:14], labels=own[i].labels[:14]) for i in (0, 2)]
    shorter = [replace(own[i], train=own[i].train[:9], labels=own[i].labels[:9]) for i in (1, 3)]
    sized = [replace(fold, peers=(14, 9)) for fold in (longer[0], shorter[0], longer[1], shorter[1])]
    together = trained(sized, stacked=True)

    assert [fold.stack for fold in together] == [2] * 4
    assert all(same(one, trained([fold], stacked=True)[0]) for one, fold in zip(together, sized, strict=True))


def test_progress_counts_the_folds_that_are_trained_and_ends_with_nothing_left() -> None:
    told: list[TrainingProgress] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "_TELL_SECONDS", 0.0)
        trained(folds(3, epochs=4), stacked=True, tell=told.append)

    assert {(progress.folds, progress.epochs) for progress in told} == {(3, 4)}
    assert [progress.epoch for progress in told] == [0, 1, 1, 2, 2, 3, 3]
    assert told[-1].seconds_left == 0
    assert min(progress.samples_per_second for progress in told) > 0


class OwnSchedule(SmallMethod):
    """Its schedule goes by the learning rate that its own parameters name."""

    def build_scheduler(self, optimizer: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, self.training.lr, total_steps=100)


@pytest.mark.parametrize("kind", [SmallMethod, OwnSchedule])
def test_folds_of_other_learning_rates_train_as_by_themselves(kind: type[TorchMethod]) -> None:
    """But for the last bits: their weights are no multiple of what fills a vector register."""
    rates = [folds(n, kind, epochs=3, lr=lr) for n, lr in ((5, 1e-4), (7, 3e-2), (3, 3e-3))]
    rates = [[replace(fold, inputs=rates[0][0].inputs) for fold in own] for own in rates]
    both = trained([fold for own in rates for fold in own], stacked=True)
    alone = [fold for own in rates for fold in trained(own, stacked=True)]

    assert [fold.stack for fold in both] == ([15] * 15 if kind is SmallMethod else [5] * 5 + [7] * 7 + [3] * 3)
    for one, other in zip(both, alone, strict=True):
        np.testing.assert_allclose(one.probabilities[0], other.probabilities[0], rtol=0, atol=1e-6)
    assert np.abs(both[0].probabilities[0] - both[5].probabilities[0]).max() > 1e-2


class Odd(SmallMethod):
    def build_network(self) -> nn.Module:
        if torch.initial_seed() % 2:
            raise ValueError("an odd seed")
        return super().build_network()


def test_of_folds_that_are_trained_one_by_one_only_the_failing_one_fails() -> None:
    numbered = [replace(fold, seed=seed) for fold, seed in zip(folds(3, Odd, epochs=2), (2, 3, 4), strict=True)]
    errors = [fold.error for fold in trained(numbered, stacked=False)]

    assert errors == ["", "ValueError: an odd seed", ""]


def test_a_fold_that_is_trained_after_others_draws_what_it_draws_alone() -> None:
    """Also where torch's own generator is used, as inside ``nn.TransformerEncoderLayer``."""

    class Drawing(SmallMethod):
        def build_network(self) -> nn.Module:
            network = Small(self.n_classes)
            network.register_forward_pre_hook(_draw)
            return network

    three = folds(3, Drawing, epochs=2)
    together, alone = trained(three, stacked=False), trained(three[2:], stacked=False)

    assert same(together[2], alone[0])


def _draw(network: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    noise = torch.empty_like(inputs[0]).exponential_()
    return (inputs[0] + noise * network.training,)


def test_a_step_whose_capture_failed_has_no_gradients_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU: what is captured here fails once the gradients are there, as a capture may."""

    class Flat(SmallMethod):
        def build_network(self) -> nn.Module:
            # Without buffers, which a real capture would leave as they are.
            return nn.Sequential(nn.Flatten(), nn.Linear(192, self.n_classes))

    class FailsAtTheEnd(StepGraphs):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._captures = True

        def _capture(self, batch: Batch, number: int) -> Any:
            failed.append(number)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Optimisation, "step", refuse)
                self._step(*self._on_device(batch, number))

    def refuse(optimisation: Optimisation) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    failed: list[int] = []
    whole = trained(folds(3, Flat), stacked=True)
    monkeypatch.setattr(graphs, "_WARM_UP", 0)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    monkeypatch.setattr(stack_training, "StepGraphs", FailsAtTheEnd)
    eager = trained(folds(3, Flat), stacked=True)

    assert failed == [0]
    assert all(same(one, other) for one, other in zip(whole, eager, strict=True))
