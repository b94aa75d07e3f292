"""Known scores on the public 442 flow maps of the composite database, where the machine has them."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from mer_bench import MerBenchError, load_results, run

FOLDER = os.environ.get("MER_BENCH_REAL_DATA", "")

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(
        not Path(FOLDER, "labels.csv").is_file(), reason="MER_BENCH_REAL_DATA names no folder of real maps"
    ),
]


def scores(frame: pd.DataFrame, method: str, name: str) -> pd.Series:
    return frame[(frame["method"] == method) & (frame["slice"] == name)].iloc[0]


def test_the_svm_and_the_majority_class_give_the_known_figures(tmp_path: Path) -> None:
    frame = run(["svm-flow", "majority"], "cde", data=FOLDER, results=tmp_path / "results")
    svm, majority = scores(frame, "svm-flow", "full"), scores(frame, "majority", "full")

    assert (svm["n_samples"], svm["n_folds"], svm["caveats"]) == (442, 68, "")
    assert svm["uf1"] == pytest.approx(0.742, abs=0.002)
    assert svm["uar"] == pytest.approx(0.749, abs=0.002)
    assert majority["uf1"] == pytest.approx(0.2408, abs=5e-5)
    assert majority["uar"] == pytest.approx(0.3333, abs=5e-5)
    assert len(load_results(tmp_path / "results")) == len(frame)


@pytest.mark.parametrize(("database", "n", "folds"), [("smic", 164, 16), ("samm", 133, 28), ("casme2", 145, 24)])
def test_each_database_alone_holds_what_its_protocol_declares(
    tmp_path: Path, database: str, n: int, folds: int
) -> None:
    frame = run("majority", f"loso-{database}", data=FOLDER, results=tmp_path / "results")

    assert set(frame["n_samples"]) == {n}
    assert set(frame["n_folds"]) == {folds}
    assert not frame["caveats"].str.contains("partial").any()


def test_a_database_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(MerBenchError, match="casme3"):
        run("majority", "loso-casme3", data=FOLDER, results=tmp_path / "results")


def test_a_network_trains_on_real_key_regions(tmp_path: Path) -> None:
    settings = {"width": 24, "blocks": (1, 1, 1), "epochs": 12, "lr": 3e-3, "batch_size": 64}
    frame = run("ahmsa", "loso-smic", data=FOLDER, params=settings, results=tmp_path / "results", jobs=2)
    full = scores(frame, "ahmsa", "full")

    assert full["caveats"] == "template-landmarks"
    assert full["folds_done"] == 16
    assert full["uf1"] > 0.35, "no better than guessing"
