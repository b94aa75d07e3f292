"""Labels, counts and leave-one-subject-out folds: no method trains on the subject that it is tested on."""

from __future__ import annotations

from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_bench import CLIP, FACE_FLOW, InputFacts, MerBenchError, Sample, SampleTable
from mer_bench.evaluation.folds import (
    Fold,
    LabelledTable,
    check_fold,
    count_mismatch,
    leave_one_subject_out,
    select_samples,
)
from mer_bench.evaluation.protocol_data import fingerprint
from mer_bench.protocol import Protocol, load_protocol

PROTOCOL = """
name = "two"
version = 1
title = "Two"
reference = "A paper, 2024"
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


@pytest.fixture(scope="module")
def protocol(tmp_path_factory: pytest.TempPathFactory) -> Protocol:
    path = tmp_path_factory.mktemp("protocols") / "two.toml"
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
def test_each_subject_is_held_out_once_and_all_others_train(table: LabelledTable) -> None:
    folds = leave_one_subject_out(table, {})

    assert [fold.subject for fold in folds] == sorted(set(table.subjects))
    assert len({fold.name for fold in folds}) == len(folds)
    for fold in folds:
        assert {table.subjects[i] for i in fold.test} == {fold.subject}
        assert fold.train == tuple(i for i, subject in enumerate(table.subjects) if subject != fold.subject)
        assert sorted(fold.train + fold.test) == list(range(len(table.subjects)))
        check_fold(fold, table)


def test_a_single_subject_cannot_be_held_out() -> None:
    with pytest.raises(MerBenchError, match=r"needs two subjects or more; the data holds only smic/s1$"):
        leave_one_subject_out(labelled(["smic/s1"] * 5), {})


def test_two_subjects_that_would_share_a_fold_are_refused() -> None:
    with pytest.raises(MerBenchError, match="subjects my-zoo/a and my/zoo-a would both make the fold my-zoo-a"):
        leave_one_subject_out(labelled(["my-zoo/a", "my/zoo-a"]), {})


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (
            (0, 1),
            (2, 3),
            r"^fold f: subject smic/s1 is in both the training and the test set; a fold holds out whole subjects$",
        ),
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


def test_emotions_become_labels_and_dropped_ones_are_left_out(protocol: Protocol) -> None:
    table = select_samples(table_of(COMPLETE), protocol)

    assert table.sample_ids == ("samm/s1/c1", "smic/s1/c1", "smic/s1/c2", "smic/s2/c1")
    assert table.labels == (1, 0, 1, 0)
    assert table.subjects == ("samm/s1", "smic/s1", "smic/s1", "smic/s2")
    assert table.databases == ("samm", "smic", "smic", "smic")


@given(rows=st.permutations([*COMPLETE, ("casme3", "spNO.1", "a@1", "joy")]))
@settings(max_examples=20)
def test_neither_the_order_of_annotations_nor_a_database_outside_the_protocol_matters(
    protocol: Protocol, rows: list[tuple[str, str, str, str]]
) -> None:
    assert select_samples(table_of(tuple(rows)), protocol) == select_samples(table_of(COMPLETE), protocol)


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


def test_samples_and_subjects_are_counted_for_each_database_of_the_protocol(protocol: Protocol) -> None:
    incomplete, complete = (select_samples(table_of(rows), protocol) for rows in (COMPLETE[:2], COMPLETE))

    assert count_mismatch(complete, protocol) == []
    assert count_mismatch(incomplete, protocol) == [
        "smic: calm 1 of 2 (1 missing)",
        "smic: 1 of 2 subjects",
        "samm: no samples at all (1 declared)",
    ]


def test_the_position_of_a_test_sample_does_not_reveal_its_class() -> None:
    """SMIC's ids spell the class: sorted by id, the first third of a subject would be its negative samples."""
    codes = ("ne", "po", "sur")
    ids = sorted(
        f"smic/s{subject}/s{subject}_{code}_{take:02d}" for subject in range(40) for code in codes for take in range(4)
    )
    labels = tuple(codes.index(name.split("_")[1]) for name in ids)
    table = LabelledTable(tuple(ids), tuple(name.rpartition("/")[0] for name in ids), labels, ("smic",) * len(ids))
    by_place = np.array([[labels[i] for i in fold.test] for fold in leave_one_subject_out(table, {})])
    hits = (by_place == np.repeat([0, 1, 2], 4)).mean()

    assert by_place.shape == (40, 12)
    assert 0.25 < hits < 0.42
    first, again, other = (
        [fold.test for fold in leave_one_subject_out(table, {"smic": contents})] for contents in ("a", "a", "b")
    )
    assert first == again
    assert all(left != right and sorted(left) == sorted(right) for left, right in zip(first, other, strict=True))


def test_the_fingerprint_depends_on_ids_labels_and_contents() -> None:
    table = labelled(["smic/s1", "smic/s2", "smic/s2"])
    contents = dict.fromkeys(table.sample_ids, "a")
    relabelled = replace(table, labels=(1, 0, 0))
    shorter = replace(table, sample_ids=table.sample_ids[:2], labels=(0, 0), databases=("smic", "smic"))
    renamed = replace(table, sample_ids=("smic/s1/x", *table.sample_ids[1:]))
    cases = [(table, {}), (relabelled, {}), (shorter, {}), (renamed, {}), (table, {table.sample_ids[0]: "b"})]

    fingerprints = [
        fingerprint(changed, SimpleNamespace(native=CLIP, digest={**contents, "smic/s1/x": "a", **other}.get))["smic"]
        for changed, other in cases
    ]
    assert len(set(fingerprints)) == len(cases)


def test_the_fingerprint_of_ready_made_maps_depends_on_what_they_mean_and_on_no_words_for_the_reader() -> None:
    table = labelled(["smic/s1", "smic/s2"])
    plain = InputFacts("my maps")
    other = {field.name: ("u",) if field.name == "channels" else "other" for field in fields(InputFacts)}

    def of(native: str, facts: InputFacts) -> str:
        source = SimpleNamespace(native=native, digest=str.upper, input_facts=lambda: facts)
        return fingerprint(table, source)["smic"]

    changed = {name: replace(plain, **{name: value}) for name, value in other.items()}
    kept = {name for name, facts in changed.items() if of(FACE_FLOW, facts) == of(FACE_FLOW, plain)}
    assert kept == {"source", "citation", "licence"}
    assert len({of(FACE_FLOW, facts) for facts in changed.values()} | {of(FACE_FLOW, plain)}) == 5
    assert len({of(CLIP, facts) for facts in changed.values()}) == 1
