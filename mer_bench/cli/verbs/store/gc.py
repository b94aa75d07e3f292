"""``mer-bench store gc``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from mer_bench.cli.console import show
from mer_bench.cli.options import json_option, open_results, results_option

if TYPE_CHECKING:
    from mer_bench.store.garbage import Garbage


@click.command(name="gc")
@results_option
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--all", "young", is_flag=True, help="Also what is younger than 7 days; no run may be going on.")
@json_option("Print a JSON object on stdout: removed (each with path, reason and bytes) and bytes.")
def command(results: str | None, *, dry_run: bool, young: bool, as_json: bool) -> None:
    """Remove what nothing in the results folder refers to, and say how many bytes that frees.

    That is: temporary files of processes that ended, artifacts of no stored cell, and folders of runs of which no cell
    is stored and no planned cell is missing. No score depends on any of them.
    """
    from mer_bench.store.garbage import find_garbage, remove_garbage

    store = open_results(results)
    found = find_garbage(store, young=young)
    removed = found if dry_run else list(remove_garbage(found))
    answer = {
        "removed": [{"path": str(each.path), "reason": each.reason, "bytes": each.size} for each in removed],
        "bytes": sum(each.size for each in removed),
    }
    show(answer, _lines(removed, dry_run=dry_run), as_json=as_json)


def _lines(removed: Sequence[Garbage], *, dry_run: bool) -> Iterator[str]:
    verb = "would be removed" if dry_run else "removed"
    for each in removed:
        yield f"{each.path}: {each.reason}, {each.size} bytes"
    yield f"{len(removed)} files and folders {verb}, {sum(each.size for each in removed)} bytes"
