"""The plots of selection rules: slopes, curves of every epoch, and the guesser."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from support.report_case import SAMPLES
from support.store_factory import N_EPOCHS, make_row, new_store, scattered, write_seed

from mer_bench.luck import SHOWN_EPOCHS
from mer_bench.store import Store
from mer_bench_reports.builder import build_report
from mer_bench_reports.plots.selection import luck, slopes, training
from mer_bench_reports.report_data import SelectionTable
from mer_bench_reports.svg import Curve, Line, Plot, Point, Text


def write_epochs(store: Store, name: str, numbers: dict[str, int]) -> None:
    """Give the stored folds of a row other numbers of epochs: random scores, with the cell's own in the last one."""
    [row] = [row for row in store.rows() if (row["method"]["name"], row["training"]) == (name, "full")]
    draws = np.random.default_rng(len(name))
    for fold, known in row["folds"].items():
        cell = store.read_cell(row, 0, fold)
        assert cell is not None
        n_epochs = numbers.get(fold, numbers[""])
        scores = draws.random((n_epochs, len(known["samples"]), 3), dtype=np.float32)
        scores[-1] = [prediction["scores"] for prediction in cell["predictions"]]
        cell["epoch_scores"] = store.write_epoch_scores(cell["key"], list(known["samples"]), scores)
        cell["selected_epoch"] = n_epochs - 1
        store.write_cell(row, cell)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> SelectionTable:
    """A long network that has an inner training too, a short one, and one of which a fold stopped early."""
    store = new_store(tmp_path_factory.mktemp("rules"))
    for name, n_right in (("long", 4), ("short", 5), ("stopped", 3)):
        row = make_row(name, epochs=True, samples=SAMPLES)
        write_seed(store, row, scattered(name, n_right), oracle=scattered(f"{name}!", 6))
    write_seed(store, make_row("long", epochs=True, samples=SAMPLES, training="inner"), scattered("inner", 2))
    write_epochs(store, "long", {"": 400})
    write_epochs(store, "stopped", {"": 37, "samm-007": 20})
    [made] = build_report(store).selections
    return made


def points(plot: Plot | None) -> list[Point]:
    assert plot is not None
    return [part for part in plot.parts if isinstance(part, Point) and part.tip]


def value(point: Point) -> float:
    return float(point.tip.rpartition(": ")[2])


def test_slopes_have_each_rule_and_the_guesser_at_its_score(table: SelectionTable) -> None:
    plot = slopes(table)
    assert plot is not None
    found = points(plot)
    ticks = [part for part in plot.parts if isinstance(part, Text) and part.css == "tick"]
    per_unit = (ticks[-1].x - ticks[0].x) / (float(ticks[-1].text) - float(ticks[0].text))
    expected = []
    for line in table.lines:
        title = line.entry.row.record["method"]["title"]
        expected += [
            (f"{title}, {rule}", line.means[rule]["full", "uf1"].value)
            for rule in ("last", "inner", "oracle")
            if rule in line.means
        ]
        assert line.guesser is not None
        expected.append((f"{title}, guesser", line.guesser[0].value))
    assert len(expected) == 3 + 4 + 3
    assert [(point.tip.rpartition(": ")[0], value(point)) for point in found] == [
        (text, pytest.approx(score, abs=5e-5)) for text, score in expected
    ]
    for point, (_, score) in zip(found, expected, strict=True):
        assert point.x == pytest.approx(ticks[0].x + per_unit * (score - float(ticks[0].text)), abs=0.1)
    looks = {point.tip.split(", ")[1].split(":")[0]: (point.css, point.shape) for point in found}
    assert len(set(looks.values())) == len(looks) == 4
    # What it means stands below, in the same look.
    legend = [(part.css, part.shape) for part in plot.parts if isinstance(part, Point) and not part.tip]
    assert sorted(legend) == sorted(looks.values())


def test_a_line_joins_the_scores_of_a_row(table: SelectionTable) -> None:
    plot = slopes(table)
    assert plot is not None
    lines = [part for part in plot.parts if isinstance(part, Line) and part.css == "interval"]
    assert len(lines) == 3
    for line in lines:
        own = [point.x for point in points(plot) if point.y == line.y1 and "guesser" not in point.tip]
        assert (line.x1, line.x2) == (min(own), max(own))
        assert line.x1 < line.x2


