"""Bad input gives one clear sentence and exit code 2: never a traceback, never a lost result."""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.bench import SMALL_AHMSA, TINY, Bench, Ended
from support.flow_data import ROWS, write_flow_data
from support.hostile import install
from support.store_factory import make_row, right, write_seed

from mer_bench.evaluation import protocol_data
from mer_bench.evaluation.folds import Fold, LabelledTable, leave_one_subject_out
from mer_bench.store import Store

DATA = "maps"
RESULTS = "results"
"""Where the tests' data and store are: relative to the working directory, which is the test's own."""

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
    "parameter by another name": (
        ["run", *TINY, "-m", "ahmsa", "--set", "learning_rate=1"],
        ["'learning_rate'", "did you mean 'lr'"],
    ),
    "list of seeds": (
        ["run", *TINY, "-m", "majority", "--seeds", "0,1"],
        ["--seeds '0,1' is not a whole number", "--seeds 2 (seeds=2 in Python) runs seeds 0 and 1"],
    ),
    "unknown method": (["run", *TINY, "-m", "ahsma"], ["'ahsma'", "did you mean 'ahmsa'", "svm-flow"]),
    "unknown protocol": (
        ["run", *TINY, "-m", "majority", "-p", "loso-smc"],
        ["'loso-smc'", "did you mean 'loso-smic'"],
    ),
    "parameter of another method": (
        ["run", *TINY, "-m", "majority", "--set", "C=1"],
        ["'C'", "parameters: none"],
    ),
    "text for a number": (["run", *TINY, "-m", "ahmsa", "--set", "lr=fast"], ["lr='fast'", "is not a number"]),
    "setting without value": (["run", *TINY, "-m", "ahmsa", "--set", "lr"], ["'lr'", "NAME=VALUE"]),
    "setting without name": (["run", *TINY, "-m", "ahmsa", "--set", "=1"], ["'=1'", "NAME=VALUE"]),
    "setting given twice": (
        ["run", *TINY, "-m", "ahmsa", "--set", "lr=1", "--set", "lr=2"],
        ["'lr'", "twice", "'1'", "'2'"],
    ),
    "unknown preset": (["run", *TINY, "-m", "ahmsa", "--preset", "quik"], ["'quik'", "did you mean 'quick'"]),
    "unknown selection": (["run", *TINY, "-m", "ahmsa", "--selection", "best"], ["'best'", "last, inner, oracle"]),
    "unknown device": (["run", *TINY, "-m", "ahmsa", "--device", "gpu"], ["'gpu'", "auto, cpu, cuda"]),
    "no seeds": (["run", *TINY, "-m", "majority", "--seeds", "0"], ["--seeds 0", "from 1 to 1000"]),
    "seeds that are no number": (
        ["run", *TINY, "-m", "majority", "--seeds", "two"],
        ["--seeds 'two' is not a whole number"],
    ),
    "no jobs": (["run", *TINY, "-m", "majority", "--jobs", "0"], ["--jobs 0", "positive"]),
    "no time": (["run", *TINY, "-m", "majority", "--timeout", "0"], ["--timeout 0", "positive"]),
    "settings that a network refuses": (
        ["run", *TINY, *SMALL_AHMSA, "--set", "heads=5", "--jobs", "1", "--json"],
        ["heads", "5", "width", "12"],
    ),
    "data that is not there": (["run", "-m", "majority", "--data", "nowhere"], ["--data nowhere", "does not exist"]),
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
    "data option without value": (
        ["data", "list", "synthetic-maps", "--data-option", "size"],
        ["--data-option 'size'", "NAME=VALUE"],
    ),
    "preprocessing given twice": (
        ["data", "preprocess", "synthetic", "--preprocess", "size=96", "--preprocess", "size=128"],
        ["--preprocess", "'size'", "twice", "'96'", "'128'"],
    ),
    "unknown verb of a verb": (["data", "chekc"], ["'chekc'", "did you mean 'check'"]),
    "unknown kind to list": (["list", "method"], ["'method'", "'methods'"]),
    "status of nothing": (["status", "--results", "nowhere"], ["nowhere holds no results", "--results"]),
    "results of an endless name": (["status", "--results", "a" * 300], ["aaa", "too long"]),
    "score of nothing": (["score", "no-log.txt"], ["no-log.txt"]),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_a_request_that_cannot_be_met(bench: Bench, case: str) -> None:
    arguments, texts = REQUESTS[case]

    assert_refused(bench(*arguments), *texts)


