"""``mer-bench status``."""

from __future__ import annotations

import click

from mer_bench.cli.console import show, table_lines
from mer_bench.cli.options import json_option, open_results, results_option


@click.command(name="status")
@results_option
@json_option("Print a JSON list on stdout.")
def command(results: str | None, as_json: bool) -> None:
    """Show what the results folder holds: rows and seeds, with their done, failed and missing folds."""
    from mer_bench.results import read_results

    rows = [
        {
            "protocol": f"{row.record['protocol']['name']}@{row.record['protocol']['version']}",
            "method": row.record["method"]["name"],
            "row_key": row.record["row_key"][:12],
            "training": row.record["training"],
            "caveats": ", ".join(row.record["caveats"]),
            "seed": seed.seed,
            "done": seed.done,
            "failed": seed.failed,
            "missing": seed.total - seed.done - seed.failed,
        }
        for row in read_results(open_results(results))
        for seed in row.seeds
    ]
    columns = ("protocol", "method", "row_key", "training", "seed", "done", "failed", "missing", "caveats")
    headings = [column.replace("_", " ") for column in columns]
    lines = table_lines(headings, [[str(row[column]) for column in columns] for row in rows])
    show(rows, lines if rows else ["no cell is stored yet"], as_json=as_json)
