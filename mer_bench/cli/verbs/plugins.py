"""``mer-bench plugins``."""

from __future__ import annotations

from dataclasses import asdict

import click

from mer_bench.cli.console import show, table_lines
from mer_bench.cli.options import json_option


@click.command(name="plugins")
@click.option("--traceback", "show_traceback", is_flag=True, help="Print the tracebacks of failed plugins.")
@json_option("Print a JSON list on stdout.")
def command(show_traceback: bool, as_json: bool) -> None:
    """Show the installed plugins, and why one does not work."""
    from mer_bench.plugin_manager import load_catalogue

    records = load_catalogue().records
    lines = table_lines(
        ("status", "plugin", "package", "reason"),
        [(r.status.value, r.name, f"{r.distribution} {r.version}".strip(), r.reason) for r in records],
    )
    if show_traceback:
        lines += [f"\n{record.name}:\n{record.traceback}" for record in records if record.traceback]
    show([asdict(record) for record in records], lines, as_json=as_json)
