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
        assert pair.differences[metric].interval.value == pytest.approx(observed[place])
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
    more = counts_of([9, 8, 10, 3, 5])
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
    a, b = counts_of([9, 8, 10, 3, 5, 4, 7]), counts_of([5, 6, 4, 4, 5, 9, 7])
    there, back = compare(a, b), compare(b, a)
    for metric in ("uf1", "uar"):
        one, two = there.differences[metric], back.differences[metric]
        assert (one.interval.low, one.interval.high) == pytest.approx((-two.interval.high, -two.interval.low))
        assert one.probability == pytest.approx(1 - two.probability)
        assert one.p == two.p
    assert (there.better, there.worse) == (back.worse, back.better)


def test_where_subjects_share_a_training_seeds_are_drawn_too_and_apart_for_each_row() -> None:
    """Seed 0 of one row has nothing to do with seed 0 of the other: drawn together, their differences would cancel."""
    low, high = counts_of([4] * 6), counts_of([8] * 6)
    counts = np.concatenate((low.counts, high.counts))
    for shared, limit in ((True, 0.4), (False, 0)):
        row = SubjectCounts(low.subjects, counts, shared_training=shared)
        interval = compare(row, row).differences["uar"].interval
        assert (interval.low, interval.high) == pytest.approx((-limit, limit))


@pytest.mark.parametrize("other", [counts_of([1, 2]), counts_of([1, 2, 3], size=11)])
def test_rows_of_other_samples_are_refused(other: SubjectCounts) -> None:
    with pytest.raises(MerBenchError, match="other subjects or labels"):
        compare(counts_of([1, 2, 3]), other)


def test_holm_agrees_with_an_example_worked_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1, 1]
    assert holm([]) == []
