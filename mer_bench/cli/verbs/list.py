"""``mer-bench list``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mer_bench.cli.console import show
from mer_bench.cli.options import json_option

if TYPE_CHECKING:
    from mer_bench.specs import ProtocolSpec

_KINDS = ("methods", "protocols", "databases")


@click.command(name="list")
@click.argument("kind", type=click.Choice(_KINDS))
@json_option("A JSON list on stdout.")
def command(kind: str, as_json: bool) -> None:
    """Show what is installed: methods, protocols or databases."""
    from mer_bench.plugin_manager import load_catalogue

    catalogue = load_catalogue()
    rows: list[dict[str, str]] = []
    if kind == "methods":
        for method in catalogue.methods.values():
            presets = ", ".join(method.presets)
            takes = method.representation.name
            rows.append({"name": method.name, "title": method.title, "input": takes, "presets": presets})
    elif kind == "databases":
        rows += [{"name": database.name, "title": database.title} for database in catalogue.databases.values()]
    else:
        rows += [_protocol_row(spec) for spec in catalogue.protocols.values()]
    owner = kind.removesuffix("s")
    for row in rows:
        row["from"] = catalogue.owners[owner, row["name"]]
    show(rows, _columns(rows), as_json=as_json)


def _protocol_row(spec: ProtocolSpec) -> dict[str, str]:
    from mer_bench.errors import MerBenchError
    from mer_bench.protocol import load_protocol

    try:
        protocol = load_protocol(spec.path, spec.name)
    except MerBenchError as error:
        # One plugin's broken file must not hide the others' protocols.
        return {"name": spec.name, "version": "?", "title": f"cannot be used: {error}"}
    return {"name": spec.name, "version": str(protocol.version), "title": protocol.title}


def _columns(rows: list[dict[str, str]]) -> Iterator[str]:
    widths = {key: max(len(row[key]) for row in rows) for key in rows[0]} if rows else {}
    for row in rows:
        yield "  ".join(f"{value:<{widths[key]}}" for key, value in row.items()).rstrip()
