"""``mer-bench publish``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mer_bench.cli.completion import complete_folder
from mer_bench.cli.options import notice
from mer_bench.cli.standard_output import say
from mer_bench.config import load_config, results_folder
from mer_bench.errors import MerBenchError

if TYPE_CHECKING:
    from mer_bench_reports.site.sources import Source

DEFAULT_TITLE = "Micro-expression recognition leaderboard"


@click.command(name="publish")
@click.argument("out", shell_complete=complete_folder)
@click.argument("results", nargs=-1, metavar="[[NAME=]RESULTS]...", shell_complete=complete_folder)
@click.option("--title", default=DEFAULT_TITLE, show_default=True, help="The heading of the first page.")
def command(out: str, results: tuple[str, ...], title: str) -> None:
    """Write a leaderboard of one or several RESULTS folders into the folder OUT, as static pages for any web server.

    There is a first page, one for each protocol, and one for each method. Of several folders, NAME says who measured
    what is in a folder (default: the folder's name). OUT is new, empty, or a site written before, which is replaced.
    Without RESULTS, the results folder is published.
    """
    from mer_bench_reports.site.pages import build_site
    from mer_bench_reports.site.sources import joined_store, row_sources
    from mer_bench_reports.site.writing import check_folder, write_site

    if not title.strip():
        raise MerBenchError("--title is empty; give the first page a heading, or leave the option out")
    check_folder(Path(out))
    sources = _sources(results or [str(results_folder(None, load_config()))])
    with joined_store(sources, notice) as store:
        site = build_site(store, title, row_sources(sources))
        first = write_site(site, Path(out))
    say(f"{len(site.protocols)} protocols, {len(site.methods)} methods")
    say(first)


def _sources(arguments: Sequence[str]) -> list[Source]:
    """Return the sources that the arguments name.

    Raises
    ------
    MerBenchError
        Two have the same name, or one is the same folder as another.
    """
    from mer_bench_reports.site.sources import Source

    sources = [Source(name, Path(folder)) for name, folder in map(_named, arguments)]
    names, folders = [source.name for source in sources], [source.folder.resolve() for source in sources]
    for source in sources:
        if folders.count(source.folder.resolve()) > 1:
            raise MerBenchError(f"{source.folder} is named twice; name each results folder once")
        if names.count(source.name) > 1:
            raise MerBenchError(
                f"two results folders are called {source.name!r}; say who measured them, such as ours={source.folder}"
            )
    return sources


def _named(argument: str) -> tuple[str, str]:
    """Return name and folder of ``NAME=FOLDER``, or of a folder, which may have a ``=`` in its own name."""
    name, equals, folder = argument.partition("=")
    if equals and name.strip() and folder and not Path(argument).exists():
        return name.strip(), folder
    return Path(argument).resolve().name or "results", argument
