"""``mer-bench list``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mer_bench.cli.console import show, table_lines
from mer_bench.cli.options import json_option

if TYPE_CHECKING:
    from mer_bench.specs import AblationSpec, ExecutorSpec, ProtocolSpec

_KINDS = ("methods", "protocols", "databases", "ablations", "executors", "trackers")


@click.command(name="list")
@click.argument("kind", type=click.Choice(_KINDS), metavar="KIND")
@json_option("Print a JSON list on stdout.")
def command(kind: str, as_json: bool) -> None:
    """List what is installed; KIND is methods, protocols, databases, ablations, executors or trackers."""
    from mer_bench.plugin_manager import load_catalogue

    catalogue = load_catalogue()
    rows: list[dict[str, str]] = []
    if kind == "methods":
        for method in catalogue.methods.values():
            presets = ", ".join(method.presets)
            given = method.representation.name
            rows.append({"name": method.name, "title": method.title, "input": given, "presets": presets})
    elif kind == "databases":
        rows += [{"name": database.name, "title": database.title} for database in catalogue.databases.values()]
    elif kind == "ablations":
        rows += [_ablation_row(spec) for spec in catalogue.ablations.values()]
    elif kind == "trackers":
        rows += [{"name": spec.name, "title": spec.title} for spec in catalogue.trackers.values()]
    elif kind == "executors":
        rows += [row for spec in catalogue.executors.values() for row in _option_rows(spec)]
    else:
        rows += [_protocol_row(spec) for spec in catalogue.protocols.values()]
    owner = kind.removesuffix("s")
    for row in rows:
        row["from"] = catalogue.owners[owner, row["name"]]
    lines = table_lines(list(rows[0]), [list(row.values()) for row in rows]) if rows else [f"no {owner} is installed"]
    show(rows, lines, as_json=as_json)


def _protocol_row(spec: ProtocolSpec) -> dict[str, str]:
    from mer_bench.errors import MerBenchError
    from mer_bench.protocol import load_protocol

    try:
        protocol = load_protocol(spec.path, spec.name)
    except MerBenchError as error:
        # A plugin's broken file must not hide the protocols of others.
        return {"name": spec.name, "version": "?", "title": f"cannot be used: {error}"}
    return {"name": spec.name, "version": str(protocol.version), "title": protocol.title}


def _ablation_row(spec: AblationSpec) -> dict[str, str]:
    from mer_bench.ablation import load_ablation
    from mer_bench.errors import MerBenchError

    try:
        ablation = load_ablation(spec.path, spec.name)
    except MerBenchError as error:
        return {"name": spec.name, "method": "?", "place": "?", "title": f"cannot be used: {error}"}
    return {"name": spec.name, "method": ablation.method, "place": ablation.place, "title": ablation.title}


def _option_rows(spec: ExecutorSpec) -> Iterator[dict[str, str]]:
    """Yield each option of an executor, by its key in a cluster file."""
    from mer_bench.parameters import type_name, value_text

    if not spec.parameters:
        yield {"name": spec.name, "option": "", "type": "", "default": "", "what": spec.title}
    for option in spec.parameters:
        key = f"{spec.name}_{option.name}"
        default = value_text(option.default)
        yield {
            "name": spec.name,
            "option": key,
            "type": type_name(option.default),
            "default": default,
            "what": option.doc,
        }
