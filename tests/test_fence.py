"""One fence around plugin code: whatever it raises or prints, a user reads one sentence, and stdout holds answers."""

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
from mer_bench.plugin_manager import load_target

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
        if os.environ.get("WHERE") == where:
            print("a word of the plugin")
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
                Path(os.environ["DWELL"]).touch()
                time.sleep(0.3)
            return sample.mean(axis=(0, 1)) * self.params["gain"]

        def fit(self, train, *, seed):
            misbehave("fit")

        def predict(self, test):
            misbehave("predict")
            return np.ones((len(test), self.n_classes))


    @hookimpl
    def mer_bench_methods():
        misbehave("hook")
        maps = Representation("face-flow")
        gain = Parameter("gain", 1.0, "a factor")
        yield MethodSpec(
            "odd-net",
            "1",
            "Odd",
            "odd_plugin:Net",
            maps,
            "handcrafted",
            (gain,),
            citation="none",
            features=Features(("gain",)),
            validate=validate,
        )
"""
RAISES = ("odd", "exit", "generator", "mute")


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    install(site, "odd-plugin", {"odd_plugin": PLUGIN})
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    sys.modules.pop("odd_plugin", None)


@pytest.mark.parametrize("raised", RAISES)
@pytest.mark.parametrize("where", ["hook", "validate", "class", "extract"])
def test_a_description_of_what_raises_anything_is_one_sentence(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, where: str, raised: str
) -> None:
    monkeypatch.setenv("WHERE", where)
    monkeypatch.setenv("RAISES", raised)
    ended = bench("describe", "odd-net")

    assert (ended.code, ended.out, len(ended.errors)) == (2, "", 1)
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("strict", ["", "1"])
@pytest.mark.parametrize("raised", RAISES)
@pytest.mark.parametrize("where", ["class", "extract", "fit", "predict"])
def test_a_run_goes_on_beside_what_raises_anything(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, where: str, raised: str, strict: str
) -> None:
    monkeypatch.setenv("WHERE", where)
    monkeypatch.setenv("RAISES", raised)
    # For authors, a run keeps the traceback: it need not end for it.
    monkeypatch.setenv("MER_BENCH_STRICT_PLUGINS", strict)
    ended = bench.run("--method", "odd-net", "--method", "majority", "--json")

    assert ended.code == 1, ended.err
    assert [(o["method"], o["folds_done"], o["folds_failed"]) for o in ended.objects] == [
        ("odd-net", 0, 6),
        ("majority", 6, 0),
    ]


@pytest.mark.parametrize("raised", RAISES)
def test_a_hook_that_raises_anything_hides_no_other_plugin(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, raised: str
) -> None:
    monkeypatch.setenv("WHERE", "hook")
    monkeypatch.setenv("RAISES", raised)
    ended = bench("list", "methods")

    assert ended.code == 0
    assert "ahmsa" in ended.out
    assert "odd-net" not in ended.out


def test_a_plugin_that_fails_while_it_validates_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", "validate")
    monkeypatch.setenv("RAISES", "odd")
    monkeypatch.setattr("mer_bench.specs.MethodSpec.__post_init__", _resolving)

    assert "method odd-net: validate failed (Odd: odd)" in bench("plugins").out


def _resolving(spec: object) -> None:
    """Stand for a spec with a preset, which is validated as the plugin is loaded."""
    spec.resolve(None, {})  # type: ignore[attr-defined]


@pytest.mark.parametrize("where", ["hook", "validate", "class", "extract", "fit", "predict"])
@pytest.mark.parametrize(
    "command",
    [("check", "odd-net", "--only", "finite-scores"), ("describe", "odd-net"), ("run", "--method", "odd-net")],
)
def test_what_a_plugin_prints_is_no_part_of_an_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], where: str
) -> None:
    monkeypatch.setenv("WHERE", where)
    monkeypatch.setenv("RAISES", "nothing")
    verb, *arguments = command
    ended = bench.run(*arguments, "--json") if verb == "run" else bench(*command, "--json")

    assert ended.code == 0
    assert "a word of the plugin" not in ended.out
    assert "a word of the plugin" in ended.err or (verb == "describe" and where in ("fit", "predict"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_while_features_are_extracted_says_how_to_go_on(bench: Bench, tmp_path: Path, jobs: int) -> None:
    dwelling = tmp_path / "dwelling"
    process = bench.start(
        *bench.run_arguments("--method", "odd-net", jobs=jobs), env={**os.environ, "DWELL": str(dwelling)}
    )
    assert wait_until(dwelling.exists)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert f"interrupted: 0 of 6 cells are stored in {bench.results}; run the same command again" in err
    assert "Traceback" not in err


def test_ctrl_c_and_a_sentence_pass_the_fence() -> None:
    with pytest.raises(KeyboardInterrupt), foreign_code("method x", "fit"):
        raise KeyboardInterrupt
    with pytest.raises(MerBenchError, match=r"^width is odd$") as refused, foreign_code("method x", "fit"):
        raise MerBenchError("width is odd")

    assert not isinstance(refused.value, ForeignError)


LAZY = """
    def __getattr__(name):
        raise ImportError("torch is not installed")
"""


def test_a_target_that_is_imported_when_it_is_asked_for_may_fail_too(tmp_path: Path) -> None:
    install(tmp_path / "site", "lazy-plugin", {"lazy_plugin": LAZY}, {})

    with pytest.raises(MerBenchError, match=r"module 'lazy_plugin' failed \(ImportError: torch is not installed\)"):
        load_target("lazy_plugin:Net")
