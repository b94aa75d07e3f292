"""``mer-bench data check``."""

from __future__ import annotations

import click

from mer_bench.cli.console import show
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import data_arguments, json_option, named_source, notice


@click.command(name="check")
@data_arguments
@click.option("--protocol", "-p", "protocols", multiple=True, help="To count against.  [default: all that fit]")
@click.option("--all-frames", is_flag=True, help="Decode every frame, not onset and apex alone.")
@json_option()
def command(
    path: str | None, data_options: dict[str, str], protocols: tuple[str, ...], all_frames: bool, as_json: bool
) -> ExitCode:
    """Say what is found, missing or unreadable in PATH, and count its samples against the protocols.

    Ends with 1 where a frame cannot be read or an annotated sample cannot be used; counts that differ from a
    protocol's are said, and no reason to fail.
    """
    from mer_bench.engine.data_check import check_data
    from mer_bench.plugin_manager import load_catalogue

    source = named_source(path, data_options)
    found = check_data(source, protocols, load_catalogue(), all_frames=all_frames, notice=notice)
    show(found.as_json(), found.lines(), as_json=as_json, indent=1)
    return ExitCode.DONE if found.is_sound else ExitCode.FAILED
