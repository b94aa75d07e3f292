"""MEGC2019 logs: reading, writing, scoring, and every way in which a log can be wrong."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mer_bench.errors import MerBenchError
from mer_bench.scoring.megc_log import LogEntry, format_log, log_entries, read_log, score_log, write_log
from mer_bench.scoring.metrics import score

ENTRIES = [
    LogEntry("smic/s1/s1_ne_01", 0, 2),
    LogEntry("casme2/sub02/EP01_11f", 0, 0),
    LogEntry("casme2/sub01/EP19_05f", 0, 1),
    LogEntry("casme2/sub01/EP02_01f", 1, 1),
    LogEntry("samm/006/006_5_9", 2, 2),
]


@pytest.fixture
def log(tmp_path: Path) -> Any:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "log.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        "casme2 sub01\nEP02_01f 1 2\n\nsmic s1\ns1_ne_01 0 0\n",
        "casme2 sub01\rEP02_01f 1 2\r\rsmic s1\rs1_ne_01 0 0\r",
        "\n\n  casme2\tsub01  \n\tEP02_01f \t 1  2 \n  \t \n\n\nsmic s1\ns1_ne_01 0 0\n\n\n",
        "casme2 sub01\nEP02_01f 1 2\nsmic s1\ns1_ne_01 0 0\n",
        "\ufeffcasme2 sub01\nEP02_01f 1 2\n\nsmic s1\ns1_ne_01 0 0\n",
        "CASME2 SUB01\nEP02_01f 1 2\n\nSMIC 1\ns1_ne_01 0 0\n",
    ],
    ids=["plain", "cr", "spaces", "no-blank-lines", "bom", "capitals"],
)
def test_variants_of_one_log_read_alike(log: Any, text: str) -> None:
    assert read_log(log(text)) == [LogEntry("casme2/sub01/EP02_01f", 1, 2), LogEntry("smic/s1/s1_ne_01", 0, 0)]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("casme2 sub01\nEP02_01f 1 1\n\nEP19_05f 0 0\n", 4, "clip 'EP19_05f' has no header above it"),
        ("casme2 sub01\nEP02_01f 1 1 1\n", 2, "4 words, the first being 'EP02_01f'"),
        ("casme2\nEP02_01f 1 1\n", 1, "1 word, the first being 'casme2'"),
        ("samn 006\n006_1_2 1 1\n", 1, r"unknown database 'samn' \(did you mean 'samm'\?\)"),
        ("casme2 sub01\nEP02_01f one 1\n", 2, "truth 'one' is not one of the labels 0"),
        ("casme2 sub01\nEP02_01f 1 ١\n", 2, "prediction '١' is not one of the labels 0"),
        ("casme2 sub01\nEP/02 1 1\n", 2, "cannot contain the clip name 'EP/02'"),
        ("casme2 sub/01\nEP02 1 1\n", 1, "cannot contain the subject name 'sub/01'"),
        ("casme2 sub01\nEP\x1b[31m 1 1\n", 2, r"cannot contain the clip name 'EP\\x1b\[31m'"),
        ("smic " + "1" * 5000 + "\ns1_ne_01 1 1\n", 1, "a log cannot contain the"),
    ],
)
def test_broken_line_is_refused_with_file_and_line(log: Any, text: str, line: int, message: str) -> None:
    path = log(text)
    with pytest.raises(MerBenchError, match=message) as caught:
        read_log(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")


def test_a_database_is_known_where_the_caller_names_it(log: Any) -> None:
    path = log("MyLab p01\nA_1 1 2\n")

    assert read_log(path, ["samm", "mylab"]) == [LogEntry("mylab/p01/A_1", 1, 2)]
    with pytest.raises(MerBenchError, match=r"unknown database 'MyLab'.*; known: smic, samm, casme2, casme3$"):
        read_log(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("smic s1\ns1_ne_01 0 0\n\nsmic s01\ns01_ne_01 1 1\n", "line 5: smic/s1/s1_ne_01 is already in line 2"),
        ("casme2 sub01\n", r"log\.txt has no clip line"),
        (b"casme2 sub01\nEP02\xff 1 1\n", "line 2: not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_log_is_refused(log: Any, content: str | bytes, message: str) -> None:
    with pytest.raises(MerBenchError, match=message):
        read_log(log(content))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.txt", r"absent\.txt does not exist; give the log file itself"),
        (".", "is not a file but a folder; give the log file itself"),
        ("log.txt/x", "log.txt/x does not exist; give the log file itself"),
    ],
)
def test_path_that_is_no_file_is_refused(tmp_path: Path, log: Any, name: str, message: str) -> None:
    log("casme2 sub01\n")
    with pytest.raises(MerBenchError, match=message):
        read_log(tmp_path / name)


def test_log_is_grouped_by_database_and_subject_and_sorted(log: Any) -> None:
    path = log("something old")
    write_log(path, [*ENTRIES[1:], replace(ENTRIES[0], sample_id="smic/s01/s01_ne_01")])
    folds = (
        "casme2 sub01\nEP02_01f 1 1\nEP19_05f 0 1\n",
        "casme2 sub02\nEP01_11f 0 0\n",
        "samm 006\n006_5_9 2 2\n",
        "smic s1\ns1_ne_01 0 2\n",
    )
    assert format_log(read_log(path)) == path.read_text("utf-8") == "\n".join(folds)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (LogEntry("casme2/sub01/EP 02", 0, 0), "cannot contain the clip name 'EP 02'"),
        (LogEntry("casme2/sub01/EP\ud800", 0, 0), "a log cannot contain the"),
        (LogEntry("casme2/sub 01/EP02", 0, 0), "cannot contain the subject name 'sub 01'"),
        (LogEntry("casme2/sub01/", 0, 0), "cannot contain the clip name ''"),
        (LogEntry("casme2/sub01", 0, 0), "sample id 'casme2/sub01' is not of the form 'database/subject/clip'"),
        (LogEntry("My Lab/006/006_1_2", 0, 0), "cannot contain the database name 'My Lab'; use lower-case words"),
        (replace(ENTRIES[0], sample_id="smic/s01/s01_ne_01"), "two entries for one sample smic/s1/s1_ne_01"),
    ],
)
def test_entry_that_makes_no_log_is_not_written(tmp_path: Path, entry: LogEntry, message: str) -> None:
    path = tmp_path / "log.txt"
    with pytest.raises(MerBenchError, match=message):
        write_log(path, [*ENTRIES, entry])
    assert not list(tmp_path.iterdir())


def test_failed_write_keeps_the_old_log_and_leaves_nothing_else(log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = log("something old")

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(MerBenchError, match=r"log .*: No space left on device; give a file in a folder you can write"):
        write_log(path, ENTRIES)
    assert path.read_text() == "something old"
    assert list(path.parent.iterdir()) == [path]


def test_a_log_needs_an_entry(tmp_path: Path) -> None:
    with pytest.raises(MerBenchError, match="there is no entry to write"):
        write_log(tmp_path / "log.txt", [])


def test_entries_take_the_challenge_s_labels_by_name() -> None:
    assert log_entries({"b/s/2": (0, 1), "a/s/1": (2, 0)}, ["surprise", "negative", "positive"]) == [
        LogEntry("a/s/1", 1, 2),
        LogEntry("b/s/2", 2, 0),
    ]
    with pytest.raises(
        MerBenchError, match=r"has the classes negative, positive, surprise, and .* of the classes a, b, c;"
    ):
        log_entries({}, ["a", "b", "c"])


def test_slices_are_full_and_then_the_databases_present_in_reporting_order() -> None:
    scores = score_log(ENTRIES)
    assert list(scores) == ["full", "smic", "samm", "casme2"]
    others = [LogEntry("zoo/a/b", 0, 2), LogEntry("mylab/a/b", 1, 1)]
    assert list(score_log([*others, *ENTRIES])) == ["full", "smic", "samm", "casme2", "mylab", "zoo"]
    assert scores["full"] == score([0, 0, 0, 1, 2], [2, 0, 1, 1, 2], 3)
    assert scores["smic"] == score([0], [2], 3)
    assert scores["casme2"] == score([0, 0, 1], [0, 1, 1], 3)


def test_slices_keep_the_three_classes_and_the_absent_class_rule() -> None:
    entries = [LogEntry("casme2/sub01/a", 0, 0), LogEntry("casme2/sub02/b", 1, 1)]
    assert score_log(entries)["casme2"].uf1 == pytest.approx(1.0)
    zeroed = score_log(entries, absent_class="zero")["casme2"]
    assert zeroed.uf1 == pytest.approx(2 / 3)
    assert zeroed.absent == (2,)
