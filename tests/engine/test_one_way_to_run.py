"""The command line and Python run in one way: what decides, what is refused, what is told, and what is read."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bench import FOLDS, TINY, Bench, Ended

import mer_bench
from mer_bench import MerBenchError, progress
from mer_bench.store import store

OPTIONS = {"data": "synthetic-maps", "data_options": {"size": "tiny"}}


def called(method: str, **options: Any) -> str:
    """Run in Python; return the sentence of a refusal, or nothing."""
    try:
        mer_bench.run(method, **{**OPTIONS, "baselines": False, **options})
    except MerBenchError as refusal:
        return str(refusal)
    return ""


def typed(bench: Bench, method: str, *arguments: str) -> Ended:
    """Run on the command line, where the config file may decide."""
    return bench("run", *TINY, "--method", method, "--no-baselines", "--results", bench.results, *arguments)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
def test_a_device_that_is_not_there_is_refused_before_any_work(bench: Bench, arguments: tuple[str, ...]) -> None:
    Path("mer-bench.toml").write_text('device = "cuda"\njobs = 2\n')
    ended = typed(bench, "ststnet", *arguments)

    assert (ended.code, ended.errors) == (2, [f"error: {called('ststnet')}"])
    assert "torch finds no CUDA device" in ended.errors[0]
    assert not bench.results.exists()
    assert not Path("mer-bench-results").exists()


@pytest.mark.usefixtures("no_gpu")
def test_a_device_is_not_looked_for_where_no_network_trains(bench: Bench) -> None:
    assert typed(bench, "majority", "--device", "cuda").code == 0
    assert called("majority", device="cuda") == ""


def test_an_argument_stands_over_the_config_file(bench: Bench) -> None:
    Path("mer-bench.toml").write_text('device = "tpu"\nresults = "elsewhere"\n')

    assert "unknown device 'tpu'" in typed(bench, "majority").errors[0]
    assert called("majority", device="cpu", results=bench.results) == ""
    assert not Path("elsewhere").exists()
    assert "unknown device 'tpu'" in called("majority")


def test_the_config_file_decides_where_nothing_is_asked_for() -> None:
    Path("mer-bench.toml").write_text('results = "elsewhere"\njobs = 1\n')

    assert called("majority") == ""
    assert Path("elsewhere", "store.json").exists()


def test_a_damaged_cell_is_told_in_both(bench: Bench) -> None:
    typed(bench, "majority")
    bench.cell_files()[2].write_text("{")
    with pytest.warns(UserWarning, match=r"cannot be read .* it counts as absent") as told:
        mer_bench.run("majority", **OPTIONS, baselines=False, results=bench.results)  # type: ignore[arg-type]
    bench.cell_files()[3].write_text("{")
    ended = typed(bench, "majority")

    assert len(told) == 1
    assert FOLDS[2] in str(told[0].message)
    assert [FOLDS[3] in line for line in ended.out.splitlines() if line.startswith("note: ")] == [True]


@pytest.mark.parametrize(
    "values",
    [
        {"C": np.float32(0.5), "kernel": "linear"},
        {"C": np.float64(0.5), "kernel": np.str_("linear")},
        {"C": 0.5, "kernel": "linear"},
    ],
)
def test_python_takes_numpys_values_as_plain_ones(values: dict[str, object]) -> None:
    frame = mer_bench.run("svm-flow", **OPTIONS, baselines=False, params=values)  # type: ignore[arg-type]

    assert [(chosen["C"], chosen["kernel"]) for chosen in frame["params"]] == [(0.5, "linear")] * 4


def test_python_takes_whole_numbers_lists_and_paths(tmp_path: Path) -> None:
    assert called("ststnet", params={"epochs": np.int64(1), "batch_size": np.int32(8)}) == ""
    assert called("ahmsa", params={"blocks": [1, 1, 1], "epochs": 1}) == ""
    assert "w.pth" in called("timm-backbone", params={"weights": tmp_path / "w.pth"})


def test_python_refuses_none_for_a_text() -> None:
    assert called("timm-backbone", params={"model": None}) == "method timm-backbone: model=None is not a text"


def test_the_settings_of_preparing_in_the_config_file_are_not_for_ready_made_maps(bench: Bench) -> None:
    Path("mer-bench.toml").write_text('[preprocess]\nflow = "farneback"\n')

    assert typed(bench, "majority").code == 0
    assert "--preprocess flow=dis" in typed(bench, "majority", "--preprocess", "flow=dis").errors[0]


def test_a_warning_names_the_callers_line(bench: Bench) -> None:
    typed(bench, "majority")
    bench.cell_files()[1].write_text("{")
    with pytest.warns(UserWarning, match="counts as absent") as told:
        mer_bench.run("majority", **OPTIONS, baselines=False, results=bench.results)  # type: ignore[arg-type]

    assert told[0].filename == __file__


@pytest.mark.parametrize("foreign", ["a file", "a folder"])
def test_a_dry_run_refuses_the_results_folder_that_a_run_refuses(bench: Bench, foreign: str) -> None:
    if foreign == "a file":
        bench.results.write_text("notes")
    else:
        (bench.results / "notes").mkdir(parents=True)
    dry, real = typed(bench, "majority", "--dry-run"), typed(bench, "majority")

    assert (dry.code, dry.errors) == (real.code, real.errors)
    assert dry.code == 2


def test_python_shows_how_far_it_is_unless_told_not_to(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    mer_bench.run("majority", **OPTIONS, baselines=False, results=bench.results)  # type: ignore[arg-type]
    shown = capsys.readouterr()
    mer_bench.run("svm-flow", **OPTIONS, baselines=False, results=bench.results, progress=False)  # type: ignore[arg-type]
    silent = capsys.readouterr()

    assert "6/6 cells" in shown.err
    assert (shown.out, silent.out, silent.err) == ("", "", "")


@pytest.mark.parametrize(("widgets", "drawn"), [(object(), True), (None, False)])
def test_a_notebook_gets_a_bar_where_it_can_draw_one(
    monkeypatch: pytest.MonkeyPatch, widgets: object, drawn: bool
) -> None:
    monkeypatch.setattr(progress, "find_spec", lambda name: widgets if name == "ipywidgets" else None)
    monkeypatch.setattr(progress, "Console", lambda **_: type("Notebook", (), {"is_jupyter": True})())

    assert progress._can_draw() is drawn


def test_a_sound_run_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert called("majority", progress=False) == ""


@pytest.mark.parametrize("selection", ["last", "oracle"])
def test_a_stored_run_reads_each_cell_once(bench: Bench, monkeypatch: pytest.MonkeyPatch, selection: str) -> None:
    arguments = [
        "--method",
        "majority",
        "--method",
        "ststnet",
        "--preset",
        "quick",
        "--set",
        "epochs=2",
        "--seeds",
        "2",
    ]
    bench.run(*arguments)
    reads: Counter[Path] = Counter()
    read = store.read_json

    def counting(path: Path) -> Any:
        reads[path] += 1
        return read(path)

    monkeypatch.setattr(store, "read_json", counting)
    ended = bench.run(*arguments, "--selection", selection)

    assert ended.code == 0
    assert "24 stored, 0 to compute" in ended.out
    assert {path: count for path, count in reads.items() if path.parent.name.startswith("seed-")} == dict.fromkeys(
        bench.cell_files(), 1
    )


def test_a_run_reads_each_cell_that_it_computes_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run("--method", "majority")
    bench.cell_files()[1].unlink()
    reads: Counter[str] = Counter()
    read = store.read_json

    def counting(path: Path) -> Any:
        reads[path.stem] += 1
        return read(path)

    monkeypatch.setattr(store, "read_json", counting)
    bench.run("--method", "majority")

    assert {fold: reads[fold] for fold in FOLDS} == dict.fromkeys(FOLDS, 1)
