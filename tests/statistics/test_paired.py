"""Comparisons of two rows: differences, swaps, and p-values of several."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from mer_bench.arrays import IntArray
from mer_bench.errors import MerBenchError
from mer_bench.statistics.paired import compare, holm
from mer_bench.statistics.resampling import Interval
from mer_bench.statistics.subjects import SubjectCounts, pooled_scores


def counts_of(correct: list[int], size: int = 10) -> SubjectCounts:
    """Return subjects with samples of two classes, of whom some are predicted correctly; wrong ones as the third."""
    counts: IntArray = np.zeros((1, len(correct), 3, 3), dtype=np.int64)
    for place, number in enumerate(correct):
        label = place % 2
        counts[0, place, label, label] = number
        counts[0, place, label, 2] = size - number
    return SubjectCounts(tuple(f"samm/{place:03}" for place in range(len(correct))), counts)


def test_p_is_the_share_of_all_swaps_that_give_such_a_difference() -> None:
    a, b = counts_of([9, 8, 10, 3, 5]), counts_of([5, 6, 4, 4, 5])
    pair = compare(a, b)
    observed, extreme = a.scores() - b.scores(), np.zeros(2)
    for swapped in product((False, True), repeat=5):
        chosen = np.array(swapped)[None, :, None, None]
        ways = [np.where(chosen, one.counts, two.counts).sum(axis=(0, 1)) for one, two in ((b, a), (a, b))]
        difference = pooled_scores(ways[0], "exclude") - pooled_scores(ways[1], "exclude")
        extreme += np.abs(difference) >= np.abs(observed) - 1e-12
    for place, metric in enumerate(("uf1", "uar")):
        assert pair.differences[metric].p == pytest.approx(extreme[place] / 32)
        assert pair.differences[metric].value == pytest.approx(observed[place])
    assert (pair.better, pair.worse, pair.equal) == (3, 1, 1)
    # One subject is the same in both rows, so there are 16 ways.
    assert pair.smallest_p == 2 / 16


def test_a_row_is_not_better_than_itself() -> None:
    row = counts_of([9, 8, 10, 3])
    pair = compare(row, row)
    assert (pair.better, pair.worse, pair.equal, pair.smallest_p) == (0, 0, 4, 1)
    for difference in pair.differences.values():
        assert (difference.probability, difference.p) == (0.5, 1)
        assert (difference.value, difference.interval) == (0, None)
    more = counts_of([9, 8, 10, 3, 5, 9, 2, 7, 1, 6])
    for difference in compare(more, more).differences.values():
        assert difference.interval == Interval(0, 0, 0)


def test_with_many_subjects_swaps_are_drawn_and_p_is_never_zero() -> None:
    a, b = counts_of([9] * 40), counts_of([5] * 40)
    pair = compare(a, b, resamples=999)
    assert pair.smallest_p == 1 / 1000
    assert pair.differences["uf1"].p == 1 / 1000
    assert pair.differences["uf1"].probability == 1
    assert compare(b, a, resamples=999).differences["uar"].probability == 0


def test_the_difference_of_rows_that_go_up_and_down_together_is_certain() -> None:
    """Both rows are scored on the same resampled subjects: what is hard for both does not blur their difference."""
    numbers = [10, 9, 2, 3, 8, 10, 1, 2, 9, 8]
    pair = compare(counts_of(numbers), counts_of([number - 1 for number in numbers]))
    width = pair.differences["uar"].interval.high - pair.differences["uar"].interval.low
    assert width < 1e-12
    assert pair.differences["uar"].interval.value == pytest.approx(0.1)


def test_swapping_the_rows_turns_the_differences_around() -> None:
    a, b = counts_of([9, 8, 10, 3, 5, 4, 7] * 2), counts_of([5, 6, 4, 4, 5, 9, 7] * 2)
    there, back = compare(a, b), compare(b, a)
    for metric in ("uf1", "uar"):
        one, two = there.differences[metric], back.differences[metric]
        assert (one.interval.low, one.interval.high) == pytest.approx((-two.interval.high, -two.interval.low))
        assert one.probability == pytest.approx(1 - two.probability)
        assert one.p == two.p
    assert (there.better, there.worse) == (back.worse, back.better)


def seeds_of(*rows: SubjectCounts) -> SubjectCounts:
    return SubjectCounts(rows[0].subjects, np.concatenate([row.counts for row in rows]))


def test_with_several_seeds_p_is_that_of_the_mean_score() -> None:
    """Each seed of A predicts one other class: the mean of their UF1 is low, the UF1 of their mean matrix is not."""
    truth = np.tile(np.full(3, 2), (7, 1))
    collapsed: IntArray = np.zeros((3, 7, 3, 3), dtype=np.int64)
    for seed in range(3):
        collapsed[seed, :, :, seed] = truth
    good: IntArray = np.zeros((2, 7, 3, 3), dtype=np.int64)
    for label in range(3):
        good[:, :, label, label], good[:, :, label, (label + 1) % 3] = 1, 1
    good[1, :4, 0] = [2, 0, 0]
    names = tuple(f"samm/{number}" for number in range(7))
    a, b = SubjectCounts(names, collapsed), SubjectCounts(names, good)
    observed, extreme = a.scores() - b.scores(), np.zeros(2)
    for swapped in product((False, True), repeat=7):
        chosen = np.array(swapped)[:, None, None]
        statistic = np.zeros(2)
        for number in range(6):
            own, other = collapsed[number % 3], good[number % 2]
            ways = [np.where(chosen, one, two).sum(axis=0) for one, two in ((other, own), (own, other))]
            statistic += (pooled_scores(ways[0], "exclude") - pooled_scores(ways[1], "exclude")) / 6
        extreme += np.abs(statistic) >= np.abs(observed) - 1e-12
    pair = compare(a, b)
    assert [pair.differences[metric].p for metric in ("uf1", "uar")] == pytest.approx(list(extreme / 128))
    assert pair.differences["uf1"].p == 2 / 128
    assert pair.differences["uf1"].value < -0.2


def test_rows_that_agree_in_their_first_seed_differ_where_another_seed_does() -> None:
    a = seeds_of(counts_of([4, 5, 6, 7]), counts_of([4, 5, 6, 7]))
    b = seeds_of(counts_of([4, 5, 6, 7]), counts_of([4, 9, 6, 8]))
    pair = compare(a, b)
    assert (pair.differing, pair.smallest_p) == (2, 2 / 4)
    assert compare(a, counts_of([4, 5, 6, 7])).differing == 0
    # With seeds that differ from each other, equal means are no equal predictions.
    c = seeds_of(counts_of([3, 5, 6, 7]), counts_of([5, 5, 6, 7]))
    assert compare(a, c).differing == 1


def test_all_ways_to_swap_are_tried_up_to_thirteen_subjects() -> None:
    """2^13 = 8,192 ways are fewer than the 10,000 swaps that are drawn otherwise."""
    assert compare(counts_of([9] * 13), counts_of([5] * 13)).smallest_p == 2 / 8192
    assert compare(counts_of([9] * 14), counts_of([5] * 14)).smallest_p == 1 / 10_001


@pytest.mark.parametrize("other", [counts_of([1, 2]), counts_of([1, 2, 3], size=11)])
def test_rows_of_other_samples_are_refused(other: SubjectCounts) -> None:
    with pytest.raises(MerBenchError, match="other subjects or labels"):
        compare(counts_of([1, 2, 3]), other)


def test_holm_agrees_with_an_example_worked_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1, 1]
    assert holm([]) == []


def test_holm_among_more_tests_than_are_given() -> None:
    """The leader of four rows has three tests of six: 6, 5 and 4 times p, and never less than the one before."""
    assert holm([0.01, 0.002, 0.011], among=6) == pytest.approx([0.05, 0.012, 0.05])
    assert holm([0.5, 0.001], among=3) == pytest.approx([1, 0.003])
    every = [0.001, 0.4, 0.02, 0.013, 0.8, 0.03]
    of_all = dict(zip(every, holm(every), strict=True))
    for chosen in ([0.001, 0.4, 0.02], [0.013, 0.8, 0.03], [0.02, 0.8]):
        assert all(own >= of_all[p] for p, own in zip(chosen, holm(chosen, among=6), strict=True))
