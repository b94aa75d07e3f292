"""``mer-bench check``: what it prints, and how it ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.bench import Bench
from support.hostile import install

from mer_bench.testing import CHECKS

DEADLY = """
    import ctypes
    import os

    from mer_bench import Method, MethodSpec, Representation, hookimpl


    class Deadly(Method):
        def fit(self, train, *, seed):
            match self.spec.name:
                case "leaves":
                    os._exit(0)
                case "crashes":
                    ctypes.string_at(1)
                case "interrupts":
                    raise KeyboardInterrupt

        def predict(self, test):
            raise AssertionError("unreached")


    @hookimpl
    def mer_bench_methods():
        for name in ("leaves", "crashes", "interrupts"):
            yield MethodSpec(name, "1", name, "deadly_plugin:Deadly", Representation("face-flow"), "handcrafted")
"""
QUICKLY = ("--only", "parameters-roundtrip", "--only", "Missing_Class")


@pytest.mark.slow
def test_a_line_a_check_in_the_order_of_the_checks(bench: Bench) -> None:
    """A method named twice is checked once; a preset and a setting go to the methods that have them."""
    settings = ("--preset", "linear", "--set", "svm_flow.C=2")
    ended = bench("check", "svm_flow", "majority", "Majority", *QUICKLY, *settings)

    assert ended.code == 0
    assert ended.out.splitlines() == [
        "passed   svm-flow parameters-roundtrip",
        "passed   svm-flow missing-class",
        "passed   majority parameters-roundtrip",
        "passed   majority missing-class",
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
def test_a_failed_check_says_why_and_ends_with_one(bench: Bench) -> None:
    arguments = ("words", "good", "--only", "finite-scores", "--only", "samples-independent")
    ended = bench("check", *arguments)

    assert ended.code == 1
    assert ended.out.splitlines() == [
        "failed   words finite-scores: scores are of type <U32, not real numbers",
        "skipped  words samples-independent: fix finite-scores first",
        "passed   good finite-scores",
        "passed   good samples-independent",
    ]
    of_words, of_good = bench("check", *arguments, "--json").objects
    assert set(of_words) == {"method", "version", "checks"}
    assert [(check["check"], check["status"]) for check in of_words["checks"]] == [
        ("finite-scores", "failed"),
        ("samples-independent", "skipped"),
    ]
    assert of_words["checks"][1]["message"] == "fix finite-scores first"
    assert [check["status"] for check in of_good["checks"]] == ["passed", "passed"]


@pytest.mark.slow
def test_a_method_that_ends_its_process_fails_and_the_others_are_checked(bench: Bench, tmp_path: Path) -> None:
    install(tmp_path / "site", "deadly-plugins", {"deadly_plugin": DEADLY})
    python_path = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    checks = ("--only", "parameters-roundtrip", "--only", "finite-scores", "--only", "worker-processes")
    names = ("leaves", "crashes", "interrupts", "majority")
    # In a process of its own: a method that ended it would end the tests.
    ended = bench.spawn("check", *names, *checks, env={**os.environ, "PYTHONPATH": python_path})

    assert ended.code == 1
    assert ended.out.splitlines() == [
        "passed   leaves parameters-roundtrip",
        "failed   leaves finite-scores: its process ended with exit code 0 before it returned",
        "skipped  leaves worker-processes: fix finite-scores first",
        "passed   crashes parameters-roundtrip",
        "failed   crashes finite-scores: its process was killed (SIGSEGV)",
        "skipped  crashes worker-processes: fix finite-scores first",
        "passed   interrupts parameters-roundtrip",
        "failed   interrupts finite-scores: KeyboardInterrupt",
        "skipped  interrupts worker-processes: fix finite-scores first",
        "passed   majority parameters-roundtrip",
        "passed   majority finite-scores",
        "passed   majority worker-processes",
    ]


def test_the_checks_are_listed(bench: Bench) -> None:
    ended = bench("check", "--list")

    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.splitlines()[2:]] == [check.name for check in CHECKS]
    assert all(check.doc in ended.out for check in CHECKS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no method named"),
        (("majority", "--only", "class-cont"), "unknown check 'class-cont' (did you mean 'class"),
    ],
)
def test_bad_input_is_one_sentence_and_ends_with_two(bench: Bench, arguments: tuple[str, ...], message: str) -> None:
    ended = bench("check", *arguments)

    assert (ended.code, ended.out, len(ended.errors)) == (2, "", 1)
    assert message in ended.errors[0]
