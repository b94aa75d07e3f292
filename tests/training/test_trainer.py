"""The trainer: a fold's scores depend on its training set and seed alone, never on the held-out samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from support.method_instances import instance_of
from support.stacked import folds_of, own_method
from torch import Tensor, nn

from mer_bench import LabelledSamples, MerBenchError, MethodError, TorchMethod, UnlabelledSamples, training_parameters
from mer_bench.arrays import FloatArray
from mer_bench.training import stack_training
from mer_bench.training.trainer import train_fold, train_weights


def kind_of(build: Callable[[int], nn.Module]) -> type[TorchMethod]:
    """Return the class of a method whose network is built for a number of classes."""

    class Built(TorchMethod):
        def build_network(self) -> nn.Module:
            return build(self.n_classes)

    return Built


def linear(n_classes: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(48, n_classes))


def watching(hook: Callable[[nn.Module, Any, Any], None]) -> type[TorchMethod]:
    """Return the class of a method that shows a hook what its linear network receives."""

    def build(n_classes: int) -> nn.Module:
        network = linear(n_classes)
        network.register_forward_hook(hook)
        return network

    return kind_of(build)


Linear = kind_of(linear)
Dropping = kind_of(
    lambda n: nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, n))
)
BatchNormalised = kind_of(lambda n: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(48), nn.Linear(48, n)))
DIVERGES = {"lr": 1e6, "weight_decay": 1e6, "optimizer": "sgd"}


def method(kind: type[TorchMethod] = Linear, n_classes: int = 3, **params: object) -> TorchMethod:
    values = {"epochs": 3, "lr": 0.01, "batch_size": 8, **params}
    return instance_of(kind, parameters=training_parameters(), n_classes=n_classes, **values)


def samples(n: int, *, seed: int = 0, labels: list[int] | None = None) -> LabelledSamples:
    """Return 4×4×3 inputs in which a class brightens its own row, and which have an uneven scale."""
    rng = np.random.default_rng(seed)
    classes = np.array(labels if labels is not None else [i % 3 for i in range(n)], dtype=np.int64)
    inputs = rng.normal(0.0, 1.0, (n, 4, 4, 3))
    inputs[np.arange(n), classes] += 2.0
    scaled = inputs * [1.0, 10.0, 0.1] + [5.0, 0.0, -1.0]
    return LabelledSamples(scaled.astype(np.float32), classes, np.array([f"smic/s{i % 5}" for i in range(n)]))


def train(kind: TorchMethod, training_set: LabelledSamples, held_out: FloatArray, seed: int = 1) -> FloatArray:
    return train_fold(kind, training_set, [UnlabelledSamples(held_out)], seed=seed, device="cpu")[0]


HELD_OUT = samples(7, seed=9).inputs


class Several(nn.Module):
    """Returns its logits several times."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.layer, self.count = nn.Linear(48, 3), count

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return (self.layer(x),) * self.count


class Penalised(nn.Module):
    """A linear network with a penalty; its logits do not depend on the parameter ``aside``."""

    def __init__(self, penalty: Callable[[nn.Parameter], object], only_in_training: bool) -> None:
        super().__init__()
        self.layer, self.only_in_training = nn.Linear(48, 3), only_in_training
        self.aside = nn.Parameter(torch.tensor(2.0))
        self.penalty = penalty

    def forward(self, x: Tensor) -> object:
        logits = self.layer(x.flatten(1))
        return logits if self.only_in_training and not self.training else (logits, self.penalty(self.aside))


def penalised(
    penalty: Callable[[nn.Parameter], object], *, only_in_training: bool = False, **params: object
) -> tuple[FloatArray, Penalised]:
    """Train with a penalty; return the held-out scores and the network."""
    networks: list[Penalised] = []

    def build(_: int) -> nn.Module:
        networks.append(Penalised(penalty, only_in_training))
        return networks[0]

    return train(method(kind_of(build), **params), samples(20), HELD_OUT), networks[0]


def test_the_first_epochs_of_a_longer_training_are_the_shorter_training() -> None:
    short, long = (train(method(Dropping, epochs=epochs), samples(20), HELD_OUT) for epochs in (2, 5))

    np.testing.assert_array_equal(long[:2], short)


