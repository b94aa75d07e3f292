"""The options by which every verb of ``mer-bench data`` names its data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mer_bench.databases.base import DataSource

_Command = TypeVar("_Command", bound=Callable[..., Any])


def data_options(command: _Command) -> _Command:
    """Add the argument PATH and the option ``--data-option``."""
    named = click.argument("path", required=False)(command)
    return click.option("--data-option", "options", multiple=True, metavar="K=V", help="A parameter of the reader.")(
        named
    )


def named_source(path: str | None, options: tuple[str, ...]) -> DataSource:
    """Open what the command line names, else what is configured, else the synthetic release.

    Raises
    ------
    MerBenchError
        It cannot be opened.
    """
    from mer_bench.cli.pairs import parse_pairs
    from mer_bench.config import load_config
    from mer_bench.engine.defaults import chosen_source
    from mer_bench.plugin_manager import load_catalogue

    return chosen_source(path, parse_pairs("--data-option", options), load_config(), load_catalogue())
