"""Which epoch counts: the inner rule sees training subjects only, and the oracle is what its name says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_bench import MethodError
from mer_bench.arrays import FloatArray
from mer_bench.evaluation.selection import best_inner_epoch, validation_subjects
from mer_bench.results import best_epoch

subject_lists = st.lists(
    st.builds("{}/s{}".format, st.sampled_from(["smic", "samm", "casme2"]), st.integers(1, 12)),
    min_size=1,
    max_size=60,
)
seeds = st.integers(0, 2**32 - 1)


def members(subjects: set[str], database: str) -> set[str]:
    return {subject for subject in subjects if subject.startswith(f"{database}/")}


def scores_of(epochs: list[list[int]], n_classes: int = 3) -> FloatArray:
    """Return scores of which the largest is, per epoch and sample, the given class."""
    return np.eye(n_classes, dtype=np.float32)[np.array(epochs)]


@given(subject_lists, seeds)
def test_a_fifth_of_each_databases_training_subjects_validates(subjects: list[str], seed: int) -> None:
    everyone = set(subjects)
    sizes = {name: len(members(everyone, name)) for name in ("smic", "samm", "casme2")}
    if max(sizes.values()) < 2:
        with pytest.raises(MethodError, match="selection 'inner' needs two training subjects of one database"):
            validation_subjects(np.array(subjects), seed=seed)
        return
    chosen = validation_subjects(np.array(subjects), seed=seed)

    assert chosen < everyone
    for database, size in sizes.items():
        expected = math.ceil(size / 5) if size > 1 else 0
        assert len(members(chosen, database)) == expected


@given(subject_lists, seeds, st.randoms(use_true_random=False))
def test_the_draw_depends_on_subjects_and_seed_alone(subjects: list[str], seed: int, random: object) -> None:
    subjects = [*subjects, "smic/s1", "smic/s2"]
    shuffled = sorted(subjects * 2, key=lambda _: random.random())

    assert validation_subjects(np.array(shuffled), seed=seed) == validation_subjects(np.array(subjects), seed=seed)


def test_other_seeds_draw_other_subjects() -> None:
    subjects = np.array([f"smic/s{i}" for i in range(16)])
    draws = [validation_subjects(subjects, seed=seed) for seed in range(40)]

    assert len({frozenset(draw) for draw in draws}) > 30
    assert set().union(*draws) == set(subjects)


def test_the_best_inner_epoch_has_the_best_uf1_not_the_best_accuracy() -> None:
    labels = np.array([0, 0, 0, 0, 0, 1, 2])
    all_majority, balanced = [0] * 7, [0, 0, 1, 2, 1, 1, 2]

    assert best_inner_epoch(scores_of([all_majority, balanced, all_majority]), labels, 3, absent_class="exclude") == 1


def test_among_equal_inner_epochs_the_latest_counts() -> None:
    labels = np.array([0, 1, 2])
    good, bad = [0, 1, 2], [0, 0, 0]

    assert best_inner_epoch(scores_of([good, bad, good, bad]), labels, 3, absent_class="exclude") == 2
    assert best_inner_epoch(scores_of([bad, bad, bad]), labels, 3, absent_class="exclude") == 2


@pytest.mark.parametrize("rule", ["exclude", "zero"])
def test_an_inner_epoch_is_found_where_validation_lacks_a_class(rule: str) -> None:
    labels = np.array([1, 1])

    assert best_inner_epoch(scores_of([[1, 0], [1, 1], [0, 2]]), labels, 3, absent_class=rule) == 1


def test_among_equal_oracle_epochs_the_latest_counts() -> None:
    assert best_epoch(scores_of([[0, 1, 2], [0, 0, 0], [0, 1, 2], [2, 2, 2]]), [0, 1, 2]) == 2
    assert best_epoch(scores_of([[0], [0], [0]]), [1]) == 2


@given(st.integers(1, 8), st.integers(1, 6), st.integers(2, 4), seeds)
def test_the_oracle_never_has_fewer_right_in_a_fold_than_any_epoch(
    n_epochs: int, n: int, n_classes: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random((n_epochs, n, n_classes), dtype=np.float32)
    labels = rng.integers(0, n_classes, n)
    right = (scores.argmax(axis=2) == labels).sum(axis=1)

    chosen = best_epoch(scores, labels.tolist())

    assert right[chosen] == right.max()
    assert (right[chosen + 1 :] < right[chosen]).all()
