"""Plots: each mark stands where its number says, and its tip has the number."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.report_case import write_case
from support.store_factory import make_row, new_store, samples_of, scattered, write_seed

from mer_bench_reports.builder import build_report
from mer_bench_reports.plots import (
    costs,
    differences,
    forest,
    plots,
    recalls,
    selections,
    subjects,
    sweeps,
)
from mer_bench_reports.rendering import render_html
from mer_bench_reports.report_data import Comparison, ReportData
from mer_bench_reports.svg import Box, Line, Plot, Point, Scale, Text

MANY = samples_of([f"{database}/{number}" for database in ("smic", "samm", "casme2") for number in range(4)])
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    return build_report(write_case(tmp_path_factory.mktemp("case"))[0])


@pytest.fixture(scope="module")
def case(report: ReportData) -> Comparison:
    return report.comparisons[0]


def points(plot: Plot | None) -> list[Point]:
    assert plot is not None
    return [part for part in plot.parts if isinstance(part, Point)]


def numbers(text: str) -> list[float]:
    return [float(found) for found in re.findall(r"[+-]?\d+\.\d+", text)]


def axis(plot: Plot) -> Scale:
    """Return the horizontal scale that the ticks of a plot show."""
    ticks = [part for part in plot.parts if isinstance(part, Text) and part.css == "tick"]
    first, last = ticks[0], ticks[-1]
    return Scale(float(first.text), float(last.text), first.x, last.x - first.x)


def test_the_forest_has_each_row_with_scores_at_its_uf1_and_the_highest_first(case: Comparison) -> None:
    plot = forest(case)
    assert plot is not None
    rows = sorted((e for e in case.entries if e.row.means), key=lambda e: -e.row.means["full", "uf1"].value)
    found, scale = points(plot), axis(plot)
    assert len(found) == len(rows) == 5
    whiskers = [part for part in plot.parts if isinstance(part, Line) and part.css == "interval"]
    for entry, point, whisker in zip(rows, found, whiskers, strict=True):
        value, low, high = numbers(point.tip)
        interval = entry.intervals["full", "uf1"]
        assert (value, low, high) == pytest.approx((interval.value, interval.low, interval.high), abs=5e-5)
        assert point.x == pytest.approx(scale.at(value), abs=0.1)
        assert (whisker.x1, whisker.x2) == pytest.approx((scale.at(low), scale.at(high)), abs=0.1)
        assert point.y == whisker.y1 == whisker.y2
    assert [point.y for point in found] == sorted(point.y for point in found)


def test_differences_are_right_of_zero_where_the_leader_is_better(case: Comparison) -> None:
    plot = differences(case)
    assert plot is not None
    assert case.ranking is not None
    [zero] = [part for part in plot.parts if isinstance(part, Line) and part.css == "zero"]
    others = [entry for entry in case.entries if entry.row.record["row_key"] in case.ranking.pairs]
    for entry, point in zip(others, points(plot), strict=True):
        lead = case.ranking.leader.means["full", "uf1"].value - entry.row.means["full", "uf1"].value
        assert numbers(point.tip)[0] == pytest.approx(lead, abs=5e-5)
        assert point.x > zero.x1


def test_recalls_are_those_of_the_pooled_classes(case: Comparison) -> None:
    found = [point for point in points(recalls(case)) if point.tip]
    entry = next(entry for entry in case.entries if entry.row.record["method"]["name"] == "floor")
    [row] = [seed.slices["full"].confusion for seed in entry.row.seeds]
    own = [point for point in found if point.tip.startswith("Floor")]
    for label, point in enumerate(own):
        share = row[label][label] / sum(row[label])
        assert numbers(point.tip)[-1] == pytest.approx(share, abs=5e-5)
        assert point.css == f"class-{label}"
        assert point.x == pytest.approx(4 + 92 * share, abs=0.01)
    assert len({point.x for point in own}) == 3


def test_subjects_come_from_the_best_to_the_one_whom_all_rows_fail(case: Comparison) -> None:
    plot = subjects(case)
    assert plot is not None
    boxes = [part for part in plot.parts if isinstance(part, Box)]
    strips = [[box for box in boxes if box.y == y] for y in sorted({box.y for box in boxes})]
    assert [len(strip) for strip in strips] == [7] * 5
    means = [sum(shares) / 5 for shares in zip(*([box.share for box in strip] for strip in strips), strict=True)]
    assert means == sorted(means, reverse=True)
    assert len({tuple(box.tip.split(":")[0] for box in strip) for strip in strips}) == 1
    correct, size = map(float, re.findall(r"[\d.]+(?= of| correct)", strips[0][0].tip))
    assert strips[0][0].share == pytest.approx(correct / size, abs=1e-3)


def test_the_oracle_stands_beside_the_row_s_own_rule(case: Comparison) -> None:
    found = points(selections(case))
    for own, oracle in zip(found[::2], found[1::2], strict=True):
        assert (own.css, oracle.css) == ("dot", "hollow")
        assert numbers(oracle.tip)[-1] > numbers(own.tip)[-1]
        assert oracle.x > own.x
        assert own.y == oracle.y
    assert len(found) == 4


def test_more_processor_time_is_further_right(case: Comparison) -> None:
    found = {numbers(point.tip)[-1]: point.x for point in points(costs(case))}
    assert [found[time] for time in sorted(found)] == sorted(found.values())
    assert len(found) > 1


@pytest.fixture
def swept(tmp_path: Path) -> ReportData:
    """One method with three widths, in another order than their scores, and one with two."""
    store = new_store(tmp_path)
    for width, salt in ((8, "b"), (16, "d"), (128, "a")):
        write_seed(store, make_row("net", title=HOSTILE, samples=MANY, params={"width": width}), scattered(salt, 4))
    for lr in (0.1, 0.2):
        write_seed(store, make_row("other", samples=MANY, params={"lr": lr}), scattered(str(lr), 3))
    return build_report(store)


def test_a_sweep_of_three_values_has_a_curve_in_the_order_of_the_values(swept: ReportData) -> None:
    comparison = swept.comparisons[0]
    [plot] = sweeps(comparison)
    marks = [point for point in points(plot) if point.tip]
    labels = [part.text for part in plot.parts if isinstance(part, Text) and part.anchor == "middle"]
    entries = [entry for entry in comparison.entries if entry.row.record["method"]["name"] == "net"]
    assert labels == ["8", "16", "128"]
    for metric, own in (("UF1", marks[:3]), ("UAR", marks[3:])):
        expected = [entry.row.means["full", metric.lower()].value for entry in entries]
        assert [numbers(point.tip)[-1] for point in own] == pytest.approx(expected, abs=5e-5)
        assert all(point.tip.startswith(f"{metric}, width=") for point in own)
        # Higher is further up, where pixels are fewer.
        assert sorted(own, key=lambda point: -point.y) == sorted(own, key=lambda point: numbers(point.tip)[-1])


def test_figures_are_valid_and_harmless_and_the_same_each_time(swept: ReportData, report: ReportData) -> None:
    for data in (swept, report):
        page = render_html(data)
        drawn = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
        assert len(drawn) == sum(len(plots(comparison)) for comparison in data.comparisons) > 5
        for svg in drawn:
            root = ElementTree.fromstring(svg)
            assert [child.attrib["id"] for child in root[:2]] == root.attrib["aria-labelledby"].split()
            assert all(child.text for child in root[:2])
        assert page.count("<script") == 2
        assert page == render_html(data)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.62, 0.79, [0.65, 0.7, 0.75]), (-0.05, 0.1, [-0.05, 0, 0.05, 0.1])],
)
def test_ticks_are_round_and_inside(low: float, high: float, ticks: list[float]) -> None:
    assert Scale(low, high, 0, 100).ticks() == pytest.approx(ticks)


def test_a_scale_around_values_holds_them_all_and_nothing_beyond_the_widest() -> None:
    scale = Scale.around([0.91, 0.99], 10, 50, widest=(0, 1))
    assert scale.low <= 0.91 < 0.99 <= scale.high <= 1
    assert (scale.at(scale.low), scale.at(scale.high)) == (10, 60)
    same = Scale.around([0.5, 0.5], 0, 100, widest=(0, 1))
    assert 0 <= same.at(0.5) <= 100