def test_the_callers_random_state_neither_matters_nor_changes() -> None:
    first = train(method(Dropping), samples(20), HELD_OUT)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(77)
        state = torch.get_rng_state()
        np.testing.assert_array_equal(train(method(Dropping), samples(20), HELD_OUT), first)
        assert torch.equal(torch.get_rng_state(), state)
        with pytest.raises(MethodError):
            train(method(**DIVERGES), samples(20), HELD_OUT)
        assert torch.equal(torch.get_rng_state(), state)


def test_one_held_out_set_does_not_change_the_scores_of_another() -> None:
    over_batches = kind_of(lambda n: nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False), linear(n)))
    sets = [[UnlabelledSamples(x) for x in (HELD_OUT, other)] for other in (HELD_OUT[:4], HELD_OUT[2:] + 100)]
    one, another = (train_fold(method(over_batches), samples(20), held, seed=1, device="cpu") for held in sets)

    np.testing.assert_array_equal(one[0], another[0])
    assert [len(scores[0]) for scores in (*one, *another)] == [7, 4, 7, 5]


@pytest.mark.parametrize("kind", [Dropping, BatchNormalised])
def test_a_held_out_sample_scores_the_same_alone_and_among_others(kind: type[TorchMethod]) -> None:
    together = train(method(kind), samples(20), HELD_OUT)
    order = np.random.default_rng(0).permutation(len(HELD_OUT))

    np.testing.assert_allclose(train(method(kind), samples(20), HELD_OUT[order]), together[:, order], atol=1e-6)
    np.testing.assert_allclose(train(method(kind), samples(20), HELD_OUT[2:3]), together[:, 2:3], atol=1e-6)


def test_the_network_trains_and_is_scored_each_in_its_mode_and_with_one_thread() -> None:
    """A sum over more threads would round differently, and the scores with it."""
    modes: list[tuple[bool, int, int]] = []

    def watch(module: nn.Module, inputs: tuple[Tensor], _: object) -> None:
        modes.append((module.training, len(inputs[0]), torch.get_num_threads()))

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        train(method(watching(watch), epochs=2), samples(20), HELD_OUT)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert modes == [(True, 8, 1), (True, 8, 1), (True, 4, 1), (False, 7, 1)] * 2


def seen_inputs(
    training_set: LabelledSamples, seed: int = 1, held_out: FloatArray | None = None, **params: object
) -> Tensor:
    """Return what the network receives in one epoch: the training set in the order of training, or ``held_out``."""
    seen: dict[bool, list[Tensor]] = {True: [], False: []}
    kind = watching(lambda module, inputs, _: seen[module.training].append(inputs[0]))
    train(method(kind, epochs=1, **params), training_set, HELD_OUT if held_out is None else held_out, seed)
    return torch.cat(seen[held_out is None])


NORMALISED: dict[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "none": lambda x, _: x,
    "channel": lambda x, seen: (x - seen.mean((0, 1, 2))) / seen.std((0, 1, 2)),
    "unit": lambda x, seen: (x - seen.min((0, 1, 2))) / (seen.max((0, 1, 2)) - seen.min((0, 1, 2))),
    "pixel-mean": lambda x, seen: x - seen.mean(0),
}


@pytest.mark.parametrize("kind", NORMALISED)
def test_inputs_are_normalised_by_what_is_measured_on_the_training_set(kind: str) -> None:
    training_set, held_out = samples(20), HELD_OUT * np.float32(3)
    measured = training_set.inputs.astype(float)
    trained, scored = (
        seen_inputs(training_set, held_out=held, normalisation=kind).permute(0, 2, 3, 1).numpy()
        for held in (None, held_out)
    )

    np.testing.assert_allclose(scored, NORMALISED[kind](held_out.astype(float), measured), atol=1e-4)
    np.testing.assert_allclose(
        np.sort(trained, axis=0), np.sort(NORMALISED[kind](measured, measured), axis=0), atol=1e-4
    )


@pytest.mark.parametrize("kind", ["raw-255", "pixel-mean-255"])
def test_maps_of_8_bits_are_fed_as_their_levels(kind: str) -> None:
    """To the bit: public code feeds whole numbers."""
    levels = np.random.default_rng(3).integers(0, 256, (27, 4, 4, 3)).astype(np.float32)
    training_set = replace(samples(20), inputs=levels[:20] / np.float32(255))
    scored = seen_inputs(training_set, held_out=levels[20:] / np.float32(255), normalisation=kind)

    training_set.inputs[0, 0, 0] = [-1e-6, 1 + 1e-6, 0.5]  # rounding is no other unit
    seen_inputs(training_set, held_out=training_set.inputs, normalisation=kind)
    expected = levels[20:] - (levels[:20].mean(0) if kind == "pixel-mean-255" else 0)
    np.testing.assert_allclose(
        scored.permute(0, 2, 3, 1).numpy(), expected, rtol=0, atol=1e-4 if kind == "pixel-mean-255" else 0
    )


