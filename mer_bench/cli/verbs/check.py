"""``mer-bench check``."""

from __future__ import annotations

import json
import sys

import click

from mer_bench.cli import EXIT_FOUND_PROBLEMS


@click.command(name="check")
@click.argument("names", nargs=-1, metavar="METHOD...")
@click.option("--preset", help="A named set of parameters.  [default: quick, where the method has it]")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="K=V",
    help="A parameter; epochs is 2 without it, where a method takes that.",
)
@click.option("--only", multiple=True, metavar="CHECK", help="Carry out this check alone; repeat for several.")
@click.option("--list", "list_checks", is_flag=True, help="Print what is checked, and stop.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per method on stdout, a line each.")
def command(
    names: tuple[str, ...],
    preset: str | None,
    overrides: tuple[str, ...],
    only: tuple[str, ...],
    list_checks: bool,
    as_json: bool,
) -> None:
    """Check whether installed methods keep their contract, on samples made for it.

    A preset or parameter goes to the methods that have it. Ends with 1 where a check fails.
    """
    from mer_bench.cli.pairs import parse_pairs
    from mer_bench.errors import MerBenchError
    from mer_bench.names import normalise_name
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.testing import CHECKS, CheckStatus, check_methods

    if list_checks:
        for check in CHECKS:
            click.echo(f"{check.name:<18} {check.doc}")
        return
    if not names:
        raise MerBenchError("no method named; `mer-bench list methods` shows what is installed")
    catalogue = load_catalogue()
    specs = [catalogue.method(name) for name in dict.fromkeys(map(normalise_name, names))]
    params = parse_pairs("--set", overrides)
    failed = False
    for spec, results in check_methods(specs, preset=preset, params=params, only=only or None):
        failed |= any(result.status is CheckStatus.FAILED for result in results)
        if as_json:
            checks = [{"check": r.check, "status": r.status.value, "message": r.message} for r in results]
            click.echo(json.dumps({"method": spec.name, "version": spec.version, "checks": checks}))
            continue
        for result in results:
            reason = f": {result.message}" if result.message else ""
            click.echo(f"{result.status.value:<8} {spec.name} {result.check}{reason}")
    if failed:
        sys.exit(EXIT_FOUND_PROBLEMS)
