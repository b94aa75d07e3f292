"""``mer-bench publish``: a site of several results folders, read as its visitors read it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.bench import Bench
from support.browser import CUT, OVERLAPS, launched, opened
from support.rendered import Line, html_facts, html_tables, visible
from support.report_case import SAMPLES, Report
from support.store_factory import always, make_row, manifest, right, samples_of, scattered, write_seed

from mer_bench.store import Store
from mer_bench_reports.site.pages import build_site
from mer_bench_reports.site.writing import write_site

BEST = make_row("top-net", title="Top net", family="deep", samples=SAMPLES, params={"lr": 0.25})
SHARED = make_row("shared", title="Shared net", family="deep", samples=SAMPLES)
OTHER = make_row(
    "floor", title="Floor", protocol="loso-smic", slices={"full": ["smic"]}, samples=samples_of(["smic/s1"])
)
UNFINISHED = make_row("late", title="Late net", family="deep", samples=SAMPLES)


@pytest.fixture
def labs(tmp_path: Path) -> tuple[Path, Path]:
    """Two results folders: the rows of the first, and of the second, which share one row with other seeds."""
    first, second = (Store.create(tmp_path / name) for name in ("north", "south"))
    run_id = first.start_run(manifest(argv=["/home/alice/bin/mer-bench", "run", "--data", "/home/alice/maps"]))
    write_seed(first, SHARED, scattered("a", 2), seed=0, run_id=run_id)
    write_seed(first, UNFINISHED, right, missing=["smic-s2"])
    write_seed(second, SHARED, scattered("b", 3), seed=4)
    write_seed(second, BEST, scattered("c", 9))
    write_seed(second, OTHER, always(1))
    return first.path, second.path


@pytest.fixture
def site(bench: Bench, labs: tuple[Path, Path], tmp_path: Path) -> Path:
    out = tmp_path / "site"
    ended = bench("publish", out, labs[0], f"South lab={labs[1]}", "--title", "Our board")
    assert (ended.code, ended.out.splitlines()) == (0, ["2 protocols, 4 methods", str(out / "index.html")])
    return out


def lines_of(page: Path) -> list[list[Line]]:
    return [table.lines for table in html_tables(page.read_text("utf-8"))]


def test_the_first_page_ranks_the_rows_of_all_folders_by_uf1(site: Path, labs: tuple[Path, Path]) -> None:
    composite, single = lines_of(site / "index.html")
    assert [line["Method"].split(" ")[0] for line in composite] == ["Top", "Shared", "Late"]
    assert [line["Measured by"] for line in composite] == ["South lab", "north and South lab", "north"]
    assert [line["Seeds"] for line in composite] == ["1", "2", "0 of 1"]
    assert composite[2]["UF1"] == composite[2]["UAR"] == "folds 6/7: incomplete, no mean"
    assert [line["Method"].split(" ")[0] for line in single] == ["Floor"]
    with (site / "protocols" / "cde-1.csv").open(encoding="utf-8", newline="") as stream:
        stated = [line for line in csv.DictReader(stream) if line["kind"] == "measured" and line["slice"] == "full"]
    for line, title in zip(composite[:2], ("Top net", "Shared net"), strict=True):
        mean = [own for own in stated if own["title"] == title][-1]
        assert line["UF1"].startswith(f"{float(mean['uf1']):.4f}")
        assert line["UAR"].startswith(f"{float(mean['uar']):.4f}")
        assert line["UF1"][:6] != line["UAR"][:6]
    text = visible((site / "index.html").read_text("utf-8"))
    assert "Our board 4 methods under 2 protocols, measured by north and South lab." in text


def test_the_p_of_a_row_is_that_of_its_comparison(site: Path) -> None:
    composite, _ = lines_of(site / "index.html")
    [differences] = [
        table.lines
        for table in html_tables((site / "protocols" / "cde-1.html").read_text("utf-8"))
        if "less each other row" in table.caption
    ]
    assert [line["p, UF1"] for line in composite] == ["–", differences[0]["p, UF1"], "–"]
    assert differences[0]["Other row"].startswith("Shared net")


def test_a_method_has_a_page_with_its_rows_and_who_measured_them(site: Path) -> None:
    page = (site / "methods" / "shared.html").read_text("utf-8")
    [[line]] = lines_of(site / "methods" / "shared.html")
    assert line["Protocol"] == "cde@1, comparison 1"
    assert (line["Seeds"], line["Folds"]) == ("2", "7")
    [composite, _] = lines_of(site / "index.html")
    assert (line["UF1"], line["UAR"]) == (composite[1]["UF1"], composite[1]["UAR"])
    assert line["UF1"] != line["UAR"] != line["Accuracy"]
    [facts] = html_facts(page).values()
    assert facts["measured by"] == "north and South lab"
    assert facts["seeds"] == "0, 4"


def test_every_link_leads_to_a_page_of_the_site_and_to_a_place_in_it(site: Path) -> None:
    pages = {path: _Links(path) for path in site.rglob("*.html")}
    assert len(pages) == 1 + 2 + 4
    checked = 0
    for path, page in pages.items():
        for link in page.links:
            if link.startswith("https://doi.org/"):
                continue
            file, _, place = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.is_file(), link
            assert not place or place in pages[target].ids, link
            checked += 1
    assert checked > 30


def test_the_index_for_programs_lists_what_is_there(site: Path) -> None:
    index = json.loads((site / "site.json").read_text("utf-8"))
    assert index["title"] == "Our board"
    assert [(own["name"], own["version"]) for own in index["protocols"]] == [("cde", 1), ("loso-smic", 1)]
    assert [own["name"] for own in index["methods"]] == ["floor", "late", "shared", "top-net"]
    listed = [own[kind] for own in index["protocols"] for kind in ("html", "csv", "json", "bib")]
    listed += [own["html"] for own in index["methods"]]
    files = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}
    assert files == {*listed, "index.html", "site.json"}
    report = json.loads((site / index["protocols"][1]["json"]).read_text("utf-8"))
    assert [row["title"] for row in report["comparisons"][0]["rows"]] == ["Floor"]


def test_no_page_names_a_folder_of_the_machine(site: Path, tmp_path: Path) -> None:
    texts = [path.read_text("utf-8") for path in site.rglob("*") if path.is_file()]
    for private in ("alice", str(tmp_path), "mer-bench-publish-"):
        assert not [text for text in texts if private in text]


def test_one_folder_needs_no_names(bench: Bench, labs: tuple[Path, Path], tmp_path: Path) -> None:
    assert bench("publish", tmp_path / "one", labs[1]).code == 0
    assert "Measured by" not in lines_of(tmp_path / "one" / "index.html")[0][0]
    assert "south" not in (tmp_path / "one" / "index.html").read_text("utf-8")


def test_a_site_is_replaced_and_what_it_has_no_longer_is_removed(
    bench: Bench, site: Path, labs: tuple[Path, Path]
) -> None:
    (site / "logo.svg").write_text("ours")
    assert bench("publish", site, labs[0]).code == 0
    assert sorted(path.name for path in site.rglob("*.html")) == [
        "cde-1.html",
        "index.html",
        "late.html",
        "shared.html",
    ]
    assert (site / "logo.svg").read_text() == "ours"
    assert "<h1>Micro-expression recognition leaderboard</h1>" in (site / "index.html").read_text("utf-8")


def test_another_folder_is_not_written_into(bench: Bench, labs: tuple[Path, Path], tmp_path: Path) -> None:
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "index.html").write_text("mine")
    for place, reason in (
        (thesis, "holds other files"),
        (thesis / "index.html", "is a file"),
        (labs[0], "other files"),
    ):
        ended = bench("publish", place, labs[1])
        assert (ended.code, reason in ended.errors[0]) == (2, True)
    assert [path.name for path in thesis.iterdir()] == ["index.html"]
    assert (thesis / "index.html").read_text() == "mine"


def test_folders_that_contradict_each_other_are_not_published(
    bench: Bench, labs: tuple[Path, Path], tmp_path: Path
) -> None:
    third = Store.create(tmp_path / "third")
    write_seed(third, BEST, always(0))
    ended = bench("publish", tmp_path / "out", *labs, third.path)
    assert ended.code == 2
    assert f"{third.path}: top-net, seed 0, fold " in ended.errors[0]
    assert "has other predictions than another of the folders" in ended.errors[0]
    assert not (tmp_path / "out").exists()


def test_results_folders_are_told_apart(bench: Bench, labs: tuple[Path, Path], tmp_path: Path) -> None:
    twin = tmp_path / "x" / "south"
    twin.parent.mkdir()
    twin.symlink_to(labs[0])
    for folders, reason in (
        ((labs[0], labs[0]), "is named twice"),
        ((labs[0], twin), "is named twice"),
        ((f"A={labs[0]}", f"A={labs[1]}"), "two results folders are called 'A'"),
        ((tmp_path / "nothing",), "nothing"),
        ((f"A={tmp_path}/nothing",), "nothing"),
    ):
        ended = bench("publish", tmp_path / "out", *folders)
        assert (ended.code, reason in ended.errors[0]) == (2, True), folders
    odd = tmp_path / "a=b"
    labs[0].rename(odd)
    assert bench("publish", tmp_path / "out", odd, labs[1]).code == 0
    assert lines_of(tmp_path / "out" / "index.html")[0][2]["Measured by"] == "a=b"
    assert bench("publish", tmp_path / "out", odd, "--title", " ").code == 2


def test_names_that_are_none_become_no_paths(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "results")
    write_seed(store, make_row("Net two", title="<b>Bold</b>", protocol="Mine ü"), right)
    write_seed(store, make_row("net-two", protocol="Mine ü", absent_class="zero"), right)
    site = build_site(store, "A & B", {}, generated=datetime(2026, 3, 1, tzinfo=timezone.utc))
    write_site(site, tmp_path / "site")
    names = [path.stem for path in sorted((tmp_path / "site" / "methods").iterdir())]
    assert "net-two" in names
    assert len({page.stem for page in site.protocols}) == 2
    assert all(re.fullmatch("[a-z0-9-]+", stem) for stem in [*names, *(page.stem for page in site.protocols)])
    page = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert "<b>Bold" not in page
    assert "<title>A &amp; B</title>" in page


@pytest.mark.slow
def test_the_pages_of_a_site_are_shown_without_faults(report: Report, tmp_path: Path) -> None:
    sources = {row["row_key"]: ("north", "South lab") for row in report.store.rows()}
    write_site(build_site(report.store, "Our board", sources), tmp_path)
    pages = [tmp_path / "index.html", *(tmp_path / "methods").glob("*.html"), tmp_path / "protocols" / "cde-1.html"]
    assert len(pages) == 2 + len({row["method"]["name"] for row in report.store.rows()})
    for browser in _browsers():
        for path in pages:
            for width in (400, 1280):
                with opened(browser, path, viewport={"width": width, "height": 800}) as page:
                    page.locator("details").evaluate_all("(all) => all.forEach((each) => { each.open = true; })")
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
                    assert page.evaluate(CUT) == []
                    # Tables wider than their boxes, and on a phone the columns that pass below the first, are cut.
                    is_wide = width == 400 or path.parent.name == "protocols"
                    assert is_wide or page.evaluate(OVERLAPS) == []


def _browsers() -> Iterator[Browser]:
    yield from launched()


class _Links(HTMLParser):
    """The links of a page, and the places that a link can name."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids.add(found.get("id") or "")
        if tag == "a":
            self.links.append(found["href"] or "")
