"""``mer-bench data list``."""

from __future__ import annotations

import click

from mer_bench.cli.options import data_arguments, named_source
from mer_bench.cli.standard_output import answers, tell
from mer_bench.printable import csv_cell


@click.command(name="list")
@data_arguments
def command(path: str | None, data_options: dict[str, str]) -> None:
    """Print the samples of PATH as CSV: ids, emotions, frame numbers, action units, and where each is annotated."""
    from mer_bench.engine.data_check import input_line

    source = named_source(path, data_options)
    table = source.read_samples()
    table.frame.map(csv_cell).to_csv(answers(), index=False)
    tell(input_line(source.input_facts()))
    for problem in source.problems():
        tell(f"not listed: {problem}")
