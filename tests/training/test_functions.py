"""What replaces torch's functions gives what torch's own give, and draws only from the fold's own numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from timm.layers.drop import DropPath
from torch import Tensor, nn

from mer_bench.methods.draws import Draws
from mer_bench.training.functions import FoldFunctions, stacked_functions


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def draws(key: int = 7) -> Draws:
    return Draws(torch.tensor(key, dtype=torch.int32))


def in_fold(function: Callable[..., Any], *arguments: Any, weights: Tensor | None = None, key: int = 7) -> Any:
    with FoldFunctions(draws(key), stacked_functions(weights)):
        return function(*arguments)


def with_gradients(function: Callable[..., Tensor], *arguments: Tensor) -> list[Tensor]:
    """Return a function's result, and the gradients of a weighted sum of it."""
    own = [argument.clone().requires_grad_() for argument in arguments]
    out = function(*own)
    return [out, *torch.autograd.grad((out * noise(*out.shape, seed=9)).sum(), own)]


def assert_alike(one: list[Tensor], other: list[Tensor]) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(7, 4), (7, 4, 5), (7, 4, 5, 3)])
@pytest.mark.parametrize("affine", [True, False])
def test_a_masked_batch_norm_is_that_of_the_samples_that_count(shape: tuple[int, ...], affine: bool) -> None:
    """Outputs, gradients and running statistics of 5 samples, in a batch of 7."""
    present = torch.tensor([1.0, 1, 0, 1, 1, 0, 1])
    x, counted = noise(*shape) * 3 + 1, present.bool()
    x[~counted] *= 100
    running = [(torch.tensor([0.5, -1, 2, 0]), torch.tensor([1.0, 2, 3, 4])) for _ in range(2)]

    def normalise(kept: tuple[Tensor, Tensor], x: Tensor, *own: Tensor) -> Tensor:
        return F.batch_norm(x, *kept, *(own or (None, None)), training=True, momentum=0.3, eps=1e-3)

    own = (noise(4, seed=1), noise(4, seed=2)) if affine else ()
    masked = with_gradients(lambda x, *own: in_fold(normalise, running[0], x, *own, weights=present)[counted], x, *own)
    plain = with_gradients(lambda x, *own: normalise(running[1], x[counted], *own), x, *own)

    assert_alike(masked, plain)
    assert_alike([*running[0]], [*running[1]])
    assert not masked[1][~counted].any()


def test_a_masked_batch_norm_of_one_value_fails_its_fold_by_a_nan_that_reaches_the_loss() -> None:
    """Alone, torch raises an error."""
    x = noise(3, 4)
    with pytest.raises(ValueError, match="Expected more than 1 value"):
        nn.BatchNorm1d(4)(x[:1])

    assert in_fold(nn.BatchNorm1d(4), x, weights=torch.tensor([1.0, 0, 0])).isnan().all()
    assert in_fold(nn.BatchNorm1d(4), x[..., None].expand(3, 4, 2), weights=torch.tensor([1.0, 0, 0])).isfinite().all()


def test_batch_norm_in_evaluation_and_without_running_statistics_is_torchs() -> None:
    x, weights = noise(5, 3, 2, 2), torch.ones(5)
    mean, variance = noise(3, seed=1), noise(3, seed=2) ** 2 + 0.1

    assert torch.equal(in_fold(F.batch_norm, x, mean, variance, weights=weights), F.batch_norm(x, mean, variance))
    batch = nn.BatchNorm2d(3, track_running_stats=False)
    torch.testing.assert_close(in_fold(batch, x, weights=weights), batch(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_size": 1},
        {"kernel_size": 3},
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 1, "stride": 2},
        {"kernel_size": (2, 3), "stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)},
        {"kernel_size": 3, "padding": "same"},
        {"kernel_size": 3, "groups": 2},
        {"kernel_size": 3, "padding": 1, "padding_mode": "circular"},
    ],
)
def test_a_convolution_by_unfolding_is_torchs(settings: dict[str, Any], bias: bool) -> None:
    layer = nn.Conv2d(4, 6, bias=bias, **settings)
    x = noise(3, 4, 7, 9)
    own = [layer.weight, *([layer.bias] if bias else [])]

    def convolve(x: Tensor, *own: Tensor) -> Tensor:
        names = dict(zip(("weight", "bias"), own, strict=False))
        out: Tensor = torch.func.functional_call(layer, names, (x,))
        return out

    assert_alike(with_gradients(lambda *own: in_fold(convolve, *own), x, *own), with_gradients(convolve, x, *own))


