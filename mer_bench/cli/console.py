"""How a command prints its answer: as JSON, or as lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mer_bench.cli.standard_output import CleanText, answers, say
from mer_bench.printable import json_text, printable_lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

UNBOUNDED = 10_000
"""Columns: wider than any line of a table or of help."""
_FILE_WIDTH = 120
_GAP = 2
"""Columns between two cells."""


def console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is; in a file it is wide enough for a table."""
    from rich.console import Console

    file = None if stderr else answers()
    people = Console(file=file, stderr=stderr, highlight=False, markup=False, emoji=False)
    if not people.is_terminal:
        people.width = max(people.width, _FILE_WIDTH)
    return people


def print_line(people: Console, text: str, style: str | None = None) -> None:
    """Print a line of text: folded at words at the width of a terminal, and never folded in a file."""
    people.print(printable_lines(text), style=style, soft_wrap=not people.is_terminal)


def show(answer: object, lines: Iterable[str], *, as_json: bool, indent: int | None = None) -> None:
    """Print an answer on stdout: as JSON, in one line unless ``indent`` is given, or its lines for people."""
    if as_json:
        lines = [json_text(answer, indent)]
    for line in lines:
        say(line)


def table_lines(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table, whose cells are folded at words in a narrow terminal, and never in a file.

    Where not even the longest words fit beside each other, each row is a block with a line for each cell.
    """
    from rich import box
    from rich.table import Table

    people = console()
    if not people.is_terminal:
        people.width = UNBOUNDED
    headings, *rows = ([printable_lines(cell) for cell in row] for row in (headings, *rows))
    columns = list(zip(headings, *rows, strict=True))
    needs = [max(len(word) for cell in column for word in cell.split() or [""]) for column in columns]
    spare = people.width - sum(needs) - _GAP * (len(columns) - 1)
    if spare < 0:
        return _blocks(headings, rows, people.width)
    wishes = [max(map(len, column)) - need for column, need in zip(columns, needs, strict=True)]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for heading, width in zip(headings, _widened(needs, wishes, spare), strict=True):
        table.add_column(heading, width=width)
    for row in rows:
        add_row(table, *row)
    return styled_lines(people, table)


def facts_grid(facts: Iterable[tuple[str, str]]) -> Table:
    """Return facts, each with a label, as a table without lines; labels are not folded."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for row in facts:
        add_row(table, *row)
    return table


def add_row(table: Table, *cells: str) -> None:
    """Add a row to a table that is printed: its cells may hold stored texts, whose control signs are removed."""
    table.add_row(*map(printable_lines, cells))


def fact_lines(facts: Iterable[tuple[str, str]]) -> list[str]:
    """Return the lines of `facts_grid`, folded at words at the width of a terminal, and never in a file."""
    people = console()
    if not people.is_terminal:
        people.width = UNBOUNDED
    return styled_lines(people, facts_grid(facts))


def styled_lines(people: Console, *tables: Table | Text) -> list[str]:
    """Return the lines of what has no control signs left in its texts, with the styling that it has on this console."""
    with people.capture() as captured:
        for table in tables:
            people.print(table)
    return [CleanText(line.rstrip()) for line in captured.get().splitlines()]


def _widened(needs: Sequence[int], wishes: Sequence[int], spare: int) -> list[int]:
    """Return the width of each column: what it needs, and its share of what is spare, up to its wish."""
    widths = list(needs)
    for n_done, column in enumerate(sorted(range(len(wishes)), key=wishes.__getitem__)):
        more = min(wishes[column], spare // (len(wishes) - n_done))
        widths[column] += more
        spare -= more
    return widths


def _blocks(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    from textwrap import wrap

    indent = max(map(len, headings)) + _GAP
    lines: list[str] = []
    for row in rows:
        lines += [""] if lines else []
        for heading, cell in zip(headings, row, strict=True):
            texts = wrap(cell, max(width - indent, 1), break_long_words=False, break_on_hyphens=False)
            lines += [f"{'' if number else heading:<{indent}}{text}" for number, text in enumerate(texts)]
    return lines