@pytest.mark.usefixtures("naughty")
@pytest.mark.parametrize(
    ("method", "texts"),
    [
        ("no-module", ["a_module_that_nobody_has", "install what it needs"]),
        ("no-class", ["'Absent'", "naughty_plugin"]),
        ("refuses", ["setting 'warp' is beyond 9; lower it"]),
        ("takes-frames", ["takes-frames cannot run on this data: it takes 'frames'"]),
    ],
)
def test_a_method_that_no_cell_could_use(bench: Bench, method: str, texts: list[str]) -> None:
    assert_refused(bench.run("--method", method, "--json"), *texts)


@pytest.mark.usefixtures("naughty")
def test_a_setting_that_a_method_refuses_in_a_worker(bench: Bench) -> None:
    ended = bench.spawn(*bench.run_arguments("--method", "refuses", "--json", jobs=2))

    assert_refused(ended, "setting 'warp' is beyond 9; lower it")


def test_a_network_without_the_device_asked_for(bench: Bench) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    ended = bench.run(*SMALL_AHMSA, "--device", "cuda", "--json")

    assert_refused(ended, "--device cuda", "use --device cpu or auto")


def rewrite_labels(*rows: str) -> Damage:
    return lambda: Path(DATA, "labels.csv").write_text(
        "dataset,sub,filename_o,label\n" + "".join(f"{row}\n" for row in rows)
    )


def save_map(*shape: int) -> Damage:
    return lambda: Image.fromarray(np.zeros(shape, dtype=np.uint8)).save(Path(DATA, "maps", "s02_s02_ne_01.png"))


def corrupt_map() -> None:
    file = Path(DATA, "maps", "s02_s02_ne_01.png")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


