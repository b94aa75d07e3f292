"""What docs/add-a-database.md and docs/add-a-protocol.md show works as it stands there."""

from __future__ import annotations

import dataclasses
import inspect
import re
import shutil
from pathlib import Path
from typing import get_args

import pytest
from support.pages import DOCS, Page, check_style, write

from mer_bench import DataSource, load_results
from mer_bench.protocol import DatabaseRule, Protocol, Split
from mer_bench.rules import ABSENT_CLASS_RULES, SELECTIONS

DATABASE = Page("add-a-database.md")
PROTOCOL = Page("add-a-protocol.md")


def first_cells(page: Page, heading: str) -> dict[str, str]:
    """Return the rows of the tables below a heading, by the name in backquotes that begins their first cell."""
    text = (DOCS / page.name).read_text(encoding="utf-8").partition(f"\n{heading}\n")[2].split("\n## ")[0]
    rows = [line.split("|", 2)[1:] for line in text.splitlines() if line.startswith("| `")]
    return {re.sub(r"[^\w-].*", "", first.strip(" `[")): rest for first, rest in rows}


@pytest.mark.parametrize("page", [DATABASE, PROTOCOL], ids=["database", "protocol"])
def test_a_page_has_only_blocks_that_are_tested(page: Page) -> None:
    page.check_blocks()


def test_the_database_page_runs_from_top_to_bottom_and_says_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    work = DATABASE.run(tmp_path)
    maps, frames = (load_results(work / name) for name in ("mer-bench-results", "frame-results"))

    assert set(maps["method"]) == {"svm-flow", "majority", "random"}
    assert (maps["folds_done"] == 3).all()
    assert (frames["folds_done"] == 3).all()
    assert (work / "lab.txt").read_text(encoding="utf-8").startswith("mylab p1\n")


def test_the_protocol_page_runs_from_top_to_bottom_and_says_what_it_shows(tmp_path: Path) -> None:
    work = PROTOCOL.run(tmp_path)
    rows = load_results(work / "mer-bench-results")

    assert set(rows["slice"]) == {"full", "samm", "casme2"}
    assert (rows["folds_done"] == 4).all()


def test_the_database_page_names_every_member_of_a_reader() -> None:
    members = {name for name in vars(DataSource) if not name.startswith("_")} | set(inspect.get_annotations(DataSource))

    assert set(first_cells(DATABASE, "## What a reader promises")) == members


def test_the_protocol_page_names_every_key_and_every_allowed_word() -> None:
    rows = first_cells(PROTOCOL, "## Every key")
    fields = {field.name for kind in (Protocol, DatabaseRule) for field in dataclasses.fields(kind)}

    assert set(rows) == {name.replace("_", "-") for name in fields}
    for key, words in (("selection", SELECTIONS), ("absent-class", ABSENT_CLASS_RULES), ("split", get_args(Split))):
        assert set(re.findall(r'`"(.*?)"`', rows[key])) == set(words)


def test_the_protocol_page_says_of_each_selection_rule_what_it_is() -> None:
    text = (DOCS / PROTOCOL.name).read_text(encoding="utf-8")

    assert [line for line in text.splitlines() if re.match(r"- `(last|inner|oracle)`", line)] == [
        f"- `{rule}`: {sentence}." for rule, sentence in SELECTIONS.items()
    ]


@pytest.mark.skipif(shutil.which("ruff") is None or shutil.which("mypy") is None, reason="tox env `plugin` has both")
@pytest.mark.parametrize("page", [DATABASE, PROTOCOL], ids=["database", "protocol"])
def test_the_files_of_a_page_are_clean_for_ruff_and_mypy(page: Page, tmp_path: Path) -> None:
    for block in page.files:
        write(block, tmp_path)

    (project,) = tmp_path.glob("*-mer-bench")
    check_style(project, tmp_path.parent / "mypy-cache", "--strict", "src")
