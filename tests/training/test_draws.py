"""Random numbers by hashes: uniform, independent, and the same in any stack."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mer_bench.methods.draws import Draws, fold_key, step_keys

N = 1 << 18


def keys(folds: int, step: Tensor | int = 0) -> Tensor:
    return step_keys(torch.tensor([fold_key(seed) for seed in range(folds)], dtype=torch.int32), step)


def draws(fold: int = 0, step: int = 0) -> Draws:
    return Draws(keys(fold + 1, step)[fold])


def unevenness(bits: Tensor) -> list[float]:
    """Of each byte, by how many deviations chi-squared differs from what uniform bytes give."""
    found = []
    for shift in (0, 8, 16, 24):
        counts = torch.bincount(((bits.flatten() >> shift) & 0xFF).long(), minlength=256).double()
        chi_squared = ((counts - counts.mean()) ** 2 / counts.mean()).sum().item()
        found.append(abs(chi_squared - 255) / math.sqrt(2 * 255))
    return found


def agreement(one: Tensor, other: Tensor) -> float:
    """Of the 32 bits, the most deviations by which the share of equal ones differs from a half."""
    equal = ~(one ^ other)
    shares = [((equal >> i) & 1).double().mean().item() for i in range(32)]
    return max(abs(share - 0.5) * 2 * math.sqrt(one.numel()) for share in shares)


STREAMS: dict[str, Callable[[], Tensor]] = {
    "elements": lambda: draws().bits((N,)),
    "calls": lambda: torch.stack([each.bits((8,)) for each in [draws()] for _ in range(8192)]),
    "steps": lambda: torch.func.vmap(lambda step: Draws(step_keys(keys(1), step)[0]).bits((8,)))(
        torch.arange(32768, dtype=torch.int32)
    ),
    "folds": lambda: torch.func.vmap(lambda key: Draws(key).bits((8,)))(keys(8192)),
}


@pytest.mark.slow
@pytest.mark.parametrize("over", STREAMS)
def test_bits_are_uniform_over_elements_calls_steps_and_folds(over: str) -> None:
    assert max(unevenness(STREAMS[over]())) < 4.5


def test_neighbours_share_no_bits() -> None:
    here, again = draws(3, 5), draws(3, 5)
    first, second = here.bits((N,)), here.bits((N,))
    others = {"call": second, "fold": draws(4, 5).bits((N,)), "step": draws(3, 6).bits((N,))}
    for lag in (1, 2, 3, 28, 784):
        assert agreement(first[lag:], first[:-lag]) < 5
    assert {name: agreement(first, other) < 5 for name, other in others.items()} == dict.fromkeys(others, True)
    assert agreement(first, again.bits((N,))) > 100


def test_numbers_of_different_calls_meet_by_chance_only() -> None:
    # Of calls that count in equal steps, most have no number in common, and some have thousands in the same order.
    count, length = 64, 1 << 16
    bits = torch.func.vmap(lambda key: Draws(key).bits((length,)))(keys(count))
    total = count * length
    _, repeats = bits.flatten().unique(return_counts=True)
    expected = total**2 / 2 / 2**32 * (1 - 1 / count)
    assert total - len(repeats) == pytest.approx(expected, rel=0.12)


def test_keys_differ_by_fold_and_step() -> None:
    drawn = torch.stack([keys(68, step) for step in range(100)])
    assert len(drawn.unique()) == 6800
    assert torch.equal(keys(68, torch.tensor(7, dtype=torch.int32)), keys(68, 7))


def test_a_seed_of_64_bits_becomes_a_key_of_all_its_bits() -> None:
    seeds = [0, 1, 2**31, 2**32 - 1, 2**32, 2**33, 3 * 2**40, 2**63]
    assert [fold_key(seed) for seed in seeds] == [0, 1, -(2**31), -1, 1, 2, 768, -(2**31)]


@pytest.mark.parametrize("shape", [(1,), (7,), (5, 3), (33, 2, 3)])
def test_a_fold_draws_the_same_alone_and_in_any_stack(shape: tuple[int, ...]) -> None:
    def all_of(key: Tensor) -> tuple[Tensor, ...]:
        own = Draws(key)
        kinds = own.bits(shape), own.uniform(shape, -2.0, 3.0), own.happens(0.3, shape), own.below(5, shape)
        return (*kinds, own.normal(shape), own.beta(0.4))

    of_folds = keys(9, 12)
    together = torch.func.vmap(all_of)(of_folds)
    shuffled = torch.func.vmap(all_of)(of_folds[[6, 2]])
    for fold, key in enumerate(of_folds):
        assert all(torch.equal(stacked[fold], alone) for stacked, alone in zip(together, all_of(key), strict=True))
    assert all(torch.equal(part, whole[[6, 2]]) for part, whole in zip(shuffled, together, strict=True))
    assert not torch.equal(together[0][6], together[0][2])


def test_more_samples_do_not_change_those_before() -> None:
    assert torch.equal(draws().bits((9, 4)), draws().bits((12, 4))[:9])
    assert torch.equal(draws().normal((9, 4)), draws().normal((12, 4))[:9])


def test_uniform_numbers_have_the_range_and_the_moments() -> None:
    drawn = draws().uniform((N,), -2.0, 4.0).double()
    assert (drawn.min() >= -2) & (drawn.max() <= 4)
    assert drawn.mean().item() == pytest.approx(1, abs=0.02)
    assert drawn.var().item() == pytest.approx(3, rel=0.01)
    unit = draws().uniform((N,))
    assert (unit.min().item() >= 0) & (unit.max().item() < 1)


def test_below_gives_each_number_equally_often() -> None:
    counts = torch.bincount(draws().below(7, (70_000,)))
    assert len(counts) == 7
    assert (counts - 10_000).abs().max() < 450


@pytest.mark.parametrize("probability", [0.0, 0.02, 0.7, 1.0])
def test_an_event_happens_with_its_probability(probability: float) -> None:
    share = draws().happens(probability, (N,)).double().mean().item()
    assert share == pytest.approx(probability, abs=5 * math.sqrt(probability * (1 - probability) / N))


def test_normal_numbers_have_the_moments_and_the_tails() -> None:
    drawn = draws().normal((4 * N,)).double()
    moments = [(drawn**power).mean().item() for power in range(1, 7)]
    assert moments == pytest.approx([0, 1, 0, 3, 0, 15], abs=0.3)
    assert moments[:3] == pytest.approx([0, 1, 0], abs=0.01)
    for limit in (1.0, 2.0, 3.0, 4.0):
        share = math.erfc(limit / math.sqrt(2)) / 2
        for tail in ((drawn > limit), (drawn < -limit)):
            assert tail.double().mean().item() == pytest.approx(share, abs=5 * math.sqrt(share / drawn.numel()))
    assert torch.isfinite(drawn).all()
    # The two uniform numbers of a normal one are of different elements.
    assert abs(torch.corrcoef(torch.stack((drawn[1:], drawn[:-1])))[0, 1].item()) < 0.005


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0, 2.0])
def test_beta_numbers_have_the_moments(alpha: float) -> None:
    drawn = torch.func.vmap(lambda key: Draws(key).beta(alpha))(keys(20_000)).double()
    variance = 1 / (4 * (2 * alpha + 1))
    assert (drawn.min() >= 0) & (drawn.max() <= 1)
    assert drawn.mean().item() == pytest.approx(0.5, abs=5 * math.sqrt(variance / 20_000))
    assert drawn.var().item() == pytest.approx(variance, rel=0.03)
    fourth = 3 / (4 * (2 * alpha + 1) * (2 * alpha + 3)) / 4
    assert ((drawn - 0.5) ** 4).mean().item() == pytest.approx(fourth, rel=0.05)


@pytest.mark.parametrize("alpha", [0.0, -1.0, 2.5, math.nan])
def test_an_alpha_for_which_pairs_would_run_out_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="is not a number above 0 and at most 2"):
        draws().beta(alpha)
