"""``mer-bench status``."""

from __future__ import annotations

import click


@click.command(name="status")
@click.option("--results", help="The results folder.  [default: mer-bench-results]")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
def command(results: str | None, as_json: bool) -> None:
    """Show what a results folder holds: rows, seeds, folds done, failed and missing."""
    import json

    from mer_bench.cli.options import open_results
    from mer_bench.results import read_results

    rows = [
        {
            "protocol": f"{row.record['protocol']['name']}@{row.record['protocol']['version']}",
            "method": row.record["method"]["name"],
            "row_key": row.record["row_key"][:12],
            "training": row.record["training"],
            "marks": ", ".join(row.record["marks"]),
            "seed": seed.seed,
            "done": seed.done,
            "failed": seed.failed,
            "missing": seed.total - seed.done - seed.failed,
        }
        for row in read_results(open_results(results))
        for seed in row.seeds
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    if not rows:
        click.echo("no cell is stored yet")
    for row in rows:
        marks = f"  {row['marks']}" if row["marks"] else ""
        click.echo(
            f"{row['protocol']}  {row['method']} {row['row_key']}  training {row['training']}  seed {row['seed']}: "
            f"{row['done']} done, {row['failed']} failed, {row['missing']} missing{marks}"
        )
