"""Bad input gives one clear sentence and exit code 2: never a traceback, never a lost result."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support.bench import SMALL_AHMSA, TINY, Bench, Ended
from support.flow_data import ROWS, write_flow_data
from support.hostile import install
from support.store_factory import make_row, right, write_seed

from mer_bench.evaluation import protocol_data
from mer_bench.evaluation.folds import Fold, LabelledTable, leave_one_subject_out
from mer_bench.store import Store
from mer_bench.store.schema import CellRecord, RowRecord

DATA = "maps"
"""Relative to the working directory, which is the test's own."""

FLOW = ("--data", DATA, "--protocol", "loso-smic", "--allow-partial", "--method", "majority")
Damage = Callable[[], object]


def assert_refused(ended: Ended, *texts: str) -> None:
    """One error line that holds all texts, and no traceback."""
    shown = ended.out + ended.err
    assert ended.code == 2, shown
    assert len(ended.errors) == 1, shown
    assert "Traceback" not in shown
    assert ended.out == ""
    for text in texts:
        assert text in ended.errors[0]
    assert ended.err.splitlines()[-1] == ended.errors[0]


REQUESTS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "unknown verb": (["rnu"], ["'rnu'", "did you mean 'run'"]),
    "unknown option": (["run", "--metod", "x"], ["--metod", "--method"]),
    "no method": (["run"], ["--method"]),
    "parameter as an option": (
        ["run", "-m", "ahmsa", "--epochs", "4"],
        ["no option '--epochs'", "use --set epochs=4;"],
    ),
    "parameter as an option with its value": (["run", "-m", "ahmsa", "--batch-size=8"], ["use --set batch_size=8;"]),
    "parameter as an option without a value": (["describe", "ahmsa", "--lr"], ["use --set lr=VALUE;"]),
    "parameter as an option by another name": (["run", "--learning-rate", "0.1"], ["use --set lr=0.1;"]),
    "preprocessing as an option": (["data", "preprocess", "--flow", "dis"], ["use --preprocess flow=dis;"]),
    "list of seeds": (
        ["run", *TINY, "-m", "majority", "--seeds", "0,1"],
        ["--seeds '0,1' is not a whole number", "--seeds 2 (seeds=2 in Python) runs seeds 0 and 1"],
    ),
    "unknown method": (["run", *TINY, "-m", "ahsma"], ["'ahsma'", "did you mean 'ahmsa'", "svm-flow"]),
    "unknown protocol": (
        ["run", *TINY, "-m", "majority", "-p", "loso-smc"],
        ["'loso-smc'", "did you mean 'loso-smic'"],
    ),
    "setting without value": (["run", *TINY, "-m", "ahmsa", "--set", "lr"], ["'lr'", "NAME=VALUE"]),
    "setting given twice": (
        ["data", "preprocess", "synthetic", "--preprocess", "size=96", "--preprocess", "size=128"],
        ["--preprocess", "'size'", "twice", "'96'", "'128'"],
    ),
    "unknown selection": (["run", *TINY, "-m", "ahmsa", "--selection", "best"], ["'best'", "last, inner, oracle"]),
    "unknown device": (["run", *TINY, "-m", "ahmsa", "--device", "gpu"], ["'gpu'", "auto, cpu, cuda"]),
    "no jobs": (["run", *TINY, "-m", "majority", "--jobs", "0"], ["--jobs 0", "positive"]),
    "no time": (["run", *TINY, "-m", "majority", "--timeout", "0"], ["--timeout 0", "positive"]),
    "settings that a network refuses": (
        ["run", *TINY, *SMALL_AHMSA, "--set", "heads=5", "--jobs", "1", "--json"],
        ["heads", "5", "width", "12"],
    ),
    "data that is nearly a name": (["run", "-m", "majority", "--data", "synthetc"], ["did you mean 'synthetic'"]),
    "data of no name": (["run", "-m", "majority", "--data", ""], ["--data is empty"]),
    "data of nobody": (["run", "-m", "majority", "--data", "~nobody-of-this-name/maps"], ["~nobody-of-this-name/maps"]),
    "data of an endless name": (["run", "-m", "majority", "--data", "a" * 300], ["aaa", "too long"]),
    "data that is a file": (["run", "-m", "majority", "--data", __file__], [__file__, "is a file"]),
    "data that is nothing known": (["run", "-m", "majority", "--data", "."], ["--data .", "flow-maps"]),
    "unknown data option": (
        ["run", *TINY, "-m", "majority", "--data-option", "sise=1"],
        ["'sise'", "did you mean 'size'"],
    ),
    "unknown kind to list": (["list", "method"], ["'method'", "'methods'"]),
    "status of nothing": (["status", "--results", "nowhere"], ["nowhere holds no results", "--results"]),
    "results of an endless name": (["status", "--results", "a" * 300], ["aaa", "too long"]),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_a_request_that_cannot_be_met(bench: Bench, case: str) -> None:
    arguments, texts = REQUESTS[case]

    assert_refused(bench(*arguments), *texts)


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
@pytest.mark.parametrize(
    ("method", "text"), [("no-module", "a_module_that_nobody_has"), ("refuses", "setting 'warp' is beyond 9; lower it")]
)
def test_a_method_that_no_cell_could_use(bench: Bench, method: str, text: str) -> None:
    assert_refused(bench.run("--method", method, "--json"), text)


def rewrite_labels(*rows: str) -> None:
    Path(DATA, "labels.csv").write_text("dataset,sub,filename_o,label\n" + "".join(f"{row}\n" for row in rows))


