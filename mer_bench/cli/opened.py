"""The results folder that a verb reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from mer_bench.config import DEFAULT_RESULTS, load_config
from mer_bench.errors import Notice
from mer_bench.store import Store


def open_results(results: str | None) -> Store:
    """Open the folder named on the command line, in the config file, or by default; notices go to stderr.

    Raises
    ------
    MerBenchError
        There is no store, or a newer mer-bench made it.
    """
    folder = Path(results or load_config().results or DEFAULT_RESULTS)
    return Store.open(folder, notices(lambda text: click.echo(text, err=True)))


def notices(say: Callable[[str], None]) -> Notice:
    """Return a function that says each notice once: a run reads its cells more than once."""
    said: set[str] = set()

    def notice(text: str) -> None:
        if text not in said:
            said.add(text)
            say(f"note: {text}")

    return notice
