"""The one stored result that ``mer-bench export --format megc`` writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mer_bench.cli.console import table_lines
from mer_bench.cli.standard_output import say, tell
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.names import normalise_name

if TYPE_CHECKING:
    from mer_bench.cli.stored_rows import StoredRows
    from mer_bench.results import RowResults, SeedResult


def write_megc_log(
    out: str,
    rows: Sequence[RowResults],
    named: StoredRows,
    *,
    row: str | None,
    method: str | None,
    protocol: str | None,
    seed: int,
    selection: str | None,
) -> None:
    """Write one complete stored result as a MEGC2019 log.

    Raises
    ------
    MerBenchError
        None fits, several do, folds are missing, the classes are others, or the file cannot be written.
    """
    from mer_bench.scoring.megc_log import log_entries, write_log

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
    write_log(Path(out), entries)
    _conclude(out, len(entries), result, named.name(result.record))


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
