"""``mer-bench rows rm``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mer_bench.cli.completion import complete_method, complete_row
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import open_results, results_option
from mer_bench.cli.standard_output import say, tell
from mer_bench.errors import MerBenchError
from mer_bench.printable import printable

if TYPE_CHECKING:
    from mer_bench.store import Store


@click.command(name="rm")
@click.argument("rows", nargs=-1, metavar="ROW...", shell_complete=complete_row)
@click.option(
    *("--method", "-m", "methods"),
    multiple=True,
    shell_complete=complete_method,
    help="Remove all rows of this method. Repeat for several.",
)
@click.option("--yes", "-y", "is_sure", is_flag=True, help="Do not ask.")
@results_option
def command(rows: tuple[str, ...], methods: tuple[str, ...], is_sure: bool, results: str | None) -> ExitCode:
    """Remove each ROW with all its cells and artifacts; `mer-bench rows list` shows their names.

    It asks first. A run that names such a row again computes all of it again.
    """
    from mer_bench.cli.stored_rows import StoredRows, row_text

    store = open_results(results)
    stored = StoredRows(store)
    chosen = [*map(stored.find, rows), *(record for method in methods for record in stored.of_method(method))]
    if not chosen:
        raise MerBenchError("name the rows to remove, or a method with --method; `mer-bench rows list` shows them")
    records = list({record["row_key"]: record for record in chosen}.values())
    if not is_sure and not sys.stdin.isatty():
        raise MerBenchError(f"remove {stored.described(records)}? There is no terminal to answer; add --yes")
    names = [stored.name(record) for record in records]
    for name, record in zip(names, records, strict=True):
        tell(f"{name}: {row_text(record)}")
    if not is_sure and not click.confirm(printable(f"Remove {len(records)} row(s) from {store.path}?"), err=True):
        tell("nothing was removed")
        return ExitCode.FAILED
    for name, record in zip(names, records, strict=True):
        store.remove_row(record)
        say(f"removed {name}")
    if reports := sorted(path.name for path in store.path.glob("report.*")):
        cure = "`mer-bench report` writes it again" if len(records) < len(stored.records) else _delete(store, reports)
        tell(f"the report still shows what was removed; {cure}")
    return ExitCode.DONE


def _delete(store: Store, reports: Sequence[str]) -> str:
    """Return what to do where no row is left, of which a report could be written."""
    return f"no row is left to report, so delete {', '.join(reports)} in {store.path}"
