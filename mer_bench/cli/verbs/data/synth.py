"""``mer-bench data synth``."""

from __future__ import annotations

import sys

import click

from mer_bench.cli.standard_output import say


@click.command(name="synth")
@click.option("--layout", required=True, help="smic, samm, casme2, casme3 or 3db.")
@click.option("--out", required=True, help="The folder to write; it must not exist yet, or be empty.")
@click.option("--size", default="small", show_default=True, help="tiny, small or large.")
@click.option("--seed", type=int, default=0, show_default=True, help="The generator's seed.")
def command(layout: str, out: str, size: str, seed: int) -> None:
    """Write a small but complete SYNTHETIC release in an official layout, made of one public-domain face."""
    from pathlib import Path

    from mer_bench.synthesis.release_writer import write_release

    def show_progress(done: int, total: int) -> None:
        if sys.stderr.isatty():
            # Of numbers only, in place of the line before.
            click.echo(f"\r{done}/{total} clips", err=True, nl=done == total)

    write_release(layout, Path(out), size=size, seed=seed, progress=show_progress)
    say(f"{out}: a SYNTHETIC release ({layout}, {size}); try `mer-bench data check {out}`")
