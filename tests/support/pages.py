"""The pages of docs/ that tests follow: files are written, commands run, and their output compared with the page."""

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
        """The path of a file, which its first comment states."""
        named = re.match(r"# (\S+)\n", self.text)
        assert named, f"this block does not begin with a comment that names its file:\n{self.text}"
        return named[1]

    @property
    def code_lines(self) -> int:
        """How many lines are neither blank nor a comment."""
        return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in self.text.splitlines())


@dataclass(frozen=True)
class Page:
    """A page, by its path in docs/."""

    path: str

    @property
    def text(self) -> str:
        return (DOCS / self.path).read_text(encoding="utf-8")

    @property
    def blocks(self) -> list[Block]:
        assert self.text.count("```") % 2 == 0
        matches = re.findall(r"^```(\w*)\n(.*?)^```$", self.text, flags=re.MULTILINE | re.DOTALL)
        return [Block(*match) for match in matches]

    @property
    def files(self) -> list[Block]:
        return [block for block in self.blocks if block.language in ("python", "toml")]

    def check_blocks(self) -> None:
        """Fail if a block is of a kind that `run` ignores."""
        assert {block.language for block in self.blocks} <= {"bash", "python", "text", "toml"}
        before_text = [before.language for before, block in pairwise(self.blocks) if block.language == "text"]
        assert set(before_text) == {"bash"}

    def run(self, folder: Path) -> Path:
        """Follow the page from top to bottom in a new environment; return the working folder."""
        environment = PluginEnvironment.create(folder / "environment")
        work = folder / "work"
        work.mkdir()
        output = ""
        for block in self.blocks:
            if block.language == "bash":
                output = environment.run(block.text, work)
            elif block.language == "text":
                assert not missing_lines(block.text, output), f"{missing_lines(block.text, output)} is not in\n{output}"
            else:
                write(block, work)
        return work


METHOD = Page("add-a-method.md")
DATABASE = Page("add-a-database.md")
PROTOCOL = Page("add-a-protocol.md")


def write(block: Block, folder: Path) -> None:
    file = folder / block.path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(block.text, encoding="utf-8")


def check_style(project: Path, cache: Path, *mypy: str) -> None:
    """Fail if ruff or mypy reports anything in a plugin's project."""
    commands = (
        ["ruff", "check", "--isolated", "--no-cache", "."],
        ["ruff", "format", "--isolated", "--no-cache", "--check", "."],
        ["mypy", "--python-executable", sys.executable, "--cache-dir", str(cache), *mypy],
    )
    for command in commands:
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def comparable(text: str) -> list[str]:
    """Return a text's lines with equal spaces and scores: processors round differently, and training amplifies it."""
    return [re.sub(r"\d\.\d{4}", "0.0000", " ".join(line.split())) for line in text.splitlines()]


def missing_lines(shown: str, output: str) -> list[str]:
    """Return the lines of a page from the first one on that a command does not print; a path may begin earlier."""
    lines = iter(comparable(output))
    wanted = comparable(shown)
    printed = takewhile(lambda line: any(other == line or other.endswith(f"/{line}") for other in lines), wanted)
    return wanted[sum(1 for _ in printed) :]
