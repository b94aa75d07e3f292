"""Stored predictions as a MEGC2019 log, and such a log scored: labels go by name, and nothing is taken for more."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import Bench, Ended
from store_factory import always, make_row, new_store, right, write_seed

from mer_bench.scoring.megc_log import LogEntry, read_log, write_log


def export(bench: Bench, *arguments: str, method: str = "majority", protocol: str = "cde") -> Ended:
    options = ("--results", bench.results, "--megc", "log.txt", "--method", method, "--protocol", protocol)
    return bench("export", *options, *arguments)


def test_labels_are_translated_by_the_name_of_their_class(bench: Bench, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    write_seed(store, make_row(classes=["surprise", "negative", "positive"]), always(0))

    assert export(bench).code == 0
    by_clip = {entry.sample_id.rsplit("/")[-1]: entry for entry in read_log(Path("log.txt"))}
    # The factory names clips by its own classes: label 0, here surprise, is called negative.
    assert {name: entry.truth for name, entry in by_clip.items()} == {
        "negative_0": 2,
        "negative_1": 2,
        "positive_0": 0,
        "positive_1": 0,
        "surprise_0": 1,
        "surprise_1": 1,
    }
    assert {entry.prediction for entry in by_clip.values()} == {2}


@pytest.mark.parametrize("classes", [["negative", "positive", "others"], ["negative", "positive", "surprise", "fear"]])
def test_classes_that_a_log_does_not_know_are_refused(bench: Bench, tmp_path: Path, classes: list[str]) -> None:
    write_seed(new_store(tmp_path), make_row(classes=classes), right)
    ended = export(bench)

    assert ended.code == 2
    assert f"these predictions are of the classes {', '.join(classes)}" in ended.errors[0]
    assert not Path("log.txt").exists()


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        (["synthetic"], "SYNTHETIC"),
        (["partial", "synthetic"], "PARTIAL and SYNTHETIC"),
        (["approximation"], "APPROXIMATION"),
        (["template-landmarks"], "TEMPLATE-LANDMARKS"),
    ],
)
def test_an_unmarked_log_of_marked_data_is_warned_of(bench: Bench, tmp_path: Path, marks: list[str], said: str) -> None:
    write_seed(new_store(tmp_path), make_row(marks=marks), right)
    ended = export(bench)

    assert ended.code == 0
    assert ended.err == f"warning: log.txt carries no mark, but this result has: {said}; say so wherever it goes\n"


def test_a_log_of_whole_real_data_needs_no_warning(bench: Bench, tmp_path: Path) -> None:
    write_seed(new_store(tmp_path), make_row(marks=[]), right)
    ended = export(bench)

    assert (ended.code, ended.err) == (0, "")
    assert "[" not in ended.out


@pytest.mark.parametrize(
    ("arguments", "choice", "said"),
    [
        ([], {"method": "majorty"}, "no method 'majorty' (did you mean 'majority'?), stored: majority, net"),
        ([], {"protocol": "cdee"}, "no protocol 'cdee' (did you mean 'cde'?), stored: cde"),
        (["--seed", "5"], {}, "no seed '5', stored: 0"),
        (
            ["--selection", "orcale"],
            {"method": "net"},
            "no selection 'orcale' (did you mean 'oracle'?), stored: last, oracle",
        ),
        (["--row", "zzz"], {}, "nothing stored fits --row zzz; stored: "),
    ],
)
def test_what_is_not_stored_is_told_with_what_is(
    bench: Bench, tmp_path: Path, arguments: list[str], choice: dict[str, str], said: str
) -> None:
    store = new_store(tmp_path)
    write_seed(store, make_row("majority"), right)
    write_seed(store, make_row("net", epochs=True), right, oracle=right)
    ended = export(bench, *arguments, **choice)

    assert ended.code == 2
    assert said in ended.errors[0]


def test_an_empty_store_holds_nothing_to_export(bench: Bench, tmp_path: Path) -> None:
    new_store(tmp_path)

    assert "no method 'majority', stored: nothing" in export(bench).errors[0]


FULL_LIST = "442 samples are MEGC2019's full list; this log has"


def test_a_score_of_part_of_the_full_list_says_so(bench: Bench) -> None:
    write_log(Path("log.txt"), [LogEntry("smic/s1/a", 0, 0), LogEntry("samm/006/b", 1, 1)])

    assert bench("score", "log.txt").out.splitlines()[-1] == f"{FULL_LIST} 2"
    assert len(bench("score", "log.txt", "--json").objects) == 1


@pytest.mark.parametrize(
    "entries",
    [
        [LogEntry(f"smic/s1/a{i}", 0, 0) for i in range(442)],
        [LogEntry("casme3/spNO.1/a@1", 0, 0), LogEntry("smic/s1/a", 0, 0)],
    ],
    ids=["whole", "another list"],
)
def test_a_score_of_the_full_list_or_of_another_says_nothing(bench: Bench, entries: list[LogEntry]) -> None:
    write_log(Path("log.txt"), entries)

    assert FULL_LIST not in bench("score", "log.txt").out
