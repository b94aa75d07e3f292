"""Bad input gets one clear sentence and exit code 2: never a traceback, never a lost result."""

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

from mer_bench.evaluation import protocol_data
from mer_bench.evaluation.folds import Fold, LabelledTable, leave_one_subject_out

DATA = "maps"
RESULTS = "results"
"""Where the tests' data and store are: relative to the working directory, which is the test's own."""

FLOW = ("--data", DATA, "--protocol", "loso-smic", "--allow-partial", "--method", "majority")
Preprocess = Callable[[], object]


def assert_refused(ended: Ended, *said: str) -> None:
    """One error line that says all of it, and no traceback."""
    shown = ended.out + ended.err
    assert ended.code == 2, shown
    assert len(ended.errors) == 1, shown
    assert "Traceback" not in shown
    assert ended.out == ""
    for text in said:
        assert text in ended.errors[0]
    assert ended.err.splitlines()[-1] == ended.errors[0]


REQUESTS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "unknown verb": (["rnu"], ["'rnu'", "did you mean 'run'"]),
    "unknown option": (["run", "--metod", "x"], ["--metod", "--method"]),
    "no method": (["run"], ["--method"]),
    "unknown method": (["run", *TINY, "-m", "ahsma"], ["'ahsma'", "did you mean 'ahmsa'", "svm-flow"]),
    "unknown protocol": (
        ["run", *TINY, "-m", "majority", "-p", "loso-smc"],
        ["'loso-smc'", "did you mean 'loso-smic'"],
    ),
    "unknown parameter": (["run", *TINY, "-m", "ahmsa", "--set", "lrr=1"], ["'lrr'", "did you mean 'lr'"]),
    "parameter of another method": (
        ["run", *TINY, "-m", "majority", "--set", "C=1"],
        ["'C'", "parameters: none"],
    ),
    "parameter of a method not selected": (
        ["run", *TINY, "-m", "majority", "--set", "ahmsa.lr=1"],
        ["ahmsa.lr=1", "not among those that are asked for: majority"],
    ),
    "unknown parameter of a named method": (["run", *TINY, "-m", "ahmsa", "--set", "ahmsa.lrr=1"], ["lrr", "'lr'"]),
    "text for a number": (["run", *TINY, "-m", "ahmsa", "--set", "lr=fast"], ["lr='fast'", "is not a number"]),
    "fraction for a whole number": (
        ["run", *TINY, "-m", "ahmsa", "--set", "epochs=1.5"],
        ["epochs='1.5'", "whole number"],
    ),
    "NaN for a number": (["run", *TINY, "-m", "ahmsa", "--set", "lr=nan"], ["lr=nan", "finite"]),
    "number below the minimum": (["run", *TINY, "-m", "ahmsa", "--set", "epochs=0"], ["epochs=0", "smallest", "1"]),
    "text for a yes or no": (
        ["run", *TINY, "-m", "ahmsa", "--set", "residual=maybe"],
        ["residual='maybe'", "true or false"],
    ),
    "text for a list": (["run", *TINY, "-m", "ahmsa", "--set", "blocks=1,,2"], ["blocks='1,,2'", "comma-separated"]),
    "value that is not a choice": (
        ["run", *TINY, "-m", "svm-flow", "--set", "kernel=cubic"],
        ["'cubic'", "rbf, linear"],
    ),
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
    "seeds that are no number": (["run", *TINY, "-m", "majority", "--seeds", "two"], ["--seeds", "'two'"]),
    "no jobs": (["run", *TINY, "-m", "majority", "--jobs", "0"], ["--jobs 0", "positive"]),
    "no time": (["run", *TINY, "-m", "majority", "--timeout", "0"], ["--timeout 0", "positive"]),
    "time that is no number": (["run", *TINY, "-m", "majority", "--timeout", "nan"], ["--timeout nan"]),
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
    "report of nothing": (["report", "--results", "nowhere"], ["nowhere holds no results", "--results"]),
    "export of nothing": (
        ["export", "--megc", "x", "-m", "majority", "--results", "nowhere"],
        ["nowhere holds no results"],
    ),
    "results of an endless name": (["status", "--results", "a" * 300], ["aaa", "too long"]),
    "score of nothing": (["score", "no-log.txt"], ["no-log.txt"]),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_a_request_that_cannot_be_met(bench: Bench, case: str) -> None:
    arguments, said = REQUESTS[case]

    assert_refused(bench(*arguments), *said)


