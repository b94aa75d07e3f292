"""``mer-bench export``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="export")
@click.option("--megc", required=True, metavar="FILE", help="The log to write: ground truth first, then prediction.")
@click.option("--method", "-m", required=True)
@click.option("--protocol", "-p", default="cde", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--selection", help="Of a network: last, inner or oracle.  [default: whichever is stored, never oracle]")
@click.option("--row", "row_key", help="The start of a row key, where several rows fit; `mer-bench status` shows them.")
@click.option("--results", help="The results folder.  [default: mer-bench-results]")
def command(
    megc: str, method: str, protocol: str, seed: int, selection: str | None, row_key: str | None, results: str | None
) -> None:
    """Write stored predictions as a MEGC2019 log."""
    from mer_bench.cli.opened import open_results
    from mer_bench.errors import MerBenchError
    from mer_bench.results import read_results
    from mer_bench.scoring.megc_log import LogEntry, write_log
    from mer_bench.specs import normalise_name

    fitting = [
        result
        for result in read_results(open_results(results))
        if result.row["method"]["name"] == normalise_name(method)
        and result.row["protocol"]["name"] == normalise_name(protocol)
        and result.seed == seed
        and (result.selection == selection if selection else result.selection != "oracle")
        and result.row["row_key"].startswith(row_key or "")
    ]
    if len(fitting) != 1:
        keys = ", ".join(f"{r.row['row_key'][:12]} ({r.selection})" for r in fitting)
        why = f"several rows fit ({keys}); choose with --row or --selection" if fitting else "nothing stored fits"
        raise MerBenchError(f"export of {method}, {protocol}, seed {seed}: {why}; `mer-bench status` shows the store")
    result = fitting[0]
    if not result.complete:
        raise MerBenchError(
            f"{method} has {result.done}/{result.total} folds; a log of part of them would be scored as if whole"
        )
    entries = [LogEntry(key, truth, predicted) for key, (truth, predicted) in sorted(result.predictions.items())]
    write_log(Path(megc), entries)
    marks = f" [{', '.join(result.row['marks'])}]" if result.row["marks"] else ""
    click.echo(f"{megc}: {len(entries)} samples, selection {result.selection}{marks}")