@pytest.mark.parametrize("kind", ["raw-255", "pixel-mean-255"])
@pytest.mark.parametrize(
    ("trained", "scored", "values"),
    [((-0.25, 0.75), (0, 1), "-0.25 to 0.75"), ((0, 1.5), (0, 1), "0 to 1.5"), ((0, 1), (-3, 0.5), "-3 to 0.5")],
)
def test_levels_of_8_bits_are_refused_for_maps_in_other_units(
    kind: str, trained: tuple[float, float], scored: tuple[float, float], values: str
) -> None:
    """A map in pixels would be multiplied by 255 without a word."""
    inputs, held_out = (np.resize(np.float32(ends), (20, 4, 4, 3)) for ends in (trained, scored))

    with pytest.raises(MerBenchError) as caught:
        train(method(normalisation=kind), replace(samples(20), inputs=inputs), held_out)
    assert str(caught.value) == (
        f"normalisation={kind} takes maps of 0 to 1, which it feeds as the levels 0 to 255 of an 8-bit file, but these "
        f"have values from {values}; set scale=per-map-8bit where the maps are made from frames, or take another "
        "normalisation, such as channel"
    )


@pytest.mark.parametrize("kind", ["channel", "unit", "pixel-mean"])
def test_a_constant_channel_is_only_centred(kind: str) -> None:
    training_set = samples(20)
    training_set.inputs[..., 1] = 0.1
    seen = seen_inputs(training_set, normalisation=kind)
    held_out = seen_inputs(training_set, held_out=HELD_OUT, normalisation=kind)

    assert torch.isfinite(seen).all()
    assert not seen[:, 1].any()
    np.testing.assert_allclose(held_out[:, 1], HELD_OUT[..., 1] - 0.1, atol=1e-5)


def test_held_out_samples_beyond_one_evaluation_batch_are_all_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(method(), samples(20), HELD_OUT)
    monkeypatch.setattr(stack_training, "_SCORED_ALONE", 3)

    np.testing.assert_allclose(train(method(), samples(20), HELD_OUT), whole, atol=1e-6)


@pytest.mark.parametrize(("class_weights", "weights"), [("none", [1, 1, 1]), ("balanced", [2 / 3, 1, 2])])
def test_each_step_follows_the_gradient_of_the_mean_cross_entropy(class_weights: str, weights: list[float]) -> None:
    """Eq. 5, -1/N Σ log p, by gradient descent with momentum 0.9 on all samples at once."""
    training_set = samples(12, labels=[0, 1, 0, 2, 0, 1, 0, 0, 1, 2, 1, 0])
    flat, held_out = (
        x.transpose(0, 3, 1, 2).reshape(len(x), -1).astype(float) for x in (training_set.inputs, HELD_OUT)
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        layer = nn.Linear(48, 3)
    weight, bias = (p.detach().numpy().astype(float) for p in (layer.weight, layer.bias))
    of_sample = np.array(weights)[training_set.labels, None]

    def probabilities(x: FloatArray) -> FloatArray:
        exponentials = np.exp(x @ weight.T + bias)
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    expected, velocity = [], [0.0, 0.0]
    for _ in range(3):
        error = (probabilities(flat) - np.eye(3)[training_set.labels]) * of_sample / of_sample.sum()
        velocity = [0.9 * velocity[0] + error.T @ flat, 0.9 * velocity[1] + error.sum(axis=0)]
        weight, bias = weight - 0.001 * velocity[0], bias - 0.001 * velocity[1]
        expected.append(probabilities(held_out))
    descent: dict[str, object] = {"lr": 0.001, "batch_size": 64, "normalisation": "none", "optimizer": "sgd"}
    scores = train(method(class_weights=class_weights, **descent), training_set, HELD_OUT)

    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert not np.allclose(expected[0], expected[2], atol=1e-2)


def test_a_loss_that_is_not_finite_is_reported_with_its_epoch_and_a_cure() -> None:
    with pytest.raises(MethodError, match=r"^the training loss is not finite in epoch \d+; a smaller lr may fix it$"):
        train(method(**DIVERGES), samples(20), HELD_OUT)


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        (nn.Linear(48, 5), "the network gives (8, 5) for 8 samples of 3 classes"),
        (Several(1), "the network gives an object of type tuple, not a tensor of logits"),
        (Several(3), "the network gives an object of type tuple, not a tensor of logits"),
    ],
)
def test_a_network_with_the_wrong_output_is_refused_with_its_shape(tail: nn.Module, message: str) -> None:
    with pytest.raises(MethodError) as caught:
        train(method(kind_of(lambda _: nn.Sequential(nn.Flatten(), tail))), samples(20), HELD_OUT)
    assert message in str(caught.value)


