"""``mer-bench data prepare``."""

from __future__ import annotations

import json
import sys

import click

from mer_bench.cli import EXIT_FOUND_PROBLEMS, EXIT_INTERRUPTED
from mer_bench.cli.data_options import data_options, named_source


@click.command(name="prepare")
@data_options
@click.option(
    "--representation",
    "-r",
    "names",
    multiple=True,
    default=("region-flow",),
    show_default=True,
    help="frames, flow, face-flow or region-flow; repeat for several.",
)
@click.option("--set", "overrides", multiple=True, metavar="K=V", help="What a method may choose: length=10, layout=…")
@click.option("--prepare", "preparation", multiple=True, metavar="K=V", help="How frames are prepared: flow=farneback.")
@click.option("--jobs", "-j", type=int, help="Worker processes.  [default: one a processor]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    path: str | None,
    options: tuple[str, ...],
    names: tuple[str, ...],
    overrides: tuple[str, ...],
    preparation: tuple[str, ...],
    jobs: int | None,
    as_json: bool,
) -> None:
    """Compute and cache representations of every sample of PATH, in parallel.

    What the cache holds is not computed again: the same command goes on where it was stopped. Ends with 1 where a
    sample cannot be prepared; all others are.
    """
    from mer_bench.cli.pairs import parse_pairs
    from mer_bench.cli.progress import RESUMED, show_preparation
    from mer_bench.config import load_config
    from mer_bench.engine.data_prepare import preparation_tasks, summary
    from mer_bench.engine.defaults import chosen_preparation
    from mer_bench.engine.prepare import prepare
    from mer_bench.engine.session import Resources, default_jobs

    config = load_config()
    source = named_source(path, options)
    settings = chosen_preparation(parse_pairs("--prepare", preparation), config, source)
    tasks, cached = preparation_tasks(source, names, parse_pairs("--set", overrides), settings)
    wanted = jobs if jobs is not None else config.jobs
    resources = Resources(wanted if wanted is not None else default_jobs())
    try:
        done = show_preparation(tasks, lambda tasks: prepare(tasks, jobs=resources.jobs))
    except KeyboardInterrupt:
        click.echo(f"interrupted: {RESUMED}", err=True)
        sys.exit(EXIT_INTERRUPTED)
    said = summary(done, cached)
    for notice in dict.fromkeys(notice for prepared in done for notice in prepared.notices):
        click.echo(f"note: {notice}", err=True)
    if as_json:
        click.echo(json.dumps(said.as_json(), indent=1, allow_nan=False))
    else:
        for line in said.lines():
            click.echo(line)
    if said.failures:
        sys.exit(EXIT_FOUND_PROBLEMS)
