"""``mer-bench check``: what it prints, and how it ends."""

from __future__ import annotations

import pytest
from support.bench import Bench

from mer_bench.testing import CHECKS

QUICKLY = ("--only", "parameters-roundtrip", "--only", "Missing_Class")


def test_a_line_a_check_in_the_order_of_the_checks(bench: Bench) -> None:
    ended = bench("check", "svm_flow", "majority", *QUICKLY)

    assert ended.code == 0
    assert ended.out.splitlines() == [
        "passed   svm-flow parameters-roundtrip",
        "passed   svm-flow missing-class",
        "passed   majority parameters-roundtrip",
        "passed   majority missing-class",
    ]


def test_a_method_named_twice_is_checked_once(bench: Bench) -> None:
    assert len(bench("check", "majority", "Majority", *QUICKLY).out.splitlines()) == 2


@pytest.mark.usefixtures("naughty")
def test_a_failed_check_says_why_and_ends_with_one(bench: Bench) -> None:
    ended = bench("check", "words", "good", "--only", "finite-scores", "--only", "samples-independent")

    assert ended.code == 1
    assert ended.out.splitlines() == [
        "failed   words finite-scores: scores hold NaN, infinite or other values that are not real numbers",
        "skipped  words samples-independent: fix finite-scores first",
        "passed   good finite-scores",
        "passed   good samples-independent",
    ]


@pytest.mark.usefixtures("naughty")
def test_json_has_one_object_a_method(bench: Bench) -> None:
    ended = bench("check", "nan", "good", "--only", "finite-scores", "--only", "sample-order", "--json")
    ways = {checked["method"]: {c["check"]: c["status"] for c in checked["checks"]} for checked in ended.objects}

    assert ended.code == 1
    assert ways == {
        "nan": {"finite-scores": "failed", "sample-order": "skipped"},
        "good": {"finite-scores": "passed", "sample-order": "passed"},
    }
    assert [c["message"] for c in ended.objects[0]["checks"]][1] == "fix finite-scores first"
    assert set(ended.objects[0]) == {"method", "version", "checks"}


def test_the_checks_are_listed(bench: Bench) -> None:
    ended = bench("check", "--list")

    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.splitlines()[2:]] == [check.name for check in CHECKS]
    assert all(check.doc in ended.out for check in CHECKS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no method named"),
        (("majorty",), "unknown method 'majorty' (did you mean 'majority'?)"),
        (("majority", "--only", "class-cont"), "unknown check 'class-cont' (did you mean 'class-count'?)"),
    ],
)
def test_bad_input_is_one_sentence_and_ends_with_two(bench: Bench, arguments: tuple[str, ...], message: str) -> None:
    ended = bench("check", *arguments)

    assert ended.code == 2
    assert ended.out == ""
    assert len(ended.errors) == 1
    assert message in ended.errors[0]


def test_a_preset_and_a_parameter_go_to_the_methods_that_have_them(bench: Bench) -> None:
    arguments = ("--preset", "linear", "--set", "svm_flow.C=2", "--only", "finite-scores")
    ended = bench("check", "majority", "svm-flow", *arguments)

    assert ended.code == 0
    assert ended.out.splitlines() == ["passed   majority finite-scores", "passed   svm-flow finite-scores"]
