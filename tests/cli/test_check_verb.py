"""``mer-bench check``: what it prints, and how it ends."""

from __future__ import annotations

import pytest
from support.bench import Bench

from mer_bench.testing import CHECKS

QUICKLY = ("--only", "parameters-roundtrip", "--only", "Missing_Class")


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
