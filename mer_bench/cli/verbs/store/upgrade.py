"""``mer-bench store upgrade``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mer_bench.cli.console import show
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import json_option, results_option

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mer_bench.store.upgrade import Upgraded


@click.command(name="upgrade")
@results_option
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@json_option("Print a JSON object on stdout: before, after (schemas), records (written files) and damaged.")
def command(results: str | None, *, dry_run: bool, as_json: bool) -> ExitCode:
    """Make the results of an older mer-bench readable for this one, in place.

    No run may write to the folder meanwhile. An upgrade that was stopped goes on when it is called again. The exit code
    is 1 if a file is damaged: it is left as it is, and counts as absent.
    """
    from mer_bench.config import load_config, results_folder
    from mer_bench.store.schema import SCHEMA
    from mer_bench.store.upgrade import upgrade

    path = results_folder(results, load_config())
    done = upgrade(path, dry_run=dry_run)
    show({**asdict(done), "after": SCHEMA}, _lines(path, done, SCHEMA, dry_run=dry_run), as_json=as_json)
    return ExitCode.FAILED if done.damaged else ExitCode.DONE


def _lines(path: Path, done: Upgraded, after: int, *, dry_run: bool) -> Iterator[str]:
    yield from done.damaged
    if done.before == after:
        yield f"{path} has the schema {after} already; nothing to do"
    else:
        verb = "would be" if dry_run else "was"
        yield f"{path} {verb} upgraded from schema {done.before} to {after}: {done.records} files"
