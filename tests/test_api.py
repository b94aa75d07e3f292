from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.bench import Bench
from support.flow_data import write_flow_data

import mer_bench
from mer_bench import MerBenchError, load_results

TINY = {"data": "synthetic-maps", "data_options": {"size": "tiny"}}
COLUMNS = [
    *("method", "row", "protocol", "preset", "changed", "differs", "badge", "input", "selection", "deterministic"),
    *("seed", "slice", "uf1", "uar", "accuracy", "n_samples", "n_folds", "folds_done", "folds_failed", "caveats"),
    *("params", "representation", "preprocessing", "arithmetic", "processors", "row_key"),
]
KINDS = {
    **dict.fromkeys(("uf1", "uar", "accuracy"), "f"),
    **dict.fromkeys(("seed", "n_samples", "n_folds", "folds_done", "folds_failed"), "i"),
}


def run(*methods: str, **options: object) -> pd.DataFrame:
    return mer_bench.run(methods, **{**TINY, "baselines": False, "jobs": 1, **options})  # type: ignore[arg-type]


def test_a_run_gives_a_row_a_slice_with_plain_types() -> None:
    frame = run("majority", "random", seeds=2)

    assert list(frame.columns) == COLUMNS
    assert {name: frame[name].dtype.kind for name in KINDS} == KINDS
    assert frame["method"].tolist() == [*["majority"] * 4, *["random"] * 8]
    assert list(frame["slice"][:4]) == ["full", "smic", "samm", "casme2"]
    assert list(frame["n_samples"][:4]) == [24, 8, 8, 8]
    assert set(frame["caveats"]) == {"partial, synthetic"}
    full = frame[(frame["method"] == "majority") & (frame["slice"] == "full")]
    assert full["uf1"].tolist() == pytest.approx([10 / 51])


@pytest.mark.slow
def test_a_grid_gives_a_row_for_each_combination() -> None:
    grid = {"C": np.array([0.5, 20]), "svm-flow.gamma": (0.125, 3)}
    frame = run("svm-flow", "majority", params={"tuning": "fixed"}, grid=grid)

    params = list(frame["params"][frame["slice"] == "full"])
    assert [(each["C"], each["gamma"]) for each in params[:-1]] == [
        (0.5, 0.125),
        (0.5, 3.0),
        (20.0, 0.125),
        (20.0, 3.0),
    ]
    assert list(frame["method"][frame["slice"] == "full"]) == [*["svm-flow"] * 4, "majority"]
    assert run("svm-flow", params={"tuning": "fixed"}, grid={"C": "0.5,20"}).shape == (8, len(COLUMNS))
    with pytest.raises(MerBenchError, match="is one value, not a list of values; use --set, or params in Python"):
        run("svm-flow", grid={"C": 0.5})


@pytest.mark.slow
def test_what_is_loaded_is_what_was_run(bench: Bench) -> None:
    params = {"ahmsa.width": 12, "blocks": [1, 1, 1], "epochs": np.int64(1)}
    made = run("ahmsa", "majority", params=params, results=bench.results)
    loaded = load_results(bench.results)
    shown = loaded[loaded["selection"] != "oracle"].reset_index(drop=True)
    ended = bench.run("--method", "majority", "--json")

    assert "6 stored, 0 to compute" in ended.err
    assert ended.objects[0]["row_key"] == made["row_key"].iloc[-1]
    assert ended.objects[0]["slices"]["casme2"]["uf1"] == made["uf1"].iloc[-1]
    pd.testing.assert_frame_equal(made, shown)
    assert made["params"][0]["blocks"] == [1, 1, 1]
    assert set(loaded["selection"]) == {"last", "oracle", "none"}


def test_an_incomplete_run_has_no_mean(bench: Bench) -> None:
    run("majority", results=bench.results)
    bench.cell_files()[0].unlink()
    frame = load_results(bench.results)

    assert frame[["uf1", "uar", "accuracy"]].isna().all(axis=None)
    assert set(frame["folds_done"]) == {5}
    assert set(frame["n_folds"]) == {6}
    assert {name: frame[name].dtype.kind for name in KINDS} == KINDS
    shutil.rmtree(bench.results / "cells")
    assert list(load_results(bench.results).columns) == COLUMNS
    assert load_results(bench.results).empty


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
def test_a_failed_cell_of_the_default_results_raises_nothing_and_shows() -> None:
    frame = mer_bench.run("raises", baselines=False, **TINY)  # type: ignore[arg-type]

    assert set(frame["method"]) == {"raises"}
    assert set(frame["folds_failed"]) == {1}
    assert frame["uf1"].isna().all()
    assert len(load_results()) == 4


@pytest.mark.slow
def test_without_data_it_warns_and_takes_the_quick_preset() -> None:
    settings = {"width": 12, "blocks": (1, 1, 1), "epochs": 1}
    with pytest.warns(UserWarning, match="SYNTHETIC"):
        frame = mer_bench.run(
            "ahmsa",
            "loso-smic",
            params=settings,
            data_options={"size": "tiny", "layout": "smic"},
            preprocessing={"flow": "farneback", "size": 96},
            baselines=False,
            jobs=1,
        )

    assert frame["params"].iloc[0]["batch_size"] == 64
    assert set(frame["caveats"]) == {"partial, synthetic"}


def test_folders_and_partial_data(tmp_path: Path) -> None:
    data = write_flow_data(tmp_path / "maps")
    options = {"maps": "maps"}
    frame = mer_bench.run("majority", "loso-smic", data=data, data_options=options, allow_partial=True, baselines=False)

    assert frame["caveats"].tolist() == ["partial"]
    assert frame["n_samples"].tolist() == [9]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": []}, "no method named"),
        ({"seeds": [0, 1]}, "--seeds [0, 1] is not a whole number"),
        ({"params": {"C": 1}}, "method majority has no parameter 'C'"),
        ({"methods": "svm-flow", "params": {"C": None}}, "is not a number"),
        ({"data": "nowhere"}, "--data nowhere does not exist"),
    ],
)
def test_what_cannot_be_used_raises_one_sentence(options: dict[str, object], message: str) -> None:
    with pytest.raises(MerBenchError) as caught:
        mer_bench.run(**{"methods": "majority", "data": "synthetic-maps", **options})  # type: ignore[arg-type]

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_results_that_are_not_there_raise_one_sentence() -> None:
    with pytest.raises(MerBenchError, match="nowhere holds no results"):
        load_results("nowhere")
