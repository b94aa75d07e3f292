"""How a command prints its answer: as JSON, or as lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from mer_bench.specs import value_text

if TYPE_CHECKING:
    from rich.console import Console

UNBOUNDED = 10_000
"""Columns: wider than any line of a table or of help."""
_FILE_WIDTH = 120


def console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is; in a file it is wide enough for a table."""
    from rich.console import Console

    people = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not people.is_terminal:
        people.width = max(people.width, _FILE_WIDTH)
    return people


def print_line(people: Console, text: str, style: str | None = None) -> None:
    """Print a line of text: folded at words at the width of a terminal, and never folded in a file."""
    people.print(text, style=style, soft_wrap=not people.is_terminal)


def show(answer: object, lines: Iterable[str], *, as_json: bool, indent: int | None = None) -> None:
    """Print an answer on stdout: as JSON, in one line unless ``indent`` is given, or its lines for people."""
    if as_json:
        lines = [json.dumps(answer, indent=indent, allow_nan=False)]
    for line in lines:
        click.echo(line)


def table_lines(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; cells are folded at words if a terminal is too narrow, and never in a file."""
    from rich import box
    from rich.table import Table

    people = console()
    if not people.is_terminal:
        people.width = UNBOUNDED
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    rows = list(rows)
    for number, heading in enumerate(headings):
        # What has no spaces keeps its width, the rest is folded at words.
        table.add_column(heading, no_wrap=not any(" " in row[number] for row in rows), overflow="fold")
    for row in rows:
        table.add_row(*row)
    with people.capture() as captured:
        people.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]


def pairs_text(values: Mapping[str, object]) -> str:
    """Return settings as ``--set`` takes them: ``width=96, residual=true``."""
    return ", ".join(f"{name}={value_text(value)}" for name, value in values.items())
