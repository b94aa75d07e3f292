"""``mer-bench data list``."""

from __future__ import annotations

import click

from mer_bench.cli.options import data_arguments, named_source
from mer_bench.cli.standard_output import answers


@click.command(name="list")
@data_arguments
def command(path: str | None, data_options: dict[str, str]) -> None:
    """Print the samples of PATH as CSV: ids, emotions, frame numbers, action units, and where each is annotated."""
    source = named_source(path, data_options)
    table = source.read_samples()
    table.frame.to_csv(answers(), index=False)
    for problem in source.problems():
        click.echo(f"not listed: {problem}", err=True)
