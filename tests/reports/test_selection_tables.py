"""The table of selection rules in every format, against scores computed by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.latex import latex_tables
from support.rendered import Line, html_tables, markdown_tables, texts
from support.report_case import SAMPLES, Row, Seed, mean_and_deviation
from support.store_factory import N_EPOCHS, make_row, new_store, right, scattered, write_seed

from mer_bench.statistics.luck import luck_curve
from mer_bench.store import Store
from mer_bench.store.schema import RowRecord, Training
from mer_bench_reports import build_report

METRICS = ("uf1", "uar")


def network(title: str, training: Training = "full", **options: Any) -> RowRecord:
    name = title.lower().replace(" ", "-")
    return make_row(name, title=title, family="deep", epochs=True, samples=SAMPLES, training=training, **options)


ROWS = {
    ("both", "last"): Row(
        network("Both net"),
        {
            0: Seed(scattered("b0", 3), scattered("B0", 2)),
            1: Seed(scattered("b1", 4), scattered("B1", 3)),
            2: Seed(scattered("b2", 5), scattered("B2", 5)),
            # Without scores of every epoch: no oracle.
            3: Seed(scattered("b3", 1)),
        },
    ),
    # Seed 2 has no inner training, and seed 4 nothing else.
    ("both", "inner"): Row(
        network("Both net", "inner"),
        {0: Seed(scattered("i0", 6)), 1: Seed(scattered("i1", 2)), 4: Seed(scattered("i4", 4))},
    ),
    ("apart", "last"): Row(
        network("Apart net", params={"patience": 0}), {0: Seed(scattered("a0", 5), scattered("A0", 4))}
    ),
    # Only a training with validation subjects can stop early: these settings are the same.
    ("apart", "inner"): Row(network("Apart net", "inner", params={"patience": 9}), {7: Seed(scattered("a7", 3))}),
    ("broken", "last"): Row(network("Broken net"), {0: Seed(right, right, failed={"samm-006": "no convergence"})}),
    # Another setting than that of the row of `last`.
    ("alone", "last"): Row(network("Alone net", params={"lr": 0.1}), {0: Seed(scattered("l0", 4))}),
    ("alone", "inner"): Row(network("Alone net", "inner", params={"lr": 0.2}), {0: Seed(scattered("l1", 3))}),
}
SEEDS_THAT_COUNT = {
    ("both", "last"): (0, 1),
    ("both", "inner"): (0, 1),
    ("both", "oracle"): (0, 1),
    ("apart", "last"): (0,),
    ("apart", "oracle"): (0,),
    ("apart", "inner"): (7,),
    ("alone", "last"): (0,),
    ("alone", "inner"): (0,),
}
GAPS = {("both", "inner"), ("both", "oracle"), ("apart", "oracle")}
LINES = [
    # what stands in a line: the rows, and the cells of Epochs and Seeds
    ("alone", ("last",), "–", "1"),
    ("apart", ("last", "inner", "oracle"), str(N_EPOCHS), "1; inner: 1"),
    ("both", ("last", "inner", "oracle"), str(N_EPOCHS), "2; oracle: seed 3: folds 0/7"),
    ("broken", ("last", "oracle"), str(N_EPOCHS), "0; last: folds 6/7, 1 failed; oracle: folds 6/7, 1 failed"),
    ("alone", ("inner",), "–", "1"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = new_store(tmp_path_factory.mktemp("selection"))
    for row in ROWS.values():
        for number, seed in row.seeds.items():
            write_seed(made, row.record, seed.predict, seed=number, oracle=seed.oracle, failed=seed.failed)
    write_seed(made, make_row("plain", samples=SAMPLES), scattered("p", 2))
    return made


@pytest.fixture(scope="module")
def files(store: Store) -> dict[str, str]:
    return texts(store)


def score(name: str, rule: str, metric: str) -> tuple[float, float | None] | None:
    """Return mean and deviation of a rule over the seeds that count."""
    row = ROWS[name, "last" if rule == "oracle" else rule]
    seeds = SEEDS_THAT_COUNT.get((name, rule), ())
    scores = [row.oracle_scores(seed) if rule == "oracle" else row.scores(seed) for seed in seeds]
    return mean_and_deviation(scores, ("full", metric))


def gap(name: str, rule: str, metric: str) -> float | None:
    if (name, rule) not in GAPS:
        return None
    own, last = score(name, rule, metric), score(name, "last", metric)
    assert own
    assert last
    return own[0] - last[0]


def guesser() -> Mapping[str, Any]:
    folds = ROWS["both", "last"].record["folds"].values()
    curve = luck_curve([np.array(list(fold["samples"].values())) for fold in folds], 3, [N_EPOCHS])
    return dict(zip(METRICS, curve.at(N_EPOCHS), strict=True))


def cells(name: str, rules: tuple[str, ...], metric: str) -> Line:
    """Return a line's scores by heading."""

    def printed(rule: str) -> str:
        found = score(name, rule, metric) if rule in rules else None
        if found is None:
            return "–"
        return f"{found[0]:.4f}" if found[1] is None else f"{found[0]:.4f} ± {found[1]:.4f}"

    line = {rule: printed(rule) for rule in ("last", "inner", "oracle")}
    for rule in ("inner", "oracle"):
        found = gap(name, rule, metric) if len(rules) > 1 else None
        line[f"{rule} − last"] = "–" if found is None else f"{found:+.4f}"
    own = guesser()[metric]
    limits = f"{own.value:.4f} ({own.low:.4f} to {own.high:.4f})"
    return {**line, "guesser": limits if "oracle" in rules else "–"}


