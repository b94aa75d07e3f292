"""Stored rows in the terminal: named, listed with their scores, shown and removed."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
from click.shell_completion import BashComplete
from support.bench import Bench
from support.store_factory import make_row, new_store, right, write_seed, wrong_for

from mer_bench.cli import cli
from mer_bench.store import Store, cell_key
from mer_bench.store.schema import RowRecord

QUICK = {"preset": "quick", "changed": {"epochs": 5}, "reference": "paper", "differs": {"epochs": 5, "width": 96}}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


FRAMES = {"align_by": "dlib,mediapipe", "size": 192, "flow": "tv-l1", "scale": "physical"}


@pytest.fixture
def rows(store: Store) -> list[RowRecord]:
    """Two rows of a network, with scores of every epoch, and one of another method on other data."""
    rows = [
        make_row("net", epochs=True, params={"lr": 0.25}, **QUICK),
        make_row("net", epochs=True, params={"lr": 0.125}, preset="paper", reference="paper"),
        make_row("majority", deterministic=True, data="other", input_name="Other maps", caveats=["partial"]),
    ]
    for seed in (0, 1):
        write_seed(store, rows[0], wrong_for(*["smic/s1", "samm"][: seed + 1]), seed=seed, oracle=right)
    write_seed(store, rows[1], wrong_for("smic"), oracle=right, missing=["smic-s1"], failed={"samm-006": "no reason"})
    write_seed(store, rows[2], right)
    return rows


def name(row: RowRecord) -> str:
    return f"{row['method']['name']}-{row['row_key'][:4]}"


def test_status_has_a_table_for_each_input_with_settings_scores_and_time(bench: Bench, rows: list[RowRecord]) -> None:
    quick, paper, other = rows
    shown = bench("status", "--results", bench.results).out
    first, second = shown.split("\n\n")
    lines = {line.split()[0]: re.split(r" {2,}", line) for line in shown.splitlines() if line}

    assert first.startswith("cde@1, input: Named maps (tv-l1, per-map-8bit), digest ")
    assert second.startswith("cde@1, input: Other maps (tv-l1, per-map-8bit), digest ")
    assert name(other) not in first
    assert lines[name(quick)][1:5] == ["quick, epochs=5", "last", "2", "12/12"]
    # Seed 0 is wrong for one of six subjects, seed 1 for three: 5/6 and 3/6 of each class are right.
    assert lines[name(quick)][6:] == ["0.6667±0.2357", "6.0 s"]
    assert lines[name(paper)][1:] == ["paper", "last", "0 of 1", "4/6, 1 failed", "–", "–", "2.5 s"]
    assert lines[name(other)][1:] == [
        "defaults",
        "none",
        "deterministic",
        "6/6",
        "1.0000",
        "1.0000",
        "3.0 s",
        "partial",
    ]
    training = "quick, epochs=5, not the paper's training; differs from paper in epochs=5, width=96"
    assert f"{name(quick)}: {training}" in first.splitlines()
    assert ("± is the standard deviation over seeds" in first, "±" in second) == (True, False)


def test_rows_with_other_preprocessing_or_no_strain_are_told_apart(bench: Bench, store: Store) -> None:
    """A setting that a method chooses for itself, such as a scale, makes no other input."""
    made = {
        "digest {}": make_row("svm-flow", representation=FRAMES),
        "digest {}, flow=dis": make_row("svm-flow", representation={**FRAMES, "flow": "dis", "dis_preset": "medium"}),
        "digest {}, size=96": make_row("svm-flow", representation={**FRAMES, "size": 96, "scale": "per-map"}),
        "(tv-l1, per-map-8bit, channels u v magnitude), digest {}": make_row("svm-flow", third_channel="magnitude"),
    }
    for record in made.values():
        write_seed(store, record, right)
    tables = bench("status", "--results", bench.results).out.split("\n\n")
    listed = bench("rows", "list", "--results", bench.results).out.splitlines()

    assert len(tables) == len(made)
    for told, record in made.items():
        (heading,) = (table.splitlines()[0] for table in tables if name(record) in table)
        (line,) = (line for line in listed if name(record) in line)
        assert heading.endswith(told.format(record["input"]["digest"][:8]))
        assert line.endswith(heading.removeprefix("cde@1, input: "))


def test_json_names_settings_input_and_processors_of_each_seed(bench: Bench, rows: list[RowRecord]) -> None:
    objects = bench("status", "--results", bench.results, "--json").objects[0]["rows"]
    first = next(found for found in objects if found["row"] == name(rows[0]) and found["seed"] == 1)

    assert [found["row"] for found in objects if found["seed"] == 1] == [name(rows[0])]
    wanted = {
        **{"preset": "quick", "changed": {"epochs": 5}, "differs": {"epochs": 5, "width": 96}},
        **{"badge": "quick, epochs=5, not the paper's training", "input": rows[0]["input"]},
        **{"deterministic": False, "arithmetic": "avx2", "processors": ["A Processor"], "seconds": 3.0},
    }
    assert {key: first[key] for key in wanted} == wanted


def test_a_narrow_terminal_cuts_nothing_off(
    bench: Bench, rows: list[RowRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bench("status", "--results", bench.results).out
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setenv("COLUMNS", "70")
    folded = bench("status", "--results", bench.results).out

    assert "…" not in folded
    assert set(whole.split()) - {word for word in whole.split() if set(word) == {"─"}} <= set(folded.split())


def test_rows_are_listed_and_one_is_shown_with_everything(bench: Bench, rows: list[RowRecord]) -> None:
    listed = bench("rows", "list", "--results", bench.results)
    shown = bench("rows", "show", name(rows[0]).upper(), "--results", bench.results).out
    as_json = json.loads(bench("rows", "show", "majority", "--results", bench.results, "--json").out)

    assert [line.split()[0] for line in listed.out.splitlines()[2:]] == sorted(map(name, rows))
    facts = dict(line.split("  ", 1) for line in shown.splitlines() if "  " in line.strip() and line[0] != " ")
    wanted = {
        "parameters": "lr=0.25",
        "processors": "A Processor",
        "arithmetic": "avx2",
        "seed 1, last": "folds 6/6",
        "seed 0, oracle": "folds 6/6",
    }
    again = "--protocol cde --data PATH"
    assert as_json["command"] == f"mer-bench run --method majority {again} --allow-partial --no-baselines"
    assert facts["measured again by"].split(again)[1] == " --seeds 2 --selection last --no-baselines"
    assert {label: facts[label].strip() for label in wanted} == wanted
    assert f"{name(rows[0])} (key {rows[0]['row_key']})" in shown
    assert "full: uf1 0.8333, uar 0.8333, accuracy 0.8333" in shown
    assert (as_json["row"], as_json["results"][0]["slices"]["full"]["uf1"]) == (name(rows[2]), 1.0)


def test_candidates_differ_in_all_that_tells_rows_apart(bench: Bench, store: Store) -> None:
    """Rows of one method with one protocol and the same settings."""
    told = {
        "cde@1, defaults, selection last, input: Named maps (tv-l1, per-map-8bit), digest {}": make_row(
            "net", epochs=True
        ),
        "cde@1, defaults, selection inner, input: Named maps (tv-l1, per-map-8bit), digest {}": make_row(
            "net", epochs=True, training="inner"
        ),
        "cde@1, defaults, selection last, input: Other maps (tv-l1, per-map-8bit), digest {}": make_row(
            "net", epochs=True, data="other", input_name="Other maps"
        ),
    }
    expected = {name(row): text.format(row["input"]["digest"][:8]) for text, row in told.items()}
    for row in told.values():
        write_seed(store, row, right)
    refused = bench("rows", "show", "net", "--results", bench.results).errors[0]
    listed = bench("rows", "list", "--results", bench.results).out
    removed = bench("rows", "rm", "-m", "net", "--yes", "--results", bench.results).err

    assert all(f"{row} ({text})" in refused for row, text in expected.items())
    assert dict(line.split(": ", 1) for line in removed.splitlines()) == expected
    assert sorted(line.split()[2] for line in listed.splitlines()[2:]) == ["inner", "last", "last"]


def files_of(store: Store, row: RowRecord) -> set[Path]:
    folder = store.cell_file(row, 0, "-").parents[1]
    keys = {cell_key(row["row_key"], seed, fold) for seed in (0, 1) for fold in row["folds"]}
    artifacts = {path for path in (store.path / "artifacts").glob("*/*") if path.parent.name in keys}
    return {path for path in folder.rglob("*") if path.is_file()} | artifacts


def stored_files(store: Store) -> set[Path]:
    return {path for path in store.path.rglob("*") if path.is_file()}


def test_a_row_is_removed_with_its_cells_and_artifacts_and_nothing_else(
    bench: Bench, store: Store, rows: list[RowRecord]
) -> None:
    before, own = stored_files(store), files_of(store, rows[0])
    ended = bench("rows", "rm", name(rows[0]), "--yes", "--results", bench.results)

    assert (ended.code, ended.out) == (0, f"removed {name(rows[0])}\n")
    assert len(own) == 1 + 12 + 12
    assert stored_files(store) == before - own
    assert not list((store.path / "cells/cde@1/net").glob(rows[0]["row_key"][:12]))
    assert not [folder for folder in (store.path / "artifacts").iterdir() if not list(folder.iterdir())]


def test_all_rows_of_a_method_are_removed_and_the_report_is_called_stale(
    bench: Bench, store: Store, rows: list[RowRecord]
) -> None:
    write_seed(store, make_row("random"), right)
    bench("report", "--results", bench.results)
    ended = bench("rows", "rm", "--method", "NET", "-m", "random", "--yes", "--results", bench.results)

    assert [record["method"]["name"] for record in store.rows()] == ["majority"]
    assert not (store.path / "cells/cde@1/net").exists()
    assert "`mer-bench report` writes it again" in ended.err

    last = bench("rows", "rm", "majority", "--yes", "--results", bench.results)
    assert "delete report.bib, report.csv, report.html, report.json, report.md, report.tex in " in last.err
    assert "`mer-bench report`" not in last.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{net}"], "There is no terminal to answer; add --yes"),
        (
            ["net", "--yes"],
            "{net} (cde@1, quick, epochs=5, not the paper's training",
        ),
        (["net-zzzz", "--yes"], "no stored row is called 'net-zzzz'; stored"),
        # With other digits it is another row, and a method with two rows is no row's name.
        (["majority-0000", "--yes"], "no stored row is called 'majority-0000'; stored"),
        (["nett", "--yes"], "no stored row is called 'nett'; stored"),
        (["majorty", "--yes"], "no stored row is called 'majorty' (did you mean 'majority'?); stored"),
        (["majorty-{digits}", "--yes"], "(did you mean 'majority-{digits}'?); stored"),
        (["--method", "nett", "--yes"], "no row of method 'nett' is stored (did you mean 'net'?)"),
        (["--yes"], "name the rows to remove"),
    ],
)
def test_nothing_is_removed_unless_it_is_sure(
    bench: Bench, store: Store, rows: list[RowRecord], arguments: list[str], message: str
) -> None:
    before = stored_files(store)
    known = {"net": name(rows[0]), "digits": rows[2]["row_key"][:4]}
    named = [argument.format(**known) for argument in arguments]
    ended = bench.spawn("rows", "rm", *named, "--results", bench.results, stdin=subprocess.DEVNULL)

    assert ended.code == 2
    assert message.format(**known) in ended.errors[0]
    assert stored_files(store) == before


@pytest.mark.parametrize(("answer", "is_removed"), [("n", False), ("y", True)])
def test_a_terminal_is_asked(bench: Bench, store: Store, rows: list[RowRecord], answer: str, is_removed: bool) -> None:
    ours, theirs = pty.openpty()
    process = bench.start("rows", "rm", name(rows[2]), "--results", bench.results, stdin=theirs)
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    out, err = process.communicate(timeout=60)
    os.close(ours)

    assert f"{name(rows[2])}: cde@1, defaults" in err
    assert (process.returncode, bool(out)) == (int(not is_removed), is_removed)
    assert (len(list(store.rows())) == 2) == is_removed


@pytest.mark.parametrize("line", ["rows show", "rows rm", "export --row"])
def test_names_of_rows_are_completed(bench: Bench, rows: list[RowRecord], line: str) -> None:
    verb, *rest = line.split()
    words = [
        verb,
        *(rest if verb == "rows" else []),
        "--results",
        str(bench.results),
        *(["--row"] if verb == "export" else []),
    ]
    shell = BashComplete(cli, {}, "mer-bench", "")

    assert [item.value for item in shell.get_completions(words, "net")] == sorted(map(name, rows[:2]))


@pytest.mark.parametrize(("is_terminal", "columns"), [(False, 80), (True, 300), (True, 20)])
def test_stored_texts_are_not_obeyed_by_the_terminal(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, is_terminal: bool, columns: int
) -> None:
    text = "\x1b]0;owned\x07\x1b[2Jnet\x9b31m q\x1b[8m"
    store = Store.create(bench.results)
    made = [
        make_row(name, title=f"{name} {text}", params={"a": text}, input_name=text, preset=text, caveats=["synthetic"])
        for name in ("one", "two", "three")
    ]
    for row, predict in zip(made, (right, wrong_for("smic"), wrong_for("samm")), strict=True):
        write_seed(store, row, predict, failed={"smic-s1": text} if row is made[1] else {}, processor=text)
    monkeypatch.setattr("rich.console.Console.is_terminal", is_terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    for command in (("rows", "show", "two"), ("rows", "list"), ("compare", "one", "three"), ("status",)):
        ended = bench(*command, "--results", bench.results)
        text_of = ended.out + ended.err
        assert "one" in text_of or "two" in text_of, command
        # What mer-bench itself styles in a terminal is the bold headings of tables.
        shown = re.sub(r"\x1b\[[01]m", "", text_of) if is_terminal else text_of
        assert not [sign for sign in shown if not sign.isprintable() and sign != "\n"], command
