"""``mer-bench run``."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from mer_bench.cli.completion import complete_data
from mer_bench.cli.console import console, print_line
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import (
    SettingsCommand,
    data_option,
    grid_option,
    jobs_option,
    json_option,
    methods_option,
    preprocess_option,
    preset_option,
    protocol_option,
    results_option,
    set_option,
)
from mer_bench.cli.standard_output import say
from mer_bench.evaluation.request import seed_count

if TYPE_CHECKING:
    from rich.console import Console

    from mer_bench.engine.listener import Listener
    from mer_bench.engine.session import Session
    from mer_bench.evaluation.plan import Plan


@click.command(name="run", cls=SettingsCommand)
@methods_option
@protocol_option(default="cde", show_default=True, help="The protocol; `mer-bench list protocols` lists them.")
@click.option(
    "--data",
    shell_complete=complete_data,
    help="A folder, or 'synthetic'.  [default: MER_BENCH_DATA, else 'data' in the config file, else synthetic]",
)
@data_option
@click.option("--seeds", type=seed_count, metavar="N", default=1, show_default=True, help="How many seeds, from 0 on.")
@preset_option("A named set of parameters (quick, paper); methods without it keep their defaults.")
@set_option("A parameter: lr=1e-4 for all methods that have it, ahmsa.lr=1e-4 for one. Repeat for several.")
@grid_option
@click.option("--selection", help="Which epoch counts: last, inner or oracle.  [default: the protocol's]")
@click.option(
    "--allow-partial",
    is_flag=True,
    help="Run although the counts of the data differ from the protocol's; results carry the caveat 'partial'.",
)
@click.option(
    "--skip-unsuitable",
    is_flag=True,
    help="Leave out methods whose input the data cannot give, and combinations of --grid that a method refuses.",
)
@preprocess_option
@results_option
@jobs_option
@click.option("--device", help="auto, cpu or cuda.  [default: auto]")
@click.option(
    "--timeout", type=float, help="Time limit per fold, in seconds; a worker's first fold includes its imports."
)
@click.option(
    "--baselines/--no-baselines",
    default=True,
    help="Add the methods that any method must beat: random, majority, svm-flow.  [default: on]",
)
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@click.option("--verbose", "-v", is_flag=True, help="Print every setting, not only changed ones.")
@json_option("Print one JSON object per method and seed on stdout, a line each.")
def command(*, dry_run: bool, verbose: bool, as_json: bool, **asked: Any) -> ExitCode:
    """Measure methods under a protocol, and write a report.

    Results and the report go to the results folder. Cells that it already holds are not computed again: the same
    command resumes a run.
    """
    from mer_bench.engine.run import open_session
    from mer_bench.evaluation.request import Request

    people = console(stderr=as_json)
    listener = _terminal(people, verbose)
    session = open_session(Request(**asked), listener, dry=dry_run)
    if dry_run:
        return ExitCode.DONE
    session.run()
    return _conclude(session, people, as_json)


def _terminal(people: Console, verbose: bool) -> Listener:
    from mer_bench.cli.plan_text import plan_lines
    from mer_bench.progress import ProgressListener

    class Terminal(ProgressListener):
        def planned(self, plan: Plan, n_pending: int) -> None:
            super().planned(plan, n_pending)
            for line in plan_lines(plan, n_pending, verbose=verbose):
                print_line(people, line)

    return Terminal()


def _conclude(session: Session, people: Console, as_json: bool) -> ExitCode:
    """Print the results, write the report, and return the exit code."""
    from mer_bench.cli.tables import print_results
    from mer_bench.representations.task import facts_lines
    from mer_bench.result_texts import result_object
    from mer_bench.results import read_results
    from mer_bench.row_names import RowNames
    from mer_bench_reports import write_report

    rows = session.results()
    asked = session.asked(rows)
    names = RowNames.stored(session.store.path)
    if as_json:
        for row, results in zip(rows, asked, strict=True):
            name = names.of(row.record["method"]["name"], row.record["row_key"])
            for result in results:
                say(json.dumps(result_object(row, result, name), allow_nan=False))
    print_results(asked, people, names)
    faces = (facts_lines(session.inputs.stacks.faces(row)) for row in session.plan.rows)
    for line in dict.fromkeys(chain.from_iterable(faces)):
        print_line(people, line)
    known = {row.record["row_key"]: row for row in rows}
    reports = write_report(session.store, session.store.path, read_results(session.store, known))
    people.print(f"Report: {reports['html']}", soft_wrap=True)
    if not session.failures:
        return _nothing_missing(session, people)
    first = session.failures[0]
    print_line(
        people,
        f"{len(session.failures)} of {len(session.plan.cells)} cells failed; the first: {first.method}, seed "
        f"{first.seed}, fold {first.fold}: {first.reason}. The tracebacks are in {session.store.path}; "
        "the same command tries these cells again.",
        "bold red",
    )
    return ExitCode.FAILED


def _nothing_missing(session: Session, people: Console) -> ExitCode:
    """Return how a run without failures ends: a cell may have been removed while the others were computed."""
    if not session.missing:
        return ExitCode.DONE
    print_line(
        people,
        f"{len(session.missing)} of {len(session.plan.cells)} cells are missing in {session.store.path}, although none "
        "failed; the same command computes them.",
        "bold red",
    )
    return ExitCode.FAILED