@pytest.mark.usefixtures("naughty")
@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("no-module", ["a_module_that_nobody_has", "install what it needs"]),
        ("no-class", ["'Absent'", "naughty_plugin"]),
        ("refuses", ["setting 'warp' is beyond 9; lower it"]),
        ("takes-frames", ["'frames'", "cannot give", "choose another method"]),
    ],
)
def test_a_method_that_no_cell_could_use(bench: Bench, method: str, said: list[str]) -> None:
    assert_refused(bench.run("--method", method, "--json"), *said)


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


def rewrite_labels(*rows: str) -> Preprocess:
    return lambda: Path(DATA, "labels.csv").write_text(
        "dataset,sub,filename_o,label\n" + "".join(f"{row}\n" for row in rows)
    )


def save_map(*shape: int) -> Preprocess:
    return lambda: Image.fromarray(np.zeros(shape, dtype=np.uint8)).save(Path(DATA, "maps", "s02_s02_ne_01.png"))


def corrupt_map() -> None:
    file = Path(DATA, "maps", "s02_s02_ne_01.png")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


MAP = "s02_s02_ne_01.png"
DAMAGES: dict[str, tuple[Preprocess, Sequence[str]]] = {
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
    damage, said = DAMAGES[case]
    write_flow_data(Path(DATA))
    damage()
    ended = bench("run", *FLOW, "--results", RESULTS, "--jobs", "1", "--json")

    assert_refused(ended, *said)
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


def test_a_subject_on_both_sides_of_a_fold(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def leak(table: LabelledTable) -> tuple[Fold, ...]:
        first, *others = leave_one_subject_out(table)
        return (replace(first, train=(*first.train, first.test[0])), *others)

    monkeypatch.setattr(protocol_data, "leave_one_subject_out", leak)
    ended = bench.run("--method", "majority", "--json")

    assert_refused(ended, "fold casme2-synthetic01", "subject casme2/synthetic01 is on both sides")


@pytest.mark.parametrize("place", ["file/results", "/proc/mer-bench-results", "/dev/null/results", "full"])
def test_a_results_folder_that_cannot_be_made(bench: Bench, place: str) -> None:
    Path("file").write_text("")
    Path("full").mkdir()
    Path("full", "thesis.tex").write_text("")
    ended = bench("run", *TINY, "--method", "majority", "--results", place, "--jobs", "1", "--json")

    assert_refused(ended, place, "choose another folder with --results")


NEWER = json.dumps({"schema": 99})


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        (NEWER, ["made by a newer mer-bench", "schema 99", "upgrade mer-bench"]),
        ("{", ["store.json", "cannot be read"]),
        ("[]", ["store.json", "does not state its schema"]),
        ('{"schema": "one"}', ["store.json", "does not state its schema"]),
    ],
)
@pytest.mark.parametrize("verb", ["run", "status", "report", "export"])
def test_a_store_that_is_not_for_this_version(bench: Bench, verb: str, marker: str, said: list[str]) -> None:
    bench.run("--method", "majority")
    (bench.results / "store.json").write_text(marker)
    before = {path: path.read_bytes() for path in bench.results.rglob("*") if path.is_file()}
    arguments = {
        "run": bench.run_arguments("--method", "svm-flow", "--json"),
        "status": ["status", "--results", bench.results],
        "report": ["report", "--results", bench.results],
        "export": ["export", "--results", bench.results, "--method", "majority", "--megc", "log.txt"],
    }

    assert_refused(bench(*arguments[verb]), *said)
    assert {path: path.read_bytes() for path in bench.results.rglob("*") if path.is_file()} == before