MAP = "s02_s02_ne_01.png"
DAMAGES: dict[str, tuple[Damage, Sequence[str]]] = {
    "a corrupt PNG": (corrupt_map, [MAP, "damaged PNG", "restore it"]),
    "an empty PNG": (lambda: Path(DATA, "maps", MAP).write_bytes(b""), [MAP, "empty"]),
    "no PNG at all": (lambda: Path(DATA, "maps", MAP).write_text("<html>"), [MAP, "not a PNG"]),
    "a map of the wrong size": (save_map(28, 29, 3), [MAP, "29×28", "28×28"]),
    "a map of the wrong channels": (save_map(28, 28), [MAP, "greyscale", "RGB"]),
    "a map with transparency": (save_map(28, 28, 4), [MAP, "RGBA", "RGB"]),
    "a missing sample": (lambda: Path(DATA, "maps", MAP).unlink(), ["smic/s2/s2_ne_01", "row 5", "add the PNGs"]),
    "a duplicate sample": (
        rewrite_labels(*ROWS, ROWS[0]),
        ["two rows for sample smic/s1/s1_ne_01", "row 2", "row 11"],
    ),
    "two rows for one key": (
        rewrite_labels(*ROWS, "smic,1,s1_ne_01,1"),
        ["two rows for sample smic/s1/s1_ne_01", "row 2", "row 11", "remove one"],
    ),
    "a label outside the class map": (
        rewrite_labels("smic,s01,s01_ne_01,3"),
        ["label '3'", "row 2", "outside the class map"],
    ),
    "an unknown database": (rewrite_labels("smcic,s01,s01_ne_01,0"), ["'smcic'", "did you mean 'smic'"]),
    "a name that climbs": (rewrite_labels("smic,../s01,s01_ne_01,0"), ["../s01", "row 2"]),
    "a table without rows": (rewrite_labels(), ["no rows"]),
    "one subject alone": (rewrite_labels(*ROWS[:3]), ["two subjects or more", "smic/s1"]),
    "another database's samples": (rewrite_labels("samm,006,006_1_2,0"), ["006_1_2"]),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_data_that_cannot_be_used(bench: Bench, case: str) -> None:
    damage, texts = DAMAGES[case]
    write_flow_data(Path(DATA))
    damage()
    ended = bench("run", *FLOW, "--results", RESULTS, "--jobs", "1", "--json")

    assert_refused(ended, *texts)
    assert not list(Path().rglob("seed-*"))


def test_counts_that_are_not_the_protocol_s(bench: Bench) -> None:
    write_flow_data(Path(DATA))
    ended = bench("run", "--data", DATA, "-p", "loso-smic", "-m", "majority", "--results", RESULTS, "--json")

    assert_refused(ended, "negative 3 of 70", "3 of 16 subjects", "--allow-partial")


def test_an_emotion_outside_the_protocol_s_class_map(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from mer_bench.databases import label_csv

    monkeypatch.setitem(label_csv.EMOTIONS, "3", "tense")
    write_flow_data(Path(DATA), (*ROWS[:8], "smic,s03,s03_sur_01,3"))
    ended = bench("run", *FLOW, "--results", RESULTS, "--json")

    assert_refused(ended, "label outside the class map", "'tense'", "smic/s3/s3_sur_01", "row 10")


def test_a_subject_in_both_sets_of_a_fold(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def leak(table: LabelledTable) -> tuple[Fold, ...]:
        first, *others = leave_one_subject_out(table)
        return (replace(first, train=(*first.train, first.test[0])), *others)

    monkeypatch.setattr(protocol_data, "leave_one_subject_out", leak)
    ended = bench.run("--method", "majority", "--json")

    assert_refused(ended, "fold casme2-synthetic01", "is in both the training and the test set")


@pytest.mark.parametrize("place", ["file/results", "/proc/mer-bench-results", "/dev/null/results", "full"])
def test_a_results_folder_that_cannot_be_made(bench: Bench, place: str) -> None:
    Path("file").write_text("")
    Path("full").mkdir()
    Path("full", "thesis.tex").write_text("")
    ended = bench("run", *TINY, "--method", "majority", "--results", place, "--jobs", "1", "--json")

    assert_refused(ended, place, "choose another folder with --results")


NEWER = json.dumps({"schema": 99})


def refused_store(bench: Bench, verb: str, marker: str) -> Ended:
    """Give a verb a store with another marker, and check that it leaves the store alone."""
    write_seed(Store.create(bench.results), make_row(), right)
    (bench.results / "store.json").write_text(marker)
    before = {path: path.read_bytes() for path in bench.results.rglob("*") if path.is_file()}
    arguments = {
        "run": bench.run_arguments("--method", "majority", "--json"),
        "status": ["status", "--results", bench.results],
        "report": ["report", "--results", bench.results],
        "export": ["export", "--results", bench.results, "--method", "majority", "--megc", "log.txt"],
    }
    ended = bench(*arguments[verb])

    assert {path: path.read_bytes() for path in bench.results.rglob("*") if path.is_file()} == before
    return ended


@pytest.mark.parametrize("verb", ["run", "status", "report", "export"])
def test_a_store_of_a_newer_version(bench: Bench, verb: str) -> None:
    assert_refused(refused_store(bench, verb, NEWER), "made by a newer mer-bench", "schema 99", "upgrade mer-bench")


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "does not state its schema"),
        ('{"schema": "one"}', "does not state its schema"),
    ],
)
def test_a_store_without_a_schema(bench: Bench, marker: str, message: str) -> None:
    assert_refused(refused_store(bench, "status", marker), "store.json", message)


