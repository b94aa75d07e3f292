"""One fence around plugin code: whatever it raises or prints, the user reads one sentence, and stdout stays clean."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from support.bench import Bench, wait_until
from support.hostile import install

from mer_bench.errors import MerBenchError
from mer_bench.foreign import ForeignError, foreign_code

PLUGIN = """
    import os
    import time
    from pathlib import Path

    import numpy as np

    from mer_bench import Features, Method, MethodSpec, Parameter, Representation, hookimpl


    class Odd(BaseException):
        pass


    class Mute(Exception):
        def __str__(self):
            raise SystemExit(5)


    RAISED = {"odd": Odd("odd"), "exit": SystemExit(7), "generator": GeneratorExit("closed"), "mute": Mute()}


    def misbehave(where):
        if os.environ.get("WHERE") in (where, "everywhere"):
            print(f"noise of {where}")
            if os.environ["RAISES"] in RAISED:
                raise RAISED[os.environ["RAISES"]]


    def validate(params):
        misbehave("validate")


    class Net(Method):
        def __init__(self, setting):
            super().__init__(setting)
            misbehave("class")

        def extract(self, sample):
            misbehave("extract")
            if "DWELL" in os.environ:
                Path(os.environ["DWELL"], str(os.getpid())).touch()
                time.sleep(0.5)
            return sample.mean(axis=(0, 1)) * self.params["gain"]

        def fit(self, train, *, seed):
            misbehave("fit")

        def predict(self, test):
            misbehave("predict")
            return np.ones((len(test), self.n_classes))


    @hookimpl
    def mer_bench_methods():
        misbehave("hook")
        yield MethodSpec(
            "odd-net",
            "1",
            "Odd",
            "odd_plugin:Net",
            Representation("face-flow"),
            "handcrafted",
            (Parameter("gain", 1.0, "a factor"),),
            features=Features(("gain",)),
            validate=validate,
        )
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    install(site, "odd-plugin", {"odd_plugin": PLUGIN})
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    # Features stay in the cache: another test must extract them again.
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    sys.modules.pop("odd_plugin", None)


def misbehave(monkeypatch: pytest.MonkeyPatch, where: str, raises: str) -> None:
    monkeypatch.setenv("WHERE", where)
    monkeypatch.setenv("RAISES", raises)


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("where", "raises"),
    [("hook", "exit"), ("validate", "odd"), ("class", "generator"), ("extract", "mute")],
)
def test_whatever_a_described_method_raises_is_one_sentence(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, where: str, raises: str
) -> None:
    misbehave(monkeypatch, where, raises)
    ended = bench("describe", "odd-net")

    assert (ended.code, ended.out, len(ended.errors)) == (2, "", 1)
    assert "Traceback" not in ended.err


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("where", "raises", "strict"),
    [("class", "odd", ""), ("extract", "exit", "1"), ("fit", "generator", ""), ("predict", "mute", "1")],
)
def test_a_run_continues_whatever_a_method_raises(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, where: str, raises: str, strict: str
) -> None:
    misbehave(monkeypatch, where, raises)
    # A run stores the traceback, so that the strict mode need not end it.
    monkeypatch.setenv("MER_BENCH_STRICT_PLUGINS", strict)
    ended = bench.run("--method", "odd-net", "--method", "majority", "--json")

    assert ended.code == 1, ended.err
    assert [(o["method"], o["folds_done"], o["folds_failed"]) for o in ended.objects] == [
        ("odd-net", 0, 6),
        ("majority", 6, 0),
    ]


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("command", "places"),
    [
        (("describe", "odd-net"), {"hook", "validate", "class", "extract"}),
        (("check", "odd-net", "--only", "finite-scores"), {"hook", "validate", "class", "extract", "fit", "predict"}),
        (("run", "--method", "odd-net"), {"hook", "validate", "class", "extract", "fit", "predict"}),
    ],
)
def test_what_a_plugin_prints_is_not_part_of_the_output(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], places: set[str]
) -> None:
    misbehave(monkeypatch, "everywhere", "nothing")
    verb, *arguments = command
    # A worker's stderr is that of the process, which only another process's parent sees.
    whole = bench.run_arguments(*arguments) if verb == "run" else list(command)
    ended = bench(*command, "--json") if verb == "describe" else bench.spawn(*whole, "--json")

    assert ended.code == 0
    assert ended.out.startswith("{")
    assert "noise" not in ended.out
    assert {line.rpartition(" ")[2] for line in ended.err.splitlines() if line.startswith("noise of")} == places


@pytest.mark.slow
@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_while_features_are_extracted_says_how_to_continue(bench: Bench, tmp_path: Path, jobs: int) -> None:
    dwelling = tmp_path / "dwelling"
    dwelling.mkdir()
    arguments = bench.run_arguments("--method", "odd-net", jobs=jobs)
    process = bench.start(*arguments, env={**os.environ, "DWELL": str(dwelling)})
    assert wait_until(lambda: len(list(dwelling.iterdir())) == jobs)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert f"interrupted: 0 of 6 cells are stored in {bench.results}; run the same command again" in err
    assert "Traceback" not in err


def test_ctrl_c_and_an_error_of_mer_bench_pass_the_fence() -> None:
    with pytest.raises(KeyboardInterrupt), foreign_code("method x", "fit"):
        raise KeyboardInterrupt
    with pytest.raises(MerBenchError, match=r"^width is odd$") as refused, foreign_code("method x", "fit"):
        raise MerBenchError("width is odd")

    assert not isinstance(refused.value, ForeignError)


@pytest.mark.parametrize(
    ("strict", "recorded", "raised"), [("", False, ForeignError), ("1", True, ForeignError), ("1", False, ValueError)]
)
def test_the_strict_mode_raises_what_is_not_recorded(
    monkeypatch: pytest.MonkeyPatch, strict: str, recorded: bool, raised: type[Exception]
) -> None:
    monkeypatch.setenv("MER_BENCH_STRICT_PLUGINS", strict)
    with pytest.raises(raised) as caught, foreign_code("method x", "fit", "lower the width", recorded=recorded):
        raise ValueError("odd width")

    if raised is ForeignError:
        assert str(caught.value) == "method x: fit failed (ValueError: odd width); lower the width"
