"""Pages of docs/ as tests take them: files are written, commands run, and what a page shows is what a command says."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise, takewhile
from pathlib import Path

from support.plugin_env import PluginEnvironment

DOCS = Path(__file__).parents[2] / "docs"


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

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


@dataclass(frozen=True)
class Page:
    """A page of docs/, by its file name."""

    name: str

    @property
    def blocks(self) -> list[Block]:
        text = (DOCS / self.name).read_text(encoding="utf-8")
        assert text.count("```") % 2 == 0
        return [Block(*found) for found in re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)]

    @property
    def files(self) -> list[Block]:
        return [block for block in self.blocks if block.language in ("python", "toml")]

    def check_blocks(self) -> None:
        """Fail where a block is of a kind that `run` does not look at."""
        assert {block.language for block in self.blocks} <= {"bash", "python", "text", "toml"}
        before_text = [before.language for before, block in pairwise(self.blocks) if block.language == "text"]
        assert set(before_text) == {"bash"}

    def run(self, folder: Path) -> Path:
        """Follow the page from top to bottom in an environment of its own; return the folder in which it worked."""
        environment = PluginEnvironment.create(folder / "environment")
        work = folder / "work"
        work.mkdir()
        said = ""
        for block in self.blocks:
            if block.language == "bash":
                said = environment.run(block.text, work)
            elif block.language == "text":
                assert not unsaid(block.text, said), f"{unsaid(block.text, said)} is not in\n{said}"
            else:
                write(block, work)
        return work


def write(block: Block, folder: Path) -> None:
    file = folder / block.path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(block.text, encoding="utf-8")


def check_style(project: Path, cache: Path, *mypy: str) -> None:
    """Fail where ruff or mypy finds something in a plugin's project."""
    commands = (
        ["ruff", "check", "--isolated", "--no-cache", "."],
        ["ruff", "format", "--isolated", "--no-cache", "--check", "."],
        ["mypy", "--python-executable", sys.executable, "--cache-dir", str(cache), *mypy],
    )
    for command in commands:
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def comparable(text: str) -> list[str]:
    """Return a text's lines with every space and score alike: training amplifies a processor's last digit."""
    return [re.sub(r"\d\.\d{4}", "0.0000", " ".join(line.split())) for line in text.splitlines()]


def unsaid(shown: str, said: str) -> list[str]:
    """Return what a page shows and a command does not say, from the first such line on; a path may begin earlier."""
    lines = iter(comparable(said))
    wanted = comparable(shown)
    found = takewhile(lambda line: any(other == line or other.endswith(f"/{line}") for other in lines), wanted)
    return wanted[sum(1 for _ in found) :]
