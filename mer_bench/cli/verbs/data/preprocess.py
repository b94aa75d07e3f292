"""``mer-bench data preprocess``."""

from __future__ import annotations

from dataclasses import asdict

import click

from mer_bench.cli.console import show
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import (
    SettingsCommand,
    data_arguments,
    jobs_option,
    json_option,
    named_source,
    preprocess_option,
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
@json_option()
def command(
    path: str | None,
    data_options: dict[str, str],
    representations: tuple[str, ...],
    overrides: dict[str, str],
    preprocessing: dict[str, str],
    jobs: int | None,
    as_json: bool,
) -> ExitCode:
    """Compute representations of every sample of PATH in parallel, and keep them in the cache.

    What the cache already holds is not computed again: the same command continues after a stop. The exit code is 1 if
    a sample cannot be preprocessed; the others are.
    """
    from mer_bench.config import load_config
    from mer_bench.engine.data_preprocess import preprocessing_tasks, summary
    from mer_bench.engine.defaults import named_jobs, named_preprocessing
    from mer_bench.engine.preprocess import preprocess
    from mer_bench.engine.resources import Resources
    from mer_bench.progress import ProgressListener

    config = load_config()
    source = named_source(path, data_options)
    settings = named_preprocessing(preprocessing, config, source)
    tasks, cached = preprocessing_tasks(source, representations, overrides, settings)
    resources = Resources(named_jobs(jobs, config))
    summed = summary(preprocess(tasks, jobs=resources.jobs, listener=ProgressListener()), cached)
    show(asdict(summed), summed.lines(), as_json=as_json, indent=1)
    return ExitCode.FAILED if summed.failures else ExitCode.DONE
