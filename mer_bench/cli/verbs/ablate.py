"""``mer-bench ablate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from mer_bench.cli.completion import complete_figure, complete_method
from mer_bench.cli.console import console, show, table_lines
from mer_bench.cli.elsewhere import named_executor
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.measuring import (
    conclude,
    execute,
    execution_options,
    output_options,
    settings_options,
    terminal,
)
from mer_bench.cli.options import SettingsCommand, notice, protocol_option

if TYPE_CHECKING:
    from mer_bench.ablation import Ablation


@click.command(name="ablate", cls=SettingsCommand)
@click.argument("method", shell_complete=complete_method)
@click.option(
    *("--figure", "place"),
    shell_complete=complete_figure,
    help="What to run, by its number in the paper: 5, 4.5.2. Without it, the ablations of METHOD are listed.",
)
@protocol_option(help="The protocol.  [default: the first that the ablation names]")
@settings_options
@execution_options
@output_options
def command(
    *,
    method: str,
    place: str | None,
    protocol: str | None,
    dry_run: bool,
    verbose: bool,
    as_json: bool,
    cluster: str | None,
    detach: bool,
    **asked: Any,
) -> ExitCode:
    """Run an ablation of METHOD as its paper has it, or list the ablations of METHOD.

    An ablation is a sweep that a plugin ships: the settings, what the paper reports of each, and what it leaves open.
    Each setting is a row of its own, as in `mer-bench run`.
    """
    from mer_bench.ablation import find_ablation, load_ablations
    from mer_bench.cli.ablation_table import ablation_facts, print_ablation
    from mer_bench.engine.run import open_session
    from mer_bench.errors import MerBenchError
    from mer_bench.evaluation.request import Request
    from mer_bench.plugin_manager import load_catalogue

    catalogue = load_catalogue()
    spec = catalogue.method(method)
    name = spec.name
    ablations = list(load_ablations(catalogue.ablations.values(), notice))
    if not any(ablation.method == name for ablation in ablations):
        others = ", ".join(sorted({ablation.method for ablation in ablations})) or "none"
        raise MerBenchError(f"no ablation of {name} is installed; methods with ablations: {others}")
    if place is None:
        _refuse_others(name)
        _list([ablation for ablation in ablations if ablation.method == name], as_json=as_json)
        return ExitCode.DONE
    ablation = find_ablation(ablations, name, place).of_method(spec)
    settings = tuple(setting.values for setting in ablation.settings)
    chosen = protocol or ablation.protocols[0]
    people = console(stderr=as_json)
    request = Request(methods=(name,), protocol=chosen, settings=settings, baselines=False, **asked)
    executor = named_executor(cluster, detach=detach, jobs=asked["jobs"])
    listener = terminal(people, verbose=verbose)
    session = open_session(request, listener, dry=dry_run, elsewhere=executor is not None)
    measured = session.plan.data.protocol
    ablation.check_slices(measured.name, measured.slices)
    code = execute(session, people, executor, detach=detach, dry_run=dry_run)
    if code is not None:
        return code
    varied = [ablation.setting_of(values) for values in session.plan.varied]
    return conclude(
        session,
        people,
        lambda rows, people, names: print_ablation(ablation, varied, rows, people, names),
        as_json=as_json,
        facts=lambda index: {"ablation": ablation_facts(ablation, varied[index], measured.name)},
    )


def _refuse_others(method: str) -> None:
    """Refuse options without ``--figure``: they would be ignored.

    Raises
    ------
    MerBenchError
        There are some.
    """
    from mer_bench.errors import MerBenchError

    context = click.get_current_context()
    given = [
        option.opts[0]
        for option in context.command.params
        if isinstance(option, click.Option)
        and option.name != "as_json"
        and context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise MerBenchError(
            f"{', '.join(given)}: without --figure, the ablations of {method} are only listed; add --figure, or leave "
            "out what a run takes"
        )


def _list(ablations: list[Ablation], *, as_json: bool) -> None:
    ablations = sorted(ablations, key=lambda each: (each.number, each.name))
    rows = [
        {
            "place": ablation.place,
            "title": ablation.title,
            "settings": len(ablation.settings),
            "protocols": list(ablation.protocols),
            "source": ablation.source,
            "name": ablation.name,
        }
        for ablation in ablations
    ]
    cells = [[", ".join(value) if isinstance(value, list) else str(value) for value in row.values()] for row in rows]
    first = ablations[0]
    lines = [*table_lines(list(rows[0]), cells), f"run one: mer-bench ablate {first.method} --figure {first.number}"]
    show(rows, lines, as_json=as_json)
