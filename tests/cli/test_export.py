"""Stored predictions as a MEGC2019 log, and such a log scored: labels go by name, and nothing is taken for more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bench import Bench, Ended
from support.lab_plugin import installed_lab
from support.store_factory import always, make_row, new_store, right, samples_of, write_seed

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
    ("caveats", "names"),
    [
        (["synthetic"], "SYNTHETIC"),
        (["partial", "synthetic"], "PARTIAL and SYNTHETIC"),
        (["approximation"], "APPROXIMATION"),
        (["template-landmarks"], "TEMPLATE-LANDMARKS"),
    ],
)
def test_a_log_of_results_with_caveats_comes_with_a_warning(
    bench: Bench, tmp_path: Path, caveats: list[str], names: str
) -> None:
    write_seed(new_store(tmp_path), make_row(caveats=caveats), right)
    ended = export(bench)

    assert ended.code == 0
    assert ended.err == (
        f"warning: log.txt has no place for caveats, but this result has: {names}; state them wherever you use it\n"
    )


def test_a_log_of_whole_real_data_needs_no_warning(bench: Bench, tmp_path: Path) -> None:
    write_seed(new_store(tmp_path), make_row(caveats=[]), right)
    ended = export(bench)

    assert (ended.code, ended.err) == (0, "")
    assert "[" not in ended.out


@pytest.mark.parametrize(
    ("arguments", "choice", "message"),
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
def test_what_is_not_stored_is_reported_with_what_is(
    bench: Bench, tmp_path: Path, arguments: list[str], choice: dict[str, str], message: str
) -> None:
    store = new_store(tmp_path)
    write_seed(store, make_row("majority"), right)
    write_seed(store, make_row("net", epochs=True), right, oracle=right)
    ended = export(bench, *arguments, **choice)

    assert ended.code == 2
    assert message in ended.errors[0]


def test_an_empty_store_holds_nothing_to_export(bench: Bench, tmp_path: Path) -> None:
    new_store(tmp_path)

    assert "no method 'majority', stored: nothing" in export(bench).errors[0]


@pytest.fixture
def protocols(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A plugin's folder of protocols, one of which names a database ``mmew``."""
    with installed_lab(tmp_path / "site", monkeypatch) as folder:
        yield folder


def export_of_two_databases(bench: Bench, folder: Path) -> Ended:
    samples = samples_of(["mmew/p1", "mmew/p2", "smic/s1"])
    slices = {"full": ("mmew", "smic"), "mmew": ("mmew",)}
    row = make_row(protocol="lab-and-smic", slices=slices, samples=samples)
    write_seed(new_store(folder), row, always(1))
    return export(bench, protocol="lab-and-smic")


@pytest.mark.usefixtures("protocols")
def test_a_log_of_a_plugin_s_database_can_be_scored_again(bench: Bench, tmp_path: Path) -> None:
    exported = export_of_two_databases(bench, tmp_path)
    ended = bench("score", "log.txt", "--json")
    (slices,) = ended.objects

    assert (exported.code, ended.code, ended.err) == (0, 0, "")
    assert {name: scores["n_samples"] for name, scores in slices.items()} == {"full": 18, "smic": 6, "mmew": 12}
    assert list(slices) == ["full", "smic", "mmew"]
    assert slices["mmew"]["confusion"] == [[0, 4, 0], [0, 4, 0], [0, 4, 0]]


def test_a_log_of_a_database_that_no_protocol_names_is_refused(bench: Bench, tmp_path: Path) -> None:
    exported = export_of_two_databases(bench, tmp_path)
    ended = bench("score", "log.txt")

    assert (exported.code, ended.code) == (0, 2)
    assert "line 1: unknown database 'mmew'" in ended.errors[0]


@pytest.mark.usefixtures("protocols")
@pytest.mark.parametrize(("written", "meant"), [("samn", "samm"), ("mmev", "mmew")])
def test_a_misspelt_database_in_a_log_is_reported_with_the_nearest(bench: Bench, written: str, meant: str) -> None:
    Path("log.txt").write_text(f"{written} 006\n006_1_2 0 1\n", encoding="utf-8")

    assert f"unknown database '{written}' (did you mean '{meant}'?)" in bench("score", "log.txt").errors[0]


def test_broken_protocols_keep_no_log_from_its_score(bench: Bench, protocols: Path, tmp_path: Path) -> None:
    (protocols / "bare.toml").write_text('name = "bare"\n', encoding="utf-8")
    (protocols / "torn.toml").write_text("name = \n", encoding="utf-8")
    export_of_two_databases(bench, tmp_path)
    ended = bench("score", "log.txt", "--json")
    notes = ended.err.splitlines()

    assert (ended.code, ended.objects[0]["mmew"]["n_samples"]) == (0, 12)
    assert [note.partition(" cannot")[0] for note in notes] == ["note: protocol bare", "note: protocol torn"]


FULL_LIST = "MEGC2019's full list has 442 samples; this log has"


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
