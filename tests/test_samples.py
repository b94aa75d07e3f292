from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_bench.errors import MerBenchError
from mer_bench.samples import (
    COLUMNS,
    DATABASES,
    Sample,
    SampleTable,
    canonical_clip,
    canonical_subject,
    ordered_databases,
)


def sample(database: str = "smic", subject: str = "s1", clip: str = "s1_ne_01", origin: str = "a.csv row 1") -> Sample:
    return Sample(database, subject, clip, "negative", origin)


@pytest.mark.parametrize(
    ("canonical", "database", "raw", "expected"),
    [
        (canonical_subject, "smic", "s01", "s1"),
        (canonical_subject, "smic", "S1", "s1"),
        (canonical_subject, "smic", "1", "s1"),
        (canonical_subject, "samm", " 026 ", "026"),
        (canonical_subject, "casme2", "1", "sub01"),
        (canonical_subject, "casme2", "Sub26", "sub26"),
        (canonical_subject, "samm", "0" * 5000 + "6", "006"),
        (canonical_subject, "casme3", "spNo.010", "spNO.10"),
        (canonical_subject, "smic", "synthetic01", "synthetic01"),
        (canonical_subject, "other", "s01", "s01"),
        (canonical_clip, "smic", "S01_NE_01", "s1_ne_01"),
        (canonical_clip, "casme2", " ep02_01F ", "EP02_01f"),
        (canonical_clip, "casme3", "A@116", "a@116"),
        (canonical_clip, "samm", "6_1_2", "006_1_2"),
        (canonical_clip, "smic", "synthetic01_ne_01", "synthetic01_ne_01"),
    ],
)
def test_every_spelling_becomes_the_releases_own(
    canonical: Callable[[str, str], str], database: str, raw: str, expected: str
) -> None:
    assert canonical(database, raw) == expected


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("digits", ["0" * 5000 + "7" * 10, "\u0661\u0662"], ids=["long", "arabic"])
def test_other_numbers_are_unchanged(database: str, digits: str) -> None:
    assert canonical_subject(database, digits) == digits
    assert canonical_clip(database, f"s{digits}_ne_01") == f"s{digits}_ne_01"
    assert canonical_clip(database, f"{digits}_1_2") == f"{digits}_1_2"


@pytest.mark.parametrize("field", ["database", "subject", "clip", "emotion"])
def test_a_sample_that_is_not_text_is_refused(field: str) -> None:
    with pytest.raises(MerBenchError, match=r"a\.csv row 1.* holds something that is not text; correct the reader"):
        SampleTable([replace(sample(), **{field: 5})])


@settings(max_examples=50)
@given(st.sampled_from(DATABASES), st.text(max_size=20))
def test_canonical_names_stay_as_they_are(database: str, raw: str) -> None:
    subject, clip = canonical_subject(database, raw), canonical_clip(database, raw)

    assert canonical_subject(database, subject) == subject
    assert canonical_clip(database, clip) == clip


def test_the_table_is_sorted_by_id_and_namespaces_subjects() -> None:
    table = SampleTable([sample("smic"), sample("casme2", "s1", "EP02_01f"), sample("samm", "006", "006_1_2")])

    assert len(table) == 3
    assert tuple(table.frame.columns) == COLUMNS
    assert table.ids == ["casme2/s1/EP02_01f", "samm/006/006_1_2", "smic/s1/s1_ne_01"]
    assert list(table.frame["subject"]) == ["casme2/s1", "samm/006", "smic/s1"]


def test_databases_are_listed_by_release_and_then_by_name_each_once() -> None:
    names = ["smew", "casme3", "4dme", "samm", "smew", "smic", "samm"]

    assert ordered_databases(names) == ["smic", "samm", "casme3", "4dme", "smew"]


def test_an_empty_table_keeps_its_columns() -> None:
    table = SampleTable([])

    assert (len(table), table.ids, tuple(table.frame.columns)) == (0, [], COLUMNS)


def test_two_rows_for_one_sample_are_refused_with_both_places() -> None:
    with pytest.raises(MerBenchError, match=r"two rows for sample smic/s1/s1_ne_01: a\.csv row 1 and a\.csv row 9"):
        SampleTable([sample(), sample(origin="a.csv row 9")])
