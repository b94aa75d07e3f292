"""A sweep in a plan: one row for each combination, and which combinations are refused or left out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from mer_bench import MerBenchError
from mer_bench.databases.open import open_source
from mer_bench.evaluation.plan import Plan, make_plan
from mer_bench.evaluation.request import Request
from mer_bench.plugin_manager import load_catalogue


def validate(params: Mapping[str, Any]) -> None:
    """Refuse one value of gamma in one sentence, and fail at another."""
    if params["gamma"] == 3.0:
        raise MerBenchError("svm-flow: gamma=3.0 is odd")
    if params["gamma"] == 5.0:
        raise ZeroDivisionError


def plan_of(*methods: str, **asked: Any) -> Plan:
    catalogue = load_catalogue()
    svm = replace(catalogue.methods["svm-flow"], validate=validate)
    catalogue = replace(catalogue, methods={**catalogue.methods, "svm-flow": svm})
    source = open_source("synthetic-maps", {"size": "tiny"}, catalogue)
    fixed = {"tuning": "fixed"} if "svm-flow" in methods else {}
    return make_plan(Request(methods, **{"overrides": fixed, **asked}), source, catalogue)


def test_rows_and_what_is_varied_stand_in_the_same_order_and_baselines_take_no_part() -> None:
    plan = plan_of("svm-flow", "ststnet", grid={"C": "7,2", "ststnet.epochs": "3"}, seeds=2, baselines=True)

    assert [(row.name, dict(varied)) for row, varied in zip(plan.rows, plan.varied, strict=True)] == [
        ("svm-flow", {"C": 7.0}),
        ("svm-flow", {"C": 2.0}),
        ("ststnet", {"epochs": 3}),
        ("majority", {}),
        ("random", {}),
    ]
    assert [row.setting.params.get("C") for row in plan.rows] == [7.0, 2.0, None, None, None]
    assert [sum(cell.row == index for cell in plan.cells) for index in range(5)] == [6, 6, 12, 6, 12]
    assert len({row.record["row_key"] for row in plan.rows}) == 5


def test_a_refused_combination_ends_the_plan_or_is_left_out_with_its_reason() -> None:
    grid = {"gamma": "2,3", "C": "1,4"}
    with pytest.raises(
        MerBenchError, match=r"^2 combinations .* first: svm-flow with gamma=3.0, C=1.0: svm-flow: gamma=3"
    ):
        plan_of("svm-flow", grid=grid)
    plan = plan_of("svm-flow", grid=grid, skip_unsuitable=True, baselines=False)

    assert [dict(varied) for varied in plan.varied] == [{"gamma": 2.0, "C": 1.0}, {"gamma": 2.0, "C": 4.0}]
    assert plan.skipped == (
        "svm-flow with gamma=3.0, C=1.0 is left out: svm-flow: gamma=3.0 is odd",
        "svm-flow with gamma=3.0, C=4.0 is left out: svm-flow: gamma=3.0 is odd",
    )


@pytest.mark.parametrize(
    ("name", "values", "reason"), [("patience", "0,3", "patience=3 needs validation subjects"), ("warmup", "0,999", "")]
)
def test_a_combination_that_training_settings_refuse_is_named_or_left_out(name: str, values: str, reason: str) -> None:
    grid, wrong = {name: values}, values.split(",")[1]
    with pytest.raises(
        MerBenchError, match=rf"^ststnet with {name}={wrong}: ststnet: {reason}.*; or add --skip-unsuitable"
    ):
        plan_of("ststnet", grid=grid)
    plan = plan_of("ststnet", grid=grid, skip_unsuitable=True, baselines=True)

    assert [(row.name, dict(varied)) for row, varied in zip(plan.rows, plan.varied, strict=True)] == [
        ("ststnet", {name: 0}),
        *((baseline, {}) for baseline in ("majority", "random", "svm-flow")),
    ]
    (sentence,) = plan.skipped
    assert sentence.startswith(f"ststnet with {name}={wrong} is left out: ststnet: {reason}")


def test_a_sweep_of_which_nothing_is_left_is_refused_even_if_it_may_be_left_out() -> None:
    with pytest.raises(
        MerBenchError, match=r"^2 combinations of the sweep cannot run; the first: .*patience=2(?!.*--sk)"
    ):
        plan_of("ststnet", grid={"patience": "2,3"}, skip_unsuitable=True, baselines=True)


def test_a_training_setting_outside_of_a_sweep_is_never_left_out() -> None:
    with pytest.raises(MerBenchError, match=r"^ststnet: patience=3"):
        plan_of("ststnet", "svm-flow", overrides={"patience": "3"}, skip_unsuitable=True)


def test_a_check_that_fails_is_never_left_out() -> None:
    with pytest.raises(MerBenchError, match="method svm-flow: validate failed \\(ZeroDivisionError\\)"):
        plan_of("svm-flow", grid={"gamma": "2,5"}, skip_unsuitable=True)


def test_two_settings_that_are_one_row_are_refused() -> None:
    """Both are the defaults: C and gamma are 1."""
    with pytest.raises(MerBenchError, match=r"^svm-flow with C=1.0 and svm-flow with gamma=1.0 have the same settings"):
        plan_of("svm-flow", settings=({"C": 1.0}, {"gamma": 1.0}))


@pytest.mark.parametrize("varied", ["init_from", "init_sha256"])
def test_the_same_weights_by_two_names_or_digests_are_one_row(tmp_path: Path, varied: str) -> None:
    first, copy = tmp_path / "first.safetensors", tmp_path / "copy.safetensors"
    safetensors.numpy.save_file({"bias": np.zeros(3, np.float32)}, first)
    copy.write_bytes(first.read_bytes())
    digest = hashlib.sha256(first.read_bytes()).hexdigest()
    given = {"init_from": [str(first), str(copy)], "init_sha256": [digest[:12], digest]}
    others = {name: values[0] for name, values in given.items() if name != varied}
    with pytest.raises(MerBenchError, match=rf"^ststnet with {varied}=.* have the same settings; leave one out$"):
        plan_of("ststnet", overrides=others, grid={varied: given[varied]})


def test_values_of_preset_and_grid_that_no_method_takes_are_refused_as_in_a_run_without_a_sweep() -> None:
    with pytest.raises(MerBenchError, match="none of the named methods has a preset 'quik'"):
        plan_of("svm-flow", "ststnet", preset="quik", grid={"C": "1,2"})
