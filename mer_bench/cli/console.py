"""How a verb prints its answer: as JSON, or in lines for people."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

_FILE_WIDTH = 120


def console(*, stderr: bool = False) -> Console:
    """Return the console for people: it prints text as it stands, and lines in a file are wide enough for a table."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = max(made.width, _FILE_WIDTH)
    return made


def show(answer: object, lines: Iterable[str], *, as_json: bool, indent: int | None = None) -> None:
    """Print an answer on stdout: as JSON, in one line unless ``indent`` is given, or its lines for people."""
    if as_json:
        lines = [json.dumps(answer, indent=indent, allow_nan=False)]
    for line in lines:
        click.echo(line)
