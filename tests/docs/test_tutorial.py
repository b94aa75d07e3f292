"""What docs/add-a-method.md shows works as it stands there: files, commands, and what the commands say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.pages import Block, Page, check_style, unsaid, write

from mer_bench import load_results
from mer_bench.plugin_manager import load_catalogue
from mer_bench.scaffold import new_plugin

PAGE = Page("add-a-method.md")
OWN = {"motion-net", "flow-trees"}
COMPARED = OWN | {"ahmsa", "majority", "random", "svm-flow"}


def test_the_page_has_only_blocks_that_are_tested() -> None:
    PAGE.check_blocks()


def test_a_line_that_is_not_said_is_found() -> None:
    said = "a  0.1234\n/some/where/report.html\nb"

    assert unsaid("a 0.9999\nreport.html\nb", said) == []
    assert unsaid("b\na 0.1234", said) == ["a 0.0000"]
    assert unsaid("a 0.1234\nc\nb", said) == ["c", "b"]


def test_the_page_runs_from_top_to_bottom_and_says_what_it_shows(tmp_path: Path) -> None:
    work = PAGE.run(tmp_path)

    table = load_results(work / "mer-bench-results")
    assert set(table["method"]) == COMPARED
    assert (table["folds_done"] == 6).all()
    assert set(table[table["method"] == "motion-net"]["selection"]) == {"last", "inner", "oracle"}
    for report in ("report.html", "report.md", "report.csv"):
        text = (work / "mer-bench-results" / report).read_text(encoding="utf-8")
        assert not {name for name in COMPARED if name not in text}, report


def test_the_table_of_the_page_has_a_row_for_each_method_that_is_compared() -> None:
    (table,) = [block.text for block in PAGE.blocks if "UF1 / UAR" in block.text]
    rows = [line.split() for line in table.splitlines()[2:]]

    assert {row[0] for row in rows if len(row) == 12} == COMPARED


def test_every_file_of_the_page_takes_the_place_of_one_that_is_rendered(tmp_path: Path) -> None:
    render(tmp_path)

    assert [block.path for block in PAGE.files if not (tmp_path / block.path).exists()] == ["mer-bench.toml"]


@pytest.mark.parametrize(("name", "most"), [("motion-net", 30), ("flow-trees", 15)])
def test_a_method_takes_few_lines_besides_its_network(name: str, most: int) -> None:
    """As first shown: what comes later adds features."""
    first: dict[str, Block] = {}
    for block in PAGE.files:
        if block.path.startswith(name):
            first.setdefault(Path(block.path).name, block)

    assert set(first) - {"network.py"} == {"__init__.py", "method.py"}
    assert sum(first[file].code_lines for file in ("__init__.py", "method.py")) <= most


@pytest.mark.skipif(shutil.which("ruff") is None or shutil.which("mypy") is None, reason="tox env `plugin` has both")
def test_the_files_of_the_page_are_clean_for_ruff_and_mypy(tmp_path: Path) -> None:
    render(tmp_path)
    for block in PAGE.files[1:]:
        write(block, tmp_path)

    for name in sorted(OWN):
        check_style(tmp_path / f"{name}-mer-bench", tmp_path.parent / "mypy-cache")


def render(folder: Path) -> None:
    for name, kind in (("motion-net", "torch"), ("flow-trees", "sklearn")):
        new_plugin(name, load_catalogue(), kind=kind, out=folder / f"{name}-mer-bench")
