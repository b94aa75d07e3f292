"""Intervals from resampled subjects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t

from mer_bench.statistics.paired import compare
from mer_bench.statistics.resampling import draw_subjects, has_every_class, intervals, limits
from mer_bench.statistics.subjects import SubjectCounts


def row(*sizes: tuple[str, int], samples: int = 4) -> SubjectCounts:
    """Return a row of subjects of some databases, each with one error, and with as many samples of two classes."""
    names = tuple(f"{database}/{number}" for database, n in sizes for number in range(n))
    counts = np.tile(np.array([[samples - 1, 1], [0, samples]]), (1, len(names), 1, 1))
    return SubjectCounts(names, counts)


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ([("smic", 5)], True),
        ([("smic", 4)], False),
        ([("casme2", 2), ("samm", 3), ("smic", 2)], True),
        ([("casme2", 2), ("samm", 2), ("smic", 2)], False),
        ([("samm", 1), ("smic", 5)], True),
    ],
)
def test_too_few_subjects_have_no_interval(sizes: list[tuple[str, int]], found: bool) -> None:
    assert (intervals(row(*sizes)) is not None) == found


@pytest.mark.parametrize(("sizes", "degrees"), [([("smic", 9)], 8), ([("casme2", 2), ("samm", 3), ("smic", 4)], 6)])
def test_percentiles_lie_as_far_out_as_student_s_distribution(sizes: list[tuple[str, int]], degrees: int) -> None:
    tail = norm.cdf(t.ppf(0.025, degrees))
    assert limits(np.arange(10_001.0), row(*sizes)) == pytest.approx([10_000 * tail, 10_000 * (1 - tail)], abs=1e-6)


def test_a_subject_with_more_samples_makes_the_others_count_less() -> None:
    equal, unequal = row(("smic", 6)), row(("smic", 6))
    unequal.counts[0, 0] *= 10
    tail = norm.cdf(t.ppf(0.025, (8 * 15) ** 2 / (80**2 + 5 * 8**2) - 1))
    assert limits(np.arange(10_001.0), unequal)[0] == pytest.approx(10_000 * tail, abs=1e-6)
    assert limits(np.arange(10_001.0), unequal)[0] < limits(np.arange(10_001.0), equal)[0]


def test_one_subject_less_than_there_is_of_each_database_is_drawn() -> None:
    subjects = ("samm/1", "smic/1", "samm/2", "smic/2", "smic/3", "casme2/1")
    times = draw_subjects(subjects, resamples=400)
    assert times.shape == (400, 6)
    for members in ([0, 2], [1, 3, 4], [5]):
        assert times[:, members].sum(axis=1) == pytest.approx(len(members))
        assert times[:, members].mean(axis=0) == pytest.approx(1, abs=0.15)
    assert set(times[:, 0]) == {0, 2}
    assert set(times[:, 1]) == {0, 1.5, 3}
    assert set(times[:, 5]) == {1}


def with_rare_class(n_rare: int, absent_class: str = "exclude") -> SubjectCounts:
    """Return 20 subjects with two classes, some of whom have samples of a third one, all of them wrong."""
    counts = np.zeros((1, 20, 3, 3), dtype=np.int64)
    counts[0, :, :2, :2] = [[8, 2], [2, 8]]
    counts[0, :n_rare, 2, 0] = 4
    return SubjectCounts(tuple(f"samm/{number:02}" for number in range(20)), counts, absent_class)


@pytest.mark.parametrize(("n_rare", "share"), [(1, (19 / 20) ** 19), (3, (17 / 20) ** 19), (5, (15 / 20) ** 19)])
@pytest.mark.parametrize("absent_class", ["exclude", "zero"])
def test_where_many_resamples_lack_a_class_there_is_no_interval(n_rare: int, share: float, absent_class: str) -> None:
    """Under rule 'exclude', a resample without the third class would score .8 instead of 1.6 / 3."""
    row = with_rare_class(n_rare, absent_class)
    times = draw_subjects(row.subjects)
    assert has_every_class(row, times).tolist() == (times[:, :n_rare].sum(axis=1) > 0).tolist()
    assert has_every_class(row, times).mean() == pytest.approx(1 - share, abs=0.015)
    assert (intervals(row) is None) == (share > 0.018)
    assert (compare(row, row).differences["uar"].interval is None) == (share > 0.018)


def test_a_class_that_no_subject_has_is_lacked_by_no_resample() -> None:
    row = with_rare_class(0)
    assert has_every_class(row, draw_subjects(row.subjects)).all()
    assert intervals(row) is not None
