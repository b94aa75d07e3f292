"""What docs/add-a-method.md shows works as it stands there: files, commands, and what the commands say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise, takewhile
from pathlib import Path

import pytest
from plugin_env import PluginEnvironment

from mer_bench import load_results
from mer_bench.plugin_manager import load_catalogue
from mer_bench.scaffold import new_plugin

PAGE = Path(__file__).parent.parent / "docs" / "add-a-method.md"
OWN = {"motion-net", "flow-trees"}
COMPARED = OWN | {"ahmsa", "majority", "random", "svm-flow"}


@dataclass(frozen=True)
class Block:
    """A fenced block of the page."""

    language: str
    text: str

    @property
    def path(self) -> str:
        """Of a file: its path, which is its first comment."""
        named = re.match(r"# (\S+)\n", self.text)
        assert named, f"this block does not begin with a comment that names its file:\n{self.text}"
        return named[1]

    @property
    def code_lines(self) -> int:
        """How many lines are neither blank nor a comment."""
        return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in self.text.splitlines())


def blocks() -> list[Block]:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("```") % 2 == 0
    return [Block(*found) for found in re.findall(r"^```(\w*)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)]


def files() -> list[Block]:
    return [block for block in blocks() if block.language in ("python", "toml")]


def comparable(text: str) -> list[str]:
    """Return a text's lines with every space and figure alike: training amplifies a processor's last digit."""
    return [re.sub(r"\d\.\d{4}", "0.0000", " ".join(line.split())) for line in text.splitlines()]


def unsaid(shown: str, said: str) -> list[str]:
    """Return what a page shows and a command does not say, from the first such line on; a path may begin earlier."""
    lines = iter(comparable(said))
    wanted = comparable(shown)
    found = takewhile(lambda line: any(other == line or other.endswith(f"/{line}") for other in lines), wanted)
    return wanted[sum(1 for _ in found) :]


def test_the_page_has_only_blocks_that_are_tested() -> None:
    assert {block.language for block in blocks()} == {"bash", "python", "text", "toml"}
    before_text = [before.language for before, block in pairwise(blocks()) if block.language == "text"]
    assert set(before_text) == {"bash"}


def test_a_line_that_is_not_said_is_found() -> None:
    said = "a  0.1234\n/some/where/report.html\nb"

    assert unsaid("a 0.9999\nreport.html\nb", said) == []
    assert unsaid("b\na 0.1234", said) == ["a 0.0000"]
    assert unsaid("a 0.1234\nc\nb", said) == ["c", "b"]


def test_the_page_runs_from_top_to_bottom_and_says_what_it_shows(tmp_path: Path) -> None:
    environment = PluginEnvironment.create(tmp_path / "environment")
    work = tmp_path / "work"
    work.mkdir()
    said = ""

    for block in blocks():
        if block.language == "bash":
            said = environment.run(block.text, work)
        elif block.language == "text":
            assert not unsaid(block.text, said), f"{unsaid(block.text, said)} is not in\n{said}"
        else:
            (work / block.path).write_text(block.text, encoding="utf-8")

    table = load_results(work / "mer-bench-results")
    assert set(table["method"]) == COMPARED
    assert (table["folds_done"] == 6).all()
    assert set(table[table["method"] == "motion-net"]["selection"]) == {"last", "inner", "oracle"}
    for report in ("report.html", "report.md", "report.csv"):
        text = (work / "mer-bench-results" / report).read_text(encoding="utf-8")
        assert not {name for name in COMPARED if name not in text}, report


def test_the_table_of_the_page_has_a_row_for_each_method_that_is_compared() -> None:
    (table,) = [block.text for block in blocks() if "UF1 / UAR" in block.text]
    rows = [line.split() for line in table.splitlines()[2:]]

    assert {row[0] for row in rows if len(row) == 12} == COMPARED


def test_every_file_of_the_page_takes_the_place_of_one_that_is_rendered(tmp_path: Path) -> None:
    render(tmp_path)

    assert [block.path for block in files() if not (tmp_path / block.path).exists()] == ["mer-bench.toml"]


@pytest.mark.parametrize(("name", "most"), [("motion-net", 30), ("flow-trees", 15)])
def test_a_method_takes_few_lines_besides_its_network(name: str, most: int) -> None:
    """As first shown: what comes later adds features."""
    first: dict[str, Block] = {}
    for block in files():
        if block.path.startswith(name):
            first.setdefault(Path(block.path).name, block)

    assert set(first) - {"network.py"} == {"__init__.py", "method.py"}
    assert sum(first[file].code_lines for file in ("__init__.py", "method.py")) <= most


@pytest.mark.skipif(shutil.which("ruff") is None or shutil.which("mypy") is None, reason="tox env `plugin` has both")
def test_the_files_of_the_page_are_clean_for_ruff_and_mypy(tmp_path: Path) -> None:
    render(tmp_path)
    for block in files()[1:]:
        (tmp_path / block.path).write_text(block.text, encoding="utf-8")

    for name in sorted(OWN):
        commands = (
            ["ruff", "check", "--isolated", "--no-cache", "."],
            ["ruff", "format", "--isolated", "--no-cache", "--check", "."],
            ["mypy", "--python-executable", sys.executable, "--cache-dir", str(tmp_path.parent / "mypy-cache")],
        )
        for command in commands:
            folder = tmp_path / f"{name}-mer-bench"
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


def render(folder: Path) -> None:
    for name, kind in (("motion-net", "torch"), ("flow-trees", "sklearn")):
        new_plugin(name, load_catalogue(), kind=kind, out=folder / f"{name}-mer-bench")
