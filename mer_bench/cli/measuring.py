"""What the commands that measure methods share: their options, the plan and progress, and how they end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mer_bench.cli.completion import complete_data, complete_folder, complete_tracker
from mer_bench.cli.console import print_line
from mer_bench.cli.elsewhere import announce, cluster_options, preview
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import (
    data_option,
    jobs_option,
    json_option,
    notice,
    preprocess_option,
    preset_option,
    results_option,
    set_option,
)
from mer_bench.cli.standard_output import say
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.request import seed_count
from mer_bench.printable import json_text, printable

if TYPE_CHECKING:
    from rich.console import Console

    from mer_bench.engine.listener import Listener
    from mer_bench.engine.session import Session
    from mer_bench.evaluation.plan import Plan
    from mer_bench.executors.guarded import GuardedExecutor
    from mer_bench.results import SeedResult
    from mer_bench.row_names import RowNames

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Shown = Callable[[Sequence[tuple["SeedResult", ...]], "Console", "RowNames"], None]

_OF_SETTINGS = (
    click.option(
        "--data",
        shell_complete=complete_data,
        help="A folder, or 'synthetic'.  [default: MER_BENCH_DATA, else 'data' in the config file, else synthetic]",
    ),
    data_option,
    click.option(
        "--seeds", type=seed_count, metavar="N", default=1, show_default=True, help="How many seeds, from 0 on."
    ),
    preset_option("A named set of parameters (quick, paper); methods without it keep their defaults."),
    set_option("A parameter: lr=1e-4 for all methods that have it, ahmsa.lr=1e-4 for one. Repeat for several."),
)
_OF_EXECUTION = (
    click.option("--selection", help="Which epoch counts: last, inner or oracle.  [default: the protocol's]"),
    click.option(
        "--allow-partial",
        is_flag=True,
        help="Run although the counts of the data differ from the protocol's; results carry the caveat 'partial'.",
    ),
    click.option(
        "--skip-unsuitable",
        is_flag=True,
        help="Leave out methods whose input the data cannot give, and combinations of a sweep that are refused.",
    ),
    preprocess_option,
    results_option,
    jobs_option,
    click.option("--device", help="auto, cpu or cuda.  [default: auto]"),
    click.option(
        "--stack",
        type=int,
        metavar="N",
        help="How many folds of a network are trained together. On a CPU, a stack is filled to 16 copies: it is a "
        "check of what a GPU does, and no faster.  [default: 1 on a CPU, as many as fit on a GPU]",
    ),
    click.option(
        "--track",
        shell_complete=complete_tracker,
        metavar="NAME",
        help="Log the trainings while they run: tensorboard, mlflow; `mer-bench list trackers` lists them.",
    ),
    click.option(
        "--track-to",
        shell_complete=complete_folder,
        metavar="PATH",
        help="Where to.  [default: tracking/NAME in the results folder]",
    ),
    click.option(
        "--timeout", type=float, help="Time limit per fold, in seconds; a worker's first fold includes its imports."
    ),
)
_OF_OUTPUT = (
    click.option("--dry-run", is_flag=True, help="Print the plan and stop."),
    click.option("--verbose", "-v", is_flag=True, help="Print every setting, not only changed ones."),
    json_option("Print one JSON object per method and seed on stdout, a line each."),
)


def settings_options(command: _Command) -> _Command:
    """Add the options that name data and settings."""
    return _added(command, _OF_SETTINGS)


def execution_options(command: _Command) -> _Command:
    """Add the options that say how to run."""
    return _added(cluster_options(command), _OF_EXECUTION)


def output_options(command: _Command) -> _Command:
    """Add ``--dry-run``, ``--verbose`` and ``--json``."""
    return _added(command, _OF_OUTPUT)


def execute(
    session: Session, people: Console, executor: GuardedExecutor | None, *, detach: bool, dry_run: bool
) -> ExitCode | None:
    """Compute the pending cells here or on a cluster; return the exit code if there is nothing to conclude yet.

    Parameters
    ----------
    session : Session
    people : Console
    executor : GuardedExecutor, optional
        Without one, the cells are computed here.
    detach : bool
        Return as soon as the tasks are submitted.
    dry_run : bool
        Only print what would be submitted.
    """
    if executor is None:
        if not dry_run:
            session.run()
        return ExitCode.DONE if dry_run else None
    from mer_bench.engine.submit import follow, plan_submission, submit

    submission = plan_submission(session, executor)
    if dry_run:
        preview(people, submission)
        return ExitCode.DONE
    announce(people, submission, submit(session, submission))
    if detach:
        return ExitCode.DONE
    follow(session, submission)
    return None


def terminal(people: Console, *, verbose: bool) -> Listener:
    """Return the listener that prints the plan, and shows the progress."""
    from mer_bench.cli.plan_text import plan_lines
    from mer_bench.progress import ProgressListener

    class Terminal(ProgressListener):
        def planned(self, plan: Plan, n_pending: int) -> None:
            super().planned(plan, n_pending)
            for line in plan_lines(plan, n_pending, verbose=verbose):
                print_line(people, line)

    return Terminal()


def conclude(
    session: Session,
    people: Console,
    show: _Shown,
    *,
    as_json: bool,
    facts: Callable[[int], Mapping[str, object]] = lambda index: {},
) -> ExitCode:
    """Print the results of a session that has run, write the report, and return the exit code.

    Parameters
    ----------
    session : Session
    people : Console
    show : callable
        Prints the seeds of each row for people.
    as_json : bool
        Print JSON objects on stdout too.
    facts : callable, optional
        Given the index of a row in the plan, returns what its JSON objects say besides.
    """
    from mer_bench.representations.task import facts_lines
    from mer_bench.result_texts import result_object
    from mer_bench.results import read_results
    from mer_bench.row_names import RowNames
    from mer_bench_reports import write_report

    rows = session.results()
    asked = session.asked(rows)
    names = RowNames.stored(session.store.path)
    if as_json:
        for index, (row, results) in enumerate(zip(rows, asked, strict=True)):
            name = names.of(row.record["method"]["name"], row.record["row_key"])
            for result in results:
                say(json_text({**result_object(row, result, name), **facts(index)}))
    show(asked, people, names)
    faces = (facts_lines(session.inputs.stacks.faces(row)) for row in session.plan.rows)
    for line in dict.fromkeys(chain.from_iterable(faces)):
        print_line(people, line)
    known = {row.record["row_key"]: row for row in rows}
    try:
        reports = write_report(session.store, session.store.path, read_results(session.store, known))
        people.print(printable(f"Report: {reports['html']}"), soft_wrap=True)
    except MerBenchError as error:
        # Complete results are shown from a read-only folder too.
        if session.pending:
            raise
        notice(str(error))
    return _exit_code(session, people)


def _exit_code(session: Session, people: Console) -> ExitCode:
    """Return how a run ends, and say what failed: without failures, a cell may still have been removed meanwhile."""
    count = len(session.plan.cells)
    if session.failures:
        first = session.failures[0]
        problem = (
            f"{len(session.failures)} of {count} cells failed; the first: {first.method}, seed {first.seed}, fold "
            f"{first.fold}: {first.reason}. The tracebacks are in {session.store.path}; the same command tries these "
            "cells again."
        )
    elif session.missing:
        problem = (
            f"{len(session.missing)} of {count} cells are missing in {session.store.path}, although none failed; the "
            "same command computes them."
        )
    else:
        return ExitCode.DONE
    print_line(people, problem, "bold red")
    return ExitCode.FAILED


def _added(command: _Command, options: Sequence[Callable[[Any], Any]]) -> _Command:
    for option in reversed(options):
        command = option(command)
    return command
