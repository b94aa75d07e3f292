"""Training on CUDA; run by the env ``gpu`` on a machine that has one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.group_case import results_of, small_plan, tasks_of
from support.stacked import SmallMethod, folds_of, own_method, same

from mer_bench import TorchMethod, load_results, run
from mer_bench.engine.groups import group_tasks
from mer_bench.engine.resources import Resources
from mer_bench.training import stack_training
from mer_bench.training.folds import TrainedFold, TrainingFold
from mer_bench.training.trainer import train_folds

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


RICH = {"epochs": 6, "schedule": "one-cycle", "clip_norm": 0.5, "mixup": 0.4, "average": 0.9, "shift": 1, "noise": 0.02}


def method() -> TorchMethod:
    return own_method(SmallMethod, **RICH)


def on_cuda(folds: Sequence[TrainingFold], *, stacked: bool = True) -> list[TrainedFold]:
    done = dict(train_folds(folds, device="cuda", stacked=stacked))
    return [done[number] for number in range(len(folds))]


def test_folds_in_another_order_have_the_same_bits() -> None:
    folds = folds_of(method, 34)
    order = np.random.default_rng(2).permutation(34).tolist()
    whole, shuffled = on_cuda(folds), on_cuda([folds[number] for number in order])

    assert [same(one, whole[number]) for one, number in zip(shuffled, order, strict=True)] == [True] * 34


def test_captured_steps_do_what_single_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    folds = folds_of(method, 4)
    captured = on_cuda(folds)
    monkeypatch.setattr("mer_bench.training.graphs._WARM_UP", 10_000)

    assert all(same(one, other) for one, other in zip(captured, on_cuda(folds), strict=True))


def test_a_stack_on_cuda_is_the_one_on_the_cpu() -> None:
    folds = folds_of(method, 5)
    here = dict(train_folds(folds, device="cpu", stacked=True))
    for number, fold in enumerate(on_cuda(folds)):
        np.testing.assert_allclose(fold.probabilities[0][0], here[number].probabilities[0][0], atol=1e-4)


def test_a_fold_that_stops_changes_no_other_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack that has become smaller is captured again."""
    monkeypatch.setattr(stack_training, "_SHRINK", 1.0)
    folds = folds_of(method, 8)
    stops = [replace(fold, stop=lambda scores: len(scores) >= 2) if i % 2 else fold for i, fold in enumerate(folds)]
    whole, stopped = on_cuda(folds), on_cuda(stops)

    assert [len(fold.probabilities[0]) for fold in stopped] == [6, 2] * 4
    for one, other in zip(whole, stopped, strict=True):
        n = len(other.probabilities[0])
        np.testing.assert_allclose(other.probabilities[0], one.probabilities[0][:n], atol=1e-4)


def test_a_row_is_computed_as_one_group(tmp_path: Path) -> None:
    plan = small_plan(seeds=2)
    (group,) = group_tasks(tasks_of(plan, tmp_path, device="cuda"), plan.rows, Resources(1, "cuda"))
    results = results_of(group)

    assert [result.error for result in results] == [None] * 12
    assert {result.scores.stack for result in results if result.scores} == {12}
