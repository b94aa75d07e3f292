"""``mer-bench export``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mer_bench.cli.completion import complete_method
from mer_bench.cli.options import open_results, protocol_option, results_option
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.names import normalise_name

if TYPE_CHECKING:
    from mer_bench.results import SeedResult
    from mer_bench.store import Store


@click.command(name="export")
@click.option("--megc", required=True, metavar="FILE", help="The log to write: ground truth first, then prediction.")
@click.option("--method", "-m", required=True, shell_complete=complete_method, help="The method.")
@protocol_option(default="cde", show_default=True, help="The protocol.")
@click.option("--seed", type=int, default=0, show_default=True, help="The index of one seed.")
@click.option("--selection", help="Of a network: last, inner or oracle.  [default: the stored one, never oracle]")
@click.option("--row", "row_key", help="The start of a row key, if several rows fit; `mer-bench status` shows them.")
@results_option
def command(
    megc: str, method: str, protocol: str, seed: int, selection: str | None, row_key: str | None, results: str | None
) -> None:
    """Write the stored predictions of a method as a MEGC2019 log, to FILE."""
    from mer_bench.scoring.megc_log import log_entries, write_log

    result = _stored(
        open_results(results), method=method, protocol=protocol, seed=seed, selection=selection, row_key=row_key
    )
    entries = log_entries(result.predictions, result.record["protocol"]["classes"])
    write_log(Path(megc), entries)
    caveats = result.record["caveats"]
    bracketed = f" [{', '.join(caveats)}]" if caveats else ""
    click.echo(f"{megc}: {len(entries)} samples, selection {result.selection}{bracketed}")
    if caveats:
        names = " and ".join(caveat.upper() for caveat in caveats)
        click.echo(
            f"warning: {megc} has no place for caveats, but this result has: {names}; state them wherever you use it",
            err=True,
        )


def _stored(
    store: Store, *, method: str, protocol: str, seed: int, selection: str | None, row_key: str | None
) -> SeedResult:
    """Return the one complete stored result that fits what is asked."""
    from mer_bench.results import read_results

    asked = f"export of {method}, {protocol}, seed {seed}"
    rows = read_results(store)
    stored = [result for row in rows for result in (*row.seeds, *row.oracle)]
    stored = _having(stored, asked, "method", normalise_name(method), lambda r: r.record["method"]["name"])
    stored = _having(stored, asked, "protocol", normalise_name(protocol), lambda r: r.record["protocol"]["name"])
    stored = _having(stored, asked, "seed", str(seed), lambda result: str(result.seed))
    if selection is not None:
        stored = _having(stored, asked, "selection", selection, lambda result: result.selection)
    fitting = [
        result
        for result in stored
        if (selection or result.selection != "oracle") and result.record["row_key"].startswith(row_key or "")
    ]
    if len(fitting) != 1:
        keys = ", ".join(f"{r.record['row_key'][:12]} ({r.selection})" for r in fitting or stored)
        why = "several rows fit" if fitting else f"nothing stored fits --row {row_key}; stored"
        raise MerBenchError(
            f"{asked}: {why}: {keys}; choose with --row or --selection, `mer-bench status` shows the store"
        )
    result = fitting[0]
    if not result.complete:
        raise MerBenchError(
            f"{method} has {result.done}/{result.total} folds; a log of only these would be scored as if it were "
            "complete: run the others first"
        )
    return result


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
