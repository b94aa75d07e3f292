"""``mer-bench report``."""

from __future__ import annotations

from pathlib import Path

import click

from mer_bench.cli.completion import complete_folder, complete_row
from mer_bench.cli.options import open_results, results_option
from mer_bench.cli.standard_output import say

FORMATS = ("html", "markdown", "csv", "latex", "json", "bibtex")
"""As `mer_bench_reports.rendering.FORMATS`, which takes long to import."""


@click.command(name="report")
@results_option
@click.option(
    "--rows", multiple=True, shell_complete=complete_row, help="Only this row; give it for each.  [default: all]"
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(FORMATS),
    help="Only this format; give it for each.  [default: all]",
)
@click.option("--out", shell_complete=complete_folder, help="The folder to write to.  [default: the results folder]")
def command(results: str | None, rows: tuple[str, ...], formats: tuple[str, ...], out: str | None) -> None:
    """Write the comparison of stored results as one offline HTML page, and as Markdown, CSV, LaTeX, JSON and BibTeX."""
    from mer_bench.cli.stored_rows import StoredRows
    from mer_bench.results import read_row
    from mer_bench_reports import write_report

    store = open_results(results)
    named = StoredRows(store)
    chosen = [read_row(store, named.find(row)) for row in dict.fromkeys(rows)] or None
    folder = Path(out) if out else store.path
    for path in write_report(store, folder, chosen, formats=formats or None).values():
        say(path)
