"""Measured rows beside the published ones that they repeat, and several protocols side by side, in every format."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.latex import latex_tables
from support.protocols_case import ROWS, write_case
from support.rendered import Line, Table, html_tables, markdown_tables, texts
from support.report_case import mean_and_deviation
from support.store_factory import make_row, new_store, right, scattered, write_seed

from mer_bench.store import Store
from mer_bench_reports import build_report
from mer_bench_reports.remeasured import measured_input
from mer_bench_reports.wording import OVERVIEW_TEXT, REMEASURED_TEXT

TABLE_4 = {
    "full": (0.8040, 0.7821),
    "smic": (0.7298, 0.7181),
    "samm": (0.8803, 0.8524),
    "casme2": (0.8253, 0.8029),
}
"""AHMSA-Net's published UF1 and UAR."""
TITLES = {"full": "Full", "smic": "SMIC", "samm": "SAMM", "casme2": "CASME II"}
SOURCES = {number: f"AHMSA-Net, Table {number}, arXiv:2501.02539" for number in (4, 5)}

WHOLE_FRAME = "samples without a detected face are kept: the face is the largest centred square of their frames"
NO_PAPER = "the method has no preset 'paper'"
OTHER_INPUT = "other representation: face-flow here, frames published"
OTHER_SAMPLES = "the samples and classes of the published scores are not known to be those of this protocol"
OTHER_FLOW = "other flow: tv-l1 here, farneback published; other channels: u, v, strain here, u, v, magnitude published"
FOUND = {
    4: [
        ("LBP-TOP", "lbp-top", 2, "last", f"{WHOLE_FRAME}; {NO_PAPER}; {OTHER_INPUT}"),
        ("IncepTR", "inceptr", 1, "last", "other channels: u, v, magnitude here, u, v, strain published"),
        ("AHMSA-Net", "ahmsa", 2, "last", ""),
        ("AHMSA-Net", "ahmsa quick", 2, "last", "quick, not the paper's training"),
        ("AHMSA-Net", "ahmsa inner", 3, "inner", ""),
        ("AHMSA-Net", "ahmsa synthetic", 6, "last", "synthetic data"),
    ],
    5: [
        ("RCN-A", "rcn-a casme3", 5, "last", f"{OTHER_SAMPLES}; partial data"),
        ("HTNet", "htnet casme3", 4, "last", f"{OTHER_SAMPLES}; {OTHER_FLOW}; not every seed is complete"),
        ("AHMSA-Net", "ahmsa casme3", 4, "last", OTHER_SAMPLES),
    ],
}
"""For each published table: the published row, the row of the case, its comparison and rule, and why not compared."""