def test_the_gradient_of_a_penalty_reaches_parameters_that_the_logits_do_not_depend_on() -> None:
    """Three steps of gradient descent with momentum 0.9 on aside², written out."""
    _, network = penalised(lambda aside: aside**2, epochs=1, optimizer="sgd", lr=0.1)
    aside, velocity = 2.0, 0.0
    for _ in range(3):
        velocity = 0.9 * velocity + 2 * aside
        aside -= 0.1 * velocity

    assert network.aside.item() == pytest.approx(aside)
    assert penalised(lambda aside: torch.zeros(()))[1].aside.item() == 2.0


@pytest.mark.parametrize(
    ("nothing", "only_in_training"),
    [(lambda *_: 0, False), (lambda *_: torch.zeros(1), False), (lambda aside: aside * 0, True)],
)
def test_a_penalty_of_zero_changes_no_bit(nothing: Callable[[nn.Parameter], object], only_in_training: bool) -> None:
    plain = train(method(), samples(20), HELD_OUT)

    np.testing.assert_array_equal(penalised(nothing, only_in_training=only_in_training)[0], plain)


@pytest.mark.parametrize(
    ("penalty", "kind"),
    [
        (torch.zeros(0), "has the shape (0,), and is neither one number nor one for each of 8 samples"),
        (torch.zeros(1, 3), "has the shape (1, 3), and is neither one number nor one for each of 8 samples"),
        ("0.5", "is of type str, and is not one number a sample"),
    ],
)
def test_a_penalty_that_is_not_one_number_is_refused(penalty: object, kind: str) -> None:
    with pytest.raises(MethodError) as caught:
        penalised(lambda *_: penalty)
    assert str(caught.value) == f"the network's penalty {kind}"


@pytest.mark.parametrize("value", [float("nan"), torch.tensor(-float("inf"))])
def test_a_penalty_that_is_not_finite_is_refused_as_such_a_loss_is(value: object) -> None:
    with pytest.raises(MethodError, match=r"^the training loss is not finite in epoch 1; a smaller lr may fix it$"):
        penalised(lambda *_: value)


def test_a_method_sets_its_own_defaults_and_no_unknown_ones() -> None:
    chosen = {p.name: p.default for p in training_parameters(epochs=800, optimizer="sgd")}

    assert (chosen["epochs"], chosen["optimizer"], chosen["lr"]) == (800, "sgd", 1e-3)
    with pytest.raises(TypeError, match="not a training parameter: moment, width"):
        training_parameters(width=3, moment=0.5)


def test_a_clip_reaches_the_network_with_its_channel_before_time_height_and_width() -> None:
    clips = np.random.default_rng(0).normal(size=(12, 4, 6, 2, 1)).astype(np.float32)
    training_set = LabelledSamples(clips, np.arange(12) % 3, np.array([f"smic/s{i}" for i in range(12)]))
    seen = seen_inputs(training_set, held_out=clips[:2], normalisation="none")

    np.testing.assert_array_equal(seen.numpy(), clips[:2].transpose(0, 4, 1, 2, 3))


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(192, 192), nn.Linear(192, 192), nn.Linear(192, n_classes)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.second(torch.relu(self.first(x.flatten(1)))))
        return out


def test_the_average_of_the_weights_is_under_every_name_of_a_weight() -> None:
    kept: list[dict[str, FloatArray]] = []
    for average in (0.0, 0.7):
        (fold,) = folds_of(lambda: own_method(kind_of(Tied), epochs=3, average=average), 1)  # noqa: B023
        kept.append(train_weights(fold, device="cpu", tell=lambda progress: None))
    last, averaged = kept

    assert list(averaged) == list(Tied(3).state_dict())
    for name in averaged:
        assert np.abs(averaged[name] - last[name]).max() > 1e-3
    np.testing.assert_array_equal(averaged["first.weight"], averaged["second.weight"])