def test_a_convolution_of_one_sample_without_a_batch_is_torchs() -> None:
    layer = nn.Conv2d(2, 3, 3)
    assert torch.equal(in_fold(layer, noise(2, 5, 5)), layer(noise(2, 5, 5)))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"scale": 0.3},
        {"attn_mask": torch.tensor([[True, False, True, True]] * 5)},
        {"attn_mask": noise(5, 4, seed=4), "scale": 2.0},
        {"is_causal": True},
        {"is_causal": True, "scale": 0.7},
    ],
)
def test_attention_by_products_is_torchs(settings: dict[str, Any]) -> None:
    query, key, value = noise(2, 3, 5, 8), noise(2, 3, 4, 8, seed=1), noise(2, 3, 4, 6, seed=2)

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value, **settings)

    assert_alike(
        with_gradients(lambda *own: in_fold(attend, *own), query, key, value),
        with_gradients(attend, query, key, value),
    )


def test_attention_positions_of_arguments_are_torchs() -> None:
    query, mask = noise(1, 4, 8), torch.tensor([[True, False, True, True]] * 4)
    expected = F.scaled_dot_product_attention(query, query, query, mask, 0.0, False)
    torch.testing.assert_close(in_fold(F.scaled_dot_product_attention, query, query, query, mask, 0.0, False), expected)


def test_attention_of_grouped_queries_by_products_is_torchs_and_refuses_what_torch_refuses() -> None:
    query, key, value = noise(2, 6, 5, 8), noise(2, 3, 4, 8, seed=1), noise(2, 3, 4, 7, seed=2)

    def attend(query: Tensor, key: Tensor, value: Tensor, **settings: Any) -> Tensor:
        return F.scaled_dot_product_attention(query, key, value, enable_gqa=True, **settings)

    torch.testing.assert_close(in_fold(attend, query, key, value), attend(query, key, value), atol=1e-5, rtol=1e-5)
    with pytest.raises(RuntimeError, match="is_causal"):
        in_fold(lambda: attend(query, key, value, is_causal=True, attn_mask=torch.ones(5, 4)))


@pytest.mark.parametrize("replaced", [{}, stacked_functions(None)], ids=["alone", "stacked"])
def test_attention_drops_shares_by_the_folds_own_draws(replaced: dict[Any, Any]) -> None:
    """The value is the identity, so that the result is what is left of the shares."""
    query, key, value = noise(40, 6, 8), noise(40, 5, 8, seed=1), torch.eye(5).expand(40, 5, 5)
    state = torch.get_rng_state()
    with FoldFunctions(draws(), replaced):
        dropped = F.scaled_dot_product_attention(query, key, value, dropout_p=0.25)
    shares = F.scaled_dot_product_attention(query, key, value)
    kept = dropped != 0

    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(dropped[kept], shares[kept] / 0.75, atol=1e-5, rtol=1e-5)
    assert kept.float().mean().item() == pytest.approx(0.75, abs=0.06)


