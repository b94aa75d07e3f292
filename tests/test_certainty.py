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
    name_with_seeds,
    number_text,
    p_text,
    ranking,
    score_intervals,
    share_text,
    shared_fold,
    subject_counts,
    verdict,
)
from mer_bench.errors import MerBenchError
from mer_bench.results import SeedResult, read_results, read_row
from mer_bench.statistics.paired import Difference, Pair
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


def test_a_row_without_a_complete_seed_has_no_counts_and_no_intervals(seeds: SeedsOf) -> None:
    row = make_row()
    incomplete = seeds(row, right, right, missing=["smic-s1"])[1:]
    assert subject_counts(incomplete) is None
    assert score_intervals(incomplete) == {}
    assert compare_rows(incomplete, incomplete) == {}


def test_where_a_training_is_tested_on_several_subjects_nothing_is_claimed(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for name in ("one", "other"):
        row = make_row(name, samples=MANY)
        folds = row["folds"]
        folds["smic-0"]["samples"].update(folds.pop("smic-5")["samples"])
        write_seed(store, row, right)
    rows = read_results(store)
    assert [row.is_complete for row in rows] == [True, True]
    assert shared_fold(rows[0].record) == "smic-0"
    assert score_intervals(rows[0].seeds) == {}
    assert ranking(rows) is None
    with pytest.raises(MerBenchError, match="fold 'smic-0' tests several subjects with one training"):
        compare_rows(rows[0].seeds, rows[1].seeds)
    assert shared_fold(make_row(samples=MANY)) == ""


def test_the_leader_of_a_table_is_compared_with_each_other_complete_row(tmp_path: Path) -> None:
    """Four rows make six pairs: the smallest of three p is multiplied by 6, the next by 5, the last by 4."""
    store, predictors = (
        new_store(tmp_path),
        {
            "low": scattered("low", 2),
            "best": wrong_for("smic/3", "smic/4"),
            "middle": wrong_for("smic", "samm/1"),
            "near": wrong_for("samm/1", "samm/2", "samm/3", "casme2/4", "casme2/5", "casme2/6", "casme2/7"),
        },
    )
    for name, predict in predictors.items():
        write_seed(store, make_row(name, samples=MANY), predict)
    for seed in range(3):
        lucky = make_row("lucky", samples=MANY)
        write_seed(store, lucky, right, seed=seed, missing=["smic-1"] if seed else [])
    rows = read_results(store)
    found = ranking(rows)
    assert found is not None
    names = {row.record["row_key"]: row.record["method"]["name"] for row in rows}
    assert found.leader.record["method"]["name"] == "best"
    assert found.tied == ()
    assert {names[key] for key in found.pairs} == {"low", "middle", "near"}
    assert found.n_pairs == 6
    raw = {names[key]: pair.differences["uf1"].p for key, pair in found.pairs.items()}
    assert raw["low"] <= raw["middle"] < raw["near"] < 1 / 4
    for key, pair in found.pairs.items():
        own, other = found.leader.means["full", "uf1"].value, predictors[names[key]]
        score = next(row for row in rows if row.record["row_key"] == key).means["full", "uf1"].value
        assert pair.differences["uf1"].value == pytest.approx(own - score)
        assert pair.differences["uf1"].value > 0
        assert other is not predictors["best"]
    adjusted = {names[key]: p for key, p in found.p.items()}
    assert adjusted["low"] == pytest.approx(6 * raw["low"])
    assert adjusted["middle"] == pytest.approx(max(6 * raw["low"], 5 * raw["middle"]))
    assert adjusted["near"] == pytest.approx(4 * raw["near"])
    assert found.smallest_p == pytest.approx(6 / 10_001)
    assert ranking([row for row in rows if row.record["method"]["name"] in ("best", "lucky")]) is None


def test_rows_with_exactly_the_highest_uf1_tie(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for name, predict in (("a", right), ("b", wrong_for("smic")), ("c", right)):
        write_seed(store, make_row(name, samples=MANY), predict)
    found = ranking(read_results(store))
    assert found is not None
    assert {found.leader.record["method"]["name"], *(row.record["method"]["name"] for row in found.tied)} == {"a", "c"}


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
        (right, wrong_for("smic", "samm"), "ours is better than theirs: ours is "),
        (wrong_for("smic", "samm"), right, "theirs is better than ours: theirs is "),
        (scattered("a", 6), scattered("b", 6), "No difference between ours and theirs is shown: "),
        (scattered("b", 6), scattered("a", 6), "No difference between ours and theirs is shown: "),
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
    ahead, behind, sign = ("ours", "theirs", 1) if found.value > 0 else ("theirs", "ours", -1)
    low, high = sorted((sign * found.interval.low, sign * found.interval.high))
    p = p_text(found.p)
    assert said.endswith(
        f"{ahead} is {abs(found.value):.4f} UF1 ahead of {behind} (95 % interval {number_text(low, sign=True)} to "
        f"{number_text(high, sign=True)}, p {p if '<' in p else '= ' + p})."
    )


def pair_of(p: float, *, value: float = 0.1, smallest: float = 0.01, differing: int = 9, equal: int = 3) -> Pair:
    found = Difference(value, None, 0.9, p)
    return Pair({"uf1": found, "uar": found}, 5, 4, equal, differing, smallest)


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (pair_of(0.05), "A is better than B: A is 0.1000 UF1 ahead of B (p = 0.0500)."),
        (pair_of(0.0501), "No difference between A and B is shown: A is 0.1000 UF1 ahead of B (p = 0.0501)."),
        (
            pair_of(0.05001, value=-0.2),
            "No difference between A and B is shown: B is 0.2000 UF1 ahead of A (p > 0.05).",
        ),
        (pair_of(1, value=0), "No difference between A and B is shown: A and B have the same UF1 (p = 1.000)."),
        (
            pair_of(0.06, smallest=0.0501, differing=2),
            "Nothing can be shown about A and B: they differ on only 2 of 12 subjects. A is 0.1000 UF1 ahead of B "
            "(p = 0.0600).",
        ),
        (
            pair_of(0.06, smallest=0.05),
            "No difference between A and B is shown: A is 0.1000 UF1 ahead of B (p = 0.0600).",
        ),
        (
            pair_of(1, smallest=1, differing=9, equal=0),
            "Nothing can be shown about A and B: they differ on 9 of 9 subjects. A is 0.1000 UF1 ahead of B "
            "(p = 1.000).",
        ),
        (
            pair_of(1, value=0, smallest=1, differing=0),
            "A and B predict the same: their confusion matrices agree for every subject.",
        ),
    ],
)
def test_the_verdict_at_each_limit(pair: Pair, said: str) -> None:
    assert verdict("A", "B", pair) == said


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0432, "0.0432"),
        (0.0009, "0.0009"),
        (0.0005, "0.0005"),
        (0.00049, "< 0.0005"),
        (0.0496, "0.0496"),
        (0.049995, "0.0500"),
        (0.05, "0.0500"),
        (0.05004, "> 0.05"),
        (0.0504, "0.0504"),
        (0.234567, "0.235"),
        (1.0, "1.000"),
    ],
)
def test_p_is_never_said_to_be_zero_or_on_the_other_half_of_five_percent(p: float, text: str) -> None:
    assert p_text(p) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.0004, "< 1 %"), (0.034, "3 %"), (0.994, "99 %"), (0.9996, "> 99 %"), (1, "100 %")],
)
def test_a_share_is_said_to_be_all_or_nothing_only_if_it_is(share: float, text: str) -> None:
    assert share_text(share) == text


def test_a_row_is_named_with_its_incomplete_seeds(seeds: SeedsOf) -> None:
    assert name_with_seeds("ours", seeds(make_row("a"), right, right)) == "ours"
    assert name_with_seeds("ours", seeds(make_row("b"), right, right, right, missing=["smic-s1"])) == (
        "ours (1 of 3 seeds)"
    )


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


def test_many_rows_have_swaps_enough_for_a_small_p(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mer_bench.certainty.RESAMPLES", 10)
    store = new_store(tmp_path)
    for name in ("b", "c", "d"):
        write_seed(store, make_row(name, samples=MANY), wrong_for("s", "c"))
    write_seed(store, make_row("a", samples=MANY), right)
    ranked = ranking(read_results(store))
    assert ranked is not None
    assert ranked.smallest_p == pytest.approx(6 / 241)
    assert max(ranked.p.values()) == pytest.approx(6 / 241)
