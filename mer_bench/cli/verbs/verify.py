"""``mer-bench verify``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING

import click

from mer_bench.cli.completion import complete_data, complete_row
from mer_bench.cli.console import show, table_lines
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import data_option, jobs_option, json_option, open_results, results_option

if TYPE_CHECKING:
    from mer_bench.engine.verify import CheckedCell, ChosenCells
    from mer_bench.store.schema import RowRecord

_HEADINGS = ("row", "seed", "fold", "compared", "outcome", "largest difference", "reason")


@click.command(name="verify")
@click.argument("rows", nargs=-1, shell_complete=complete_row)
@results_option
@click.option(
    "--data",
    shell_complete=complete_data,
    help="The data of the rows.  [default: MER_BENCH_DATA, else 'data' in the config file, else synthetic]",
)
@data_option
@click.option(
    "--cells", "n_cells", type=click.IntRange(min=1), default=20, show_default=True, help="How many cells, of all rows."
)
@jobs_option
@click.option("--device", help="auto, cpu or cuda.  [default: auto]")
@json_option(
    "Print a JSON object on stdout: cells, not_verified (the rows that could not be) and damaged (how many cells)."
)
def command(
    *,
    rows: tuple[str, ...],
    results: str | None,
    data: str | None,
    data_options: dict[str, str],
    n_cells: int,
    jobs: int | None,
    device: str | None,
    as_json: bool,
) -> ExitCode:
    """Compute a sample of stored cells again, and compare: of ROWS, or of all rows.

    Each cell is computed alone in a fresh process, and the features of up to 5 of its test samples are extracted again.
    Representations that the cache holds are not computed again; `mer-bench data info --clean` empties it. All scores
    must be the same to the bit on the CPU with the arithmetic avx2, or on the same processor; elsewhere they must be as
    close as those of two seeds. The results folder keeps the outcome, and reports show it. The exit code is 1 if a cell
    differs or is damaged, if one of ROWS could not be verified, or if no cell could.
    """
    from mer_bench.cli.stored_rows import StoredRows
    from mer_bench.config import load_config
    from mer_bench.engine.defaults import named_jobs, named_source
    from mer_bench.engine.resources import DEVICES, Resources
    from mer_bench.engine.verify import choose_cells, verify
    from mer_bench.evaluation.remake import Remaker
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.progress import ProgressListener

    store = open_results(results)
    stored, config, catalogue = StoredRows(store), load_config(), load_catalogue()
    records = [stored.find(row) for row in rows] or stored.records
    remaker = Remaker(catalogue, named_source(data, data_options, config, catalogue))
    resources = Resources(named_jobs(jobs, config), device or config.device or DEVICES[0])
    listener = ProgressListener()
    chosen = choose_cells(store, records, remaker, n_cells)
    for skipped in chosen.skipped:
        listener.notice(f"{stored.name(skipped.row)} is not verified: {skipped.reason}")
    checked = list(verify(store, chosen, resources, listener))
    answer = {
        "cells": [_object(cell, stored.name(cell.row)) for cell in checked],
        "not_verified": [{"row": stored.name(skipped.row), "reason": skipped.reason} for skipped in chosen.skipped],
        "damaged": chosen.n_damaged,
    }
    show(answer, _lines(checked, chosen, stored.name), as_json=as_json)
    differs = any(cell.entry["outcome"] == "differs" for cell in checked)
    failed = differs or chosen.n_damaged or not checked or (rows and chosen.skipped)
    return ExitCode.FAILED if failed else ExitCode.DONE


def _object(cell: CheckedCell, name: str) -> dict[str, object]:
    return {"row": name, **cell.entry, "largest_difference": cell.largest if isfinite(cell.largest) else None}


def _lines(cells: Sequence[CheckedCell], chosen: ChosenCells, name: Callable[[RowRecord], str]) -> Iterator[str]:
    if cells:
        yield from table_lines(_HEADINGS, [_texts(cell, name(cell.row)) for cell in cells])
    outcomes = [cell.entry["outcome"] for cell in cells]
    parts = [
        f"{outcomes.count('same')} the same",
        *_counted(outcomes.count("within-spread"), "within the spread of seeds"),
        f"{outcomes.count('differs')} different",
        *_counted(chosen.n_damaged, "stored cells damaged"),
        *_counted(len(chosen.skipped), "rows not verified"),
    ]
    yield f"{len(cells)} cells computed again: {', '.join(parts)}"


def _counted(number: int, what: str) -> list[str]:
    return [f"{number} {what}"] if number else []


def _texts(cell: CheckedCell, name: str) -> list[str]:
    entry = cell.entry
    largest = f"{cell.largest:.2g}" if isfinite(cell.largest) else "-"
    return [name, str(entry["seed"]), entry["fold"], entry["compared"], entry["outcome"], largest, entry["reason"]]