def test_training_curves_end_at_the_score_of_the_row(table: SelectionTable) -> None:
    [plot] = training(table)
    best, last = points(plot)[::2], points(plot)[1::2]
    curves = [part for part in plot.parts if isinstance(part, Curve)]
    assert len(curves) == len(best) == len(last) == 3
    longest = 400
    for line, curve, own_best, own_last in zip(table.lines, curves, best, last, strict=True):
        stored = line.entry.row.epochs.curve
        assert stored is not None
        assert value(own_last) == pytest.approx(line.entry.row.means["full", "uf1"].value, abs=5e-5)
        assert value(own_best) == pytest.approx(stored[:, 0].max(), abs=5e-5)
        assert f"epoch {stored[:, 0].argmax() + 1}, diagnostic" in own_best.tip
        assert (own_last.css, own_best.css) == ("dot", "hollow")
        assert own_last.x == pytest.approx(10 + 86 * (len(stored) - 1) / (longest - 1), abs=0.1)
        x, y = curve.places[-1]
        assert curve.x + curve.width * x / 1000 == pytest.approx(own_last.x, abs=0.1)
        assert y == own_last.y
        # Further up is better, and pixels are fewer there.
        assert own_best.y == min(y for _, y in curve.places)
        assert len(curve.places) == len(stored) if len(stored) < 200 else 200 <= len(curve.places) <= 201


def test_training_says_that_it_is_no_result_and_where_folds_stopped_early(
    table: SelectionTable, tmp_path: Path
) -> None:
    [plot] = training(table)
    assert "a diagnostic, no result" in plot.description
    assert plot.description.endswith("A fold that stopped early keeps its last epoch.")
    store = new_store(tmp_path)
    write_seed(store, make_row("net", epochs=True, samples=SAMPLES), scattered("a", 4), oracle=scattered("b", 6))
    [same] = build_report(store).selections
    [plain] = training(same)
    assert "stopped" not in plain.description


def test_epochs_of_a_row_whose_folds_stop_early_are_a_range(table: SelectionTable) -> None:
    found = {line.entry.row.record["method"]["name"]: line.entry.row.epochs for line in table.lines}
    ranges = {name: (epochs.fewest, epochs.most) for name, epochs in found.items()}
    assert ranges == {"long": (400, 400), "short": (N_EPOCHS, N_EPOCHS), "stopped": (20, 37)}
    assert {line.epochs for line in table.lines} == {400, N_EPOCHS, 37}


def test_each_oracle_stands_at_its_number_of_epochs_beside_the_guesser(table: SelectionTable) -> None:
    plot = luck(table)
    assert plot is not None
    assert table.curve is not None
    band, mean = (part for part in plot.parts if isinstance(part, Curve))
    assert (band.is_band, mean.is_band) == (True, False)
    assert len(mean.places) == len(table.curve.epochs)
    assert len(band.places) == 2 * len(mean.places)
    # The axis goes from 1 to 1000 epochs.
    assert SHOWN_EPOCHS[-1] == 1000
    per_decade = 92 / 3
    for line, point in zip(table.lines, points(plot), strict=True):
        assert point.x == pytest.approx(4 + per_decade * math.log10(line.epochs), abs=0.1)
        assert point.tip.endswith(f": {line.means['oracle']['full', 'uf1'].value:.4f}, {line.epochs} epochs")
        place = table.curve.epochs.index(line.epochs)
        x, y = mean.places[place]
        assert mean.x + mean.width * x / 1000 == pytest.approx(point.x, abs=0.1)
        assert line.guesser is not None
        is_better = line.means["oracle"]["full", "uf1"].value > line.guesser[0].value
        assert (point.y < y) == is_better
        low, high = band.places[place], band.places[-1 - place]
        assert low[1] > y > high[1]
        assert low[0] == high[0] == x
    # Inside the plot; the values of the axis are below.
    texts = [part for part in plot.parts if isinstance(part, Text) and part.anchor == "middle" and part.y < 235]
    assert [part.text for part in texts] == ["1", "2", "3"]
    for part, point in zip(texts, points(plot), strict=True):
        assert abs(part.x - point.x) < 4
        assert abs(part.y - point.y) < 10


def test_without_an_oracle_there_is_neither_a_curve_nor_a_guesser(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for training_kind in ("full", "inner"):
        row = make_row("net", epochs=True, samples=SAMPLES, training=training_kind)  # type: ignore[arg-type]
        write_seed(store, row, scattered(training_kind, 4))
    [made] = build_report(store).selections
    assert (training(made), luck(made)) == ([], None)
    assert len(points(slopes(made))) == 2