def test_a_stored_cell_with_wrong_samples_is_reported_and_computed_again(bench: Bench) -> None:
    bench.run("--method", "majority")
    before = bench.predictions()
    file = bench.cell_files()[0]
    cell = json.loads(file.read_text())
    cell["predictions"].pop()
    file.write_text(json.dumps(cell))
    resumed = bench.run("--method", "majority", "--json")

    assert resumed.code == 0
    assert f"note: {file} counts as absent" in resumed.err
    assert "holds no prediction for casme2/synthetic01/" in resumed.err
    assert "5 stored, 1 to compute" in resumed.err
    assert bench.predictions() == before


CONFIGS = {
    "no TOML": ("data = ", ["mer-bench.toml", "is not TOML"]),
    "no jobs": ("jobs = 0", ["jobs = 0", "at least 1"]),
    "an unknown device": ("device = 'gpu'", ["'gpu'", "auto, cpu, cuda"]),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_config_file_that_cannot_be_used(bench: Bench, case: str) -> None:
    content, texts = CONFIGS[case]
    Path("mer-bench.toml").write_text(content)

    assert_refused(bench("run", *TINY, "--method", "majority", "--json"), *texts)


def full_disk() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, resource.RLIM_INFINITY))


def test_a_full_results_folder(bench: Bench) -> None:
    ended = bench.spawn(*bench.run_arguments("--method", "majority", "--json"), preexec_fn=full_disk)

    assert_refused(ended, str(bench.results), "free some space", "what is stored is kept")


@pytest.mark.usefixtures("naughty")
def test_a_folder_that_gets_full_in_the_middle_loses_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = bench.run_arguments("--method", "fills", "--json", jobs=2)
    full = bench.spawn(*arguments)
    kept = bench.predictions()
    monkeypatch.setenv("HEALED", "1")
    resumed = bench.spawn(*arguments)

    assert full.code == 2
    assert len(full.errors) == 1
    assert "free some space" in full.errors[0]
    assert "Traceback" not in full.err
    assert 1 <= len(kept) <= 5
    assert not list(bench.results.rglob(".*.json.*"))
    assert resumed.code == 0
    assert f"{len(kept)} stored, {6 - len(kept)} to compute" in resumed.err
    assert kept.items() <= bench.predictions().items()


def test_a_report_that_cannot_be_written(bench: Bench) -> None:
    write_seed(Store.create(bench.results), make_row(), right)
    Path("file").write_text("")

    assert_refused(bench("report", "--results", bench.results, "--out", "file/pages"), "file/pages", "report --out")


def test_a_log_that_cannot_be_written(bench: Bench) -> None:
    write_seed(Store.create(bench.results), make_row(), right)
    ended = bench("export", "--results", bench.results, "--method", "majority", "--megc", "nowhere/log.txt")

    assert_refused(ended, "nowhere/log.txt")


def test_a_log_that_cannot_be_scored(bench: Bench) -> None:
    Path("log.txt").write_text("smic s1\ns1_ne_01 0 7\n")

    assert_refused(bench("score", "log.txt"), "log.txt, line 2", "'7'")


def test_nothing_selected_to_export(bench: Bench) -> None:
    write_seed(Store.create(bench.results), make_row(), right)
    ended = bench("export", "--results", bench.results, "--method", "ahmsa", "--megc", "log.txt")

    assert_refused(ended, "export of ahmsa, cde, seed 0", "nothing stored fits", "mer-bench status")


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
            yield DatabaseSpec("absent", "Absent", "a_module_that_nobody_has:Reader")
    """
    install(tmp_path / "site", "broken-reader", {"broken_reader": source})
    Path("empty").mkdir()
    write_flow_data(Path(DATA))

    assert_refused(
        bench("run", "--data", "empty", "--method", "majority"),
        "--data empty",
        "reader broken failed: RuntimeError: the reader's own trouble",
        "reader absent failed",
    )
    assert bench("run", *FLOW, "--results", RESULTS, "--jobs", "1").code == 0
    shutil.rmtree(RESULTS)
