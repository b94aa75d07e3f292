"""The command line and Python run in the same way: the same defaults, refusals, notices and reads."""

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
from mer_bench.store import cell

OPTIONS = {"data": "synthetic-maps", "data_options": {"size": "tiny"}}


def python_error(method: str, **options: Any) -> str:
    """Run in Python; return the message of the error, or an empty text."""
    try:
        mer_bench.run(method, **{**OPTIONS, "baselines": False, **options})
    except MerBenchError as refusal:
        return str(refusal)
    return ""


def on_command_line(bench: Bench, method: str, *arguments: str) -> Ended:
    """Run on the command line."""
    return bench("run", *TINY, "--method", method, "--no-baselines", "--results", bench.results, *arguments)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
def test_a_device_that_is_not_there_is_refused_before_any_work(bench: Bench, arguments: tuple[str, ...]) -> None:
    Path("mer-bench.toml").write_text('device = "cuda"\njobs = 2\n')
    ended = on_command_line(bench, "ststnet", *arguments)

    assert (ended.code, ended.errors) == (2, [f"error: {python_error('ststnet')}"])
    assert "torch finds no CUDA device" in ended.errors[0]
    assert not bench.results.exists()
    assert not Path("mer-bench-results").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("no_gpu")
def test_a_device_is_not_looked_for_where_no_network_trains(bench: Bench) -> None:
    assert on_command_line(bench, "majority", "--device", "cuda").code == 0
    assert python_error("majority", device="cuda") == ""


@pytest.mark.slow
def test_an_argument_stands_over_the_config_file(bench: Bench) -> None:
    Path("mer-bench.toml").write_text('device = "tpu"\nresults = "elsewhere"\n')

    assert "unknown device 'tpu'" in on_command_line(bench, "majority").errors[0]
    assert python_error("majority", device="cpu", results=bench.results) == ""
    assert not Path("elsewhere").exists()
    assert "unknown device 'tpu'" in python_error("majority")
    Path("mer-bench.toml").write_text('results = "elsewhere"\njobs = 1\n')
    assert python_error("majority") == ""
    assert Path("elsewhere", "store.json").exists()
    assert "\nmajority-" in bench("status").out


@pytest.mark.slow
def test_a_damaged_cell_is_reported_in_both_at_the_callers_line(bench: Bench) -> None:
    on_command_line(bench, "majority")
    bench.cell_files()[2].write_text("{")
    with pytest.warns(UserWarning, match=r"cannot be read .* it counts as absent") as warned:
        mer_bench.run("majority", **OPTIONS, baselines=False, results=bench.results)  # type: ignore[arg-type]
    bench.cell_files()[3].write_text("{")
    ended = on_command_line(bench, "majority")

    assert len(warned) == 1
    assert FOLDS[2] in str(warned[0].message)
    assert warned[0].filename == __file__
    assert [FOLDS[3] in line for line in ended.err.splitlines() if line.startswith("note: ")] == [True]


@pytest.mark.slow
def test_python_takes_numpys_values_as_plain_ones_and_paths_as_text(tmp_path: Path) -> None:
    values = {"C": np.float32(0.5), "kernel": np.str_("linear"), "tuning": "fixed"}
    frame = mer_bench.run("svm-flow", **OPTIONS, baselines=False, params=values)  # type: ignore[arg-type]

    assert [(chosen["C"], chosen["kernel"]) for chosen in frame["params"]] == [(0.5, "linear")] * 4
    assert "w.pth" in python_error("timm-backbone", params={"weights": tmp_path / "w.pth"})


@pytest.mark.slow
def test_preprocessing_settings_of_the_config_file_do_not_apply_to_ready_made_maps(bench: Bench) -> None:
    Path("mer-bench.toml").write_text('[preprocess]\nflow = "farneback"\n')

    assert on_command_line(bench, "majority").code == 0
    assert "--preprocess flow=dis" in on_command_line(bench, "majority", "--preprocess", "flow=dis").errors[0]


@pytest.mark.slow
def test_a_dry_run_refuses_the_results_folder_that_a_run_refuses(bench: Bench) -> None:
    (bench.results / "notes").mkdir(parents=True)
    dry, real = on_command_line(bench, "majority", "--dry-run"), on_command_line(bench, "majority")

    assert (dry.code, dry.errors) == (real.code, real.errors)
    assert dry.code == 2


@pytest.mark.slow
def test_python_shows_how_far_it_is_unless_asked_not_to_and_warns_of_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert python_error("majority") == ""
        shown = capsys.readouterr()
        assert python_error("svm-flow", params={"tuning": "fixed"}, progress=False) == ""
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


@pytest.mark.slow
@pytest.mark.parametrize("selection", ["last", "oracle"])
def test_each_stored_or_computed_cell_is_read_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, selection: str
) -> None:
    arguments = ("--method", "majority", "--method", "ststnet", "--set", "epochs=2", "--protocol", "loso-smic")
    bench.run(*arguments)
    bench.cell_files()[1].unlink()
    reads: Counter[Path] = Counter()
    read = cell.read_sealed

    def counting(path: str) -> bytes:
        content = read(path)
        reads[Path(path)] += 1
        return content

    monkeypatch.setattr(cell, "read_sealed", counting)
    ended = bench.run(*arguments, "--selection", selection)

    assert "3 stored, 1 to compute" in ended.out
    assert +reads == dict.fromkeys(bench.cell_files(), 1)