@pytest.mark.parametrize("settings", [{}, {"key_padding_mask": torch.tensor([[False, True, False, False]] * 3)}])
@pytest.mark.parametrize("need_weights", [True, False])
def test_multi_head_attention_is_torchs_in_a_stack_and_alone(need_weights: bool, settings: dict[str, Any]) -> None:
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    own, x = dict(layer.named_parameters()), noise(3, 4, 8)

    def attend(replaced: dict[Any, Any], own: dict[str, Tensor], x: Tensor) -> Tensor:
        with FoldFunctions(draws(), replaced):
            named = {"need_weights": need_weights, **settings}
            out: Tensor = torch.func.functional_call(layer, own, (x, x, x), named)[0]
        return out

    plain = layer(x, x, x, **settings)[0]
    many = torch.vmap(partial(attend, stacked_functions(None)), (None, 0))(own, torch.stack((x, -x)))
    torch.testing.assert_close(attend({}, own, x), plain, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(many[0], plain, atol=1e-5, rtol=1e-5)


def test_functions_that_multi_head_attention_calls_are_replaced() -> None:
    called = []

    def linear(*arguments: Tensor) -> Tensor:
        called.append(arguments[0].shape)
        return F.linear(*arguments)

    layer = nn.MultiheadAttention(8, 2)
    with FoldFunctions(draws(), {F.linear: linear}):
        layer(*[noise(4, 8)] * 3)
    assert called


HEADS, TRANSFORMER = nn.MultiheadAttention(3, 1, 0.5), nn.TransformerEncoderLayer(3, 1, 5, 0.5)

DRAWN: dict[str, Callable[[], Tensor]] = {
    "rand": lambda: torch.rand(4, 3),
    "rand of a tuple": lambda: torch.rand((4, 3)),
    "rand by name": lambda: torch.rand(size=(4, 3)),
    "rand_like": lambda: torch.rand_like(torch.zeros(4, 3)),
    "randn": lambda: torch.randn(4, 3, device="cpu"),
    "randn by name": lambda: torch.randn(size=(4, 3)),
    "randn_like": lambda: torch.randn_like(torch.zeros(4, 3)),
    "randint": lambda: torch.randint(1000, (4, 3)),
    "randint from": lambda: torch.randint(5, 1000, (4, 3)),
    "randint by name": lambda: torch.randint(5, 1000, size=(4, 3)),
    "randint all by name": lambda: torch.randint(low=5, high=1000, size=(4, 3)),
    "bernoulli": lambda: torch.bernoulli(torch.full((4, 3), 0.5)),
    "bernoulli of a tensor": lambda: torch.zeros(4, 3).bernoulli(0.5),
    "bernoulli in place": lambda: torch.zeros(4, 3).bernoulli_(0.5),
    "uniform in place": lambda: torch.zeros(4, 3).uniform_(-2, 3),
    "normal in place": lambda: torch.zeros(4, 3).normal_(5, 2),
    "dropout": lambda: F.dropout(torch.ones(4, 3)),
    "dropout1d": lambda: F.dropout1d(torch.ones(4, 3, 2))[..., 0],
    "dropout2d": lambda: nn.Dropout2d()(torch.ones(4, 3, 2, 2))[..., 1, 0],
    "dropout3d": lambda: nn.Dropout3d()(torch.ones(4, 3, 2, 2, 2))[..., 1, 0, 1],
    "attention": lambda: F.scaled_dot_product_attention(*[noise(4, 3)] * 3, dropout_p=0.5),
    "attention of heads": lambda: HEADS(*[noise(4, 3)] * 3)[0].detach(),
    "transformer": lambda: TRANSFORMER(noise(4, 3)).detach(),
    "noise of a layer": lambda: DropPath(0.5).train()(torch.ones(12, 2))[:, 0].reshape(4, 3),
}


@pytest.mark.parametrize("name", DRAWN)
def test_random_functions_draw_from_the_folds_own_numbers_and_not_from_torchs(name: str) -> None:
    state = torch.get_rng_state()
    first, again, other = (in_fold(DRAWN[name], key=key) for key in (7, 7, 8))

    assert torch.equal(torch.get_rng_state(), state)
    assert first.shape == (4, 3)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    with torch.random.fork_rng(devices=[]):
        assert first.dtype == DRAWN[name]().dtype


def test_each_call_draws_new_numbers_and_a_stack_the_same_for_each_fold() -> None:
    def twice(key: Tensor, x: Tensor) -> Tensor:
        with FoldFunctions(Draws(key), stacked_functions(None)):
            return torch.stack((F.dropout(x), F.dropout(x), x.new_empty(x.shape).bernoulli_(0.5)))

    keys, x = torch.arange(5, dtype=torch.int32), torch.ones(5, 40)
    stacked = torch.vmap(twice)(keys, x)

    assert len({row.numpy().tobytes() for row in stacked.flatten(0, 1)}) == 15
    assert torch.equal(stacked, torch.stack([twice(key, own) for key, own in zip(keys, x, strict=True)]))


@pytest.mark.parametrize(
    ("drawn", "mean", "deviation"),
    [
        (lambda n: torch.rand(n), 0.5, 12**-0.5),
        (lambda n: torch.randn(n), 0, 1),
        (lambda n: torch.zeros(n).uniform_(-2, 3), 0.5, 5 / 12**0.5),
        (lambda n: torch.zeros(n).normal_(5, 2), 5, 2),
        (lambda n: torch.randint(2, 6, (n,)).float(), 3.5, 1.25**0.5),
        (lambda n: torch.bernoulli(torch.full((n,), 0.2)), 0.2, 0.4),
        (lambda n: F.dropout(torch.full((n,), 3.0), 0.2), 3, 1.5),
    ],
)
def test_random_functions_have_the_distribution_of_torchs(
    drawn: Callable[[int], Tensor], mean: float, deviation: float
) -> None:
    values = in_fold(drawn, 40_000)
    assert values.mean().item() == pytest.approx(mean, abs=5 * deviation / 200)
    assert values.std().item() == pytest.approx(deviation, rel=0.02)


def test_dropout_drops_whole_maps_and_scales_the_rest() -> None:
    dropped = in_fold(F.dropout2d, torch.ones(50, 8, 3, 3), 0.25)
    kept = dropped[:, :, 0, 0]

    assert torch.equal(dropped, kept[:, :, None, None].expand_as(dropped))
    torch.testing.assert_close(kept.unique(), torch.tensor([0, 4 / 3]))
    assert (kept == 0).float().mean().item() == pytest.approx(0.25, abs=0.1)


@pytest.mark.parametrize(("p", "training", "expected"), [(0.0, True, 1.0), (1.0, True, 0.0), (0.7, False, 1.0)])
def test_dropout_of_nothing_and_of_all(p: float, training: bool, expected: float) -> None:
    x = noise(4, 3)
    assert torch.equal(in_fold(F.dropout, x, p, training), x * expected)
