"""The baselines are in every run, unless `--no-baselines`."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bench import TINY, Bench
from support.hostile import install

import mer_bench

ROWS = {"majority", "random", "svm-flow"}


def methods(ended_objects: list[dict[str, object]]) -> list[object]:
    return [result["method"] for result in ended_objects]


def test_they_are_the_default_on_the_command_line_and_in_python(bench: Bench) -> None:
    shown = bench("run", *TINY, "--method", "majority", "--results", bench.results, "--jobs", "1", "--json")
    frame = mer_bench.run("majority", data="synthetic-maps", data_options={"size": "tiny"}, results=bench.results)

    assert set(methods(shown.objects)) == set(frame["method"]) == ROWS


def test_one_that_is_named_is_measured_once_and_as_it_is_asked_for(bench: Bench) -> None:
    ended = bench.run("--method", "svm_flow", "--set", "C=2", "--baselines", "--json")
    settings = {result["method"]: result["params"] for result in ended.objects}

    assert set(settings) == ROWS
    assert settings["svm-flow"]["C"] == 2


SOURCE = """
    from mer_bench import Method, MethodSpec, Parameter, Representation, hookimpl
    import numpy as np

    class Net(Method):
        def fit(self, train, *, seed):
            pass

        def predict(self, test):
            return np.zeros((len(test), self.n_classes))

    @hookimpl
    def mer_bench_methods():
        c = (Parameter("C", 1.0, "as that of svm-flow"),)
        maps = Representation("face-flow")
        net = "kernel_net:Net"
        yield MethodSpec("kernel-net", "1", "K", net, maps, "handcrafted", c, {"linear": {"C": 3.0}})
        yield MethodSpec("own-floor", "1", "F", net, maps, "baseline")
"""


def test_a_plugin_s_settings_do_not_reach_the_baselines_after_it_and_it_adds_none(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", "kernel-net", {"kernel_net": SOURCE})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    ended = bench.run("--method", "kernel-net", "--set", "C=2", "--preset", "linear", "--baselines", "--json")
    settings = {result["method"]: result["params"] for result in ended.objects}

    assert methods(ended.objects) == ["kernel-net", *sorted(ROWS)]
    assert settings["kernel-net"] == {"C": 2}
    assert (settings["svm-flow"]["C"], settings["svm-flow"]["kernel"]) == (10, "rbf")


def test_one_that_is_blocked_is_left_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MER_BENCH_BLOCK_PLUGINS", "random")

    assert set(methods(bench.run("--method", "majority", "--baselines", "--json").objects)) == ROWS - {"random"}
