"""How long a run will take, method by method, and which of its rows come first."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.method_instances import BUILT_IN

from mer_bench.databases.open import open_source
from mer_bench.durations import duration_text
from mer_bench.engine import resources
from mer_bench.engine.listener import Part
from mer_bench.engine.order import cost_rank, sample_passes
from mer_bench.engine.resources import Resources
from mer_bench.engine.time_left import TimeLeft, long_trainings
from mer_bench.evaluation.plan import Plan, make_plan
from mer_bench.evaluation.request import Request
from mer_bench.plugin_manager import load_catalogue

MINUTE = 60


def plan_of(*methods: str, **asked: object) -> Plan:
    catalogue = load_catalogue()
    source = open_source("synthetic-maps", {"size": "tiny"}, catalogue)
    return make_plan(Request(methods, baselines=False, **asked), source, catalogue)  # type: ignore[arg-type]


def test_each_method_is_estimated_from_its_own_cells() -> None:
    left = TimeLeft({"cheap": Part(68, jobs=2), "dear": Part(34, jobs=2)})
    before = left.text()
    first_of_cheap = left.done("cheap", 0.5), left.done("cheap", 0.7)
    without_dear = left.text(), left.untimed
    first_of_dear = left.done("dear", 11 * MINUTE)

    assert before == "time left not known yet"
    assert (first_of_cheap, first_of_dear) == ((True, False), True)
    # 66 cells of 0.6 s and 33 of 11 min, two at a time.
    assert without_dear == ("at least 20 s left", ["dear"])
    assert left.of("cheap") == pytest.approx(19.8)
    assert left.of("dear") == pytest.approx(33 * 11 * MINUTE / 2)
    assert (left.text(), left.untimed) == ("3 h 02 min left", [])


def test_the_last_cell_takes_as_long_as_one_however_many_workers_there_are() -> None:
    left = TimeLeft({"net": Part(2, jobs=8)})
    left.done("net", 40)

    assert left.text() == "40 s left"
    left.done("net", 40)
    assert left.text() == "0 s left"


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (Part(340, group=68, jobs=1), "50 min left"),
        (Part(68, group=68, jobs=1), "10 min left"),
        (Part(68, group=68, jobs=2), "10 min left"),
        (Part(340, group=68, jobs=2), "25 min left"),
    ],
)
def test_stacks_are_divided_by_how_many_of_them_run_side_by_side(part: Part, text: str) -> None:
    left = TimeLeft({"net": part})
    left.expect("net", 600 / 68)

    assert left.text() == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "0 s"), (3.14, "3.1 s"), (59.4, "59 s"), (59.6, "1 min"), (59.4 * MINUTE, "59 min")),
        *((59.7 * MINUTE, "1 h 00 min"), (185 * MINUTE, "3 h 05 min")),
    ],
)
def test_durations_are_rounded_as_people_say_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("device", "driver", "preset", "expected"),
    [
        ("cpu", "libc.so.6", None, True),
        ("auto", "no such library", None, True),
        ("auto", "libc.so.6", None, False),
        ("cuda", "no such library", None, False),
        ("cpu", "no such library", "quick", False),
    ],
)
def test_a_training_of_hours_on_a_cpu_is_announced_before_it_starts(
    monkeypatch: pytest.MonkeyPatch, device: str, driver: str, preset: str | None, expected: bool
) -> None:
    monkeypatch.setattr(resources, "_NVIDIA_DRIVER", driver)
    monkeypatch.setattr(resources, "_AMD_DRIVER", Path("no such file"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    overrides = {} if preset else {"inceptr.epochs": 5000}
    plan = plan_of("inceptr", "ststnet", "svm-flow", preset=preset or "paper", overrides=overrides)
    sentences = list(long_trainings(plan, plan.cells, Resources(2, device)))
    # 5000 epochs of six folds with 20 training samples, 115 s for 1000, two at a time: 34 500 s.
    sentence = (
        "inceptr will take hours on a CPU: about 9 h 35 min with --jobs 2, as measured on one machine; "
        "--preset quick (preset='quick' in Python) is a much shorter training of inceptr"
    )

    assert sentences == ([sentence] if expected else [])


def test_a_stack_on_a_cpu_is_one_training_however_many_workers_there_are() -> None:
    plan = plan_of("ahmsa", preset="quick", overrides={"epochs": 30_000})
    one, stack = (list(long_trainings(plan, plan.cells, Resources(2, "cpu", stack=size))) for size in (None, 6))

    # Six folds with 20 training samples, 2.6 s for 1000.
    assert "about 1 h 18 min with --jobs 2" in one[0]
    assert "about 2 h 36 min with --jobs 2" in stack[0]


def test_the_rows_of_a_sweep_that_cost_the_same_are_announced_together() -> None:
    plan = plan_of("ahmsa", preset="quick", overrides={"epochs": 10_000}, grid={"lr": "1,2,4", "width": "96,384"})
    known, unknown = long_trainings(plan, plan.cells, Resources(2, "cpu"))

    # Three rows of six folds with 20 training samples, 2.6 s for 1000, two at a time: 4680 s; each alone takes 1560 s.
    assert known.startswith("ahmsa will take hours on a CPU: about 1 h 18 min with --jobs 2")
    assert "an epoch of 1000 samples takes more than 2.0 s on one thread" in unknown


def test_stored_cells_do_not_count_nor_is_a_chosen_quick_preset_named() -> None:
    plan = plan_of("ahmsa", preset="quick", overrides={"epochs": 50_000})
    pending = [cell for cell in plan.cells if cell.fold.startswith("s")]
    (sentence,) = long_trainings(plan, pending, Resources(2, "cpu"))

    # Four folds with 20 training samples, 2.6 s for 1000, two at a time.
    assert sentence.startswith("ahmsa will take hours on a CPU: about 1 h 27 min with --jobs 2")
    assert "quick" not in sentence
    assert not list(long_trainings(plan, pending[:1], Resources(2, "cpu")))


def test_a_network_that_was_not_measured_is_said_to_have_an_unknown_cost() -> None:
    plan = plan_of("ahmsa", preset="quick", overrides={"epochs": 10_000, "width": 384})
    (sentence,) = long_trainings(plan, plan.cells, Resources(2, "cpu"))

    # Six folds with 20 training samples, two at a time: 600 000 samples.
    assert sentence == (
        "ahmsa may take hours on a CPU, but how fast it trains is not known: with --jobs 2 it takes more than an hour "
        "if an epoch of 1000 samples takes more than 6.0 s on one thread"
    )
    few = plan_of("ahmsa", preset="quick", overrides={"epochs": 1000, "width": 384})
    assert not list(long_trainings(few, few.cells, Resources(2, "cpu")))


def test_every_built_in_network_has_a_measured_cost() -> None:
    assert {name for name, spec in BUILT_IN.items() if spec.training_seconds} == {
        name for name, spec in BUILT_IN.items() if spec.trains_by_epoch
    }


def test_cheap_rows_come_first_whatever_their_order() -> None:
    methods = ("off-apexnet", "ststnet", "bi-woof", "svm-flow", "random", "ahmsa", "majority")
    order = ["majority", "random", "svm-flow", "bi-woof", "ststnet", "ahmsa", "off-apexnet"]
    rows = plan_of(*methods, preset="paper").rows

    assert [row.name for row in sorted(rows, key=cost_rank)] == order
    assert {row.name: sample_passes(row, row.folds) for row in rows if row.name in ("svm-flow", "ststnet")} == {
        "svm-flow": 0,
        "ststnet": 500 * 6 * 20,
    }
