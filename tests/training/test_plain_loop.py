"""Each training parameter against a loop over batches as one writes it in torch, with torch's own classes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.stacked import Small, SmallMethod, folds_of, own_method, trained
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, OneCycleLR, SequentialLR, StepLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mer_bench import TorchMethod
from mer_bench.arrays import FloatArray
from mer_bench.methods.draws import Draws, fold_key, step_keys
from mer_bench.methods.torch_method import ParameterGroup
from mer_bench.training.build import build_network
from mer_bench.training.folds import TrainingFold
from mer_bench.training.functions import FoldFunctions

EPOCHS, BATCHES = 3, 2
STEPS = EPOCHS * BATCHES
Loss = Callable[[Tensor, Tensor], Tensor]


def plain(
    fold: TrainingFold,
    *,
    optimizer: Callable[..., Any] = lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    groups: Callable[[nn.Module], Any] = lambda network: network.parameters(),
    schedule: Callable[[Any], Any] | None = None,
    loss: Loss = F.cross_entropy,
    clip: float = 0.0,
    average: float = 0.0,
    mixup: float = 0.0,
    augment: Callable[[Tensor, Tensor, Draws], Tensor] = lambda x, labels, draws: x,
) -> FloatArray:
    """Train one fold; return its held-out probabilities after each epoch."""
    network = build_network(fold, torch.device("cpu"))
    steps = optimizer(groups(network))
    scheduler = schedule(steps) if schedule else None
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(average)) if average else None
    if averaged is not None:
        averaged.update_parameters(network)  # the first time, it copies
    x = torch.from_numpy(fold.inputs).permute(0, 3, 1, 2)
    labels = torch.from_numpy(fold.labels)
    key = torch.tensor([fold_key(fold.seed)], dtype=torch.int32)
    scores = []
    for epoch in range(EPOCHS):
        for number, batch in enumerate(torch.split(fold.order.indices(epoch), list(fold.order.sizes))):
            step = epoch * BATCHES + number
            own = step_keys(key, 2 * step)
            inputs, target = x[torch.from_numpy(fold.train)[batch]], labels[batch]
            inputs = augment(inputs, target, Draws(step_keys(key, 2 * step + 1)[0]))
            share = float(Draws(step_keys(own, 1)[0]).beta(mixup)) if mixup else 1.0
            inputs = share * inputs + (1 - share) * inputs.roll(-1, 0)
            network.train()
            with FoldFunctions(Draws(own[0])):
                logits = network(inputs)
            total = share * loss(logits, target) + (1 - share) * loss(logits, target.roll(-1, 0))
            steps.zero_grad()
            total.backward()
            if clip:
                nn.utils.clip_grad_norm_(network.parameters(), clip)
            steps.step()
            if scheduler is not None:
                scheduler.step()
            if averaged is not None:
                averaged.update_parameters(network)
        scored = copy.deepcopy(network)
        if averaged is not None:
            for mine, kept in zip(scored.parameters(), averaged.module.parameters(), strict=True):
                mine.data = kept.data
        with torch.no_grad():
            scores.append(scored.eval()(x[torch.from_numpy(fold.held_out[0])]).softmax(1).numpy())
    return np.stack(scores)


def check(kind: type[TorchMethod] = SmallMethod, settings: dict[str, Any] | None = None, **loop: Any) -> None:
    """Compare the trainer, alone and stacked, with the plain loop, and see that the settings do something."""
    settings = settings or {}
    folds = folds_of(lambda: own_method(kind, **{"epochs": EPOCHS, **settings}), 2)
    assert [fold.order.sizes for fold in folds] == [(12, 11), (12, 9)]
    expected = [plain(fold, **loop) for fold in folds]
    for stacked in (False, True):
        for number, fold in enumerate(trained(folds, stacked=stacked)):
            np.testing.assert_allclose(fold.probabilities[0][0], expected[number][0], atol=1e-5)
            np.testing.assert_allclose(fold.probabilities[0], expected[number], atol=1e-4)
    if settings or kind is not SmallMethod:
        assert np.abs(usual() - expected[0]).max() > 1e-3


@cache
def usual() -> FloatArray:
    """What the first fold scores with the usual settings."""
    return plain(folds_of(lambda: own_method(epochs=EPOCHS), 1)[0])


def test_the_trainer_is_the_plain_loop() -> None:
    check()


OPTIMISERS: dict[str, tuple[dict[str, Any], Callable[..., Any]]] = {
    "adam": ({"weight_decay": 0.3}, lambda own: torch.optim.Adam(own, lr=0.01, weight_decay=0.3)),
    "adamw": (
        {"optimizer": "adamw", "weight_decay": 5.0},
        lambda own: torch.optim.AdamW(own, lr=0.01, weight_decay=5.0),
    ),
    "sgd": (
        {"optimizer": "sgd", "lr": 0.1, "weight_decay": 0.1},
        lambda own: torch.optim.SGD(own, lr=0.1, momentum=0.9, weight_decay=0.1),
    ),
    "sgd without momentum": (
        {"optimizer": "sgd", "lr": 0.5, "momentum": 0.0},
        lambda own: torch.optim.SGD(own, lr=0.5),
    ),
    "sgd with little momentum": (
        {"optimizer": "sgd", "lr": 0.5, "momentum": 0.3},
        lambda own: torch.optim.SGD(own, lr=0.5, momentum=0.3),
    ),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_optimiser_is_torchs(name: str) -> None:
    settings, optimizer = OPTIMISERS[name]
    check(settings=settings, optimizer=optimizer)


def warmed(after: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Two epochs of warm-up, in which the first step has a quarter of the learning rate."""
    rise = 2 * BATCHES

    def build(optimizer: Any) -> Any:
        start = LinearLR(optimizer, start_factor=1 / rise, end_factor=1.0, total_iters=rise - 1)
        return SequentialLR(optimizer, [start, after(optimizer)], milestones=[rise])

    return build