def name_of(name: str, rules: tuple[str, ...]) -> str:
    rows = [(rule, ROWS[name, rule].record) for rule in rules if rule != "oracle"]
    names = [(rule, f"{record['method']['name']}-{record['row_key'][:4]}") for rule, record in rows]
    return names[0][1] if len(names) == 1 else ", ".join(f"{short} ({rule})" for rule, short in names)


def settings_of(name: str, rules: tuple[str, ...]) -> tuple[str, str, str]:
    """Return title, distinction and settings of a line."""
    distinction = {"last": "lr=0.1", "inner": "lr=0.2"}[rules[0]] if name == "alone" else ""
    return f"{name.title()} net", distinction, f"{name_of(name, rules)}; defaults"


EXPECTED = [
    (
        *settings_of(name, rules),
        {"Score": metric.upper(), **cells(name, rules, metric), "Epochs": epochs, "Seeds": seeds},
    )
    for name, rules, epochs, seeds in LINES
    for metric in METRICS
]


def test_the_numbers_of_the_case_are_all_different() -> None:
    values = [text for *_, line in EXPECTED for heading, text in line.items() if heading in ("last", "inner", "oracle")]
    known = [value for value in values if value != "–"]
    assert len(set(known)) == len(known) == 16


def test_the_page_has_each_rule_beside_the_others(files: dict[str, str]) -> None:
    [table] = [table for table in html_tables(files["html"]) if table.under == ("Diagnostic: selection rules",)]
    assert table.caption == "Networks of comparisons 1 and 2, cde@1, input Named maps, full set"
    expected = []
    for title, distinction, settings, line in EXPECTED:
        expected.append({"Method": " ".join(filter(None, (title, distinction))), **line})
        if line["Score"] == "UAR":
            expected[-1]["Settings"] = settings.replace(";", "")
    assert table.lines == expected


def test_markdown_has_the_same_table(files: dict[str, str]) -> None:
    [table] = [t for t in markdown_tables(files["markdown"]) if t.under[0] == "Diagnostic: selection rules"]
    assert table.under[1] == "Networks of comparisons 1 and 2, input Named maps"
    assert table.lines == [
        {"Method": ", ".join(filter(None, (title, distinction))), "Settings": settings, **line}
        for title, distinction, settings, line in EXPECTED
    ]


def test_latex_has_the_same_table(files: dict[str, str]) -> None:
    [table] = [table for table in latex_tables(files["latex"]) if "selection rule, full set" in table.caption]
    assert table.caption == "Networks of comparison 1 and 2 under each selection rule, full set: a diagnostic."

    expected = []
    for title, distinction, settings, line in EXPECTED:
        cells = {heading.replace("−", "-"): text for heading, text in line.items()}
        expected.append({"Row": ", ".join(filter(None, (title, distinction))), **cells})
        if line["Score"] == "UAR":
            expected[-1]["Settings"] = settings
    assert table.lines == expected


def test_json_has_the_same_numbers_in_full_precision(files: dict[str, str]) -> None:
    [table] = json.loads(files["json"])["selection_rules"]
    assert table["comparisons"] == [1, 2]
    own = guesser()
    [at_epochs] = [point for point in table["guesser"] if point["epochs"] == N_EPOCHS]
    assert [at_epochs[metric]["value"] for metric in METRICS] == [own[metric].value for metric in METRICS]
    assert len(table["rows"]) == len(LINES)
    for (name, rules, _, seeds), row in zip(LINES, table["rows"], strict=True):
        assert row["seeds"] == seeds
        assert row["title"] == f"{name.title()} net"
        for metric in METRICS:
            known = {rule: found for rule in rules if (found := score(name, rule, metric))}
            assert set(row[metric]) == set(known)
            for rule, (mean, deviation) in known.items():
                assert row[metric][rule] == {
                    "value": pytest.approx(mean),
                    "std": deviation if deviation is None else pytest.approx(deviation),
                }
        gaps = {
            rule: {metric: pytest.approx(gap(name, rule, metric)) for metric in METRICS}
            for rule in ("inner", "oracle")
            if len(rules) > 1 and (name, rule) in GAPS
        }
        assert row["difference_from_last"] == gaps
        assert (row["guesser"] is not None) == ("oracle" in rules)


def test_there_is_no_table_without_an_oracle_or_a_pair(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    write_seed(store, network("Last net"), scattered("a", 2))
    write_seed(store, network("Inner net", "inner"), scattered("b", 2))
    assert build_report(store).selections == ()
    write_seed(store, network("Last net", "inner"), scattered("c", 2))
    [table] = build_report(store).selections
    assert [sorted(line.means) for line in table.lines] == [["inner", "last"], ["inner"]]
    assert table.curve is None


def test_each_input_has_a_table_of_its_own(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for number, data in enumerate(("one", "two")):
        for training in ("full", "inner"):
            row = network("Net", training, data=data)  # type: ignore[arg-type]
            write_seed(store, row, scattered(data + training, 2), oracle=scattered(f"{number}", 3))
    report = build_report(store)
    assert [table.numbers for table in report.selections] == [(1, 2), (3, 4)]
    assert [len(table.lines) for table in report.selections] == [1, 1]
    for table in report.selections:
        inputs = {report.comparisons[number - 1].input for number in table.numbers}
        assert inputs == {table.comparison.input}


def test_the_section_explains_every_rule_and_the_guesser(files: dict[str, str]) -> None:
    for text in (files["html"], files["markdown"]):
        section = text.partition("Diagnostic: selection rules")[2]
        assert all(re.search(rf"^\W*(<li>)?{rule}: ", section, re.MULTILINE) for rule in ("last", "inner", "oracle"))
        assert "A guesser draws each class as often" in section
