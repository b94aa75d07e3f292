"""What ``mer-bench run`` does, once its options are read."""

from __future__ import annotations

import json
import sys
from contextlib import closing, redirect_stdout
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console

from mer_bench.cli import EXIT_FAILED_CELLS, EXIT_INTERRUPTED
from mer_bench.cli.opened import notices
from mer_bench.cli.pairs import parse_pairs
from mer_bench.cli.progress import RESUMED, show_preparation, show_progress
from mer_bench.cli.tables import plan_lines, results_tables
from mer_bench.config import DEFAULT_RESULTS, load_config
from mer_bench.engine.chosen import chosen_preparation, chosen_preset, chosen_source
from mer_bench.engine.session import Resources, Session, default_jobs
from mer_bench.errors import Notice
from mer_bench.evaluation.plan import Request, make_plan
from mer_bench.plugin_manager import load_catalogue
from mer_bench.representations.task import facts_lines
from mer_bench.result_texts import result_object
from mer_bench.results import read_results
from mer_bench.store import Store

_FILE_WIDTH = 120
_NO_DATA = (
    "No data is configured: this run uses the built-in SYNTHETIC release (one public-domain face, animated). "
    "Its figures say nothing about real micro-expressions. Point --data or MER_BENCH_DATA at your data."
)


def run_command(*, as_json: bool, **options: Any) -> None:
    """Plan, carry out, print and report; exits with 1 where cells failed.

    With ``as_json`` stdout is for the objects alone: what a plugin prints goes to stderr.
    """
    out = sys.stdout
    if not as_json:
        return _run(_console(stderr=False), None, **options)
    with redirect_stdout(sys.stderr):
        return _run(_console(stderr=True), out, **options)


def _run(
    console: Console,
    out: TextIO | None,
    *,
    methods: tuple[str, ...],
    protocol: str,
    data: str | None,
    data_options: tuple[str, ...],
    seeds: int,
    preset: str | None,
    overrides: tuple[str, ...],
    selection: str | None,
    allow_partial: bool,
    preparation: tuple[str, ...],
    results: str | None,
    jobs: int | None,
    device: str | None,
    timeout: float | None,
    dry_run: bool,
    sanity: bool,
) -> None:
    config, catalogue = load_config(), load_catalogue()
    wanted = jobs if jobs is not None else config.jobs
    resources = Resources(wanted if wanted is not None else default_jobs(), device or config.device or "auto", timeout)
    if data is not None and config.data_options:
        console.print("note: --data is given, so the config file's data-options are not used", style="yellow")
    if data is None and config.data is None:
        console.print(_NO_DATA, style="bold yellow")
    source = chosen_source(data, parse_pairs("--data-option", data_options), config, catalogue)
    chosen = chosen_preset(preset, methods, source, catalogue)
    request = Request(
        methods,
        protocol,
        seeds,
        chosen,
        parse_pairs("--set", overrides),
        selection,
        allow_partial,
        chosen_preparation(parse_pairs("--prepare", preparation), config, source),
        sanity,
    )
    plan = make_plan(request, source, catalogue)
    if chosen != preset:
        console.print(f"Synthetic data: preset {chosen!r} is used; ask for another with --preset.", style="yellow")
    folder = Path(results or config.results or DEFAULT_RESULTS)
    notice = notices(lambda text: console.print(text, style="yellow", markup=False, soft_wrap=True))
    session = Session(plan, _open_store(folder, dry_run, notice), catalogue, resources, notice)
    for line in plan_lines(session):
        console.print(line, highlight=False, markup=False)
    if dry_run:
        return
    _represent(session)
    _execute(session)
    _conclude(session, console, out)


def _console(*, stderr: bool) -> Console:
    """Return where people read: stderr beside JSON; in a file, lines wide enough for the table."""
    console = Console(stderr=stderr)
    if not console.is_terminal:
        console.width = max(console.width, _FILE_WIDTH)
    return console


def _open_store(folder: Path, dry_run: bool, notice: Notice) -> Store:
    if dry_run and not (folder / "store.json").exists():
        return Store(folder, notice)
    return Store.open(folder, notice) if dry_run else Store.create(folder, notice)


def _represent(session: Session) -> None:
    try:
        show_preparation(session.to_prepare(), session.represent)
    except KeyboardInterrupt:
        click.echo(f"interrupted: {RESUMED}", err=True)
        sys.exit(EXIT_INTERRUPTED)


def _execute(session: Session) -> None:
    total = len(session.plan.cells)
    try:
        with (
            show_progress(total - len(session.pending()), total) as advance,
            closing(session.execute()) as outcomes,
        ):
            for outcome in outcomes:
                advance(outcome)
    except KeyboardInterrupt:
        click.echo(
            f"interrupted: {total - len(session.pending())} of {total} cells are stored in {session.store.path}; "
            "run the same command again to go on",
            err=True,
        )
        sys.exit(EXIT_INTERRUPTED)


def _conclude(session: Session, console: Console, out: TextIO | None) -> None:
    rows = session.results()
    asked = session.asked(rows)
    if out is not None:
        for result in chain.from_iterable(asked):
            click.echo(json.dumps(result_object(result), allow_nan=False), file=out)
    for table in results_tables(asked, console):
        console.print(table)
    for line in dict.fromkeys(line for row in session.plan.rows for line in facts_lines(session.inputs.faces(row))):
        console.print(line, highlight=False, markup=False)
    from mer_bench_reports import write_report

    known = {row.record["row_key"]: row for row in rows}
    reports = write_report(session.store, session.store.path, read_results(session.store, known))
    console.print(f"Report: {reports['html']}", highlight=False, markup=False, soft_wrap=True)
    if session.failures:
        first = session.failures[0]
        console.print(
            f"{len(session.failures)} of {len(session.plan.cells)} cells failed; the first: {first.method}, seed "
            f"{first.seed}, fold {first.fold}: {first.failure}. The tracebacks are in the store; "
            "the same command tries these cells again.",
            style="bold red",
            markup=False,
        )
        sys.exit(EXIT_FAILED_CELLS)
