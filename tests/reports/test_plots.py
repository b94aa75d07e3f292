"""Plots: each mark stands where its number says, and its tip has the number."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.report_case import SAMPLES, write_case
from support.store_factory import make_row, new_store, right, samples_of, scattered, write_seed, wrong_for

from mer_bench_reports.builder import build_report
from mer_bench_reports.plots import costs, differences, forest, plots, recalls, selection_plots, subjects, sweeps
from mer_bench_reports.rendering import render_html
from mer_bench_reports.report_data import Comparison, Entry, ReportData
from mer_bench_reports.svg import Box, Curve, Line, Plot, Point, Scale, Text

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
        assert point.shape == ("circle", "diamond", "square")[label]
        assert point.x == pytest.approx(4 + 92 * share, abs=0.01)
    assert len({point.x for point in own}) == 3


def test_subjects_come_from_the_best_to_the_one_whom_all_rows_fail(case: Comparison) -> None:
    plot = subjects(case)
    assert plot is not None
    # Those of the legend below have no tip.
    boxes = [part for part in plot.parts if isinstance(part, Box) and part.tip]
    strips = [[box for box in boxes if box.y == y] for y in sorted({box.y for box in boxes})]
    assert [len(strip) for strip in strips] == [7] * 5
    means = [sum(shares) / 5 for shares in zip(*([box.share for box in strip] for strip in strips), strict=True)]
    assert means == sorted(means, reverse=True)
    assert len({tuple(box.tip.split(":")[0] for box in strip) for strip in strips}) == 1
    correct, size = map(float, re.findall(r"[\d.]+(?= of| correct)", strips[0][0].tip))
    assert strips[0][0].share == pytest.approx(correct / size, abs=1e-3)


def test_a_row_with_an_incomplete_seed_is_named_with_its_seeds(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for seed in range(3):
        write_seed(store, make_row("a", samples=MANY), right, seed=seed, missing=["smic-0"] if seed else [])
    (comparison,) = build_report(store).comparisons
    plot = forest(comparison)
    assert plot is not None
    assert "A (1 of 3 seeds)" in [part.text for part in plot.parts if isinstance(part, Text)]


@pytest.mark.parametrize(
    ("failed", "sentence"),
    [
        ((), "There is no subject of whom"),
        (("smic/2",), "There is 1 subject of"),
        (("smic/2", "samm"), "There are 5 subjects"),
    ],
)
def test_subjects_whom_all_rows_fail_are_counted(tmp_path: Path, failed: tuple[str, ...], sentence: str) -> None:
    store = new_store(tmp_path)
    for name, other in (("a", "casme2/0"), ("b", "casme2/1")):
        write_seed(store, make_row(name, samples=MANY), wrong_for(*failed, other))
    (comparison,) = build_report(store).comparisons
    plot = subjects(comparison)
    assert plot is not None
    assert sentence in plot.description


def test_more_processor_time_is_further_right(case: Comparison) -> None:
    found = {numbers(point.tip)[-1]: point.x for point in points(costs(case))}
    assert [found[time] for time in sorted(found)] == sorted(found.values())
    assert len(found) > 1


@pytest.fixture
def swept(tmp_path: Path) -> ReportData:
    """One method with three widths, in another order than their scores, and once more; one with two, and a grid."""
    store = new_store(tmp_path)
    for width, salt in ((8, "b"), (16, "d"), (128, "a")):
        write_seed(store, make_row("net", title=HOSTILE, samples=MANY, params={"width": width}), scattered(salt, 4))
    # Another preset of the same method is no setting of the sweep.
    write_seed(store, make_row("net", title=HOSTILE, samples=MANY, params={"width": 4}, preset="paper"), right)
    for lr in (0.1, 0.2):
        write_seed(store, make_row("other", samples=MANY, params={"lr": lr}), scattered(str(lr), 3))
    for lr, blocks in ((0.1, [1, 8]), (0.1, [2, 8]), (0.2, [1, 8]), (0.2, [2, 8])):
        params = {"blocks": blocks, "lr": lr, "side": 28}
        write_seed(store, make_row("grid", samples=MANY, params=params), scattered(f"{lr}{blocks}", 3))
    return build_report(store)


def entries_of(comparison: Comparison, name: str, preset: str = "") -> list[Entry]:
    records = [(entry, entry.row.record) for entry in comparison.entries]
    return [e for e, own in records if (own["method"]["name"], own["settings"]["preset"]) == (name, preset)]


def test_a_sweep_of_one_parameter_has_a_panel_for_each_slice_in_the_order_of_the_values(swept: ReportData) -> None:
    comparison = swept.comparisons[0]
    plot = next(plot for plot in sweeps(comparison) if plot.title.startswith(HOSTILE))
    assert plot.title == f"{HOSTILE} by width"
    marks = [point for point in points(plot) if point.tip]
    labels = [part.text for part in plot.parts if isinstance(part, Text) and part.anchor == "middle"]
    assert labels == ["8", "16", "128"] * 4 + ["width"]
    groups = [(part, metric) for part in ("full", "smic", "samm", "casme2") for metric in ("uf1", "uar")]
    assert len(marks) == 3 * len(groups)
    titles = {"full": "Full", "smic": "SMIC", "samm": "SAMM", "casme2": "CASME II"}
    for number, (part, metric) in enumerate(groups):
        own = marks[3 * number : 3 * number + 3]
        expected = [entry.row.means[part, metric].value for entry in entries_of(comparison, "net")]
        assert [float(point.tip.rpartition(": ")[2]) for point in own] == pytest.approx(expected, abs=5e-5)
        assert all(point.tip.startswith(f"{titles[part]} {metric.upper()}, width=") for point in own)
        assert {point.shape for point in own} == {"circle" if metric == "uf1" else "diamond"}
        # Higher is further up, where pixels are fewer.
        by_score = sorted(own, key=lambda point: float(point.tip.rpartition(": ")[2]))
        assert sorted(own, key=lambda point: -point.y) == by_score
    curves = [part for part in plot.parts if isinstance(part, Curve)]
    assert [bool(curve.dash) for curve in curves] == [False, True] * 4
    for curve, own in zip(curves, (marks[3 * n : 3 * n + 3] for n in range(8)), strict=True):
        assert [y for _, y in curve.places] == [point.y for point in own]
        assert [curve.x + curve.width * x / 1000 for x, _ in curve.places] == pytest.approx(
            [point.x for point in own], abs=0.1
        )


def test_a_sweep_of_two_parameters_has_a_line_for_each_combination(swept: ReportData) -> None:
    comparison = swept.comparisons[0]
    [plot] = [plot for plot in sweeps(comparison) if plot.title.startswith("Grid")]
    assert plot.title == "Grid by blocks, lr"
    entries = entries_of(comparison, "grid")
    texts = [part.text for part in plot.parts if isinstance(part, Text) and "=" in part.text]
    assert texts == ["blocks=1,8, lr=0.1", "blocks=1,8, lr=0.2", "blocks=2,8, lr=0.1", "blocks=2,8, lr=0.2"]
    marks, scale = [point for point in points(plot) if point.tip], axis(plot)
    for entry, uf1, uar in zip(entries, marks[::2], marks[1::2], strict=True):
        for point, metric in ((uf1, "uf1"), (uar, "uar")):
            value = entry.row.means["full", metric].value
            assert point.x == pytest.approx(scale.at(value), abs=0.2)
            assert point.tip.startswith(metric.upper())
            assert float(point.tip.rpartition(": ")[2]) == pytest.approx(value, abs=5e-5)
        assert uf1.y == uar.y
        assert uf1.shape != uar.shape


def test_many_or_long_values_of_one_parameter_have_a_line_each(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for width in range(12):
        params = {"width": 1000 + width}
        write_seed(store, make_row("net", samples=MANY, params=params), scattered(f"m{width}", 3))
    [plot] = sweeps(build_report(store).comparisons[0])
    shown = [part for part in plot.parts if isinstance(part, Text) and part.text.startswith("width=1")]
    assert len(shown) == 12
    assert len({part.y for part in shown}) == 12


def test_plots_are_valid_and_harmless_and_the_same_each_time(swept: ReportData, report: ReportData) -> None:
    for data in (swept, report):
        page = render_html(data)
        drawn = re.findall(r"<svg role.*?</svg>\n<p>", page, re.DOTALL)
        expected = [plot for comparison in data.comparisons for plot in plots(comparison)]
        expected += [plot for table in data.selections for plot in selection_plots(table)]
        assert len(drawn) == len(expected) > 5
        ids: list[str] = []
        for svg, plot in zip(drawn, expected, strict=True):
            root = ElementTree.fromstring(svg.removesuffix("\n<p>"))
            assert [child.attrib["id"] for child in root[:2]] == root.attrib["aria-labelledby"].split()
            assert [child.text for child in root[:2]] == [plot.title, plot.description]
            ids += root.attrib["aria-labelledby"].split()
        assert len(set(ids)) == len(ids)
        assert page.count("<script") == 2
        assert page == render_html(data)


def test_two_reports_of_the_same_store_have_the_same_plots(tmp_path: Path) -> None:
    store, _ = write_case(tmp_path)
    first, second = (build_report(store) for _ in range(2))
    assert first is not second
    for one, other in ((first.comparisons, second.comparisons), (first.selections, second.selections)):
        assert len(one) > 0
        for own, again in zip(one, other, strict=True):
            drawn = plots(own) if isinstance(own, Comparison) else selection_plots(own)
            assert drawn == (plots(again) if isinstance(again, Comparison) else selection_plots(again))


def test_every_plot_with_an_axis_names_it(swept: ReportData, report: ReportData) -> None:
    for data in (swept, report):
        drawn = [plot for comparison in data.comparisons for plot in plots(comparison)]
        drawn += [plot for table in data.selections for plot in selection_plots(table)]
        for plot in drawn:
            names = [part.text for part in plot.parts if isinstance(part, Text) and part.css == "axis"]
            assert names, plot.title
            assert all(names)


def test_nothing_of_a_plot_is_beyond_its_edges(swept: ReportData, report: ReportData) -> None:
    for data in (swept, report):
        drawn = [plot for comparison in data.comparisons for plot in plots(comparison)]
        drawn += [plot for table in data.selections for plot in selection_plots(table)]
        for plot in drawn:
            for part in plot.parts:
                if isinstance(part, (Point, Text)):
                    assert 0 <= part.x <= 100, (plot.title, part)
                    assert 0 <= part.y <= plot.height, (plot.title, part)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """Twenty rows with long names and much alike scores, times and numbers of epochs."""
    store = new_store(tmp_path_factory.mktemp("crowd"))
    for number in range(20):
        title = f"A network of quite a long name, which is number {number} of twenty"
        row = make_row(f"net{number}", title=title, epochs=True, samples=SAMPLES, preset="quick", reference="paper")
        row["settings"]["differs"] = {"epochs": number}
        write_seed(store, row, scattered(f"c{number % 6}", 4), oracle=scattered(f"d{number % 5}", 6))
    return build_report(store)


def test_texts_of_twenty_rows_do_not_overlap_on_a_telephone(crowd: ReportData) -> None:
    """A letter of 12 pixels is about 6.2 wide, and a telephone's plot about 350."""
    [table] = crowd.selections
    drawn = [*plots(crowd.comparisons[0]), *selection_plots(table)]
    assert len(drawn) == 10
    # The panels of twenty trainings do not fit on one printed page.
    assert max(plot.height for plot in drawn) < 1000
    for plot in drawn:
        boxes = []
        for part in plot.parts:
            if isinstance(part, Text):
                width = len(part.text) * (6.2 if part.css != "tick" else 5.6)
                left = 3.5 * part.x - {"start": 0, "middle": width / 2, "end": width}[part.anchor]
                boxes.append((left, left + width, part.y - 9, part.y, part.text))
        for number, (left, end, top, bottom, text) in enumerate(boxes):
            assert left > -6, (plot.title, text)
            assert end < 362, (plot.title, text)
            for other in boxes[:number]:
                apart = left >= other[1] or end <= other[0] or top >= other[3] or bottom <= other[2]
                assert apart, (plot.title, text, other[4])


def test_a_label_that_is_cut_has_the_whole_one_as_its_tip(crowd: ReportData) -> None:
    plot = forest(crowd.comparisons[0])
    assert plot is not None
    cut = [part for part in plot.parts if isinstance(part, Text) and part.text.endswith("…")]
    assert len(cut) == 20
    assert {part.tip for part in cut} == {
        f"A network of quite a long name, which is number {number} of twenty, quick" for number in range(20)
    }


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
