"""``mer-bench verify``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from mer_bench.cli.completion import complete_data, complete_row
from mer_bench.cli.console import show, table_lines
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import data_option, jobs_option, json_option, open_results, results_option

if TYPE_CHECKING:
    from mer_bench.engine.verify import CheckedCell

_HEADINGS = ("row", "seed", "fold", "compared", "outcome", "largest difference")


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
@json_option("Print a JSON list on stdout, with an object for each cell.")
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

    Each cell gets a fresh process, and the order is another one than in a run. On a processor of the same class the
    predictions must be the same to the bit; on another one they must be as close as those of two seeds. The results
    folder keeps the outcome, and reports show it. The exit code is 1 if a cell differs.
    """
    from mer_bench.cli.stored_rows import StoredRows
    from mer_bench.config import load_config
    from mer_bench.engine.defaults import named_jobs, named_source
    from mer_bench.engine.resources import DEVICES, Resources
    from mer_bench.engine.verify import verify
    from mer_bench.evaluation.remake import Remaker
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.progress import ProgressListener

    store = open_results(results)
    stored, config, catalogue = StoredRows(store), load_config(), load_catalogue()
    records = [stored.find(row) for row in rows] or stored.records
    remaker = Remaker(catalogue, named_source(data, data_options, config, catalogue))
    resources = Resources(named_jobs(jobs, config), device or config.device or DEVICES[0])
    checked = list(verify(store, records, remaker, resources, ProgressListener(), n_cells=n_cells))
    answer = [_object(cell, stored.name(cell.row)) for cell in checked]
    show(answer, _lines(answer), as_json=as_json)
    return ExitCode.FAILED if any(cell.entry["outcome"] == "differs" for cell in checked) else ExitCode.DONE


def _object(cell: CheckedCell, name: str) -> dict[str, object]:
    finite = cell.largest if cell.failure == "" else None
    return {"row": name, **cell.entry, "largest_difference": finite, "failure": cell.failure}


def _lines(cells: list[dict[str, object]]) -> Iterator[str]:
    yield from table_lines(_HEADINGS, [_texts(cell) for cell in cells])
    counts = {outcome: sum(cell["outcome"] == outcome for cell in cells) for outcome in ("same", "within-spread")}
    differing = len(cells) - sum(counts.values())
    spread = f", {counts['within-spread']} within the spread of seeds" if counts["within-spread"] else ""
    yield f"{len(cells)} cells computed again: {counts['same']} the same{spread}, {differing} different"


def _texts(cell: Mapping[str, object]) -> list[str]:
    difference = cell["largest_difference"]
    last = f"{difference:.2g}" if isinstance(difference, float) else f"failed: {cell['failure']}"
    return [*(str(cell[name]) for name in ("row", "seed", "fold", "compared", "outcome")), last]
