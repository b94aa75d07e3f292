"""The section Checks of a report: the findings of the rows that it shows, the same in each format."""

from __future__ import annotations

import json
import re
from pathlib import Path

from support.clean_results import Clean, records
from support.rendered import texts, visible

from mer_bench.checks import find_check
from mer_bench.results import read_row
from mer_bench.store import Store
from mer_bench_reports import build_report
from mer_bench_reports.rendering import render_json, render_markdown


def faulty(folder: Path) -> tuple[Clean, Store]:
    """Write a row of another preset, which is not verified, and one with a seed of its own that differs."""
    clean = Clean(
        verified={"floor": "same", "one": "differs"},
        manifests={"two": {"count_problems": ["smic: no file </home/ann/maps/labels.csv> | 2 of 16"]}},
    )
    clean.rows["two"] = records(preset="quick", reference="paper", differs={"lr": 0.25})["two"]
    return clean, clean.write(folder)


def name(clean: Clean, row: str) -> str:
    record = clean.rows[row]
    return f"{record['method']['name']}-{record['row_key'][:4]}"


def without_marks(text: str) -> str:
    """Return a text as `visible` does where its code has tags."""
    return " ".join(text.replace("`", " ").split())


def test_each_finding_stands_below_its_code_with_meaning_and_cure(tmp_path: Path) -> None:
    clean, store = faulty(tmp_path)
    one, two = name(clean, "one"), name(clean, "two")
    written = texts(store)
    page = visible(written["html"])
    section = page[page.rindex("Checks") : page.rindex("Provenance")]
    found = {
        "MER009 error: counts are not the protocol's": [f"{two}: smic: no file <labels.csv> | 2 of 16"],
        "MER011 warning: not the paper's preset": [f"{two}: quick, not the paper's training; it differs in lr=0.25"],
        "MER012 warning: unverified": [f"{two}: none of its cells was computed again"],
        "MER018 error: a cell computed again differs": [
            f"{one}: 1 of 1 cells that were computed again differ: seed 0, fold smic-s1"
        ],
    }
    assert re.findall(r"MER\d+ \w+: [^(]+(?= \()", section) == list(found)
    for heading, sentences in found.items():
        check = find_check(heading.split()[0])
        block = section[section.index(f"{heading} ({len(sentences)})") :]
        places = [block.index(each) for each in (*sentences, *map(without_marks, (check.meaning, check.cure)))]
        assert places == sorted(places)
    assert "/home/ann" not in written["html"] + written["markdown"] + written["json"]

    text = written["markdown"]
    part = text[text.index("\n## Checks\n") : text.index("\n## Provenance\n")]
    assert re.findall(r"^### (.+)$", part, re.MULTILINE) == list(found)
    assert f"\n- {two}: smic: no file &lt;labels.csv> \\| 2 of 16\n" in part
    assert f"\nWhat to do: {find_check('MER012').cure}\n" in part

    answer = json.loads(written["json"])["checks"]
    assert [(each["code"], each["where"]) for each in answer["findings"]] == [
        ("MER009", [two]),
        ("MER011", [two]),
        ("MER012", [two]),
        ("MER018", [one]),
    ]
    assert [each["code"] for each in answer["checks"]] == ["MER009", "MER011", "MER012", "MER018"]


def test_rows_that_are_not_shown_are_not_checked(tmp_path: Path) -> None:
    clean, store = faulty(tmp_path)
    report = build_report(store, [read_row(store, clean.rows[row]) for row in ("floor", "one")])
    answer = json.loads(render_json(report))["checks"]
    assert [each["code"] for each in answer["findings"]] == ["MER018"]


def test_without_findings_there_is_no_section(tmp_path: Path) -> None:
    report = build_report(Clean().write(tmp_path))
    assert report.checks == ()
    assert "## Checks" not in render_markdown(report)
    assert json.loads(render_json(report))["checks"] == {"checks": [], "findings": [], "not_looked_for": []}


def test_what_could_not_be_looked_for_is_said(tmp_path: Path) -> None:
    clean = Clean(alike=None)
    written = texts(clean.write(tmp_path))
    names = ", ".join(sorted(name(clean, row) for row in clean.rows))
    why = "its run stored no comparison of samples: mer-bench was older, or the input was not at hand"
    assert f"Not looked for: MER010 in {names}: {why}" in visible(written["html"])
    assert f"\nNot looked for:\n\n- MER010 in {names}: {why}\n" in written["markdown"]
