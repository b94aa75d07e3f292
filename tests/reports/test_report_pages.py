"""The report's files: safe to open, without network, without folders and user names."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from html import unescape
from pathlib import Path

import pytest
from support.rendered import markdown_tables, texts, visible
from support.report_case import Report
from support.store_factory import always, make_row, right, samples_of, write_seed

from mer_bench.store import Store
from mer_bench_reports import build_report
from mer_bench_reports.provenance import command_text, run_facts, without_folders
from mer_bench_reports.published import load_published
from mer_bench_reports.rendering import render_html


def test_a_hostile_title_is_escaped(store: Store) -> None:
    title = '<script>alert("x")</script>|<img src=https://evil.example/x.png>'
    for value, failed in (("</style><b>", {}), ("2|3", {"smic-s1": "<script>"})):
        row = make_row(title=title, params={"a": value}, changed={"a": value}, input_name=title)
        write_seed(store, row, always(0), failed=failed)
    write_seed(store, make_row("other", title=f"**{title}", changed={"a": title}, input_name=title), right)
    rendered = texts(store)
    (comparison,) = build_report(store).comparisons
    assert comparison.leader == f"**{title}"
    assert not re.search(r"<script|<img|</style><b>", rendered["html"])
    assert not re.search(r"<script|<img", rendered["markdown"])
    assert " ".join(comparison.verdict) in unescape(rendered["html"])
    (verdict,) = (line for line in rendered["markdown"].splitlines() if "has the highest UF1" in line)
    assert re.sub(r"\\(.)", r"\1", unescape(verdict.replace("<!-- -->", ""))) == f"**{' '.join(comparison.verdict)}**"
    (table,) = (t for t in markdown_tables(rendered["markdown"]) if t.under[-1].endswith("from the highest UF1"))
    assert [line[f"**{title} less"] for line in table.lines] == [f"{title}, a=</style><b>"]
    line = next(line for line in rendered["markdown"].splitlines() if "2\\|3" in line and line.startswith("|"))
    assert len(re.findall(r"(?<!\\)\|", line)) == 19
    assert title.replace('"', '""') in rendered["csv"]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\r@", "\n="])
def test_no_text_of_the_csv_begins_as_a_formula_does(store: Store, sign: str) -> None:
    text = f"{sign}HYPERLINK(1)"
    row = make_row(text, title=text, family=text, version=text, params={text: 1}, preset=text, input_name=text)
    row["caveats"], row["representation"]["name"], row["arithmetic"] = [text], text, text
    row["input"] = {**row["input"], "source": text, "citation": text, "licence": text, "flow": text, "scale": text}
    write_seed(store, row, right, processor=text, device=text, failed={"smic-s1": text})
    write_seed(store, make_row("other", input_name=text), always(1))
    lines = list(csv.DictReader(texts(store)["csv"].splitlines()))
    shown = text.strip()
    assert lines[0]["title"] == lines[0]["preset"] == lines[0]["processor"] == f"'{shown}"
    begun = {cell for line in lines for cell in line.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))}
    assert all(re.fullmatch(r"-?[\d.]+(e-\d+)?", cell) for cell in begun)


def test_no_format_has_a_sign_that_a_terminal_obeys(store: Store) -> None:
    text = "net\x1b]0;owned\x07\x1b[31m\u202e\x9b2J"
    row = make_row(title=text, input_name=text, changed={"a": text}, params={"a": text}, caveats=[text])
    row["method"]["citation"] = text
    write_seed(store, row, right, failed={"smic-s1": text}, processor=text)
    write_seed(store, make_row("other", title=text, input_name=text), always(1))
    for kind, written in texts(store).items():
        assert not [sign for sign in written if not sign.isprintable() and sign not in "\n\xa0\u2009"], kind
        assert "net" in written


def test_the_page_loads_nothing_and_links_to_itself_only(report: Report) -> None:
    ids = re.findall(r'\sid="([^"]*)"', report.html)
    targets = re.findall(r'\s(?:src|srcset|href|data|poster)="([^"]*)"', report.html)
    assert len(set(ids)) == len(ids)
    papers = {target for target in targets if target.startswith("https://doi.org/10.")}
    assert papers == set(re.findall(r'<a href="(https:[^"]*)" rel="noreferrer">\1</a>', report.html))
    assert {"data:,", "#provenance"} <= set(targets) - papers <= {"data:,", *(f"#{place}" for place in ids)}
    assert not re.search(r"<(script|iframe|object|embed)|url\(|@import", report.html)


def test_failed_folds_are_listed_without_folders(report: Report) -> None:
    for text in (visible(report.html), report.markdown):
        provenance = text[text.rindex("Provenance") :]
        assert "seed 0, fold samm-007: ValueError: no file 'x.png'" in provenance
        assert "seed 0, fold casme2-sub01: ValueError: no convergence" in provenance


def test_only_the_first_failures_are_shown_with_the_number_of_all(store: Store) -> None:
    subjects = [f"smic/s{i}" for i in range(1, 9)]
    row = make_row(samples=samples_of(subjects))
    write_seed(store, row, right, failed=dict.fromkeys(row["folds"], "boom"))
    write_seed(store, row, right, seed=1, failed=dict.fromkeys(list(row["folds"])[:3], "boom"))
    rendered = texts(store)
    assert "the first 5 of 11" in visible(rendered["html"])
    assert "the first 5 of 11" in rendered["markdown"]
    assert all(rendered[name].count("ValueError: boom") == 5 for name in ("html", "markdown"))


def test_a_run_without_manifest_is_named(store: Store) -> None:
    write_seed(store, make_row(), right, run_id="20250101T000000-abcdef")
    assert list(build_report(store).runs.values()) == [(("manifest", "missing"),)]
    assert run_facts({"started": "today", "jobs": 3}) == (("started", "today"), ("worker processes", "3"))


def test_the_page_is_a_function_of_store_and_time(store: Store) -> None:
    write_seed(store, make_row(), right)
    at = datetime(2025, 1, 31, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    first, second = (render_html(build_report(store, generated=at)) for _ in range(2))
    assert first == second
    assert "Written 2025-01-30 23:30 UTC" in visible(first)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cannot open /data/alice/maps/a.png", "cannot open a.png"),
        ("see smic/s1/s1_ne_01 and 57/68 folds", "see smic/s1/s1_ne_01 and 57/68 folds"),
        ("in ~/code/x.py, line 3", "in x.py, line 3"),
        ("no folder /home/alice", "no folder ~"),
        ("http://host/a/b", "http://host/a/b"),
    ],
)
def test_absolute_paths_keep_their_last_component_only(text: str, expected: str) -> None:
    assert without_folders(text) == expected


def test_a_command_keeps_options_and_loses_folders() -> None:
    argv = ["/x/mer_bench/__main__.py", "run", "--set", "maps=/home/alice/m", "--seeds", "3", "--data", "~/maps", "a b"]
    assert command_text([*argv, "/"]) == "mer-bench run --set maps=m --seeds 3 --data maps 'a b' /"


@pytest.mark.slow
def test_a_report_is_made_without_anything_heavy(report: Report, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; from pathlib import Path; from mer_bench.store import Store;"
        "import mer_bench_reports as r;"
        f"r.write_report(Store.open(Path({str(report.store.path)!r})), Path({str(tmp_path)!r}));"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "cv2", "sklearn", "pandas", "mer_bench.evaluation", "mer_bench.engine"}
    assert not heavy & set(done.stdout.split())


def test_texts_of_others_notify_nobody_and_link_nowhere_in_markdown(store: Store) -> None:
    title = "@someone org#12 #3 GH-4 $a$ _x_ ~~y~~ https://evil.example www.evil.example a@b.example snake_case"
    write_seed(store, make_row(title=title, input_name=title), always(0), failed={"smic-s1": title})
    markdown = texts(store)["markdown"]
    shown = (
        r"@<!-- -->someone org#<!-- -->12 #<!-- -->3 GH-<!-- -->4 \$a\$ \_x\_ \~\~y\~\~ https:<!-- -->//evil.example "
        "www<!-- -->.evil.example a@<!-- -->b.example snake_case"
    )
    assert markdown.count(shown) >= 3
    left = markdown.replace("<!-- -->", "\0")
    assert not re.search(r"@someone|#\d|(?<!\\)[$~]|(?<!\\)_x|www\.", left)
    assert set(re.findall(r"https?://[\w.]*", left)) == {"https://doi.org"}
    assert "cde@1" in markdown


def test_every_text_column_of_the_csv_is_guarded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "=HYPERLINK(1)"
    printed = [
        replace(row, title=text, family=text, source=text, note=text, input=text, citation=text)
        for row in load_published()
        if row.protocol == "cde"
    ]
    monkeypatch.setattr("mer_bench_reports.builder.load_published", lambda: printed)
    row = make_row(text, title=text, family=text, version=text, params={text: 1}, input_name=text, preset=text,
                   reference="paper", differs={text: 1}, caveats=[text])  # fmt: skip
    row["representation"] = {"name": text, "params": {text: 1}, "hash": text}
    row["input"] = {**row["input"], "source": text, "citation": text, "licence": text, "flow": text, "scale": text}
    row["arithmetic"] = text
    write_seed(store, row, right, processor=text, device=text)
    measured, *_, cited = csv.DictReader(texts(store)["csv"].splitlines())
    guarded = {"title", "family", "method", "row", "method_version", "preset", "badge", "params", "input", "differs"}
    guarded |= {"caveats", "representation", "representation_params", "arithmetic", "processor", "device"}
    assert {name for name in guarded if not measured[name].startswith(f"'{text}")} == set()
    assert {name for name, cell in measured.items() if text in cell} >= guarded
    assert {name for name, cell in cited.items() if text in cell} == {"title", "family", "source", "note", "input"}
    for line in (measured, cited):
        assert all(cell.startswith("'") for cell in line.values() if text in cell and not cell.startswith("row "))
