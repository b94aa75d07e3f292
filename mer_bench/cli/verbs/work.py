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
    from mer_bench.engine.sample_plan import sample_plan_file
    from mer_bench.engine.submit_samples import work_samples
    from mer_bench.engine.work import work
    from mer_bench.progress import ProgressListener
    from mer_bench.store import Store

    listener, folder = ProgressListener(), Path(results)
    n_jobs = named_jobs(jobs, load_config())
    if sample_plan_file(Store(folder), run).is_file():
        failed = work_samples(folder, run, tasks, jobs=n_jobs, listener=listener)
        for sample in failed:
            listener.notice(sample.failure)
        return ExitCode.FAILED if failed else ExitCode.DONE
    session = work(folder, run, tasks, jobs=n_jobs, listener=listener)
    for failure in session.failures:
        listener.notice(f"{failure.method}, seed {failure.seed}, fold {failure.fold} failed: {failure.reason}")
    return ExitCode.FAILED if session.failures or session.missing else ExitCode.DONE
