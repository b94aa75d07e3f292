"""Texts of others, such as file names and plugins' messages: no terminal obeys them, and no spreadsheet runs them."""

from __future__ import annotations

import ast
import csv
import json
import os
import shutil
from pathlib import Path

import pytest
from support.bench import Bench, Ended
from support.flow_data import write_flow_data
from support.hostile import install
from support.store_factory import make_row, right, write_seed

import mer_bench
from mer_bench.cli.completion import COMPLETE_VARIABLE
from mer_bench.errors import MerBenchError
from mer_bench.frames import load_results
from mer_bench.printable import csv_cell, json_text
from mer_bench.progress import ProgressListener
from mer_bench.store import Store

OBEYED = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\x08\r\u202e\u2066"
HOSTILE = f"a{OBEYED}z"
LEFT = "z"
"""What is left at the end of each hostile text, so that a test sees that it is shown at all."""


def assert_obeyed_by_nothing(ended: Ended) -> None:
    shown = ended.out + ended.err
    assert LEFT in shown
    assert not [sign for sign in shown if not sign.isprintable() and sign != "\n"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", HOSTILE),
        ("run", f"--{HOSTILE}"),
        ("describe", HOSTILE),
        ("describe", "ahmsa", HOSTILE),
        ("score", HOSTILE),
        ("score", f"{HOSTILE}/log.txt"),
        ("status", "--results", HOSTILE),
        ("status", "--results", f"{HOSTILE}\0"),
        ("data", "check", HOSTILE),
        ("data", "synth", "--layout", HOSTILE, "--out", "x"),
    ],
)
def test_an_error_shows_no_sign_that_a_terminal_obeys(bench: Bench, arguments: tuple[str, ...]) -> None:
    ended = bench(*arguments)

    assert ended.code == 2
    assert_obeyed_by_nothing(ended)


def test_a_run_shows_no_sign_that_a_terminal_obeys(bench: Bench) -> None:
    results = Path(f"results {HOSTILE}")
    ended = bench(*bench.run_arguments("--method", "majority"), "--results", results)

    assert ended.code == 0
    assert "Report: " in ended.out + ended.err
    assert_obeyed_by_nothing(ended)
    assert_obeyed_by_nothing(bench("report", "--results", results))
    assert_obeyed_by_nothing(bench("rows", "rm", "--method", "majority", "--yes", "--results", results))


def test_progress_shows_no_sign_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    listener = ProgressListener()
    listener.notice(HOSTILE)
    listener.failed(f"{HOSTILE}\n  second line {HOSTILE}")
    with listener.steps(HOSTILE, 1) as step:
        step(False)
    with listener.steps(HOSTILE, 1, 1):
        pass
    shown = capsys.readouterr()

    assert shown.err.count(LEFT) == 5
    assert_obeyed_by_nothing(Ended(0, shown.out, shown.err))


