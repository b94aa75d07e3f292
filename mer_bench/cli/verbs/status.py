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
    from mer_bench.result_texts import folds_text
    from mer_bench.results import read_results

    seeds = [seed for row in read_results(open_results(results)) for seed in row.seeds]
    rows = [
        {
            "protocol": f"{seed.record['protocol']['name']}@{seed.record['protocol']['version']}",
            "method": seed.record["method"]["name"],
            "row_key": seed.record["row_key"][:12],
            "training": seed.record["training"],
            "caveats": ", ".join(seed.record["caveats"]),
            "seed": seed.seed,
            "done": seed.done,
            "failed": seed.failed,
            "missing": seed.total - seed.done - seed.failed,
        }
        for seed in seeds
    ]
    columns = ("protocol", "method", "row_key", "training", "seed", "caveats")
    lines = table_lines(
        [*(column.replace("_", " ") for column in columns), "folds"],
        [[*(str(row[column]) for column in columns), folds_text(seed)] for row, seed in zip(rows, seeds, strict=True)],
    )
    show(rows, lines if rows else ["no cell is stored yet"], as_json=as_json)