SETTINGS = {
    "ahmsa quick": "quick, not the paper's training; differs from preset paper in epochs=5",
    "lbp-top": "defaults",
}
COLUMNS = {
    1: "cde@1, Named maps",
    2: "cde@1, Named maps",
    4: "loso-casme3@1, Named maps",
    5: "loso-casme3@1, Named maps, partial data",
}
OVERVIEW = [
    ("Ours IncepTR", "preset paper", {1: "inceptr"}),
    ("=Ours LBP", "defaults; whole-frame", {2: "lbp-top", 4: "lbp-top casme3"}),
    ("Ours AHMSA", "preset paper", {2: "ahmsa", 4: "ahmsa casme3"}),
    ("Ours AHMSA", SETTINGS["ahmsa quick"], {2: "ahmsa quick"}),
    ("Ours RCN-A", "preset paper", {5: "rcn-a casme3"}),
]
"""Title, settings, and the row of the case in each comparison; HTNet has no complete seed."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return write_case(tmp_path_factory.mktemp("protocols"))


@pytest.fixture(scope="module")
def files(store: Store) -> dict[str, str]:
    return texts(store)


def short_name(name: str) -> str:
    record = ROWS[name].record
    return f"{record['method']['name']}-{record['row_key'][:4]}"


def settings(name: str) -> str:
    return f"{short_name(name)}; {SETTINGS.get(name, 'preset paper')}"


def mean(name: str, part: str, metric: str) -> tuple[float, float | None] | None:
    row = ROWS[name]
    return mean_and_deviation([row.scores(seed) for seed in row.seeds], (part, metric))


def printed(name: str, part: str, metric: str) -> str:
    found = mean(name, part, metric)
    if found is None:
        return "–"
    return f"{found[0]:.4f}" if found[1] is None else f"{found[0]:.4f} ± {found[1]:.4f}"


def scores(name: str, part: str) -> Line:
    """Return the six cells of a slice of a row that can be compared."""
    cells = {}
    for number, metric in enumerate(("uf1", "uar")):
        published, own = TABLE_4[part][number], mean(name, part, metric)
        assert own is not None
        head = metric.upper()
        cells[f"{head} published"] = f"{published:.4f}"
        cells[f"{head} measured"] = printed(name, part, metric)
        cells[f"{head} difference"] = f"{own[0] - published:+.4f}"
    return cells


NO_SCORES = dict.fromkeys(
    (f"{metric} {what}" for metric in ("UF1", "UAR") for what in ("published", "measured", "difference")), "–"
)


def of_source(tables: list[Table], number: int) -> Table:
    (table,) = (t for t in tables if f"less published in {SOURCES[number]}" in f"{t.caption} {t.under[-1]}")
    return table


def test_the_case_can_tell_cells_apart() -> None:
    cells = [text for name in ("ahmsa", "ahmsa inner") for part in TITLES for text in scores(name, part).values()]
    measured = [text for text in cells if text not in {f"{value:.4f}" for pair in TABLE_4.values() for value in pair}]
    assert len(set(measured)) == len(measured)
    assert {text[0] for text in measured} >= {"+", "-"}


@pytest.mark.parametrize("number", FOUND)
def test_the_page_shows_measured_less_published(files: dict[str, str], number: int) -> None:
    expected = []
    for title, name, comparison, rule, why_not in FOUND[number]:
        shown = SETTINGS.get(name, "preset paper")
        if name == "ahmsa quick":
            shown = shown.replace("; ", " ")
        head = f"{title} comparison {comparison} , {rule} {short_name(name)} {shown}"
        if why_not:
            text = f"– not comparable: {why_not}"
            expected.append({"Method": head, "Slice": text, **dict.fromkeys(NO_SCORES, text)})
        else:
            expected += [{"Method": head, "Slice": TITLES[part], **scores(name, part)} for part in TITLES]
    assert of_source(html_tables(files["html"]), number).lines == expected
    assert files["html"].count(REMEASURED_TEXT.replace("'", "&#39;")) == 2


@pytest.mark.parametrize("number", FOUND)
def test_markdown_shows_measured_less_published(files: dict[str, str], number: int) -> None:
    expected = []
    for title, name, comparison, rule, why_not in FOUND[number]:
        line = {"Method": title, "Settings": settings(name), "Comparison": f"{comparison}, {rule}"}
        line["Not comparable"] = why_not
        if why_not:
            expected.append({**line, "Slice": "–", **NO_SCORES})
        else:
            expected += [{**line, "Slice": TITLES[part], **scores(name, part)} for part in TITLES]
    assert of_source(markdown_tables(files["markdown"]), number).lines == expected


@pytest.mark.parametrize("number", FOUND)
def test_latex_shows_measured_less_published(files: dict[str, str], number: int) -> None:
    expected = []
    for title, name, comparison, rule, why_not in FOUND[number]:
        line = {"Published row": title, "Measured row": f"{short_name(name)}, comparison {comparison}, {rule}"}
        if why_not:
            expected.append({**line, "Slice": "–", **NO_SCORES, "Settings": f"Not comparable: {why_not}"})
        else:
            expected += [{**line, "Slice": TITLES[part], **scores(name, part)} for part in TITLES]
    assert of_source(latex_tables(files["latex"]), number).lines == expected


def test_csv_shows_measured_less_published(files: dict[str, str]) -> None:
    found = [line for line in csv.DictReader(files["csv"].splitlines()) if line["kind"] == "remeasured"]
    expected: list[Line] = []
    for number, rows in FOUND.items():
        for title, name, comparison, rule, why_not in rows:
            row = {"title": title, "row": short_name(name), "comparison": str(comparison), "selection": rule}
            row |= {"note": why_not, "source": SOURCES[number], "row_key": ROWS[name].record["row_key"]}
            for part in ["full"] if why_not else TITLES:
                line = {**row, "slice": part}
                for i, metric in enumerate(("uf1", "uar")):
                    own = mean(name, part, metric)
                    values = (own[0], TABLE_4[part][i], own[0] - TABLE_4[part][i]) if own and not why_not else ("",) * 3
                    heads = (metric, f"published_{metric}", f"less_published_{metric}")
                    line |= {head: shortened(value) for head, value in zip(heads, values, strict=True)}
                expected.append(line)
    numbers = [f"{kind}{metric}" for kind in ("", "published_", "less_published_") for metric in ("uf1", "uar")]
    shown = [{**line, **{head: shortened(line[head]) for head in numbers}} for line in found]
    assert [{head: line[head] for head in expected[0]} for line in shown] == expected


def shortened(value: float | str) -> str:
    return "" if value == "" else f"{float(value):.11f}"


def test_json_shows_measured_less_published(files: dict[str, str]) -> None:
    published = json.loads(files["json"])["published"]
    found = [(row, own) for row in published for own in row["measured"]]
    rows = [row for of_table in FOUND.values() for row in of_table]
    for (row, own), (title, name, comparison, rule, why_not) in zip(found, rows, strict=True):
        assert (row["title"], own["row"], own["comparison"]) == (title, short_name(name), comparison)
        assert (own["selection"], own["why_not"]) == (rule, why_not)
        slices: dict[str, Any] = {}
        for part in TITLES if not why_not else ():
            for number, metric in enumerate(("uf1", "uar")):
                pair = mean(name, part, metric)
                assert pair is not None
                score = {"published": TABLE_4[part][number], "measured": pair[0]}
                score["difference"] = pair[0] - score["published"]
                slices.setdefault(part, {})[metric] = pytest.approx(score)
        assert own["slices"] == slices


def overview_cells(cells: dict[int, str], heading: str) -> Line:
    return {
        heading.format(number=number, title=title, metric=metric.upper()): printed(cells[number], "full", metric)
        if number in cells
        else "–"
        for number, title in COLUMNS.items()
        for metric in ("uf1", "uar")
    }


def test_several_protocols_are_beside_each_other_on_the_page(files: dict[str, str]) -> None:
    (table,) = (t for t in html_tables(files["html"]) if t.under[-1] == "Several protocols")
    assert table.caption == "Full set of each protocol, selection rule last"
    heading = "Comparison {number} : {title} {metric}"
    assert table.lines == [
        {"Method": f"{title} {shown}", **overview_cells(cells, heading)} for title, shown, cells in OVERVIEW
    ]
    section = files["html"].partition('<section id="protocols"')[2].partition("</section>")[0]
    links = re.findall(r'<td[^>]*><a href="#comparison-(\d)">([^<]*)</a>', section)
    assert links == [
        (str(number), printed(name, "full", metric))
        for _, _, cells in OVERVIEW
        for number, name in cells.items()
        for metric in ("uf1", "uar")
    ]


def test_several_protocols_are_beside_each_other_in_markdown(files: dict[str, str]) -> None:
    (table,) = (t for t in markdown_tables(files["markdown"]) if t.under[0] == "Several protocols")
    assert table.under[1] == "Selection rule last"
    heading = "Comparison {number}: {title} {metric}"
    assert table.lines == [
        {"Method": title, "Settings": shown, **overview_cells(cells, heading)} for title, shown, cells in OVERVIEW
    ]
    assert OVERVIEW_TEXT in files["markdown"]


def test_several_protocols_are_beside_each_other_in_latex(files: dict[str, str]) -> None:
    (table,) = (t for t in latex_tables(files["latex"]) if t.caption.startswith("Several protocols"))
    assert table.caption == "Several protocols, full set, selection rule last."
    heading = "Comparison {number}: {title} {metric}"
    assert table.lines == [
        {"Method": f"{title}, {shown}", **overview_cells(cells, heading)} for title, shown, cells in OVERVIEW
    ]


def test_several_protocols_are_beside_each_other_in_json(files: dict[str, str]) -> None:
    (table,) = json.loads(files["json"])["protocols"]
    assert table["selection"] == "last"
    assert {own["comparison"]: own["title"] for own in table["columns"]} == COLUMNS
    for row, (title, shown, cells) in zip(table["rows"], OVERVIEW, strict=True):
        assert (row["title"], row["settings"]) == (title, shown)
        found = {cell["comparison"]: (cell["row"], cell["uf1"]["value"], cell["uar"]["value"]) for cell in row["cells"]}
        for number, name in cells.items():
            uf1, uar = mean(name, "full", "uf1"), mean(name, "full", "uar")
            assert uf1 is not None
            assert uar is not None
            assert found.pop(number) == (short_name(name), pytest.approx(uf1[0]), pytest.approx(uar[0]))
        assert not found


def test_one_protocol_with_real_scores_has_no_such_table(store: Store) -> None:
    rows = [row for row in build_report(store).rows if row.record["protocol"]["name"] == "cde"]
    assert build_report(store, rows).overviews == ()
    only = [row for row in build_report(store).rows if row.record["method"]["name"] == "htnet"]
    assert build_report(store, [*rows, *only]).overviews == ()


def test_rows_that_differ_in_no_parameter_stay_apart(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for caveats, third in (([], "os"), (["blurred"], "os"), ([], "magnitude")):
        for arithmetic in ("avx2", "native"):
            for protocol in ("cde", "other"):
                row = make_row("net", protocol=protocol, caveats=caveats, third_channel=third, arithmetic=arithmetic)
                write_seed(store, row, scattered(f"{caveats}{third}{protocol}", 3))
    (overview,) = build_report(store).overviews
    # Rows come in the order of their keys, which are hashes.
    assert sorted((row.settings, sorted(row.entries)) for row in overview.rows) == [
        ("defaults", [1, 2, 3, 4]),
        ("defaults; arithmetic native", [1, 2, 3, 4]),
        ("defaults; arithmetic native; blurred", [2, 4]),
        ("defaults; blurred", [2, 4]),
    ]
    for row in overview.rows:
        assert len({entry.row.record["arithmetic"] for entry in row.entries.values()}) == 1


def test_rows_with_an_incomplete_seed_are_left_out(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for name in ("whole", "torn"):
        for protocol in ("cde", "other"):
            row = make_row(name, protocol=protocol)
            for seed in range(2):
                write_seed(store, row, right, seed=seed, missing=["smic-s1"] if (name, seed) == ("torn", 1) else [])
    (overview,) = build_report(store).overviews
    assert [row.title for row in overview.rows] == ["Whole"]


def test_maps_computed_from_frames_have_the_flow_and_channels_of_preprocessing() -> None:
    row = make_row(representation={"align_by": "dlib", "flow": "farneback"})
    row["input"]["channels"] = []
    row["input"]["flow"] = ""
    assert measured_input(row) == {"representation": "face-flow", "flow": "farneback", "channels": "u, v, strain"}
    ready = make_row(third_channel="magnitude")
    assert measured_input(ready) == {"representation": "face-flow", "flow": "tv-l1", "channels": "u, v, magnitude"}
    ready["input"]["channels"] = []
    assert measured_input(ready)["channels"] == "not stated"
