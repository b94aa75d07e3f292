"""``mer-bench data check``."""

from __future__ import annotations

import click

from mer_bench.cli.console import show
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import data_arguments, json_option, named_source, notice, protocol_option


@click.command(name="check")
@data_arguments
@protocol_option("protocols", multiple=True, help="Compare the counts with this one.  [default: all that fit]")
@click.option("--all-frames", is_flag=True, help="Decode every frame, not only onset and apex.")
@json_option()
def command(
    path: str | None, data_options: dict[str, str], protocols: tuple[str, ...], all_frames: bool, as_json: bool
) -> ExitCode:
    """Show what is there, missing or unreadable in PATH, and compare its counts with the protocols'.

    The exit code is 1 if a frame cannot be read or an annotated sample cannot be used; counts that differ from a
    protocol's are shown, but are no failure.
    """
    from mer_bench.engine.data_check import check_data
    from mer_bench.plugin_manager import load_catalogue

    source = named_source(path, data_options)
    checked = check_data(source, protocols, load_catalogue(), all_frames=all_frames, notice=notice)
    show(checked.as_json(), checked.lines(), as_json=as_json, indent=1)
    return ExitCode.DONE if checked.is_sound else ExitCode.FAILED
