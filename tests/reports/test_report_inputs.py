"""What each table's rows were computed from: named in every format, and never mixed."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.latex import score_tables
from support.rendered import Table, html_tables, markdown_tables, texts, visible
from support.store_factory import always, make_row, right, write_seed

from mer_bench.store import Store
from mer_bench_reports import build_report

FACTS = ("example.org/two", "Someone 2020", "MIT", "tv-l1", "u, v, os", "per-map-8bit")
FRAMES = {"align_by": "dlib", "size": 192}
FLOW = {**FRAMES, "flow": "tv-l1", "tvl1_tau": 0.25}


def test_with_two_sets_of_maps_no_table_mixes_them(store: Store) -> None:
    """Each row's title says which set it belongs to, and so must the head of the table in which it stands."""
    for data, seeds in (("one", 1), ("two", 2)):
        for name in ("net", "svm"):
            row = make_row(name, title=f"{name} on {data}", data=data, input_name=f"Maps {data}", epochs=name == "net")
            for seed in range(seeds):
                write_seed(store, row, right, seed=seed, oracle=always(1) if name == "net" else None)
    rendered = texts(store)
    page = [table for table in html_tables(rendered["html"]) if "Method" in table.lines[0]]
    measured = [table for table in page if not table.under[0].startswith("Published")]
    heads = [(table.caption, methods(table)) for table in [*measured, *score_tables(rendered["latex"])]]
    inputs = dict(re.findall(r"\n## (Comparison .*)\n(?:.*\n)*?(Input: .*)", rendered["markdown"]))
    heads += [
        (inputs.get(table.under[0], table.under[-1]), methods(table))
        for table in markdown_tables(rendered["markdown"])
        if {"Method", "Settings"} <= set(table.lines[0])
    ]
    by_comparison: dict[str, list[str]] = {}
    for line in csv.DictReader(rendered["csv"].splitlines()):
        if line["kind"] != "published":
            by_comparison.setdefault(f"{line['comparison']}: {line['input']}", []).append(line["title"])

    assert len(heads) == (2 + 2) + 2 + (2 + 2)
    assert len(by_comparison) == 2
    for head, titles in [*heads, *by_comparison.items()]:
        (data,) = {title.partition(" on ")[2] for title in titles}
        assert re.findall(r"Maps (\w+)", head) == [data]


def methods(table: Table) -> list[str]:
    return [" ".join(line["Method"].split()[:3]) for line in table.lines]


@pytest.mark.parametrize("kind", ["html", "markdown", "latex"])
def test_the_head_of_a_comparison_names_its_input(store: Store, kind: str) -> None:
    row = make_row(data="two", input_name="Maps two")
    write_seed(store, row, right)
    text = texts(store)[kind]
    head = visible(text).partition("Baselines")[0] if kind != "latex" else text
    assert all(fact in head for fact in ("Maps two", *FACTS, row["input"]["digest"][:12], "none, ready-made"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"input_name": "Other maps"}, "other input: {} here, {} there"),
        ({"scale": "per-map"}, "the input is described otherwise"),
        ({"data": "other"}, "other data: casme2, samm and smic"),
    ],
)
def test_another_input_is_another_comparison(store: Store, changes: Mapping[str, Any], reason: str) -> None:
    """The facts tell even if the fingerprints do not."""
    rows = [make_row(), make_row("svm", **changes)]
    for row in rows:
        row["fingerprints"] = row["fingerprints"] if "data" in changes else {"smic": "3f", "samm": "4a", "casme2": "5c"}
        write_seed(store, row, right)
    comparisons = build_report(store).comparisons
    assert [len(comparison.entries) for comparison in comparisons] == [1, 1]
    names = [comparison.input_name for comparison in comparisons]
    assert f"comparison 2 ({reason.format(*names)})" in comparisons[0].not_comparable


def test_another_preprocessing_is_another_comparison(store: Store) -> None:
    """A method that takes frames and no flow fits each of them; what a method chooses for itself parts no rows."""
    rows = {
        "frames": {**FRAMES, "length": 10},
        "map": {**FLOW, "scale": "physical"},
        "8bit": {**FLOW, "scale": "per-map-8bit"},
        "small": {**FLOW, "scale": "physical", "size": 96},
        "still": {**FRAMES, "size": 96, "length": 10},
    }
    for name, representation in rows.items():
        write_seed(store, make_row(name, title=name, representation=representation, scale=""), right)
    one, two = build_report(store).comparisons
    titles = [[entry.row.record["method"]["title"] for entry in comparison.entries] for comparison in (one, two)]

    assert sorted(titles) == [["8bit", "frames", "map"], ["small", "still"]]
    other, usual = sorted((one, two), key=lambda comparison: len(comparison.entries))
    assert "(other preprocessing: size=96 here, size=192 there)" in other.not_comparable
    assert dict(usual.input)["preprocessing"] == "align_by=dlib, flow=tv-l1, size=192, tvl1_tau=0.25"
    assert (dict(usual.input)["flow"], dict(usual.input)["scale"]) == ("tv-l1", "chosen by each method")
    assert [e.settings for e in usual.entries] == [
        "defaults; scale=per-map-8bit",
        "defaults",
        "defaults; scale=physical",
    ]


def test_maps_in_pixels_name_the_scale_that_each_method_chose(store: Store) -> None:
    rows = {"8bit": {"data_scale": "physical", "scale": "per-map-8bit"}, "as they are": {"data_scale": "physical"}}
    for name, representation in rows.items():
        write_seed(store, make_row(name, title=name, representation=representation, scale="physical"), right)
    (comparison,) = build_report(store).comparisons
    facts = dict(comparison.input)

    assert (facts["preprocessing"], facts["scale"]) == ("none but the scale, ready-made", "chosen by each method")
    assert [e.settings for e in comparison.entries] == ["defaults; scale=per-map-8bit", "defaults; scale=physical"]
    lines = csv.DictReader(texts(store)["csv"].splitlines())
    scales = {line["title"]: line["input_scale"] for line in lines if line["kind"] == "measured"}
    assert scales == {"8bit": "per-map-8bit", "as they are": "physical"}


def test_a_table_without_deviations_says_nothing_of_them(store: Store) -> None:
    for name in ("net", "svm"):
        write_seed(store, make_row(name), right)
    assert not [kind for kind, text in texts(store).items() if "±" in text or "\\pm" in text or "Bold:" in text]


def test_a_row_that_fits_two_preprocessings_is_in_both_comparisons(store: Store) -> None:
    flows = [FLOW, {**FRAMES, "flow": "dis"}]
    for name, representation in zip(("frames", "one", "two"), (FRAMES, *flows), strict=True):
        write_seed(store, make_row(name, title=name, representation=representation), right)
    comparisons = build_report(store).comparisons
    titles = [[entry.row.record["method"]["title"] for entry in comparison.entries] for comparison in comparisons]
    assert sorted(titles) == [["frames", "one"], ["frames", "two"]]
    assert all("only some of the settings" in " ".join(comparison.notes) for comparison in comparisons)


def test_the_input_is_named_without_folders(store: Store, tmp_path: Path) -> None:
    row = make_row()
    row["input"]["source"] = "/home/alice/maps"
    row["row_key"] = "a" * 64
    write_seed(store, row, right)
    assert not [kind for kind, text in texts(store).items() if "alice" in text]
