"""``mer-bench export``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mer_bench.cli.completion import complete_method, complete_row
from mer_bench.cli.console import table_lines
from mer_bench.cli.options import open_results, protocol_option, results_option
from mer_bench.cli.standard_output import say, tell
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.names import normalise_name

if TYPE_CHECKING:
    from mer_bench.cli.stored_rows import StoredRows
    from mer_bench.results import SeedResult


@click.command(name="export")
@click.option("--megc", required=True, metavar="FILE", help="The log to write: ground truth first, then prediction.")
@click.option("--method", "-m", shell_complete=complete_method, help="The method, unless --row names a row.")
@protocol_option(help="The protocol.  [default: cde, unless --row names a row]")
@click.option("--seed", type=int, default=0, show_default=True, help="The index of one seed.")
@click.option("--selection", help="Of a network: last, inner or oracle.  [default: the stored one, never oracle]")
@click.option("--row", shell_complete=complete_row, help="The name of one row; `mer-bench rows list` shows the names.")
@results_option
def command(
    megc: str,
    method: str | None,
    protocol: str | None,
    seed: int,
    selection: str | None,
    row: str | None,
    results: str | None,
) -> None:
    """Write the stored predictions of a method as a MEGC2019 log, to FILE.

    If several stored results fit, or none does, they are listed.
    """
    from mer_bench.cli.stored_rows import StoredRows
    from mer_bench.results import read_row
    from mer_bench.scoring.megc_log import log_entries, write_log

    store = open_results(results)
    named = StoredRows(store)
    rows = [read_row(store, record) for record in (named.records if row is None else [named.find(row)])]
    stored = [result for of_row in rows for result in (*of_row.seeds, *of_row.oracle)]
    if row is None and method is None:
        _list(stored, named)
        raise MerBenchError("name what to export with --row or --method; what is stored is listed above")
    wanted = {
        "method": method,
        "protocol": protocol or ("cde" if row is None else None),
        "seed": str(seed),
        "selection": selection,
    }
    result = _chosen(stored, {what: text for what, text in wanted.items() if text is not None}, named)
    entries = log_entries(result.predictions, result.record["protocol"]["classes"])
    write_log(Path(megc), entries)
    _conclude(megc, len(entries), result, named.name(result.record))


_FACTS: dict[str, Callable[[SeedResult], str]] = {
    "method": lambda result: result.record["method"]["name"],
    "protocol": lambda result: result.record["protocol"]["name"],
    "seed": lambda result: str(result.seed),
    "selection": lambda result: result.selection,
}


def _chosen(stored: Sequence[SeedResult], wanted: dict[str, str], named: StoredRows) -> SeedResult:
    """Return the one complete stored result that fits what is asked.

    Raises
    ------
    MerBenchError
        None fits, several do (they are listed on stderr), or folds are missing.
    """
    asked = f"export of {', '.join(f'{what} {text}' for what, text in wanted.items())}"
    fitting = list(stored)
    for what, text in wanted.items():
        known = sorted({_FACTS[what](result) for result in fitting})
        text = normalise_name(text)
        fitting = [result for result in fitting if _FACTS[what](result) == text]
        if not fitting:
            _list(stored, named)
            raise MerBenchError(
                f"{asked}: nothing stored fits: no {what} {text!r}{did_you_mean(text, known)}, "
                f"stored: {', '.join(known) or 'nothing'}"
            )
    if "selection" not in wanted:
        fitting = [result for result in fitting if result.selection != "oracle"]
    if len(fitting) != 1:
        _list(fitting or stored, named)
        names = ", ".join(f"{named.name(result.record)} ({result.selection})" for result in fitting)
        raise MerBenchError(f"{asked}: several rows fit: {names}; choose with --row or --selection")
    result = fitting[0]
    if not result.complete:
        raise MerBenchError(
            f"{named.name(result.record)} has {result.done}/{result.total} folds; a log of only these would be scored "
            "as if it were complete: run the others first"
        )
    return result


def _list(results: Sequence[SeedResult], named: StoredRows) -> None:
    """List results on stderr, as candidates."""
    from mer_bench.cli.row_texts import seed_text, settings_text
    from mer_bench.cli.stored_rows import protocol_text
    from mer_bench.result_texts import folds_text, input_text

    headings = ("row", "protocol", "seed", "selection", "folds", "settings", "input")
    lines = [
        [
            *(named.name(result.record), protocol_text(result.record), seed_text(result), result.selection),
            *(folds_text(result), settings_text(result.record), input_text(result.record)),
        ]
        for result in results
    ]
    for line in table_lines(headings, lines) if lines else []:
        tell(line)


def _conclude(megc: str, n_samples: int, result: SeedResult, name: str) -> None:
    from mer_bench.cli.row_texts import settings_text
    from mer_bench.result_texts import input_text

    caveats = result.record["caveats"]
    bracketed = f" [{', '.join(caveats)}]" if caveats else ""
    say(f"{megc}: {n_samples} samples, selection {result.selection}{bracketed}")
    say(f"{name}: {settings_text(result.record)}; input: {input_text(result.record)}")
    if caveats:
        names = " and ".join(caveat.upper() for caveat in caveats)
        tell(f"warning: {megc} has no place for caveats, but this result has: {names}; state them wherever you use it")
