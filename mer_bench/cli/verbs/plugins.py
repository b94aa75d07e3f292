"""``mer-bench plugins``."""

from __future__ import annotations

import json
from dataclasses import asdict

import click


@click.command(name="plugins")
@click.option("--traceback", "show_traceback", is_flag=True, help="Show the tracebacks of failed plugins.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def command(show_traceback: bool, as_json: bool) -> None:
    """Show the installed plugins, and why one does not work."""
    from mer_bench.plugin_manager import load_catalogue

    records = load_catalogue().records
    if as_json:
        click.echo(json.dumps([{**asdict(record), "status": record.status.value} for record in records]))
        return
    for record in records:
        reason = f": {record.reason}" if record.reason else ""
        click.echo(f"{record.status.value:<9} {record.name} ({record.distribution} {record.version}){reason}")
        if show_traceback and record.traceback:
            click.echo(record.traceback)