def spoil(**changes: object) -> Callable[[dict[str, object]], None]:
    return lambda cell: cell.update(changes)


CELLS: dict[str, tuple[Callable[[list[dict[str, object]]], object], str]] = {
    "a missing sample": (lambda predictions: predictions.pop(), "holds no prediction for casme2/synthetic01/"),
    "a duplicate sample": (lambda predictions: predictions.append(predictions[0]), "holds two predictions for casme2/"),
    "an unknown sample": (
        lambda predictions: predictions.append({**predictions[0], "sample_id": "smic/s9/x"}),
        "holds a prediction for smic/s9/x",
    ),
    "another truth": (
        lambda predictions: predictions[0].update(y_true=(int(str(predictions[0]["y_true"])) + 1) % 3),
        "and its row says",
    ),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_stored_cell_with_wrong_samples_is_told_and_computed_anew(bench: Bench, case: str) -> None:
    change, said = CELLS[case]
    bench.run("--method", "majority")
    before = bench.predictions()
    file = bench.cell_files()[0]
    cell = json.loads(file.read_text())
    change(cell["predictions"])
    file.write_text(json.dumps(cell))
    resumed = bench.run("--method", "majority", "--json")

    assert resumed.code == 0
    assert f"note: {file} counts as absent" in resumed.err
    assert said in resumed.err
    assert "5 stored, 1 to compute" in resumed.err
    assert bench.predictions() == before


def test_nan_scores_fail_their_cell_and_no_other(bench: Bench, naughty: None) -> None:
    ended = bench.run("--method", "nan", "--method", "good", "--json")

    assert ended.code == 1
    assert [(o["method"], o["folds_done"], o["folds_failed"]) for o in ended.objects] == [("nan", 5, 1), ("good", 6, 0)]
    assert "scores hold NaN" in ended.err
    assert "Traceback" not in ended.err


CONFIGS = {
    "no TOML": ("data = ", ["mer-bench.toml", "is not TOML"]),
    "an unknown key": ("result = 'x'", ["'result'", "did you mean 'results'"]),
    "a wrong type": ("jobs = 'two'", ["jobs = 'two'", "whole number"]),
    "a yes for a number": ("jobs = true", ["jobs = True", "whole number"]),
    "no jobs": ("jobs = 0", ["jobs = 0", "at least 1"]),
    "an unknown device": ("device = 'gpu'", ["'gpu'", "auto, cpu, cuda"]),
    "an empty path": ("results = ''", ["results = '' is empty"]),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_config_file_that_cannot_be_used(bench: Bench, case: str) -> None:
    content, said = CONFIGS[case]
    Path("mer-bench.toml").write_text(content)

    assert_refused(bench("run", *TINY, "--method", "majority", "--json"), *said)


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
    bench.run("--method", "majority")
    Path("file").write_text("")

    assert_refused(bench("report", "--results", bench.results, "--out", "file/pages"), "file/pages", "report --out")


def test_a_log_that_cannot_be_written(bench: Bench) -> None:
    bench.run("--method", "majority")
    ended = bench("export", "--results", bench.results, "--method", "majority", "--megc", "nowhere/log.txt")

    assert_refused(ended, "nowhere/log.txt")


def test_a_log_that_cannot_be_scored(bench: Bench) -> None:
    Path("log.txt").write_text("smic s1\ns1_ne_01 0 7\n")

    assert_refused(bench("score", "log.txt"), "log.txt, line 2", "'7'")


def test_nothing_selected_to_export(bench: Bench) -> None:
    bench.run("--method", "majority")
    ended = bench("export", "--results", bench.results, "--method", "ahmsa", "--megc", "log.txt")

    assert_refused(ended, "export of ahmsa, cde, seed 0", "nothing stored fits", "mer-bench status")


def test_a_reader_that_breaks_is_named_where_nothing_else_reads_the_data(
    bench: Bench, naughty: None, tmp_path: Path
) -> None:
    from support.hostile import install

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
