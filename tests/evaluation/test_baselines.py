"""The baselines are in every run, unless `--no-baselines`."""

from __future__ import annotations

import re

import pytest
from support.bench import TINY, Bench

import mer_bench

ROWS = {"majority", "random", "svm-flow"}
FEW_FOLDS = ("--protocol", "loso-smic")
"""Two: the SVM of the baselines tunes itself in each."""


def methods(ended_objects: list[dict[str, object]]) -> list[object]:
    return [result["method"] for result in ended_objects]


def test_they_are_the_default_on_the_command_line_and_in_python(bench: Bench) -> None:
    options = ("--results", bench.results, "--jobs", "1", "--json")
    shown = bench("run", *TINY, *FEW_FOLDS, "--method", "majority", *options)
    frame = mer_bench.run(
        "majority", "loso-smic", data="synthetic-maps", data_options={"size": "tiny"}, results=bench.results
    )

    assert set(methods(shown.objects)) == set(frame["method"]) == ROWS


def test_one_that_is_named_is_measured_once_and_as_it_is_asked_for(bench: Bench) -> None:
    settings_of_svm = ("--set", "C=2", "--set", "tuning=fixed")
    ended = bench.run("--method", "svm_flow", *settings_of_svm, *FEW_FOLDS, "--baselines", "--json")
    settings = {result["method"]: result["params"] for result in ended.objects}

    assert set(settings) == ROWS
    assert settings["svm-flow"]["C"] == 2


@pytest.mark.slow
def test_settings_do_not_reach_the_baselines_which_come_after_the_named_methods(bench: Bench) -> None:
    settings_of_svm = ("--set", "C=2", "--set", "kernel=linear")
    ended = bench.run("--method", "bi-woof", *settings_of_svm, *FEW_FOLDS, "--baselines", "--json")
    settings = {result["method"]: result["params"] for result in ended.objects}

    assert methods(ended.objects) == ["bi-woof", *sorted(ROWS)]
    assert settings["bi-woof"]["C"] == 2
    assert (settings["svm-flow"]["C"], settings["svm-flow"]["kernel"]) == (1, "rbf")


def test_one_that_is_blocked_is_left_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MER_BENCH_BLOCK_PLUGINS", "random")

    planned = bench.run("--method", "majority", "--baselines", "--dry-run").out
    assert set(re.findall(r"^method (\S+)", planned, re.MULTILINE)) == ROWS - {"random"}