MAP = "s02_s02_ne_01.png"
DAMAGES: dict[str, tuple[Damage, Sequence[str]]] = {
    "a corrupt map": (lambda: Path(DATA, "maps", MAP).write_bytes(b""), [MAP, "empty"]),
    "a missing map": (lambda: Path(DATA, "maps", MAP).unlink(), ["smic/s2/s2_ne_01", "row 5", "add the PNGs"]),
    "two rows for one sample": (
        lambda: rewrite_labels(*ROWS, "smic,1,s1_ne_01,1"),
        ["two rows for sample smic/s1/s1_ne_01", "row 2", "row 11", "remove one"],
    ),
    "one subject alone": (lambda: rewrite_labels(*ROWS[:3]), ["two subjects or more", "smic/s1"]),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_data_that_cannot_be_used(bench: Bench, case: str) -> None:
    damage, texts = DAMAGES[case]
    write_flow_data(Path(DATA))
    damage()
    ended = bench("run", *FLOW, "--jobs", "1", "--json")

    assert_refused(ended, *texts)
    assert not list(Path().rglob("seed-*"))


def test_a_subject_in_both_sets_of_a_fold(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def leak(table: LabelledTable, fingerprints: Mapping[str, str]) -> tuple[Fold, ...]:
        first, *others = leave_one_subject_out(table, fingerprints)
        return (replace(first, train=(*first.train, first.test[0])), *others)

    monkeypatch.setattr(protocol_data, "leave_one_subject_out", leak)
    ended = bench.run("--method", "majority", "--json")

    assert_refused(ended, "fold casme2-synthetic01", "is in both the training and the test set")


@pytest.mark.parametrize("place", ["file/results", "/proc/mer-bench-results", "full"])
def test_a_results_folder_that_cannot_be_made(bench: Bench, place: str) -> None:
    Path("file").write_text("")
    Path("full").mkdir()
    Path("full", "thesis.tex").write_text("")
    ended = bench("run", *TINY, "--method", "majority", "--results", place, "--jobs", "1", "--json")

    assert_refused(ended, place, "choose another folder with --results")


@pytest.mark.parametrize("verb", ["run", "status", "report", "export"])
def test_a_store_of_a_newer_version_is_left_alone(bench: Bench, verb: str) -> None:
    write_seed(Store.create(bench.results), make_row(), right)
    (bench.results / "store.json").write_text('{"schema": 99}')
    before = {path: path.read_bytes() for path in bench.results.rglob("*") if path.is_file()}
    arguments = {
        "run": bench.run_arguments("--method", "majority", "--json"),
        "status": ["status", "--results", bench.results],
        "report": ["report", "--results", bench.results],
        "export": [
            "export",
            "--results",
            bench.results,
            "--method",
            "majority",
            *("--format", "megc"),
            *("--out", "log.txt"),
        ],
    }

    assert_refused(bench(*arguments[verb]), "made by a newer mer-bench", "schema 99", "upgrade mer-bench")
    assert {path: path.read_bytes() for path in bench.results.rglob("*") if path.is_file()} == before


@pytest.mark.slow
@pytest.mark.usefixtures("own_workers")
def test_a_folder_that_gets_full_in_the_middle_loses_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = bench.run_arguments("--method", "majority", "--json", jobs=2)
    write, written = Store.write_cell, []

    def fill(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def write_until_full(store: Store, row: RowRecord, cell: CellRecord) -> None:
        with monkeypatch.context() as disk:
            if len(written) == 2:
                disk.setattr(os, "fsync", fill)
            write(store, row, cell)
        written.append(cell["fold"])

    with monkeypatch.context() as run:
        run.setattr(Store, "write_cell", write_until_full)
        full = bench(*arguments)
    kept = bench.predictions()
    resumed = bench(*arguments)

    assert full.code == 2
    assert len(full.errors) == 1
    assert f"{bench.results}" in full.errors[0]
    assert "free some space" in full.errors[0]
    assert "what is stored is kept" in full.errors[0]
    assert "Traceback" not in full.err
    assert {fold for _, _, fold in kept} == set(written)
    assert len(written) == 2
    assert not list(bench.results.rglob(".*.json.*"))
    assert resumed.code == 0
    assert "2 stored, 4 to compute" in resumed.err
    assert kept.items() <= bench.predictions().items()


def test_a_file_that_cannot_be_written(bench: Bench) -> None:
    write_seed(Store.create(bench.results), make_row(), right)
    Path("file").write_text("")
    export = bench(
        "export", "--results", bench.results, "--method", "majority", "--format", "megc", "--out", "nowhere/log.txt"
    )
    report = bench("report", "--results", bench.results, "--out", "file/pages")

    assert_refused(export, "nowhere/log.txt")
    assert_refused(report, "file/pages", "report --out")


@pytest.mark.slow
def test_a_reader_that_breaks_is_named_where_nothing_else_reads_the_data(
    bench: Bench, naughty: None, tmp_path: Path
) -> None:
    source = """
        from mer_bench import DatabaseSpec, DataSource, hookimpl

        class Reader(DataSource):
            @classmethod
            def recognises(cls, path):
                raise RuntimeError("the reader's own trouble")

        @hookimpl
        def mer_bench_databases():
            yield DatabaseSpec("broken", "Broken", "broken_reader:Reader")
    """
    install(tmp_path / "site", "broken-reader", {"broken_reader": source})
    Path("empty").mkdir()
    write_flow_data(Path(DATA))

    assert_refused(
        bench("run", "--data", "empty", "--method", "majority"),
        "--data empty",
        "reader broken failed: RuntimeError: the reader's own trouble",
    )
    assert bench("run", *FLOW, "--jobs", "1").code == 0
