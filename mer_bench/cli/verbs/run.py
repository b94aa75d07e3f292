"""``mer-bench run``."""

from __future__ import annotations

from typing import Any

import click

from mer_bench.cli.console import console
from mer_bench.cli.elsewhere import named_executor
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.measuring import (
    conclude,
    execute,
    execution_options,
    output_options,
    settings_options,
    terminal,
)
from mer_bench.cli.options import SettingsCommand, grid_option, methods_option, protocol_option


@click.command(name="run", cls=SettingsCommand)
@methods_option
@protocol_option(default="cde", show_default=True, help="The protocol; `mer-bench list protocols` lists them.")
@settings_options
@grid_option
@execution_options
@click.option(
    "--baselines/--no-baselines",
    default=True,
    help="Add the methods that any method must beat: random, majority, svm-flow.  [default: on]",
)
@output_options
def command(
    *, dry_run: bool, verbose: bool, as_json: bool, cluster: str | None, detach: bool, **asked: Any
) -> ExitCode:
    """Measure methods under a protocol, and write a report.

    Results and the report go to the results folder. Cells that it already holds are not computed again: the same
    command resumes a run.
    """
    from mer_bench.cli.tables import print_results
    from mer_bench.engine.run import open_session
    from mer_bench.evaluation.request import Request

    people = console(stderr=as_json)
    executor = named_executor(cluster, detach=detach, jobs=asked["jobs"])
    listener = terminal(people, verbose=verbose)
    session = open_session(Request(**asked), listener, dry=dry_run, elsewhere=executor is not None)
    code = execute(session, people, executor, detach=detach, dry_run=dry_run)
    if code is not None:
        return code
    return conclude(session, people, print_results, as_json=as_json)
