"""``mer-bench report``."""

from __future__ import annotations

from pathlib import Path

import click

from mer_bench.cli.completion import complete_folder
from mer_bench.cli.options import open_results, results_option
from mer_bench.cli.standard_output import say


@click.command(name="report")
@results_option
@click.option("--out", shell_complete=complete_folder, help="The folder to write to.  [default: the results folder]")
def command(results: str | None, out: str | None) -> None:
    """Write the comparison of all stored results as one offline HTML page, as Markdown, CSV and LaTeX."""
    from mer_bench_reports import write_report

    store = open_results(results)
    for path in write_report(store, Path(out) if out else store.path).values():
        say(path)
