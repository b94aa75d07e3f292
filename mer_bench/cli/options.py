"""The options that several verbs take, and the hints on options that no verb takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mer_bench.cli.completion import (
    complete_data,
    complete_folder,
    complete_method,
    complete_preprocessing,
    complete_preset,
    complete_protocol,
    complete_setting,
)
from mer_bench.config import RESULTS_DEFAULT, load_config, results_folder
from mer_bench.errors import MerBenchError

if TYPE_CHECKING:
    from mer_bench.databases.base import DataSource
    from mer_bench.store import Store

_Command = TypeVar("_Command", bound=Callable[..., Any])


class SettingsCommand(click.Command):
    """A verb with ``--set``, which explains what to type for a parameter that is given as an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does; an unknown option that is the name of a parameter gets a hint."""
        typed = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name, _, value = error.option_name.lstrip("-").partition("=")
            hint = _setting_hint(name.replace("-", "_"), value or _value_after(error.option_name, typed))
            if hint is None or ctx.resilient_parsing:
                raise
            raise click.UsageError(f"no option {error.option_name!r}: {hint}", ctx=ctx) from error


def _value_after(option: str, typed: Sequence[str]) -> str:
    for token, following in zip(typed, [*typed[1:], ""], strict=True):
        name, equals, value = token.partition("=")
        if name == option:
            return value if equals else following
    return ""


def _setting_hint(name: str, value: str) -> str | None:
    """Return how to set what ``name`` names: a parameter of an installed method, or a setting of the preprocessing."""
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.representations.preprocessing import PREPROCESSING
    from mer_bench.specs import described_parameter

    value = value if value and not value.startswith("-") else "VALUE"
    of_methods = [parameter for spec in load_catalogue().methods.values() for parameter in spec.parameters]
    for option, what, parameters in (
        ("--set", "a parameter", of_methods),
        ("--preprocess", "a setting of the preprocessing", PREPROCESSING),
    ):
        meant = described_parameter(name, parameters)
        if meant is not None:
            return f"{meant!r} is {what}; use {option} {meant}={value}"
    return None


def json_option(help_text: str = "Print one JSON object on stdout.") -> Callable[[_Command], _Command]:
    """``--json``, as the argument ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help=help_text)


def set_option(help_text: str) -> Callable[[_Command], _Command]:
    """``--set``, as the argument ``overrides``: a dict of str to str."""
    return _pairs_option("--set", "overrides", help_text, shell_complete=complete_setting)


def _pairs_option(name: str, destination: str, help_text: str, **attributes: Any) -> Callable[[_Command], _Command]:
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

    return click.option(
        name, destination, multiple=True, metavar="NAME=VALUE", callback=parse, help=help_text, **attributes
    )


def methods_option(command: _Command) -> _Command:
    """Add ``--method``, as the argument ``methods``."""
    return click.option(
        *("--method", "-m", "methods"),
        multiple=True,
        required=True,
        shell_complete=complete_method,
        help="A method; repeat for several. `mer-bench list methods` lists them.",
    )(command)


def protocol_option(*names: str, **attributes: Any) -> Callable[[_Command], _Command]:
    """``--protocol``."""
    return click.option("--protocol", "-p", *names, shell_complete=complete_protocol, **attributes)


def preset_option(help_text: str) -> Callable[[_Command], _Command]:
    """``--preset``."""
    return click.option("--preset", shell_complete=complete_preset, help=help_text)


results_option = click.option(
    "--results", shell_complete=complete_folder, help=f"The results folder.  [default: {RESULTS_DEFAULT}]"
)
jobs_option = click.option("--jobs", "-j", type=int, help="Worker processes.  [default: one per processor]")
preprocess_option = _pairs_option(
    *("--preprocess", "preprocessing", "How frames are preprocessed: flow=farneback. Repeat for several."),
    shell_complete=complete_preprocessing,
)
data_option = _pairs_option("--data-option", "data_options", "A parameter of the reader of the data.")


def data_arguments(command: _Command) -> _Command:
    """Add ``PATH`` and ``--data-option``, by which every verb of ``mer-bench data`` names its data."""
    return click.argument("path", required=False, shell_complete=complete_data)(data_option(command))


def named_source(path: str | None, data_options: Mapping[str, str]) -> DataSource:
    """Open the data that the command line names, else the configured data, else the synthetic release.

    Raises
    ------
    MerBenchError
        It cannot be opened.
    """
    from mer_bench.engine import defaults
    from mer_bench.plugin_manager import load_catalogue

    return defaults.named_source(path, data_options, load_config(), load_catalogue())


def open_results(results: str | None) -> Store:
    """Open the folder that is named on the command line, in the config file, or by default; notices go to stderr.

    Raises
    ------
    MerBenchError
        There is no store, or a newer mer-bench wrote it.
    """
    from mer_bench.store import Store

    return Store.open(results_folder(results, load_config()), notice)


def notice(text: str) -> None:
    """Print a notice on stderr."""
    click.echo(f"note: {text}", err=True)