def test_a_message_of_a_plugin_shows_no_sign_that_a_terminal_obeys(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raises = f"from mer_bench import MerBenchError\nraise MerBenchError({HOSTILE!r})"
    install(tmp_path / "site", "acme-plugins", {"acme": raises})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    shown = bench("plugins", "--json")
    (record,) = (record for record in json.loads(shown.out) if record["name"] == "acme")

    assert_obeyed_by_nothing(shown)
    assert LEFT in record["reason"]
    assert_obeyed_by_nothing(bench("plugins", "--traceback"))
    assert_obeyed_by_nothing(bench("describe", "acme"))


def test_json_has_ascii_signs_only_and_the_same_values() -> None:
    value = {HOSTILE: [HOSTILE, 0.1, None, True]}

    assert json.loads(json_text(value)) == value
    assert json_text(value).isprintable()
    assert json_text(value).isascii()
    assert json_text([1], indent=1) == "[\n 1\n]"


def test_warnings_of_the_python_interface_show_no_sign_that_a_terminal_obeys(tmp_path: Path) -> None:
    store = Store.create(tmp_path / f"results {HOSTILE}")
    write_seed(store, make_row(), right)
    damaged = next(store.path.glob("cells/*/*/*/seed-0/*.json"))
    damaged.write_text("{")
    with pytest.warns(UserWarning, match="counts as absent") as shown:
        load_results(store.path)

    assert LEFT in str(shown[0].message)
    assert str(shown[0].message).isprintable()


def test_a_list_of_samples_has_no_cell_that_a_spreadsheet_runs(bench: Bench) -> None:
    write_flow_data(Path("data"))
    name = f"=cmd|' C calc'!A0{HOSTILE}.csv"
    shutil.move("data/labels.csv", Path("data", name))
    ended = bench("data", "list", "data")
    lines = list(csv.DictReader(ended.out.splitlines()))

    assert ended.code == 0
    assert len(lines) == 9
    assert_obeyed_by_nothing(ended)
    for line in lines:
        assert [cell for cell in line.values() if cell.startswith(("=", "+", "-", "@"))] == []
        assert line["origin"].startswith("'=cmd|' C calc'!A0a")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1+cmd|x", "'+1+cmd|x"),
        ("-2+3+cmd|x", "'-2+3+cmd|x"),
        ("@SUM(1)", "'@SUM(1)"),
        ("＝1+1", "'＝1+1"),
        ("\t=1", "'=1"),
        ("\r\n @x", "'@x"),
        ("\u200b=1", "'=1"),
        ("-", "'-"),
        # Where a spreadsheet parts cells at semicolons, each part is a cell.
        ("harmless;=cmd|x", "harmless;'=cmd|x"),
        ("lr=1; -x; -2", "lr=1; '-x; -2"),
        ("-0.5", "-0.5"),
        ("+1e-05", "+1e-05"),
        ("a=1, b=-2", "a=1, b=-2"),
        ("cde@1", "cde@1"),
        ("", ""),
        (-0.5, -0.5),
        (None, None),
    ],
)
def test_a_cell_of_a_csv(value: object, cell: object) -> None:
    assert csv_cell(value) == cell


def test_an_error_of_the_python_interface_shows_no_sign_that_a_terminal_obeys() -> None:
    assert str(MerBenchError(f"{HOSTILE}\nnext")).replace("\n", " ").isprintable()


def test_a_completion_shows_no_sign_that_a_terminal_obeys(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"""
        from mer_bench import MethodSpec, Representation, hookimpl

        @hookimpl
        def mer_bench_methods():
            yield MethodSpec("acme", "1", {HOSTILE!r}, "acme:Net", Representation("face-flow"), "deep")
    """
    install(tmp_path / "site", "acme-plugins", {"acme": source})
    path = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    asked = {COMPLETE_VARIABLE: "zsh_complete", "COMP_WORDS": "mer-bench describe ac", "COMP_CWORD": "2"}
    ended = bench.spawn(env={**os.environ, **asked, "PYTHONPATH": path})

    assert ended.out.splitlines()[:2] == ["plain", "acme"]
    assert_obeyed_by_nothing(ended)


PRINTING = {"print", "echo", "secho", "print_exc", "print_exception", "input", "prompt"}
"""What prints a text as it is."""

CLEANED = {
    "mer_bench/cli/standard_output.py",
    "mer_bench/foreign.py",
    "mer_bench/loading.py",
    "mer_bench/progress.py",
    # Through a console, after `printable`, or tables made by `add_row`.
    "mer_bench/cli/ablation_table.py",
    "mer_bench/cli/console.py",
    "mer_bench/cli/elsewhere.py",
    "mer_bench/cli/measuring.py",
    "mer_bench/cli/tables.py",
    # Numbers only.
    "mer_bench/cli/verbs/data/synth.py",
}


def printing_modules(root: Path) -> set[str]:
    found = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if called in PRINTING:
                    found.add(path.relative_to(root.parent).as_posix())
    return found


def test_texts_are_printed_in_few_places_each_of_which_cleans_them() -> None:
    (package,) = mer_bench.__path__

    assert printing_modules(Path(package)) == CLEANED
