"""The results folder that a verb reads."""

from __future__ import annotations

from pathlib import Path

import click

from mer_bench.config import DEFAULT_RESULTS, load_config
from mer_bench.store import Store


def open_results(results: str | None) -> Store:
    """Open the folder named on the command line, in the config file, or by default; notices go to stderr.

    Raises
    ------
    MerBenchError
        There is no store, or a newer mer-bench made it.
    """
    folder = Path(results or load_config().results or DEFAULT_RESULTS)
    return Store.open(folder, lambda text: click.echo(f"note: {text}", err=True))
