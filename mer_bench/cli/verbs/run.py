"""``mer-bench run``."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from mer_bench.cli.console import console
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import data_option, jobs_option, json_option, preprocess_option, results_option, set_option

if TYPE_CHECKING:
    from rich.console import Console

    from mer_bench.engine.listener import Listener
    from mer_bench.engine.session import Session
    from mer_bench.evaluation.plan import Plan


@click.command(name="run")
@click.option("--method", "-m", "methods", multiple=True, required=True, help="A method; repeat for several.")
@click.option("--protocol", "-p", default="cde", show_default=True, help="The protocol.")
@click.option("--data", help="A folder, or 'synthetic'.  [default: MER_BENCH_DATA, the config file, synthetic]")
@data_option
@click.option("--seeds", type=int, default=1, show_default=True, help="How many seeds.")
@click.option("--preset", help="A named set of parameters (quick, paper); a method without it keeps its default.")
@set_option("A parameter: lr=1e-4, or ahmsa.lr=1e-4.")
@click.option("--selection", help="Which epoch counts: last, inner, oracle.  [default: the protocol's]")
@click.option("--allow-partial", is_flag=True, help="Go on with other counts than the protocol's, marked 'partial'.")
@preprocess_option
@results_option
@jobs_option
@click.option("--device", help="auto, cpu or cuda.  [default: auto]")
@click.option("--timeout", type=float, help="Seconds a cell may take, the imports of a worker's first one included.")
@click.option(
    "--baselines/--no-baselines",
    default=True,
    help="Add what any method must beat: random, majority, svm-flow.  [default: on]",
)
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@json_option("One JSON object per method and seed on stdout, a line each.")
def command(*, dry_run: bool, as_json: bool, **asked: Any) -> ExitCode:
    """Measure methods under a protocol, and write a report.

    What the results folder holds already is not computed again: the same command resumes a run.
    """
    from mer_bench.engine.defaults import all_processors
    from mer_bench.engine.run import open_session
    from mer_bench.evaluation.request import Request

    people = console(stderr=as_json)
    session = open_session(Request(**asked), _terminal(people), jobs=all_processors(), dry=dry_run)
    if dry_run:
        return ExitCode.DONE
    session.run()
    return _conclude(session, people, as_json)


def _terminal(people: Console) -> Listener:
    from mer_bench.cli.plan_text import plan_lines
    from mer_bench.progress import ProgressListener

    class Terminal(ProgressListener):
        def notice(self, text: str) -> None:
            people.print(f"note: {text}", style="yellow", soft_wrap=True)

        def planned(self, plan: Plan, n_pending: int) -> None:
            for line in plan_lines(plan, n_pending):
                people.print(line)

    return Terminal()


def _conclude(session: Session, people: Console, as_json: bool) -> ExitCode:
    """Print the results, write the report, and return the exit code."""
    from mer_bench.cli.tables import results_tables
    from mer_bench.representations.task import facts_lines
    from mer_bench.result_texts import result_object
    from mer_bench.results import read_results
    from mer_bench_reports import write_report

    rows = session.results()
    asked = session.asked(rows)
    if as_json:
        for result in chain.from_iterable(asked):
            click.echo(json.dumps(result_object(result), allow_nan=False))
    for table in results_tables(asked, people):
        people.print(table)
    faces = (facts_lines(session.stacks.faces(row)) for row in session.plan.rows)
    for line in dict.fromkeys(chain.from_iterable(faces)):
        people.print(line)
    known = {row.record["row_key"]: row for row in rows}
    reports = write_report(session.store, session.store.path, read_results(session.store, known))
    people.print(f"Report: {reports['html']}", soft_wrap=True)
    if not session.failures:
        return ExitCode.DONE
    first = session.failures[0]
    people.print(
        f"{len(session.failures)} of {len(session.plan.cells)} cells failed; the first: {first.method}, seed "
        f"{first.seed}, fold {first.fold}: {first.failure}. The tracebacks are in the store; "
        "the same command tries these cells again.",
        style="bold red",
    )
    return ExitCode.FAILED
