"""The pages on adding a method, a database and a protocol: what they show is true."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from typing import get_args

import pytest
from support.pages import DATABASE, METHOD, PROTOCOL, Block, Page, check_style, missing_lines, write

from mer_bench import DataSource, load_results
from mer_bench.plugin_manager import load_catalogue
from mer_bench.protocol import DatabaseRule, Protocol, Split
from mer_bench.rules import ABSENT_CLASS_RULES, SELECTIONS
from mer_bench.scaffold import new_plugin

# A page takes a minute on an idle machine.
pytestmark = pytest.mark.timeout(900)

OWN = {"motion-net": "torch", "flow-trees": "sklearn"}
COMPARED = {*OWN, "ahmsa", "majority", "random", "svm-flow"}


def render(folder: Path) -> None:
    for name, kind in OWN.items():
        new_plugin(name, load_catalogue(), kind=kind, out=folder / f"{name}-mer-bench")


def first_cells(page: Page, heading: str) -> dict[str, str]:
    """Return the rows of the tables below a heading, by the name in backquotes that begins their first cell."""
    text = page.text.partition(f"\n{heading}\n")[2].split("\n## ")[0]
    rows = [line.split("|", 2)[1:] for line in text.splitlines() if line.startswith("| `")]
    return {re.sub(r"[^\w-].*", "", first.strip(" `[")): rest for first, rest in rows}


@pytest.mark.parametrize("page", [METHOD, DATABASE, PROTOCOL], ids=lambda page: page.path)
def test_a_page_has_only_blocks_that_are_tested(page: Page) -> None:
    page.check_blocks()


@pytest.mark.plugin_env
def test_the_method_page_runs_from_top_to_bottom(tmp_path: Path) -> None:
    work = METHOD.run(tmp_path)

    table = load_results(work / "mer-bench-results")
    assert set(table["method"]) == COMPARED
    assert (table["folds_done"] == 6).all()
    assert set(table[table["method"] == "motion-net"]["selection"]) == {"last", "inner", "oracle"}
    for report in ("report.html", "report.md", "report.csv"):
        text = (work / "mer-bench-results" / report).read_text(encoding="utf-8")
        assert not {name for name in COMPARED if name not in text}, report


@pytest.mark.plugin_env
def test_the_database_page_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    work = DATABASE.run(tmp_path)
    maps, frames = (load_results(work / name) for name in ("mer-bench-results", "frame-results"))

    assert set(maps["method"]) == {"svm-flow", "majority", "random"}
    assert (maps["folds_done"] == 3).all()
    assert (frames["folds_done"] == 3).all()
    assert (work / "lab.txt").read_text(encoding="utf-8").startswith("mylab p1\n")


@pytest.mark.plugin_env
def test_the_protocol_page_runs_from_top_to_bottom(tmp_path: Path) -> None:
    work = PROTOCOL.run(tmp_path)
    rows = load_results(work / "mer-bench-results")

    assert set(rows["slice"]) == {"full", "samm", "casme2"}
    assert (rows["folds_done"] == 4).all()


@pytest.mark.plugin_env
@pytest.mark.parametrize("page", [METHOD, DATABASE, PROTOCOL], ids=lambda page: page.path)
def test_the_files_of_a_page_are_clean_for_ruff_and_mypy(page: Page, tmp_path: Path) -> None:
    if page is METHOD:
        render(tmp_path)
    for block in page.files:
        if block.path != "mer-bench.toml":
            write(block, tmp_path)

    for project in tmp_path.glob("*-mer-bench"):
        # A rendered project names its own settings of mypy.
        mypy = () if page is METHOD else ("--strict", "src")
        check_style(project, tmp_path.parent / "mypy-cache", *mypy)


def test_missing_lines_of_an_output_are_found() -> None:
    output = "a  0.1234\n/some/where/report.html\nb"

    assert missing_lines("a 0.9999\nreport.html\nb", output) == []
    assert missing_lines("b\na 0.1234", output) == ["a 0.0000"]
    assert missing_lines("a 0.1234\nc\nb", output) == ["c", "b"]


def test_the_files_of_the_method_page_replace_rendered_ones_or_are_optional(tmp_path: Path) -> None:
    render(tmp_path)

    new = [block.path for block in METHOD.files if not (tmp_path / block.path).exists()]
    assert [Path(path).name for path in new] == ["mer-bench.toml", "recipe.py"]


@pytest.mark.parametrize(("name", "most"), [("motion-net", 30), ("flow-trees", 15)])
def test_a_method_takes_few_lines_besides_its_network(name: str, most: int) -> None:
    """As first shown: what comes later adds features."""
    first: dict[str, Block] = {}
    for block in METHOD.files:
        if block.path.startswith(name):
            first.setdefault(Path(block.path).name, block)

    assert set(first) - {"network.py", "recipe.py"} == {"__init__.py", "method.py"}
    assert sum(first[file].code_lines for file in ("__init__.py", "method.py")) <= most


def test_the_database_page_names_every_member_of_a_reader() -> None:
    members = {name for name in vars(DataSource) if not name.startswith("_")} | set(inspect.get_annotations(DataSource))

    assert set(first_cells(DATABASE, "## What a reader promises")) == members


def test_the_protocol_page_names_every_key_and_every_allowed_word() -> None:
    rows = first_cells(PROTOCOL, "## Every key")
    fields = {field.name for kind in (Protocol, DatabaseRule) for field in dataclasses.fields(kind)}

    assert set(rows) == {name.replace("_", "-") for name in fields}
    for key, words in (("selection", SELECTIONS), ("absent-class", ABSENT_CLASS_RULES), ("split", get_args(Split))):
        assert set(re.findall(r'`"(.*?)"`', rows[key])) == set(words)


def test_the_protocol_page_states_the_sentence_of_each_selection_rule() -> None:
    assert [line for line in PROTOCOL.text.splitlines() if re.match(r"- `(last|inner|oracle)`", line)] == [
        f"- `{rule}`: {sentence}." for rule, sentence in SELECTIONS.items()
    ]
