"""Selection of the epoch: the inner rule uses training subjects only, and the oracle uses the held-out subject."""

from __future__ import annotations

import numpy as np
import pytest

from mer_bench import MerBenchError, MethodError
from mer_bench.arrays import FloatArray
from mer_bench.epochs import best_epoch
from mer_bench.evaluation.selection import InnerStop, best_inner_epoch, validation_subjects


def subjects_of(**sizes: int) -> list[str]:
    return [f"{database}/s{i}" for database, size in sizes.items() for i in range(size)]


def scores_of(epochs: list[list[int]], n_classes: int = 3) -> FloatArray:
    """Return scores of which the largest is, per epoch and sample, the given class."""
    return np.eye(n_classes, dtype=np.float32)[np.array(epochs)]


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_a_fifth_of_each_databases_training_subjects_validates_but_never_the_only_one(seed: int) -> None:
    subjects = subjects_of(smic=16, samm=1, casme2=2, casme3=6, mmew=5)
    chosen = validation_subjects(np.array(subjects), seed=seed)
    sizes = {name: sum(subject.startswith(f"{name}/") for subject in chosen) for name in ("smic", "samm")}
    others = [sum(subject.startswith(f"{name}/") for subject in chosen) for name in ("casme2", "casme3", "mmew")]

    assert chosen < set(subjects)
    assert (sizes, others) == ({"smic": 4, "samm": 0}, [1, 2, 1])
    with pytest.raises(MethodError, match="selection 'inner' needs two training subjects of one database"):
        validation_subjects(np.array(subjects_of(smic=1, samm=1) * 3), seed=seed)


def test_the_draw_depends_on_subjects_and_seed_alone() -> None:
    subjects = subjects_of(smic=16, samm=7)
    draws = [validation_subjects(np.array(subjects), seed=seed) for seed in range(40)]
    shuffled = [subjects[i] for i in np.random.default_rng(3).permutation(23)]

    assert validation_subjects(np.array([*shuffled, *subjects]), seed=5) == draws[5]
    assert len({frozenset(draw) for draw in draws}) > 30
    assert set().union(*draws) == set(subjects)


def test_the_best_inner_epoch_has_the_best_uf1_neither_the_best_uar_nor_the_best_accuracy() -> None:
    labels = np.array([0] * 7 + [1] * 3 + [2] * 2)
    best_uar = [1, 0, 1, 1, 2, 2, 0, 1, 1, 1, 2, 2]  # UF1 0.593, UAR 0.762, accuracy 0.583
    best_uf1 = [0, 0, 0, 2, 0, 0, 0, 0, 1, 1, 2, 0]  # UF1 0.700, UAR 0.675, accuracy 0.750
    best_accuracy = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0]  # UF1 0.597, UAR 0.667, accuracy 0.833
    scores = scores_of([best_uar, best_uf1, best_accuracy])

    assert best_inner_epoch(scores, labels, 3, absent_class="exclude") == 1


def test_the_latest_of_equally_good_inner_epochs_is_selected() -> None:
    good, bad = [0, 1, 2], [0, 0, 0]

    assert best_inner_epoch(scores_of([good, bad, good, bad]), np.array([0, 1, 2]), 3, absent_class="exclude") == 2


def test_an_inner_epoch_is_selected_where_validation_lacks_a_class_by_the_protocols_rule() -> None:
    labels = np.array([0, 0, 1, 1, 1])
    epochs = scores_of([[0, 0, 0, 0, 1], [0, 2, 1, 1, 1], [2, 2, 2, 2, 1]])

    assert [best_inner_epoch(epochs, labels, 3, absent_class=rule) for rule in ("exclude", "zero")] == [1, 1]
    with pytest.raises(MerBenchError, match="absent_class='none' is not one of: exclude, zero"):
        best_inner_epoch(epochs, labels, 3, absent_class="none")


def test_the_oracle_epoch_has_the_most_correct_samples_and_is_the_latest_of_equals() -> None:
    labels = np.array([0, 1, 2, 2, 1])
    two, four, also_four, three = [0, 1, 0, 0, 0], [0, 1, 2, 2, 0], [1, 1, 2, 2, 1], [0, 1, 2, 0, 0]

    assert best_epoch(np.array([two, four, also_four, three]), labels) == 2
    assert best_epoch(np.array([four, three, two]), labels) == 0
    assert best_epoch(np.array([two, two, two]), labels) == 2


def stops(epochs: list[list[int]], labels: list[int], patience: int) -> list[bool]:
    """Return after which epochs a training of these predictions would be stopped."""
    stop = InnerStop(np.array(labels), 3, "exclude", patience)
    scores = scores_of(epochs)
    return [stop(scores[: n + 1]) for n in range(len(scores))]


def test_a_training_stops_after_its_patience_without_a_better_epoch() -> None:
    best, good, bad = [0, 1, 2, 0], [0, 1, 2, 1], [1, 1, 1, 1]
    labels = [0, 1, 2, 0]

    assert stops([bad, good, bad, good, bad, bad], labels, 2) == [False, False, False, True, True, True]
    assert stops([bad, good, bad, best, bad, good, best], labels, 3) == [False] * 6 + [True]
    assert stops([bad, good, best], labels, 1) == [False] * 3


def test_a_training_that_begins_again_is_not_stopped_by_what_it_was_before() -> None:
    """A stack that did not fit is trained again in halves."""
    stop = InnerStop(np.array([0, 1, 2]), 3, "exclude", 2)
    worse = scores_of([[0, 1, 2], [0, 0, 0], [0, 0, 0]])
    better = scores_of([[0, 0, 0], [0, 1, 0], [0, 1, 2]])

    assert [stop(worse[: n + 1]) for n in range(3)] == [False, False, True]
    assert [stop(better[: n + 1]) for n in range(3)] == [False] * 3