SCHEDULES: dict[str, tuple[dict[str, Any], Callable[[Any], Any]]] = {
    "cosine": ({"schedule": "cosine"}, lambda own: CosineAnnealingLR(own, T_max=STEPS)),
    "step": (
        {"schedule": "step", "schedule_epochs": 2, "schedule_factor": 0.3},
        lambda own: StepLR(own, 2 * BATCHES, 0.3),
    ),
    "one-cycle": (
        {"schedule": "one-cycle"},
        lambda own: OneCycleLR(own, max_lr=0.01, total_steps=STEPS, cycle_momentum=False),
    ),
    "warm-up": ({"warmup": 2}, warmed(lambda own: StepLR(own, 1000))),
    "warm-up and cosine": (
        {"schedule": "cosine", "warmup": 2},
        warmed(lambda own: CosineAnnealingLR(own, T_max=STEPS - 2 * BATCHES)),
    ),
}


@pytest.mark.filterwarnings("ignore:Detected call of:UserWarning", "ignore:The epoch parameter:UserWarning")
@pytest.mark.parametrize("name", SCHEDULES)
def test_the_learning_rates_are_those_of_torchs_schedules(name: str) -> None:
    settings, schedule = SCHEDULES[name]
    method = own_method(**{"epochs": EPOCHS, **settings})
    rates = []
    for build in (schedule, lambda own: method.build_scheduler(own, BATCHES)):
        optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=0.01)
        scheduler = build(optimizer)
        rates.append([])
        for step in range(STEPS):
            rates[-1].append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if step < STEPS - 1:  # torch's one-cycle raises after its last step, where the trainer's stays
                scheduler.step()

    assert rates[1] == pytest.approx(rates[0], rel=1e-5, abs=1e-10)
    assert len(set(rates[1])) > 1


@pytest.mark.filterwarnings("ignore:Detected call of:UserWarning", "ignore:The epoch parameter:UserWarning")
@pytest.mark.parametrize("name", ["cosine", "step", "warm-up and cosine"])
def test_the_schedule_is_followed_step_by_step(name: str) -> None:
    settings, schedule = SCHEDULES[name]
    check(settings=settings, schedule=schedule)


