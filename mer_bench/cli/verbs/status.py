"""``mer-bench status``."""

from __future__ import annotations

import click

from mer_bench.cli.console import show
from mer_bench.cli.options import json_option, open_results, results_option


@click.command(name="status")
@results_option
@json_option("A JSON list on stdout.")
def command(results: str | None, as_json: bool) -> None:
    """Show what a results folder holds: rows, seeds, folds done, failed and missing."""
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
    lines = (
        f"{row['protocol']}  {row['method']} {row['row_key']}  training {row['training']}  seed {row['seed']}: "
        f"{row['done']} done, {row['failed']} failed, {row['missing']} missing"
        + (f"  {row['caveats']}" if row["caveats"] else "")
        for row in rows
    )
    show(rows, lines if rows else ["no cell is stored yet"], as_json=as_json)
