"""``mer-bench run``."""

from __future__ import annotations

from typing import Any

import click


@click.command(name="run")
@click.option("--method", "-m", "methods", multiple=True, required=True, help="A method; repeat for several.")
@click.option("--protocol", "-p", default="cde", show_default=True, help="The protocol.")
@click.option("--data", help="A folder, or 'synthetic'.  [default: MER_BENCH_DATA, the config file, synthetic]")
@click.option("--data-option", "data_options", multiple=True, metavar="K=V", help="A parameter of the data's reader.")
@click.option("--seeds", type=int, default=1, show_default=True, help="How many seeds.")
@click.option("--preset", help="A named set of parameters (quick, paper); a method without it keeps its default.")
@click.option("--set", "overrides", multiple=True, metavar="K=V", help="A parameter: lr=1e-4, or ahmsa.lr=1e-4.")
@click.option("--selection", help="Which epoch counts: last, inner, oracle.  [default: the protocol's]")
@click.option("--allow-partial", is_flag=True, help="Go on with other counts than the protocol's, marked 'partial'.")
@click.option("--prepare", "preparation", multiple=True, metavar="K=V", help="How frames are prepared: flow=farneback.")
@click.option("--results", help="The results folder.  [default: mer-bench-results]")
@click.option("--jobs", "-j", type=int, help="Worker processes.  [default: one a processor]")
@click.option("--device", help="auto, cpu or cuda.  [default: auto]")
@click.option("--timeout", type=float, help="Seconds a cell may take, the imports of a slot's first one included.")
@click.option(
    "--sanity/--no-sanity",
    default=True,
    help="Add what any method must beat: random, majority, svm-flow.  [default: on]",
)
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per method and seed on stdout, a line each.")
def command(**options: Any) -> None:
    """Measure methods under a protocol, and write a report.

    What the results folder holds already is not computed again: the same command resumes a run.
    """
    from mer_bench.cli.run_command import run_command

    run_command(**options)
