"""``mer-bench check``."""

from __future__ import annotations

from dataclasses import asdict

import click

from mer_bench.cli.completion import complete_method
from mer_bench.cli.console import show, table_lines
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import SettingsCommand, json_option, preset_option, set_option
from mer_bench.cli.standard_output import say


@click.command(name="check", cls=SettingsCommand)
@click.argument("names", nargs=-1, metavar="METHOD...", shell_complete=complete_method)
@preset_option("A named set of parameters.  [default: quick, if the method has it]")
@set_option("A parameter; without it, epochs is 2 for methods that have it.")
@click.option("--only", multiple=True, metavar="CHECK", help="Run only this check; repeat for several.")
@click.option("--list", "list_checks", is_flag=True, help="List the checks, and stop.")
@json_option("Print one JSON object per method on stdout, a line each.")
def command(
    names: tuple[str, ...],
    preset: str | None,
    overrides: dict[str, str],
    only: tuple[str, ...],
    list_checks: bool,
    as_json: bool,
) -> ExitCode:
    """Check whether installed methods follow the rules for plugins, on generated samples.

    A preset or parameter applies to the methods that have it. The exit code is 1 if a check fails. Nothing is stored.
    """
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.testing import CHECKS, CheckStatus
    from mer_bench.testing.processes import check_in_processes

    if list_checks:
        for line in table_lines(("check", "what it requires"), [(check.name, check.doc) for check in CHECKS]):
            say(line)
        return ExitCode.DONE
    specs = load_catalogue().named_methods(names)
    code = ExitCode.DONE
    for spec, results in check_in_processes(specs, preset=preset, params=overrides, only=only or None):
        if any(result.status is CheckStatus.FAILED for result in results):
            code = ExitCode.FAILED
        checks = [asdict(result) for result in results]
        lines = (
            f"{r.status.value:<8} {spec.name} {r.check}" + (f": {r.message}" if r.message else "") for r in results
        )
        show({"method": spec.name, "version": spec.version, "checks": checks}, lines, as_json=as_json)
    return code
