"""Shell completion: what may follow on the command line. It loads plugins, and nothing heavy."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class

if TYPE_CHECKING:
    from mer_bench.plugin_manager import Catalogue
    from mer_bench.specs import MethodSpec, Parameter

COMPLETE_VARIABLE = "_MER_BENCH_COMPLETE"
"""Set by the shell's completion script; click reads it."""

_Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
_METHOD_ARGUMENTS = ("methods", "method", "names")


class _Bash(BashComplete):
    """Adds no space behind ``lr=``, because a value follows."""

    source_template = BashComplete.source_template.replace(
        "COMPREPLY+=($value)", "COMPREPLY+=($value)\n            [[ $value == *= ]] && compopt -o nospace"
    )


def is_completing() -> bool:
    """Return whether a shell asks for completions, rather than a person for an answer."""
    return COMPLETE_VARIABLE in os.environ


def enable_completion() -> None:
    """Prepare to answer a shell: nothing but completions may reach its prompt, so stderr is closed."""
    add_completion_class(_Bash)
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _completer(items: Callable[[click.Context, Catalogue, str], Iterable[tuple[str, str]]]) -> _Completer:
    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from mer_bench.plugin_manager import load_catalogue

        pairs = dict(items(context, load_catalogue(), incomplete))
        return [CompletionItem(value, help=text) for value, text in pairs.items() if value.startswith(incomplete)]

    return complete


@_completer
def complete_method(context: click.Context, catalogue: Catalogue, incomplete: str) -> Iterator[tuple[str, str]]:
    """Complete the name of a method."""
    for spec in catalogue.methods.values():
        yield spec.name, spec.title


@_completer
def complete_protocol(context: click.Context, catalogue: Catalogue, incomplete: str) -> Iterator[tuple[str, str]]:
    """Complete the name of a protocol."""
    for name in catalogue.protocols:
        yield name, ""


@_completer
def complete_preset(context: click.Context, catalogue: Catalogue, incomplete: str) -> Iterator[tuple[str, str]]:
    """Complete the name of a preset that one of the named methods has."""
    for preset in sorted({preset for spec in _named_methods(context, catalogue) for preset in spec.presets}):
        yield preset, ""


@_completer
def complete_setting(context: click.Context, catalogue: Catalogue, incomplete: str) -> Iterator[tuple[str, str]]:
    """Complete ``NAME=`` of the named methods' parameters, ``METHOD.NAME=`` once there is a dot, then the choices."""
    for spec in _named_methods(context, catalogue):
        yield from _settings(spec.parameters, incomplete, f"{spec.name}." if "." in incomplete else "")


@_completer
def complete_preprocessing(context: click.Context, catalogue: Catalogue, incomplete: str) -> Iterator[tuple[str, str]]:
    """Complete ``NAME=`` of a setting by which frames are preprocessed, then its choices."""
    from mer_bench.representations.preprocessing import PREPROCESSING

    return _settings(PREPROCESSING, incomplete)


def complete_folder(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a folder."""
    return [CompletionItem(incomplete, type="dir")]


def complete_data(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a folder, or the name of a database that needs none."""
    return [*complete_folder(context, parameter, incomplete), *_complete_database(context, parameter, incomplete)]


@_completer
def _complete_database(context: click.Context, catalogue: Catalogue, incomplete: str) -> Iterator[tuple[str, str]]:
    for spec in catalogue.databases.values():
        if not spec.needs_path:
            yield spec.name, spec.title


def _named_methods(context: click.Context, catalogue: Catalogue) -> list[MethodSpec]:
    """Return the installed methods that the command line names so far; all of them if it names none."""
    from mer_bench.names import normalise_name

    named = next((context.params[name] for name in _METHOD_ARGUMENTS if context.params.get(name)), ())
    # An argument before an option without its value, which is what is being typed, is left in ``args``.
    names = [*([named] if isinstance(named, str) else named), *context.args]
    specs = [catalogue.methods[name] for name in map(normalise_name, names) if name in catalogue.methods]
    return specs or list(catalogue.methods.values())


def _settings(parameters: Iterable[Parameter], incomplete: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    from mer_bench.specs import value_text

    for parameter in parameters:
        values = [value_text(choice) for choice in parameter.choices] if "=" in incomplete else [""]
        for value in values:
            yield f"{prefix}{parameter.name}={value}", parameter.doc
