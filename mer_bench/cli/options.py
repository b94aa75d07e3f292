"""The options that several commands take, and the hints on options that no command takes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
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
    settable_parameters,
)
from mer_bench.cli.console import console, print_line
from mer_bench.config import RESULTS_DEFAULT, load_config, results_folder
from mer_bench.errors import MerBenchError
from mer_bench.parameters import CLOSE

if TYPE_CHECKING:
    from mer_bench.databases.base import DataSource
    from mer_bench.parameters import Parameter
    from mer_bench.plugin_manager import Catalogue
    from mer_bench.store import Store

_Command = TypeVar("_Command", bound=Callable[..., Any])


class SettingsCommand(click.Command):
    """A command with ``--set``, which explains what to type for a parameter that is given as an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does; an unknown option that is the name of a parameter gets a hint."""
        typed = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if ctx.resilient_parsing:
                raise
            option = error.option_name.partition("=")[0]
            others, value = _without(option, typed)
            lenient = click.Context(self, resilient_parsing=True, ignore_unknown_options=True, allow_extra_args=True)
            super().parse_args(lenient, others)
            near_options = difflib.get_close_matches(option, error.possibilities or (), cutoff=CLOSE)
            hint = _setting_hint(lenient, option, value, is_near_option=bool(near_options))
            if hint is None:
                raise
            raise click.UsageError(f"no option {option!r}: {hint}", ctx=ctx) from error


def _without(option: str, typed: Sequence[str]) -> tuple[list[str], str]:
    """Return what is typed besides an option and its value, and this value, or ``VALUE`` if there is none."""
    names = [token.partition("=")[0].replace("_", "-") for token in typed]
    place = names.index(option) if option in names else len(typed)
    _, equals, value = "".join(typed[place : place + 1]).partition("=")
    value = value if equals else "".join(typed[place + 1 : place + 2])
    has_value = re.match(r"[^-]|-[\d.]", value) is not None
    end = place + 1 + (has_value and not equals)
    return [*typed[:place], *typed[end:]], value if has_value else "VALUE"


def _setting_hint(context: click.Context, option: str, value: str, *, is_near_option: bool) -> str | None:
    """Return how to set what an unknown option names, of the methods and data that the command line names."""
    from mer_bench.parameters import meant_parameter
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.representations.settings import PREPROCESSING

    name, catalogue = option.lstrip("-").replace("-", "_"), load_catalogue()
    of_owners = settable_parameters(context, catalogue)
    places: list[tuple[str, str, Iterable[Parameter]]] = [("--set", "a parameter", chain(*of_owners.values()))]
    if "preprocessing" in context.params:
        places.append(("--preprocess", "a setting of the preprocessing", PREPROCESSING))
    if "data_options" in context.params:
        places.append(("--data-option", "a parameter of the data", _data_parameters(context, catalogue)))
    meant = [(place, what, meant_parameter(name, parameters)) for place, what, parameters in places]
    hints = [
        (f"{own.name!r} is {what}; use {place} {own.name}={value}", _takes(own, value))
        for place, what, own in meant
        if own is not None and (not is_near_option or (place == "--set" and own.name == name))
    ]
    if hints:
        return next((hint for hint, takes in hints if takes), hints[0][0])
    if name in {own.name for spec in catalogue.methods.values() for own in spec.parameters}:
        owners = ", ".join(of_owners)
        return (
            f"{owners} has no parameter {name!r}"
            if len(of_owners) == 1
            else f"none of {owners} has a parameter {name!r}"
        )
    return None


def _data_parameters(context: click.Context, catalogue: Catalogue) -> Sequence[Parameter]:
    """Return the parameters of the reader that the command line names; of a folder, those of all that read folders."""
    from mer_bench.engine.defaults import DEFAULT_DATA

    data = context.params.get("data") or context.params.get("path") or DEFAULT_DATA
    if data in catalogue.databases:
        return catalogue.databases[data].parameters
    return [own for spec in catalogue.databases.values() if spec.needs_path for own in spec.parameters]


def _takes(parameter: Parameter, value: str) -> bool:
    try:
        parameter.parse(value)
    except MerBenchError:
        return False
    return True


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
                raise MerBenchError(f"{name} {text!r} is not of the form {option.metavar}")
            if key in pairs:
                raise MerBenchError(f"{name} names {key!r} twice ({pairs[key]!r} and {value!r}); keep one")
            pairs[key] = value
        return pairs

    return click.option(
        name, destination, multiple=True, callback=parse, help=help_text, **{"metavar": "NAME=VALUE", **attributes}
    )


def grid_option(command: _Command) -> _Command:
    """Add ``--grid``, as the argument ``grid``: a dict of str to the text of several values."""
    return _pairs_option(
        *("--grid", "grid"),
        "A sweep, each combination a row of its own: lr=1e-5,1e-4, or ahmsa.lr=1e-5,1e-4 for one method. A slash "
        "separates values that are lists: blocks=2,2,8/1,1,4. Repeat for the product.",
        metavar="NAME=VALUE,VALUE",
        shell_complete=complete_setting,
    )(command)


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
    """Add ``PATH`` and ``--data-option``, by which every command of ``mer-bench data`` names its data."""
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
        There is no store, or a mer-bench with another schema wrote it.
    """
    from mer_bench.store import Store

    return Store.open(results_folder(results, load_config()), notice)


def notice(text: str) -> None:
    """Print a notice on stderr."""
    print_line(console(stderr=True), f"note: {text}")
