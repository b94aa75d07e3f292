"""Pages of the site that no file in docs/ holds: the README and others, the command line, and each check.

Links between pages are the repository's, so that they work on GitHub too. Here they become links of the site.
"""

from __future__ import annotations

import inspect
import posixpath
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

if TYPE_CHECKING:
    from mer_bench.checks import Check

ROOT = Path(__file__).parents[1]
METHODS = sorted(path.parent.name for path in ROOT.glob("plugins/*/README.md"))
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    **{f"plugins/{name}/README.md": f"methods/{name}.md" for name in METHODS},
}
"""Path in the repository to path in the site."""
CODE = re.compile(r"`[^`\n]*`")
LIST = re.compile(r"^[^\s|#`*-].*\n(?=- )", re.MULTILINE)
LINK = re.compile(r"(?<=\]\()([^)\s:#]+)(?=[)#])")


CHECKS_TABLE = "<!-- table of checks -->"
"""Where the page on checks has their table."""


def on_config(config: MkDocsConfig) -> None:
    """Put the methods and checks into the navigation."""
    sections = [pages for section in config.nav or () for pages in section.values() if isinstance(pages, list)]
    for pages in sections:
        for page in pages:
            if page.get("Methods") == "methods/":
                page["Methods"] = [f"methods/{name}.md" for name in METHODS]
            if page.get("Checks") == "checks/":
                page["Checks"] = ["checks/index.md", *check_pages()]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages from outside docs/."""
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    files.append(File.generated(config, "cli.md", content="\n".join(command_line())))
    for page, content in check_pages().items():
        files.append(File.generated(config, page, content=content))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links of the repository into links of the site; the strict build refuses those that lead nowhere."""
    here = page.file.src_uri
    source = next((path for path, uri in OUTSIDE.items() if uri == here), f"docs/{here}")
    if CHECKS_TABLE in markdown:
        markdown = markdown.replace(CHECKS_TABLE, "\n".join(checks_table()))
    # Unlike GitHub, Python-Markdown wants no backslash before a bar in a table's code, and a blank line before a list.
    markdown = CODE.sub(lambda code: code[0].replace(r"\|", "|"), markdown)
    markdown = LIST.sub(r"\g<0>\n", markdown)
    return LINK.sub(lambda link: site_link(link[1], source, here), markdown)


def site_link(link: str, source: str, here: str) -> str:
    """Return a link of the page ``here`` of the site for one of the file ``source`` of the repository."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    if (ROOT / path).is_dir():
        path += "/README.md"
    target = OUTSIDE.get(path) or path.removeprefix("docs/")
    return posixpath.relpath(target, posixpath.dirname(here) or ".")


def command_line() -> Iterator[str]:
    """Yield the lines of the page on the command line: what each command's ``--help`` says."""
    sys.path.insert(0, str(ROOT))
    from mer_bench.cli import cli

    yield "# Command line\n\nEvery command takes `-h` and `--help` too.\n"
    yield f"{plain(cli.epilog or '')}\n"
    yield from verb_lines(cli, click.Context(cli, info_name="mer-bench"))


def verb_lines(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the section of a command, then those of the commands below it."""
    depth = context.command_path.count(" ") + 1
    if depth > 1:
        yield f"\n{'#' * depth} {context.command_path}\n"
    yield f"{plain(inspect.cleandoc(command.help or ''))}\n"
    yield f"```console\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    options = [parameter.get_help_record(context) for parameter in command.params]
    rows = [f"| `{option[0]}` | {plain(option[1])} |" for option in options if option]
    yield from ("| option | what it does |", "|---|---|", *rows) if rows else ()
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        below = command.get_command(context, name)
        assert below is not None
        yield from verb_lines(below, click.Context(below, info_name=name, parent=context))


def check_pages() -> dict[str, str]:
    """Return the page of each check, by its path in the site: what ``check-results --explain`` says."""
    return {
        f"checks/{check.code.lower()}.md": (
            f"# {check.code}: {check.title}\n\n**{str(check.severity).capitalize()}.** {check.meaning}\n\n"
            f"## What is looked at\n\n{check.looks_at}\n\n## What to do\n\n{check.cure}\n"
        )
        for check in _checks()
    }


def checks_table() -> Iterator[str]:
    """Yield the lines of the table of all checks."""
    yield "| code | fault | |"
    yield "|---|---|---|"
    for check in _checks():
        yield f"| [{check.code}]({check.code.lower()}.md) | {check.title} | {check.severity} |"


def _checks() -> tuple[Check, ...]:
    sys.path.insert(0, str(ROOT))
    from mer_bench.checks import CHECKS

    return CHECKS


def plain(text: str) -> str:
    """Return help as Markdown that shows every character, and what is between backticks as code."""
    parts = re.split(r"(`[^`]+`)", text.replace("\b\n", ""))
    # Python-Markdown does not remove a backslash before an angle bracket.
    parts[::2] = [re.sub(r"[<>*_`|\[\]]", lambda hit: f"&#{ord(hit[0])};", part) for part in parts[::2]]
    return "".join(parts)
