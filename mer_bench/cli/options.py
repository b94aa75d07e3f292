"""The options that several verbs take, and what they name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mer_bench.config import DEFAULT_RESULTS, load_config, results_folder
from mer_bench.errors import MerBenchError

if TYPE_CHECKING:
    from mer_bench.databases.base import DataSource
    from mer_bench.store import Store

_Command = TypeVar("_Command", bound=Callable[..., Any])


def json_option(help_text: str = "One JSON object on stdout.") -> Callable[[_Command], _Command]:
    """``--json``, as the argument ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help=help_text)


def set_option(help_text: str) -> Callable[[_Command], _Command]:
    """``--set``, as the argument ``overrides``: a dict of str to str."""
    return _pairs_option("--set", "overrides", help_text)


def _pairs_option(name: str, destination: str, help_text: str) -> Callable[[_Command], _Command]:
    def parse(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
        pairs: dict[str, str] = {}
        for text in texts:
            key, equals, value = text.partition("=")
            if not equals or not key:
                raise MerBenchError(f"{name} {text!r} is not of the form NAME=VALUE")
            if key in pairs:
                raise MerBenchError(f"{name} names {key!r} twice ({pairs[key]!r} and {value!r}); keep one")
            pairs[key] = value
        return pairs

    return click.option(name, destination, multiple=True, metavar="K=V", callback=parse, help=help_text)


results_option = click.option("--results", help=f"The results folder.  [default: {DEFAULT_RESULTS}]")
jobs_option = click.option("--jobs", "-j", type=int, help="Worker processes.  [default: one a processor]")
preprocess_option = _pairs_option("--preprocess", "preprocessing", "How frames are preprocessed: flow=farneback.")
data_option = _pairs_option("--data-option", "data_options", "A parameter of the data's reader.")


def data_arguments(command: _Command) -> _Command:
    """Add ``PATH`` and ``--data-option``, by which every verb of ``mer-bench data`` names its data."""
    return click.argument("path", required=False)(data_option(command))


def named_source(path: str | None, data_options: Mapping[str, str]) -> DataSource:
    """Open what the command line names, else what is configured, else the synthetic release.

    Raises
    ------
    MerBenchError
        It cannot be opened.
    """
    from mer_bench.engine import defaults
    from mer_bench.plugin_manager import load_catalogue

    return defaults.named_source(path, data_options, load_config(), load_catalogue())


def open_results(results: str | None) -> Store:
    """Open the folder named on the command line, in the config file, or by default; notices go to stderr.

    Raises
    ------
    MerBenchError
        There is no store, or a newer mer-bench made it.
    """
    from mer_bench.store import Store

    return Store.open(results_folder(results, load_config()), notice)


def notice(text: str) -> None:
    """Say on stderr what a user should know."""
    click.echo(f"note: {text}", err=True)
