"""``mer-bench store merge``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mer_bench.cli.completion import complete_folder
from mer_bench.cli.console import show
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import json_option, notice, results_option

if TYPE_CHECKING:
    from mer_bench.store.merge import Conflict, Merged


@click.command(name="merge")
@click.argument("others", nargs=-1, required=True, metavar="OTHER...", shell_complete=complete_folder)
@results_option
@click.option("--dry-run", is_flag=True, help="Only compare each OTHER with what is stored now.")
@json_option("Print a JSON list on stdout: for each OTHER, the numbers of cells, conflicts, and damaged files.")
def command(others: tuple[str, ...], results: str | None, *, dry_run: bool, as_json: bool) -> ExitCode:
    """Copy into the results folder what it lacks of each OTHER results folder, which is only read.

    Cells are copied where they are missing, damaged or failed. A finished cell is never replaced: where OTHER has other
    predictions, that is a conflict. The exit code is 1 if there is a conflict, or a damaged file in OTHER.
    """
    from mer_bench.config import load_config, results_folder
    from mer_bench.store import Store
    from mer_bench.store.merge import merge

    path = results_folder(results, load_config())
    for other in others:
        Store.open(Path(other))  # before anything is copied
    store = Store.look(path, notice) if dry_run else Store.create(path, notice)
    merged = [merge(store, Path(other), dry_run=dry_run) for other in others]
    lines = (line for each in merged for line in _lines(each, store.path, dry_run=dry_run))
    show([_object(each) for each in merged], lines, as_json=as_json)
    return ExitCode.DONE if all(each.is_whole for each in merged) else ExitCode.FAILED


def _object(merged: Merged) -> dict[str, object]:
    return {
        "source": str(merged.source),
        "rows": merged.rows,
        "added": merged.added,
        "replaced": merged.replaced,
        "same": merged.same,
        "failed": merged.failed,
        "runs": merged.runs,
        "conflicts": [
            {"row_key": conflict.row["row_key"], "seed": conflict.seed, "fold": conflict.fold}
            for conflict in merged.conflicts
        ],
        "damaged": merged.damaged,
    }


def _lines(merged: Merged, path: Path, *, dry_run: bool) -> Iterator[str]:
    yield from merged.damaged
    yield from map(_conflict_text, merged.conflicts)
    verb = "would be copied" if dry_run else "copied"
    parts = [
        f"{merged.added + merged.replaced} cells {verb}",
        *([f"{merged.replaced} of them in place of failed ones"] if merged.replaced else []),
        f"{merged.same} the same already",
        *([f"{merged.failed} failed there"] if merged.failed else []),
        *([f"{len(merged.conflicts)} conflicts"] if merged.conflicts else []),
        *([f"{len(merged.damaged)} damaged files"] if merged.damaged else []),
    ]
    yield f"{merged.source} to {path}: {', '.join(parts)}"


def _conflict_text(conflict: Conflict) -> str:
    from mer_bench.cli.stored_rows import row_text

    return (
        f"conflict: {row_text(conflict.row)} (key {conflict.row['row_key'][:12]}), seed {conflict.seed}, fold "
        f"{conflict.fold} has other scores there; what was stored is kept, and `mer-bench verify` computes it again"
    )
