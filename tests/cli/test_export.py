"""Stored predictions as a MEGC2019 log, and such a log scored: labels go by name, and nothing is taken for more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bench import Bench, Ended
from support.lab_plugin import installed_lab
from support.store_factory import always, make_row, new_store, right, samples_of, write_seed

from mer_bench.scoring.megc_log import LogEntry, read_log, write_log


def export(bench: Bench, *arguments: str, method: str = "majority", protocol: str = "cde") -> Ended:
    options = (
        "--results",
        bench.results,
        "--format",
        "megc",
        "--out",
        "log.txt",
        "--method",
        method,
        "--protocol",
        protocol,
    )
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


def test_classes_that_a_log_does_not_know_are_refused(bench: Bench, tmp_path: Path) -> None:
    classes = ["negative", "positive", "others"]
    write_seed(new_store(tmp_path), make_row(classes=classes), right)
    ended = export(bench)

    assert ended.code == 2
    assert f"these predictions are of the classes {', '.join(classes)}" in ended.errors[0]
    assert not Path("log.txt").exists()


@pytest.mark.parametrize(
    ("caveats", "names"),
    [([], ""), (["approximation"], "APPROXIMATION"), (["partial", "synthetic"], "PARTIAL and SYNTHETIC")],
)
def test_a_log_of_results_with_caveats_comes_with_a_warning(
    bench: Bench, tmp_path: Path, caveats: list[str], names: str
) -> None:
    write_seed(new_store(tmp_path), make_row(caveats=caveats), right)
    ended = export(bench)

    assert ended.code == 0
    warning = (
        f"warning: log.txt has no place for caveats, but this result has: {names}; state them wherever you use it\n"
    )
    assert ended.err == (warning if caveats else "")
    assert ("[" in ended.out) == bool(caveats)


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
        (["--row", "net-ffff"], {}, "no stored row is called 'net-ffff'"),
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
    assert "selection last" in export(bench, method="net").out


def test_candidates_are_listed_with_what_tells_them_apart(bench: Bench, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    rows = [make_row("net", preset="quick", changed={"lr": lr}, differs={"lr": lr}) for lr in (0.25, 0.5)]
    for row in rows:
        write_seed(store, row, right)
    write_seed(store, make_row("majority"), always(1), missing=["smic-s1"])
    several = export(bench, method="net")
    nothing_named = bench("export", "--results", bench.results, "--format", "megc", "--out", "log.txt")
    by_name = bench(
        "export",
        "--results",
        bench.results,
        "--format",
        "megc",
        "--out",
        "log.txt",
        "--row",
        f"net-{rows[1]['row_key'][:5]}",
    )

    assert (several.code, nothing_named.code) == (2, 2)
    for row, lr in zip(rows, (0.25, 0.5), strict=True):
        made = rf"Named maps \(tv-l1, per-map-8bit\), digest {row['input']['digest'][:8]}"
        candidate = rf"^net-{row['row_key'][:4]} +cde@1 +0 +none +6/6 +quick, lr={lr} +{made}$"
        assert re.search(candidate, several.err, re.MULTILINE)
        assert re.search(candidate, nothing_named.err, re.MULTILINE)
        assert f"net-{row['row_key'][:4]} (none)" in several.errors[0]
    assert re.search(r"^majority-\w{4} +cde@1 +0 +none +5/6 +defaults +Named maps", nothing_named.err, re.MULTILINE)
    assert "majority" not in several.err
    assert by_name.code == 0
    assert f"net-{rows[1]['row_key'][:4]}: quick, lr=0.5; input: Named maps" in by_name.out


@pytest.fixture
def protocols(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A plugin's folder of protocols, one of which names a database ``mmew``."""
    with installed_lab(tmp_path / "site", monkeypatch) as folder:
        yield folder


def test_a_log_of_a_plugin_s_database_can_be_scored_whatever_its_other_protocols(
    bench: Bench, protocols: Path, tmp_path: Path
) -> None:
    (protocols / "bare.toml").write_text('name = "bare"\n', encoding="utf-8")
    (protocols / "torn.toml").write_text("name = \n", encoding="utf-8")
    samples = samples_of(["mmew/p1", "mmew/p2", "smic/s1"])
    slices = {"full": ("mmew", "smic"), "mmew": ("mmew",)}
    write_seed(new_store(tmp_path), make_row(protocol="lab-and-smic", slices=slices, samples=samples), always(1))
    exported = export(bench, protocol="lab-and-smic")
    ended = bench("score", "log.txt", "--json")
    (slices_scored,) = ended.objects
    notes = ended.err.splitlines()
    listed = {line.split()[0]: line for line in bench("list", "protocols").out.splitlines() if line}

    assert (exported.code, ended.code) == (0, 0)
    assert "cannot be used" in listed["torn"]
    assert "cde" in listed
    assert [note.partition(" cannot")[0] for note in notes] == ["note: protocol bare", "note: protocol torn"]
    sizes = [(name, scores["n_samples"]) for name, scores in slices_scored.items()]
    assert sizes == [("full", 18), ("smic", 6), ("mmew", 12)]
    assert slices_scored["mmew"]["confusion"] == [[0, 4, 0], [0, 4, 0], [0, 4, 0]]


@pytest.mark.usefixtures("protocols")
def test_a_misspelt_database_in_a_log_is_reported_with_the_nearest(bench: Bench) -> None:
    Path("log.txt").write_text("mmev p1\na 0 1\n", encoding="utf-8")

    assert "log.txt, line 1: unknown database 'mmev' (did you mean 'mmew'?)" in bench("score", "log.txt").errors[0]


@pytest.mark.parametrize(
    ("ids", "is_part"),
    [
        (["smic/s1/a", "samm/006/b"], True),
        ([f"smic/s1/a{i}" for i in range(442)], False),
        (["casme3/spNO.1/a@1", "smic/s1/a"], False),
    ],
    ids=["part", "whole", "another list"],
)
def test_a_score_of_part_of_the_full_list_says_so(bench: Bench, ids: list[str], is_part: bool) -> None:
    write_log(Path("log.txt"), [LogEntry(name, 0, 0) for name in ids])
    *_, last = bench("score", "log.txt").out.splitlines()

    assert (last == f"MEGC2019's full list has 442 samples; this log has {len(ids)}") == is_part
    assert ("full list" in last) == is_part
