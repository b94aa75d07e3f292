"""Training on CUDA; run by the env ``gpu`` on a machine that has one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mer_bench import load_results, run

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device"),
]

SETTINGS = {"width": 48, "blocks": (1, 1, 2), "epochs": 20, "lr": 1e-3}


def test_the_network_learns_on_cuda_as_it_does_on_the_cpu(tmp_path: Path) -> None:
    accuracy = {}
    for device in ("cpu", "cuda"):
        results = tmp_path / device
        run("ahmsa", data="synthetic-maps", params=SETTINGS, device=device, results=results)
        frame = load_results(results)
        accuracy[device] = float(frame[(frame["selection"] == "last") & (frame["slice"] == "full")]["accuracy"].iloc[0])

    assert accuracy["cuda"] == pytest.approx(accuracy["cpu"], abs=0.05)


def test_auto_takes_cuda_where_there_is_one(tmp_path: Path) -> None:
    run("ahmsa", data="synthetic-maps", data_options={"size": "tiny"}, params=SETTINGS, results=tmp_path / "results")
    cells = list((tmp_path / "results").glob("cells/**/seed-0/*.json"))

    assert cells
    assert all('"device": "cuda"' in cell.read_text() for cell in cells)
