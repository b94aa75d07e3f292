"""Which samples a fold sees in each step: it depends on the fold and the epoch alone."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_bench.training.batches import EpochOrder, batch_sizes, class_weights, epoch_batches


def order(n: int, size: int = 8, seed: int = 5, peers: tuple[int, ...] = (), **options: bool) -> EpochOrder:
    return EpochOrder(np.arange(n) % 3, seed, size, peers=peers, **options)


@given(n=st.integers(1, 70), size=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), epoch=st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_an_epoch_takes_every_sample_once_in_batches_that_no_single_sample_ends(
    n: int, size: int, seed: int, epoch: int
) -> None:
    own = order(n, size, seed)
    (*others, last) = [batch.indices[0].tolist() for batch in epoch_batches([own], epoch)]

    assert sorted([*last, *(index for batch in others for index in batch)]) == list(range(n))
    assert [len(batch) for batch in (*others, last)] == list(own.sizes)
    assert len(last) > 1 or size == 1 or n == 1
    assert all(len(batch) == size for batch in others)
    assert len(last) <= (size + 1 if size > 1 else 1)


def test_every_epoch_and_every_seed_has_its_own_order() -> None:
    epochs = [tuple(order(50).indices(epoch).tolist()) for epoch in range(5)]
    seeds = [tuple(order(50, seed=seed).indices(0).tolist()) for seed in (5, 6, 5 + 2**31)]

    assert len({*epochs, *seeds}) == 7
    assert seeds[0] == epochs[0]


def test_in_a_stack_a_batch_is_filled_with_copies_that_do_not_count() -> None:
    sizes = (21, 23, 22)
    orders = [order(n, 12, seed=n, peers=sizes) for n in sizes]
    first, second = epoch_batches(orders, 3)

    assert first.indices.shape == (3, 12)
    assert first.present is not None
    assert first.present.all()
    assert second.present is not None
    assert second.present.sum(1).tolist() == [9, 11, 10]
    for row, own in enumerate(orders):
        whole = torch.cat((first.indices[row], second.indices[row][second.present[row].bool()]))
        assert torch.equal(whole, own.indices(3))
        assert set(second.indices[row][~second.present[row].bool()].tolist()) <= {int(second.indices[row][0])}


def test_the_filled_sizes_do_not_depend_on_who_is_in_the_stack() -> None:
    peers = (9, 21, 23, 22, 26)
    for n in (21, 22, 23):
        assert order(n, 12, peers=peers).filled_sizes == (12, 11)
    assert order(26, 12, peers=peers).sizes == order(26, 12, peers=peers).filled_sizes == (12, 12, 2)
    assert order(9, 12, peers=peers).filled_sizes == (9,)
    (batch,) = epoch_batches([order(9, 12, peers=(9, 11))], 0)
    assert (batch.indices.shape, batch.present) == ((1, 9), None)


def test_batch_sizes_are_those_of_a_loader_that_drops_nothing() -> None:
    assert [batch_sizes(n, 4) for n in (1, 4, 5, 6, 9)] == [(1,), (4,), (5,), (4, 2), (4, 5)]
    assert batch_sizes(3, 1) == (1, 1, 1)


def test_balanced_sampling_draws_each_class_as_often_as_any_other() -> None:
    labels = np.array([0] * 600 + [1] * 30 + [3] * 270)
    drawn = [EpochOrder(labels, 1, 64, balanced=True).indices(epoch) for epoch in range(20)]
    shares = np.bincount(labels[torch.cat(drawn).numpy()], minlength=4) / (20 * 900)

    assert {len(epoch) for epoch in drawn} == {900}
    assert len({tuple(epoch.tolist()) for epoch in drawn}) == 20
    np.testing.assert_allclose(shares, [1 / 3, 1 / 3, 0, 1 / 3], atol=0.02)
    rare = torch.cat(drawn)[torch.from_numpy(labels)[torch.cat(drawn)] == 1]
    assert torch.bincount(rare, minlength=630)[600:630].min() > 120  # each sample of a class alike: 200 times


def test_weights_of_the_classes_follow_the_training_counts() -> None:
    np.testing.assert_allclose(class_weights(np.array([0, 0, 0, 0, 2, 2]), 4), [6 / (2 * 4), 0.0, 6 / (2 * 2), 0.0])
