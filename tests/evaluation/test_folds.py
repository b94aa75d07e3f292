"""Labels, counts and leave-one-subject-out folds: no method ever trains on the subject that it is tested on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mer_bench_protocols
from mer_bench import MerBenchError, Sample, SampleTable
from mer_bench.evaluation.folds import (
    Fold,
    LabelledTable,
    check_fold,
    count_mismatch,
    leave_one_subject_out,
    select_samples,
)
from mer_bench.protocol import Protocol, load_protocol

PROTOCOL = """
name = "two"
version = 1
title = "Two"
reference = "Nobody, 2024"
classes = ["calm", "angry"]
split = "leave-one-subject-out"
selection = "last"
absent-class = "exclude"

[slices]
full = ["smic", "samm"]

[databases.smic]
subjects = 2
counts = { calm = 2, angry = 1 }
dropped = ["other"]
[databases.smic.emotions]
ease = "calm"
rage = "angry"

[databases.samm]
subjects = 1
counts = { calm = 0, angry = 1 }
dropped = []
[databases.samm.emotions]
fury = "angry"
"""

COMPLETE = (
    ("smic", "s1", "c1", "ease"),
    ("smic", "s1", "c2", "rage"),
    ("smic", "s2", "c1", "ease"),
    ("smic", "s2", "c2", "other"),
    ("samm", "s1", "c1", "fury"),
)


@pytest.fixture
def protocol(tmp_path: Path) -> Protocol:
    path = tmp_path / "two.toml"
    path.write_text(PROTOCOL, encoding="utf-8")
    return load_protocol(path)


def table_of(rows: tuple[tuple[str, str, str, str], ...]) -> SampleTable:
    return SampleTable(Sample(*row, f"labels.csv, row {i}") for i, row in enumerate(rows, start=2))


def labelled(subjects: list[str]) -> LabelledTable:
    n = len(subjects)
    ids = tuple(f"{subject}/{i}" for i, subject in enumerate(subjects))
    return LabelledTable(ids, tuple(subjects), (0,) * n, tuple(subject.split("/")[0] for subject in subjects))


names = st.sampled_from(["smic/s1", "samm/s1", "smic/s2", "casme2/sub01", "casme2/sub02", "smic/s10"])
tables = st.lists(names, min_size=2, max_size=30).filter(lambda subjects: len(set(subjects)) > 1).map(labelled)


@given(tables)
def test_every_sample_is_tested_exactly_once(table: LabelledTable) -> None:
    folds = leave_one_subject_out(table)

    assert sorted(i for fold in folds for i in fold.test) == list(range(len(table.subjects)))


@given(tables)
def test_no_subject_is_ever_on_both_sides_and_nobody_is_lost(table: LabelledTable) -> None:
    for fold in leave_one_subject_out(table):
        assert {table.subjects[i] for i in fold.test} == {fold.subject}
        assert fold.subject not in {table.subjects[i] for i in fold.train}
        assert sorted(fold.train + fold.test) == list(range(len(table.subjects)))
        check_fold(fold, table)


@given(tables)
def test_there_is_one_fold_a_subject_in_the_order_of_their_names(table: LabelledTable) -> None:
    folds = leave_one_subject_out(table)

    assert [fold.subject for fold in folds] == sorted(set(table.subjects))
    assert len({fold.name for fold in folds}) == len(folds)


def test_the_same_name_in_two_databases_is_two_subjects() -> None:
    smic, samm = sorted(
        leave_one_subject_out(labelled(["smic/s1", "samm/s1", "smic/s1"])), key=lambda fold: -len(fold.test)
    )

    assert (smic.name, sorted(smic.test), smic.train) == ("smic-s1", [0, 2], (1,))
    assert (samm.name, samm.test, samm.train) == ("samm-s1", (1,), (0, 2))


def test_a_single_subject_cannot_be_held_out() -> None:
    with pytest.raises(MerBenchError, match=r"needs two subjects or more; the data holds only smic/s1$"):
        leave_one_subject_out(labelled(["smic/s1"] * 5))


def test_two_subjects_that_would_share_a_fold_are_refused() -> None:
    with pytest.raises(MerBenchError, match="subjects my-zoo/a and my/zoo-a would both make the fold my-zoo-a"):
        leave_one_subject_out(labelled(["my-zoo/a", "my/zoo-a"]))


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ((0, 1), (2, 3), r"^fold f: subject smic/s1 is on both sides; a fold holds out whole subjects$"),
        ((2,), (2,), "subject smic/s1 is on both sides"),
        ((), (0,), r"^fold f has no training sample$"),
        ((0,), (), r"^fold f has no test sample$"),
    ],
)
def test_a_fold_that_could_leak_or_is_empty_is_refused(
    train: tuple[int, ...], test: tuple[int, ...], message: str
) -> None:
    table = labelled(["smic/s1", "smic/s2", "smic/s1", "smic/s3"])

    with pytest.raises(MerBenchError, match=message):
        check_fold(Fold("f", "smic/s1", train, test), table)


def test_emotions_become_labels_and_dropped_ones_go(protocol: Protocol) -> None:
    table = select_samples(table_of(COMPLETE), protocol)

    assert table.sample_ids == ("samm/s1/c1", "smic/s1/c1", "smic/s1/c2", "smic/s2/c1")
    assert table.labels == (1, 0, 1, 0)
    assert table.subjects == ("samm/s1", "smic/s1", "smic/s1", "smic/s2")
    assert table.databases == ("samm", "smic", "smic", "smic")


@given(st.permutations(COMPLETE))
def test_the_order_of_the_annotations_changes_nothing(rows: list[tuple[str, str, str, str]]) -> None:
    cde = load_protocol(next(spec.path for spec in mer_bench_protocols.mer_bench_protocols() if spec.name == "cde"))
    classes = {"ease": "positive", "rage": "negative", "other": "surprise", "fury": "negative"}
    named = [(database, subject, clip, classes[emotion]) for database, subject, clip, emotion in rows]
    in_order = [(database, subject, clip, classes[emotion]) for database, subject, clip, emotion in COMPLETE]

    assert select_samples(table_of(tuple(named)), cde) == select_samples(table_of(tuple(in_order)), cde)


def test_databases_that_the_protocol_does_not_name_are_left_out(protocol: Protocol) -> None:
    rows = (*COMPLETE, ("casme3", "spNO.1", "a@1", "joy"))

    assert select_samples(table_of(rows), protocol) == select_samples(table_of(COMPLETE), protocol)


def test_an_emotion_outside_the_class_map_is_named_with_its_row(protocol: Protocol) -> None:
    rows = (*COMPLETE, ("samm", "s2", "c1", "boredom"))

    with pytest.raises(MerBenchError, match=r"^samm/s2/c1 \(labels\.csv, row 7\): .*'boredom'"):
        select_samples(table_of(rows), protocol)


@pytest.mark.parametrize("rows", [(), (("casme2", "sub01", "c1", "ease"),), (("smic", "s1", "c1", "other"),)])
def test_data_without_a_sample_of_the_protocol_is_refused(
    protocol: Protocol, rows: tuple[tuple[str, str, str, str], ...]
) -> None:
    with pytest.raises(MerBenchError, match="protocol two needs samples of smic, samm, and the data has none"):
        select_samples(table_of(rows), protocol)


@pytest.mark.parametrize(
    ("without", "extra", "problems"),
    [
        ((), (), []),
        ((0,), (), ["smic: calm 1 of 2 (1 missing)"]),
        ((2, 3), (), ["smic: calm 1 of 2 (1 missing)", "smic: 1 of 2 subjects"]),
        ((4,), (), ["samm: no samples at all (1 declared)"]),
        ((), (("samm", "s9", "c1", "fury"),), ["samm: angry 2 of 1 (1 extra)", "samm: 2 of 1 subjects"]),
        ((), (("smic", "s2", "c3", "other"),), []),
    ],
)
def test_what_is_missing_or_extra_is_told_a_line_each(
    protocol: Protocol,
    without: tuple[int, ...],
    extra: tuple[tuple[str, str, str, str], ...],
    problems: list[str],
) -> None:
    rows = tuple(row for i, row in enumerate(COMPLETE) if i not in without) + extra

    assert count_mismatch(select_samples(table_of(rows), protocol), protocol) == problems


def test_a_sample_s_place_on_the_test_side_does_not_tell_its_class() -> None:
    """SMIC's ids spell the class: sorted by id, the first third of a subject would be its negative samples."""
    codes = ("ne", "po", "sur")
    ids = sorted(
        f"smic/s{subject}/s{subject}_{code}_{take:02d}" for subject in range(40) for code in codes for take in range(4)
    )
    labels = tuple(codes.index(name.split("_")[1]) for name in ids)
    table = LabelledTable(tuple(ids), tuple(name.rpartition("/")[0] for name in ids), labels, ("smic",) * len(ids))
    by_place = np.array([[labels[i] for i in fold.test] for fold in leave_one_subject_out(table)])
    hits = (by_place == np.repeat([0, 1, 2], 4)).mean()

    assert by_place.shape == (40, 12)
    assert 0.25 < hits < 0.42
