"""Published tables: every number as the paper prints it, in the files and in every format of a report."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from html import unescape
from itertools import product
from pathlib import Path

import pytest
from support.rendered import html_tables, markdown_tables, texts
from support.report_case import Report
from support.store_factory import make_row, right, write_seed

import mer_bench_protocols
from mer_bench import MerBenchError
from mer_bench.protocol import load_protocol
from mer_bench.store import Store
from mer_bench_reports import builder
from mer_bench_reports.published import load_published, read_published

VALID = """
source = "Nobody, Table 1"
protocol = "cde"
other_samples = ""

[[rows]]
title = "A"
year = 2020
family = "deep"
citation = "Nobody, 2020"
doi = "10.1234/a_b(2).c"
method = "net"
input = ""
stated = { flow = "tv-l1" }
note = ""
slices = { full = [0.5, 0.25] }

[[rows]]
title = "B"
year = 2021
family = "handcrafted"
citation = "Nobody, 2021"
doi = ""
method = ""
input = "frames"
stated = {}
note = "doubtful"
slices = { full = [1.0, 0.0] }
"""


COMPOSITE = """
LBP-TOP            2015 .5882 .5785 .2000 .5280 .3954 .4102 .7026 .7429 [40] 1
Bi-WOOF            2018 .6296 .6227 .5727 .5829 .5211 .5139 .7805 .8026 [41] 2
Dual-ATME          2023 .6790 .6800 .6460 .6580 .5620 .5380 .6460 .6580 [11] 3
SMBANet            2023 .7440 .7459 .6914 .6934 .6021 .6068 .8970 .8920 [12] -
BDCNN with CE loss 2023 .7470 .7225 .6317 .6233 .7572 .7186 .8740 .8491 [16] 4
IncepTR            2023 .7530 .7460 .6550 .6500 .6910 .6940 .9110 .8960 [42] -
CoTDPN             2024 .7424 .7648 .6321 .6740 .7367 .7539 .8015 .7931 [43] 5
LAENet             2024 .7568 .7405 .6620 .6523 .6814 .6620 .9101 .9119 [44] -
AHMSA-Net          2024 .8040 .7821 .7298 .7181 .8803 .8524 .8253 .8029 Zhang 6
"""
CASME3 = """
RCN-A              2020 .3928 .3893 [17] 1
FeatRef            2022 .3493 .3413 [45] 1
μ-BERT             2023 .5604 .6125 [46] 1
HTNet              2024 .5767 .5415 [13] 2
AHMSA-Net          2024 .8120 .7708 Zhang 3
"""
"""Title, year, UF1 and UAR of each slice, first word of the citation, number of the note."""

HANDCRAFTED = ("LBP-TOP", "Bi-WOOF")
TITLES = {"full": "Full", "smic": "SMIC", "samm": "SAMM", "casme2": "CASME II"}
NOTES = {
    "cde": (
        "Audit by class counts: smic: impossible (nearest 0.2880/0.4379; with this UAR, UF1 is between 0.3983 and",
        "Audit by class counts: its slices together: impossible; the nearest that they add up to is UF1 0.6251",
        "The CASME II pair repeats",
        "Audit by class counts: samm: impossible",
        "Audit by class counts: its slices together: impossible; the nearest that they add up to is UF1 0.7415",
        "The paper does not say which of the 800 epochs it reports. Audit by class counts: its slices together",
    ),
    "loso-casme3": (
        "Seen in AHMSA-Net's table only",
        "Seen in AHMSA-Net's table only",
        "Counts are those in the class rows",
    ),
}
INPUTS = {
    "cde": {
        "LBP-TOP": "frames of a face clip",
        "Bi-WOOF": "optical flow from onset to apex: magnitude",
        "Dual-ATME": "28×28 flow image and a puzzle of its regions (published code); flow algorithm",
        "SMBANet": "four regions of the face (abstract); what they are cut from is not stated",
        "BDCNN with CE loss": "four 120×120 images from onset and apex: u",
        "IncepTR": "28×28 maps of u",
        "CoTDPN": "the apex frame (abstract)",
        "LAENet": "flow-guided features with the eyes masked; pre-trained on macro-expressions (abstract)",
        "AHMSA-Net": "28×28 maps of u",
    },
    "loso-casme3": {
        "RCN-A": "3-channel flow image scaled to 0..1 (published code",
        "FeatRef": "optical flow (abstract",
        "μ-BERT": "224×224 RGB frames (published code)",
        "HTNet": "28×28 maps of u",
        "AHMSA-Net": "28×28 maps of u",
    },
}
"""The input of each row, up to its first comma."""

DOIS = {
    "Bi-WOOF": "10.1016/j.image.2017.11.006",
    "Dual-ATME": "10.3390/e25030460",
    "SMBANet": "10.1007/s00530-023-01080-3",
    "BDCNN with CE loss": "10.1109/TMM.2022.3141616",
    "IncepTR": "10.1007/s00530-023-01164-0",
    "LAENet": "10.1007/s00371-023-02803-3",
    "AHMSA-Net": "10.48550/arXiv.2501.02539",
    "RCN-A": "10.1109/TIP.2020.3018222",
    "HTNet": "10.1016/j.neucom.2024.128196",
}
"""Of the papers whose DOI was seen in a source."""

TABLES = {
    "cde": (COMPOSITE, list(TITLES), "AHMSA-Net, Table 4, arXiv:2501.02539"),
    "loso-casme3": (CASME3, ["full"], "AHMSA-Net, Table 5, arXiv:2501.02539"),
}


@dataclass(frozen=True)
class Printed:
    """A row as the paper prints it; each score with its slice and metric."""

    title: str
    year: str
    scores: dict[tuple[str, str], str]
    citation: str
    note: str

    @property
    def family(self) -> str:
        return "handcrafted" if self.title in HANDCRAFTED else "deep"


def printed_rows(protocol: str) -> list[Printed]:
    table, slices, _ = TABLES[protocol]
    rows = []
    for line in table.strip().splitlines():
        title, (year, *scores, citation, note) = line[:19].strip(), line[19:].split()
        columns = product(slices, ("uf1", "uar"))
        rows.append(Printed(title, year, dict(zip(columns, (f"0{s}" for s in scores), strict=True)), citation, note))
    return rows


@pytest.mark.parametrize("protocol", TABLES)
def test_every_number_is_the_paper_s(protocol: str) -> None:
    stored = [row for row in load_published() if row.protocol == protocol]
    for row, paper in zip(stored, printed_rows(protocol), strict=True):
        assert (row.title, str(row.year), row.family) == (paper.title, paper.year, paper.family)
        scores = {
            (name, m): f"{v:.4f}"
            for name, pair in row.slices.items()
            for m, v in zip(("uf1", "uar"), pair, strict=True)
        }
        assert scores == paper.scores
        assert row.citation.split()[0] == paper.citation
        assert row.source == TABLES[protocol][2]
        assert row.remarks.startswith(NOTES[protocol][int(paper.note) - 1] if paper.note != "-" else "")
        assert bool(row.remarks) == (paper.note != "-")


@pytest.mark.parametrize("protocol", TABLES)
@pytest.mark.parametrize("format_name", ["html", "markdown"])
def test_every_number_is_printed_under_its_heading(report: Report, protocol: str, format_name: str) -> None:
    is_page = format_name == "html"
    tables = html_tables(report.html) if is_page else markdown_tables(report.markdown)
    source = TABLES[protocol][2]
    (table,) = (t for t in tables if t.under[0].startswith("Published") and t.under[-1].endswith(source))
    expected = []
    for paper in printed_rows(protocol):
        sign = "" if paper.note == "-" else f" {paper.note}" if is_page else f" ({paper.note})"
        scores = {f"{TITLES[name]} {metric.upper()}": score for (name, metric), score in paper.scores.items()}
        family = {"handcrafted": "Handcrafted", "deep": "Deep learning"}[paper.family]
        line = {"family": family, "Method": paper.title + sign, "Year": paper.year, **scores, "Paper": paper.citation}
        expected.append({**line, "Input": INPUTS[protocol][paper.title]})
    shortened = [
        {**line, "Paper": line["Paper"].split()[0], "Input": line["Input"].partition(",")[0]} for line in table.lines
    ]
    assert shortened == expected


def test_notes_are_numbered_below_their_table(report: Report) -> None:
    for pattern, text in (
        (r'<li value="(\d)">(.*)</li>', unescape(report.html)),
        (r"- \((\d)\) (.*)", report.markdown),
    ):
        notes = re.findall(pattern, text.partition("Published scores, not measured here")[2])
        starts = [start for protocol in TABLES for start in enumerate(NOTES[protocol], start=1)]
        assert [(int(number), note[: len(s)]) for (number, note), (_, s) in zip(notes, starts, strict=True)] == starts


def test_every_number_is_a_line_of_the_csv(report: Report) -> None:
    lines = [dict(line) for line in report.csv if line["kind"] == "published"]
    papers = [(p, paper, name) for p, (_, slices, _) in TABLES.items() for paper in printed_rows(p) for name in slices]
    for line, (protocol, paper, name) in zip(lines, papers, strict=True):
        note = line.pop("note")
        assert line.pop("input").partition(",")[0] == INPUTS[protocol][paper.title]
        assert bool(note) == (paper.note != "-")
        assert line.pop("doi") == DOIS.get(paper.title, "")
        assert {head: text for head, text in line.items() if text} == {
            "kind": "published",
            "protocol": protocol,
            "family": paper.family,
            "title": paper.title,
            "slice": name,
            "uf1": str(float(paper.scores[name, "uf1"])),
            "uar": str(float(paper.scores[name, "uar"])),
            "year": paper.year,
            "source": TABLES[protocol][2],
        }


def test_an_input_that_is_not_known_is_not_stated(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    row, *others = load_published()
    monkeypatch.setattr(builder, "load_published", lambda: (replace(row, input=""), *others))
    write_seed(store, make_row(), right)
    rendered = texts(store)
    for tables in (html_tables(rendered["html"]), markdown_tables(rendered["markdown"])):
        (table,) = (t for t in tables if t.under[0].startswith("Published"))
        assert [line["Input"] == "not stated" for line in table.lines] == [True, *[False] * 8]
    assert rendered["csv"].count(",not stated,") == 4


def test_reports_do_not_show_the_tables_that_only_the_audit_reads() -> None:
    shown, every = load_published(), load_published(all_tables=True)
    assert {row.source for row in shown} == {source for _, _, source in TABLES.values()}
    assert {row.source.partition(",")[0] for row in every if row not in shown} == {
        "HTNet",
        "STSTNet",
        "repositories (logs",
    }


def test_every_row_has_the_slices_of_its_protocol() -> None:
    protocols = {spec.name: load_protocol(spec.path) for spec in mer_bench_protocols.mer_bench_protocols()}
    assert all(list(row.slices) == list(protocols[row.protocol].slices) for row in load_published())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('protocol = "cde"\n', "", r"key 'protocol' is missing"),
        ('source = "Nobody, Table 1"', 'source = ""', r"source = '' is empty; give it a value"),
        ("year = 2020", "yaer = 2020", r"\[rows 1\]: unknown key 'yaer' \(did you mean 'year'\?\); known: title, year"),
        ("year = 2021\n", "", r"\[rows 2\]: key 'year' is missing"),
        ("year = 2020", "year = 20", r"\[rows 1\]: year = 20 is not a whole number between 1900 and 2100"),
        ('family = "deep"', 'family = "baseline"', r"family = 'baseline' is not one of: handcrafted, deep"),
        ('note = ""', "note = 1", r"note = 1 is not a text"),
        ('input = ""\n', "", r"\[rows 1\]: key 'input' is missing"),
        (
            'doi = ""',
            'doi = "https://doi.org/10.1234/a"',
            r"\[rows 2\]: doi = 'https://doi.org/10.1234/a' is not a DOI",
        ),
        ('doi = ""', 'doi = "10.1234/a\\" b"', r"is not a DOI"),
        ('flow = "tv-l1"', 'flaw = "tv-l1"', r"\[rows 1\.stated\]: unknown key 'flaw' \(did you mean 'flow'\?\)"),
        ("[0.5, 0.25]", "[50.0, 0.25]", r"\[rows 1\.slices\]: full = \[50\.0, 0\.25\] is not two"),
        ('note = ""', 'note = ""\nmissing = 0', r"\[rows 1\]: missing = 0 is not a whole number of at least 1"),
        (
            'note = ""',
            'note = ""\ncounts = { full = [3, -1] }',
            r"\[rows 1\.counts\]: full = \[3, -1\] is not a list of",
        ),
        ('other_samples = ""', 'other_samples = ""\nin_reports = "no"', r"in_reports = 'no' is neither true nor false"),
        ('title = "B"', 'title = "A"', r"two rows are titled 'A'"),
    ],
)
def test_bad_table_is_refused_by_file_and_row(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in VALID
    path = tmp_path / "table.toml"
    path.write_text(VALID.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(MerBenchError, match=message) as caught:
        read_published(path)
    assert str(path) in str(caught.value)
