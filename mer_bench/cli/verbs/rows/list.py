"""``mer-bench rows list``."""

from __future__ import annotations

import click

from mer_bench.cli.console import show, table_lines
from mer_bench.cli.options import json_option, open_results, results_option


@click.command(name="list")
@results_option
@json_option("Print a JSON list on stdout.")
def command(results: str | None, as_json: bool) -> None:
    """List the stored rows with names, settings, selection rule and input; `mer-bench status` has their scores."""
    from mer_bench.cli.row_texts import settings_text
    from mer_bench.cli.stored_rows import StoredRows, protocol_text
    from mer_bench.result_texts import input_text
    from mer_bench.results import stored_selection

    stored = StoredRows(open_results(results))
    rows = [
        {
            "row": stored.name(record),
            "protocol": protocol_text(record),
            "selection": stored_selection(record),
            "settings": settings_text(record),
            "input": input_text(record),
            "row_key": record["row_key"],
        }
        for record in stored.records
    ]
    headings = ("row", "protocol", "selection", "settings", "input")
    lines = table_lines(headings, [[row[heading] for heading in headings] for row in rows])
    show(rows, lines if rows else ["no row is stored yet"], as_json=as_json)
