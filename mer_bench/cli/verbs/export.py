"""``mer-bench export``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mer_bench.cli.options import open_results, results_option
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.names import normalise_name

if TYPE_CHECKING:
    from mer_bench.results import SeedResult


@click.command(name="export")
@click.option("--megc", required=True, metavar="FILE", help="The log to write: ground truth first, then prediction.")
@click.option("--method", "-m", required=True)
@click.option("--protocol", "-p", default="cde", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--selection", help="Of a network: last, inner or oracle.  [default: whichever is stored, never oracle]")
@click.option("--row", "row_key", help="The start of a row key, where several rows fit; `mer-bench status` shows them.")
@results_option
def command(
    megc: str, method: str, protocol: str, seed: int, selection: str | None, row_key: str | None, results: str | None
) -> None:
    """Write stored predictions as a MEGC2019 log."""
    from mer_bench.results import read_results
    from mer_bench.scoring.megc_log import log_entries, write_log

    asked = f"export of {method}, {protocol}, seed {seed}"
    rows = read_results(open_results(results))
    found = [result for row in rows for result in (*row.seeds, *row.oracle)]
    found = _having(found, asked, "method", normalise_name(method), lambda r: r.record["method"]["name"])
    found = _having(found, asked, "protocol", normalise_name(protocol), lambda r: r.record["protocol"]["name"])
    found = _having(found, asked, "seed", str(seed), lambda result: str(result.seed))
    if selection is not None:
        found = _having(found, asked, "selection", selection, lambda result: result.selection)
    fitting = [
        result
        for result in found
        if (selection or result.selection != "oracle") and result.record["row_key"].startswith(row_key or "")
    ]
    if len(fitting) != 1:
        keys = ", ".join(f"{r.record['row_key'][:12]} ({r.selection})" for r in fitting or found)
        why = "several rows fit" if fitting else f"nothing stored fits --row {row_key}; stored"
        raise MerBenchError(
            f"{asked}: {why}: {keys}; choose with --row or --selection, `mer-bench status` shows the store"
        )
    result = fitting[0]
    if not result.complete:
        raise MerBenchError(
            f"{method} has {result.done}/{result.total} folds; a log of part of them would be scored as if whole"
        )
    entries = log_entries(result.predictions, result.record["protocol"]["classes"])
    write_log(Path(megc), entries)
    caveats = result.record["caveats"]
    told = f" [{', '.join(caveats)}]" if caveats else ""
    click.echo(f"{megc}: {len(entries)} samples, selection {result.selection}{told}")
    if caveats:
        loud = " and ".join(caveat.upper() for caveat in caveats)
        click.echo(f"warning: {megc} carries no caveat, but this result has: {loud}; say so wherever it goes", err=True)


def _having(
    results: list[SeedResult], asked: str, what: str, wanted: str, of: Callable[[SeedResult], str]
) -> list[SeedResult]:
    having = [result for result in results if of(result) == wanted]
    if not having:
        stored = sorted({of(result) for result in results})
        raise MerBenchError(
            f"{asked}: nothing stored fits: no {what} {wanted!r}{did_you_mean(wanted, stored)}, "
            f"stored: {', '.join(stored) or 'nothing'}; `mer-bench status` shows the store"
        )
    return having
