"""Shell completion: what may follow on the command line. It loads plugins, and nothing heavy."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from mer_bench.errors import MerBenchError
from mer_bench.printable import one_line, printable

if TYPE_CHECKING:
    from mer_bench.parameters import Parameter
    from mer_bench.plugin_manager import Catalogue
    from mer_bench.specs import MethodSpec

COMPLETE_VARIABLE = "_MER_BENCH_COMPLETE"
"""Set by the shell's completion script; click reads it."""

_Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
_INSTRUCTIONS = tuple(f"{shell}_{part}" for shell in ("bash", "zsh", "fish") for part in ("source", "complete"))
_METHOD_ARGUMENTS = ("methods", "method", "names")


class _Bash(BashComplete):
    """Completes behind ``=`` and ``:`` too, where bash begins a new word, and adds no space behind ``lr=``.

    Bash replaces only the text behind the last ``=`` or ``:``, so the script removes what precedes it from each reply.
    """

    source_template = r"""
%(complete_func)s() {
    local IFS=$'\n' line="${COMP_LINE:0:COMP_POINT}" breaks="${COMP_WORDBREAKS//[^=:]/}" finished="" option=""
    local response completion type value
    local typed="${line##*[[:space:]]}"
    [[ -n $breaks ]] && finished="${typed%%"${typed##*[$breaks]}"}"
    [[ $typed == -*=* ]] && option="${typed%%%%=*}="
    response=$(env COMP_LINE="$line" %(complete_var)s=bash_complete $1)
    for completion in $response; do
        IFS=',' read type value <<< "$completion"
        if [[ $type == dir ]]; then
            COMPREPLY=()
            compopt -o dirnames
        elif [[ $type == file ]]; then
            COMPREPLY=()
            compopt -o default
        elif [[ $type == plain ]]; then
            value="$option$value"
            COMPREPLY+=("${value#"$finished"}")
            [[ $value == *= ]] && compopt -o nospace
        fi
    done
    return 0
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Split the line up to the cursor at spaces."""
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)[1:]
        incomplete = words.pop() if words and not line[-1].isspace() else ""
        return words, incomplete


def is_completing() -> bool:
    """Return whether a shell asks for completions, rather than a person for an answer.

    Raises
    ------
    MerBenchError
        The variable is set to something that no shell asks.
    """
    asked = os.environ.get(COMPLETE_VARIABLE, "")
    if asked and asked not in _INSTRUCTIONS:
        raise MerBenchError(f"{COMPLETE_VARIABLE}={asked!r} is not one of: {', '.join(_INSTRUCTIONS)}")
    return bool(asked)


def silence() -> None:
    """Discard what is printed: nothing but completions may reach a shell's prompt."""
    sys.stderr.flush()
    for number in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def shell_answer(cli: click.Command) -> str:
    """Return what a shell asks for: a script, or completions."""
    add_completion_class(_Bash)
    shell, _, part = os.environ[COMPLETE_VARIABLE].partition("_")
    answering = get_completion_class(shell)
    assert answering is not None
    completion = answering(cli, {}, "mer-bench", COMPLETE_VARIABLE)
    return completion.source() if part == "source" else completion.complete()


def _completer(items: Callable[[click.Context, Catalogue, str], Iterable[tuple[str, str]]]) -> _Completer:
    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from mer_bench.plugin_manager import load_catalogue

        pairs = dict(items(context, load_catalogue(), incomplete))
        found = ((value, one_line(text)) for value, text in pairs.items() if value.startswith(incomplete))
        return [CompletionItem(printable(value), help=text) for value, text in found]

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


def complete_row(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the short name of a row that is stored in the results folder which the line names so far."""
    from mer_bench.config import load_config, results_folder
    from mer_bench.row_names import RowNames

    names = RowNames.stored(results_folder(context.params.get("results"), load_config())).all()
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@_completer
def complete_tracker(context: click.Context, catalogue: Catalogue, incomplete: str) -> Iterator[tuple[str, str]]:
    """Complete the name of a tracker."""
    for spec in catalogue.trackers.values():
        yield spec.name, spec.title


@_completer
def complete_preset(context: click.Context, catalogue: Catalogue, incomplete: str) -> Iterator[tuple[str, str]]:
    """Complete the name of a preset that one of the named methods has."""
    for preset in sorted({preset for spec in _named_methods(context, catalogue) for preset in spec.presets}):
        yield preset, ""


@_completer
def complete_figure(context: click.Context, catalogue: Catalogue, incomplete: str) -> Iterator[tuple[str, str]]:
    """Complete the number of an ablation of the method on the line."""
    from mer_bench.ablation import load_ablations

    methods = {spec.name for spec in _named_methods(context, catalogue)}
    for ablation in load_ablations(catalogue.ablations.values(), lambda sentence: None):
        if ablation.method in methods:
            yield ablation.number, ablation.title


@_completer
def complete_setting(context: click.Context, catalogue: Catalogue, incomplete: str) -> Iterator[tuple[str, str]]:
    """Complete ``NAME=`` of what ``--set`` and ``--grid`` take, ``METHOD.NAME=`` after a dot, then the choices."""
    for owner, parameters in settable_parameters(context, catalogue).items():
        has_prefix = owner in catalogue.methods and "." in incomplete.partition("=")[0]
        yield from _settings(parameters, incomplete, f"{owner}." if has_prefix else "")


@_completer
def complete_preprocessing(context: click.Context, catalogue: Catalogue, incomplete: str) -> Iterator[tuple[str, str]]:
    """Complete ``NAME=`` of a setting by which frames are preprocessed, then its choices."""
    from mer_bench.representations.settings import PREPROCESSING

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


def settable_parameters(context: click.Context, catalogue: Catalogue) -> Mapping[str, Sequence[Parameter]]:
    """Return the parameters that ``--set`` takes, by method; without methods, those of the named representations."""
    from mer_bench.representations.settings import OF_METHOD

    if "representations" in context.params:
        return {
            "this representation": [
                own for name in context.params["representations"] for own in OF_METHOD.get(name, ())
            ]
        }
    return {spec.name: spec.parameters for spec in _named_methods(context, catalogue)}


def _named_methods(context: click.Context, catalogue: Catalogue) -> list[MethodSpec]:
    """Return the installed methods that the command line names so far; all of them if it names none."""
    from mer_bench.names import normalise_name

    named = next((context.params[name] for name in _METHOD_ARGUMENTS if context.params.get(name)), ())
    # An argument before an option without its value, which is what is being typed, is left in ``args``.
    names = [*([named] if isinstance(named, str) else named), *context.args]
    specs = [catalogue.methods[name] for name in map(normalise_name, names) if name in catalogue.methods]
    return specs or list(catalogue.methods.values())


def _settings(parameters: Iterable[Parameter], incomplete: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    from mer_bench.parameters import value_text

    for parameter in parameters:
        values = [value_text(choice) for choice in parameter.choices] if "=" in incomplete else [""]
        for value in values:
            yield f"{prefix}{parameter.name}={value}", parameter.doc
