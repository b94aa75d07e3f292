"""The report's pages: safe to open, without network, and telling where each figure comes from."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.rendered import measured, texts, visible
from support.store_factory import (
    always,
    make_row,
    manifest,
    new_store,
    right,
    samples_of,
    write_seed,
)

from mer_bench.store import Store
from mer_bench_reports import build_report
from mer_bench_reports.provenance import command_text, without_folders
from mer_bench_reports.rendering import render_html


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def test_a_hostile_title_is_escaped(store: Store) -> None:
    title = '<script>alert("x")</script>|<img src=https://evil.example/x.png>'
    write_seed(store, make_row(title=title, params={"a": "</style><b>"}), always(0), failed={})
    write_seed(
        store, make_row(title=title, params={"a": "2|3"}), always(0), failed={"smic-s1": "<script>boom</script>"}
    )
    rendered = texts(store)
    assert not re.search(r"<script|<img|</style><b>", rendered["html"])
    assert not re.search(r"<script|<img", rendered["markdown"])
    row = next(line for line in rendered["markdown"].splitlines() if "2\\|3" in line and line.startswith("|"))
    assert len(re.findall(r"(?<!\\)\|", row)) == 15
    assert title in {row["title"] for row in measured(store)}


def test_the_page_loads_nothing_from_elsewhere(store: Store) -> None:
    write_seed(store, make_row("net", epochs=True), right, oracle=right)
    html = texts(store)["html"]
    loaded: list[str] = []

    class Loads(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag not in ("script", "iframe", "object", "embed")
            loaded.extend(value or "" for name, value in attrs if name in ("src", "srcset", "href", "data", "poster"))

    Loads().feed(html)
    assert all(value.startswith("#") or value == "data:," for value in loaded)
    assert "url(" not in html
    assert "@import" not in html


def test_every_link_within_the_page_has_its_target(store: Store) -> None:
    write_seed(store, make_row("net", epochs=True), right, oracle=right)
    write_seed(store, make_row(caveats=["synthetic"]), always(0))
    html = texts(store)["html"]
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)


def test_provenance_names_versions_and_hashes_but_no_folder_or_user(store: Store) -> None:
    argv = ["/home/alice/env/bin/mer-bench", "run", "--data", "/home/alice/maps", "--results=/home/alice"]
    run_id = store.start_run(manifest(argv=argv, git="abc123-dirty", gpu="A GPU"))
    row = make_row("svm-flow", params={"C": 10.0, "weights": "/home/alice/w.bin"})
    failed = {"smic-s1": "no such file: '/home/alice/maps/x.png'"}
    write_seed(store, row, right, run_id=run_id, failed=failed)
    rendered = texts(store)
    for text in (visible(rendered["html"]), rendered["markdown"]):
        for words in (
            "mer-bench run --data maps",
            "torch 2.6.0",
            "3.11.9",
            "A Processor",
            "A GPU",
            "abc123-dirty",
            run_id,
            row["row_key"][:12],
            row["protocol"]["hash"][:12],
            row["fingerprints"]["smic"][:12],
            "ValueError: no such file: 'x.png'",
            "3.0 s",
        ):
            assert words in text
    assert all("alice" not in text for text in rendered.values())


def test_only_the_first_failures_are_shown_with_the_number_of_all(store: Store) -> None:
    subjects = [f"smic/s{i}" for i in range(1, 9)]
    row = make_row(samples=samples_of(subjects))
    write_seed(store, row, right, failed=dict.fromkeys(row["folds"], "boom"))
    (only,) = build_report(store).rows
    assert len(only.failures) == 8
    assert "the first 5 of 8" in visible(texts(store)["html"])
    assert all(text.count("ValueError: boom") == 5 for text in (texts(store)["html"], texts(store)["markdown"]))


def test_a_run_without_manifest_is_said_to_lack_it(store: Store) -> None:
    write_seed(store, make_row(), right, run_id="20250101T000000-abcdef")
    assert list(build_report(store).runs.values()) == [(("manifest", "missing"),)]


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
    assert command_text(argv) == "mer-bench run --set maps=m --seeds 3 --data maps 'a b'"


def test_a_report_is_made_without_anything_heavy(store: Store) -> None:
    write_seed(store, make_row("net", epochs=True), right, oracle=right)
    code = (
        "import json, sys; from pathlib import Path; from mer_bench.store import Store; import mer_bench_reports as r;"
        f"r.write_report(Store.open(Path({str(store.path)!r})), Path({str(store.path)!r}));"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(done.stdout))
    assert not loaded & {"torch", "cv2", "sklearn", "pandas", "mer_bench.evaluation", "mer_bench.engine"}
