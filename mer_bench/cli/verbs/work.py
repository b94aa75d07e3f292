"""``mer-bench work``."""

from __future__ import annotations

import click

from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import jobs_option


@click.command(name="work")
@click.argument("results", type=click.Path(path_type=str))
@click.argument("run")
@click.argument("tasks", nargs=-1, type=int, required=True)
@jobs_option
def command(results: str, run: str, tasks: tuple[int, ...], jobs: int | None) -> ExitCode:
    """Compute TASKS of a planned RUN in the folder RESULTS: executors start this on other machines.

    Only what is missing is computed. A task may be started again, or twice at once: nothing but time is lost.
    """
    from pathlib import Path

    from mer_bench.config import load_config
    from mer_bench.engine.defaults import named_jobs
    from mer_bench.engine.work import work
    from mer_bench.progress import ProgressListener

    listener = ProgressListener()
    session = work(Path(results), run, tasks, jobs=named_jobs(jobs, load_config()), listener=listener)
    for failure in session.failures:
        listener.notice(f"{failure.method}, seed {failure.seed}, fold {failure.fold} failed: {failure.reason}")
    return ExitCode.FAILED if session.failures or session.missing else ExitCode.DONE