def test_each_folds_gradient_is_clipped_by_its_own_norm() -> None:
    settings = {"clip_norm": 0.02, "optimizer": "sgd", "lr": 0.5}
    check(settings=settings, clip=0.02, optimizer=lambda own: torch.optim.SGD(own, lr=0.5, momentum=0.9))


def focal(logits: Tensor, labels: Tensor) -> Tensor:
    chance = logits.softmax(1)[torch.arange(len(labels)), labels]
    return (-((1 - chance) ** 3) * chance.log()).mean()


LOSSES: dict[str, tuple[dict[str, Any], Loss]] = {
    "smoothed": ({"label_smoothing": 0.3}, lambda out, labels: F.cross_entropy(out, labels, label_smoothing=0.3)),
    "focal": ({"loss": "focal", "focal_gamma": 3.0}, focal),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_is_the_one_that_is_asked_for(name: str) -> None:
    settings, loss = LOSSES[name]
    check(settings=settings, loss=loss)


def test_balanced_class_weights_weigh_each_folds_classes_equally() -> None:
    folds = folds_of(lambda: own_method(epochs=EPOCHS, class_weights="balanced"), 2)
    made = [trained(folds, stacked=stacked) for stacked in (False, True)]
    for number, fold in enumerate(folds):
        weights = torch.tensor([len(fold.labels) / 3 / (fold.labels == c).sum() for c in range(3)]).float()
        expected = plain(fold, loss=partial(F.cross_entropy, weight=weights))
        for way in made:
            np.testing.assert_allclose(way[number].probabilities[0], expected, atol=1e-4)
    assert np.abs(usual() - made[0][0].probabilities[0]).max() > 1e-4


def test_mixup_mixes_each_sample_with_the_next_of_its_batch() -> None:
    check(settings={"mixup": 0.8}, mixup=0.8)


def test_scores_come_from_the_running_average_of_the_weights() -> None:
    check(settings={"average": 0.8}, average=0.8)


class OwnLoss(SmallMethod):
    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return (logits - F.one_hot(labels, 3)).square().sum(1)


def test_a_method_may_have_a_loss_of_its_own() -> None:
    check(OwnLoss, loss=lambda out, labels: (out - F.one_hot(labels, 3)).square().sum(1).mean())


class OwnAugment(SmallMethod):
    def augment(self, inputs: Tensor, labels: Tensor, draws: Draws) -> Tensor:
        shift = draws.uniform((len(inputs), 1, 1, 1)) * labels[:, None, None, None]
        return torch.where(draws.happens(0.5, (len(inputs), 1, 1, 1)), inputs.flip(3), inputs) + shift


def test_a_method_may_change_training_samples() -> None:
    check(OwnAugment, augment=lambda x, labels, draws: OwnAugment.augment(own_method(OwnAugment), x, labels, draws))


class OwnGroups(SmallMethod):
    def parameter_groups(self, network: nn.Module) -> Sequence[ParameterGroup]:
        head = tuple(name for name, _ in network.named_parameters() if name.startswith("head"))
        return [ParameterGroup(head, lr_factor=10.0, weight_decay=0.5), ParameterGroup(("attention.bias",), 0.0)]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_method_may_train_parameters_each_in_its_way(optimizer: str) -> None:
    def groups(network: Small) -> list[dict[str, Any]]:
        rest = [*network.maps.parameters(), network.attention.weight]
        return [
            {"params": [*network.head.parameters()], "lr": 0.1, "weight_decay": 0.5},
            {"params": rest, "lr": 0.01, "weight_decay": 0.2},
        ]

    def build(own: Any) -> Any:
        return torch.optim.AdamW(own) if optimizer == "adamw" else torch.optim.SGD(own, momentum=0.9)

    check(OwnGroups, {"weight_decay": 0.2, "optimizer": optimizer}, groups=groups, optimizer=build)


class OwnSchedule(SmallMethod):
    def build_scheduler(self, optimizer: torch.optim.Optimizer, steps: int) -> Any:
        return StepLR(optimizer, steps, gamma=0.2)


def test_a_method_may_have_a_schedule_of_its_own() -> None:
    check(OwnSchedule, schedule=lambda own: StepLR(own, BATCHES, 0.2))
