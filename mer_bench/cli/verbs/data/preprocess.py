"""``mer-bench data preprocess``."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache

import click

from mer_bench.cli.console import console, print_line, show
from mer_bench.cli.elsewhere import announce, cluster_options, named_executor, preview
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import (
    SettingsCommand,
    data_arguments,
    jobs_option,
    json_option,
    named_source,
    preprocess_option,
    results_option,
    set_option,
)


@click.command(name="preprocess", cls=SettingsCommand)
@data_arguments
@click.option(
    "--representation",
    "-r",
    "representations",
    multiple=True,
    default=("region-flow",),
    show_default=True,
    help="frames, flow, face-flow or region-flow; repeat for several.",
)
@set_option("A setting that methods may choose: length=10, layout=htnet.")
@preprocess_option
@jobs_option
@cluster_options
@results_option
@click.option("--dry-run", is_flag=True, help="Print how much is to be computed, and with --cluster what is submitted.")
@json_option()
def command(
    path: str | None,
    data_options: dict[str, str],
    representations: tuple[str, ...],
    overrides: dict[str, str],
    preprocessing: dict[str, str],
    jobs: int | None,
    cluster: str | None,
    detach: bool,
    results: str | None,
    dry_run: bool,
    as_json: bool,
) -> ExitCode:
    """Compute representations of every sample of PATH in parallel, and keep them in the cache.

    What the cache already holds is not computed again: the same command continues after a stop. The exit code is 1 if
    a sample cannot be preprocessed; the others are. With --cluster, other machines compute into the cache that all of
    them see; the plan and the logs of their tasks go to the results folder.
    """
    from mer_bench.config import load_config, results_folder
    from mer_bench.engine.data_preprocess import preprocessing_tasks, summary
    from mer_bench.engine.defaults import named_jobs, named_preprocessing
    from mer_bench.engine.planned import Planned
    from mer_bench.engine.preprocess import preprocess
    from mer_bench.engine.resources import Resources
    from mer_bench.engine.submit_samples import follow_samples, outcomes, plan_samples, submit_samples
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.progress import ProgressListener
    from mer_bench.store import Store

    config, listener = load_config(), ProgressListener()
    resources = Resources(named_jobs(jobs, config))
    executor = named_executor(cluster, detach=detach, jobs=jobs)
    source = named_source(path, data_options)
    settings = named_preprocessing(preprocessing, config, source)
    tasks, cached = preprocessing_tasks(source, representations, overrides, settings)
    people = console(stderr=as_json)
    if dry_run:
        print_line(people, f"{len(tasks)} to preprocess, {len(cached)} in the cache already")
    submission = None
    if executor is not None and tasks:
        store = (Store.look if dry_run else Store.create)(results_folder(results, config), listener.notice)
        submission = plan_samples(source, tasks, executor, Planned(store, cache(load_catalogue)), listener)
    if dry_run and submission is not None:
        preview(people, submission)
    elif submission is not None:
        announce(people, submission, submit_samples(submission))
    if dry_run or detach:
        runs = [] if dry_run or submission is None else submission.runs
        show({"to_preprocess": len(tasks), "cached": len(cached), "runs": runs}, (), as_json=as_json)
        return ExitCode.DONE
    if submission is None:
        done = preprocess(tasks, jobs=resources.jobs, listener=listener)
    else:
        follow_samples(source, tasks, submission, listener)
        done = outcomes(tasks)
    summed = summary(done, cached)
    show(asdict(summed), summed.lines(), as_json=as_json, indent=1)
    return ExitCode.FAILED if summed.failures else ExitCode.DONE
