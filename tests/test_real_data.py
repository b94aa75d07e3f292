"""Known scores on the public 442 flow maps of the composite database, where the machine has them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from support.real_maps import FOLDER, NEEDS_MAPS

from mer_bench import run

pytestmark = NEEDS_MAPS


def scores(frame: pd.DataFrame, method: str, name: str = "full") -> pd.Series:
    return frame[(frame["method"] == method) & (frame["slice"] == name)].iloc[0]


@pytest.mark.slow
def test_the_svm_and_the_majority_class_have_the_known_scores(tmp_path: Path) -> None:
    frame = run(
        ["svm-flow", "majority"],
        "cde",
        data=FOLDER,
        preset="fixed",
        results=tmp_path / "results",
        baselines=False,
    )
    svm, majority = scores(frame, "svm-flow"), scores(frame, "majority")

    assert (svm["n_samples"], svm["n_folds"], svm["caveats"]) == (442, 68, "")
    assert svm["uf1"] == pytest.approx(0.7421, abs=5e-5)
    assert svm["uar"] == pytest.approx(0.7488, abs=5e-5)
    assert majority["uf1"] == pytest.approx(0.2408, abs=5e-5)
    assert majority["uar"] == pytest.approx(0.3333, abs=5e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("database", "n", "folds"), [("smic", 164, 16), ("samm", 133, 28), ("casme2", 145, 24)])
def test_each_database_alone_holds_what_its_protocol_declares(
    tmp_path: Path, database: str, n: int, folds: int
) -> None:
    frame = run("majority", f"loso-{database}", data=FOLDER, results=tmp_path / "results", baselines=False)

    assert (set(frame["n_samples"]), set(frame["n_folds"])) == ({n}, {folds})
    assert not frame["caveats"].str.contains("partial").any()


@pytest.mark.slow
def test_a_network_learns_from_real_key_regions_of_four_subjects(tmp_path: Path) -> None:
    header, *rows = (FOLDER / "labels.csv").read_text().splitlines()
    subjects = tuple(f"smic,{subject}," for subject in ("s03", "s04", "s08", "s20"))
    part = tmp_path / "data"
    part.mkdir()
    (part / "maps").symlink_to(FOLDER / "maps")
    (part / "labels.csv").write_text("\n".join([header, *(row for row in rows if row.startswith(subjects))]))
    settings = {"width": 24, "blocks": (1, 1, 1), "epochs": 12, "lr": 3e-3, "batch_size": 32}

    options = {"params": settings, "allow_partial": True, "baselines": False, "jobs": 1}
    full = scores(run("ahmsa", "loso-smic", data=part, results=tmp_path / "results", **options), "ahmsa")

    assert full["caveats"] == "partial, template-landmarks"
    assert (full["n_samples"], full["folds_done"]) == (93, 4)
    assert full["uf1"] > 0.4, "no better than guessing"
