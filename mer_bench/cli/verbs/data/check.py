"""``mer-bench data check``."""

from __future__ import annotations

import json
import sys

import click

from mer_bench.cli import EXIT_FOUND_PROBLEMS
from mer_bench.cli.options import data_arguments, named_source


@click.command(name="check")
@data_arguments
@click.option("--protocol", "-p", "protocols", multiple=True, help="To count against.  [default: all that fit]")
@click.option("--all-frames", is_flag=True, help="Decode every frame, not onset and apex alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    path: str | None, data_options: dict[str, str], protocols: tuple[str, ...], all_frames: bool, as_json: bool
) -> None:
    """Say what is found, missing or unreadable in PATH, and count its samples against the protocols.

    Ends with 1 where a frame cannot be read or an annotated sample cannot be used; counts that differ from a
    protocol's are said, and no reason to fail.
    """
    from mer_bench.engine.data_check import check_data
    from mer_bench.plugin_manager import load_catalogue

    found = check_data(named_source(path, data_options), protocols, load_catalogue(), all_frames=all_frames)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=1, allow_nan=False))
    else:
        for line in found.lines():
            click.echo(line)
    if not found.is_sound:
        sys.exit(EXIT_FOUND_PROBLEMS)
