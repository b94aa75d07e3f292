"""Intervals of stored rows, and what is said of two of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from support.store_factory import Predictor, make_row, new_store, right, samples_of, scattered, write_seed, wrong_for

from mer_bench.certainty import (
    by_slice,
    compare_rows,
    interval_text,
    number_text,
    p_text,
    score_intervals,
    subject_counts,
    verdict,
)
from mer_bench.results import SeedResult, read_row
from mer_bench.statistics.resampling import Interval
from mer_bench.store.schema import RowRecord

MANY = samples_of([f"{database}/{number}" for database in ("smic", "samm", "casme2") for number in range(8)])


@pytest.fixture
def seeds(tmp_path: Path) -> SeedsOf:
    return SeedsOf(tmp_path)


class SeedsOf:
    """Stores rows, and reads the results of their seeds."""

    def __init__(self, folder: Path) -> None:
        self._store = new_store(folder)

    def __call__(self, row: RowRecord, *predictors: Predictor, missing: Sequence[str] = ()) -> tuple[SeedResult, ...]:
        for seed, predict in enumerate(predictors):
            write_seed(self._store, row, predict, seed=seed, missing=missing if seed else ())
        return read_row(self._store, row).seeds


def test_counts_are_those_of_a_slice_and_of_complete_seeds(seeds: SeedsOf) -> None:
    row = seeds(make_row(), wrong_for("smic/s1"), wrong_for("samm"), right, missing=["smic-s2"])
    every = subject_counts(row)
    assert every is not None
    counts = by_slice(row[0].record, every)["smic"]
    assert counts.subjects == ("smic/s1", "smic/s2")
    assert counts.correct.tolist() == [0, 6]
    assert not counts.shared_training


def test_a_row_without_a_complete_seed_has_no_counts_and_no_intervals(seeds: SeedsOf) -> None:
    row = make_row()
    incomplete = seeds(row, right, right, missing=["smic-s1"])[1:]
    assert subject_counts(incomplete) is None
    assert score_intervals(incomplete) == {}
    assert compare_rows(incomplete, incomplete) == {}


def test_a_fold_of_two_subjects_is_a_training_that_they_share(seeds: SeedsOf) -> None:
    row = make_row()
    together = {
        sample: label for name in ("smic-s1", "smic-s2") for sample, label in row["folds"][name]["samples"].items()
    }
    row["folds"] = {"both": {"subject": "smic/s1", "samples": together}}
    counts = subject_counts(seeds(row, right))
    assert counts is not None
    assert counts.shared_training


def test_intervals_are_around_the_scores_of_each_slice(seeds: SeedsOf) -> None:
    results = seeds(make_row(samples=MANY), scattered("some", 9), scattered("others", 6))
    found = score_intervals(results)
    for part in ("full", "smic", "samm", "casme2"):
        for metric in ("uf1", "uar"):
            interval = found[part, metric]
            mean = sum(getattr(result.slices[part], metric) for result in results) / 2
            assert interval.value == pytest.approx(mean)
            assert interval.low < mean < interval.high
    assert found["full", "uf1"].high - found["full", "uf1"].low < found["smic", "uf1"].high - found["smic", "uf1"].low


def test_one_subject_of_each_database_gives_no_interval(seeds: SeedsOf) -> None:
    row = make_row(samples=samples_of(["smic/s1", "samm/006", "casme2/sub01"]))
    assert score_intervals(seeds(row, right)) == {}


@pytest.mark.parametrize(
    ("a", "b", "sentence"),
    [
        (right, wrong_for("smic", "samm"), "ours is better than theirs: ours has +"),
        (wrong_for("smic", "samm"), right, "theirs is better than ours: ours has -"),
        (scattered("a", 6), scattered("b", 6), "No difference between ours and theirs is shown: ours has "),
        (
            right,
            wrong_for("smic/3"),
            "Nothing can be shown about ours and theirs: they differ on only 1 of 24 subjects. ",
        ),
    ],
)
def test_the_verdict_follows_p_and_the_sign_of_the_difference(
    seeds: SeedsOf, a: Predictor, b: Predictor, sentence: str
) -> None:
    rows = [seeds(make_row(name, samples=MANY), predict) for name, predict in (("ours", a), ("theirs", b))]
    pair = compare_rows(*rows)["full"]
    said = verdict("ours", "theirs", pair)
    assert said.startswith(sentence)
    found = pair.differences["uf1"]
    value, low, high = (
        number_text(number, sign=True) for number in (found.interval.value, found.interval.low, found.interval.high)
    )
    assert f"{value} UF1 (95 % interval {low} to {high}" in said
    p = p_text(found.p)
    assert said.endswith(f", p {p if '<' in p else '= ' + p}).")


@pytest.mark.parametrize(("p", "text"), [(0.0432, "0.043"), (0.0009, "< 0.001"), (1.0, "1.000")])
def test_p_is_never_said_to_be_zero(p: float, text: str) -> None:
    assert p_text(p) == text


@pytest.mark.parametrize(
    ("value", "text", "with_sign"),
    [
        (0.43216, "0.4322", "+0.4322"),
        (-0.02, "-0.0200", "-0.0200"),
        (-0.00004, "0.0000", "0.0000"),
        (0.00004, "0.0000", "0.0000"),
        (-0.00006, "-0.0001", "-0.0001"),
    ],
)
def test_what_is_printed_as_zero_has_no_sign(value: float, text: str, with_sign: str) -> None:
    assert (number_text(value), number_text(value, sign=True)) == (text, with_sign)


def test_an_interval_stands_behind_its_value() -> None:
    interval = Interval(0.0312, -0.0123, 0.0747)
    assert interval_text(interval) == "0.0312 (-0.0123 to 0.0747)"
    assert interval_text(interval, sign=True) == "+0.0312 (-0.0123 to +0.0747)"
