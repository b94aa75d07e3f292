"""``mer-bench score``."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mer_bench.specs import ProtocolSpec


@click.command(name="score")
@click.argument("log")
@click.option(
    "--absent-class",
    default="exclude",
    show_default=True,
    type=click.Choice(["exclude", "zero"]),
    help="A class without a true sample: left out of both means, or counted as 0.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(log: str, absent_class: str, as_json: bool) -> None:
    """Score a MEGC2019 LOG: a header 'casme2 sub01', then lines 'clip truth prediction'."""
    from mer_bench.scoring.megc_log import FULL_DATABASES, FULL_SAMPLES, read_log, score_log

    slices = score_log(read_log(Path(log), _known_databases()), absent_class=absent_class)
    if as_json:
        click.echo(json.dumps({name: asdict(scores) for name, scores in slices.items()}))
        return
    width = max(8, *(len(name) + 1 for name in slices))
    click.echo(f"{'slice':<{width}}{'UF1':>8}{'UAR':>8}{'accuracy':>10}{'samples':>9}   confusion (rows = truth)")
    for name, scores in slices.items():
        absent = f"   no true sample of class {', '.join(map(str, scores.absent))}" if scores.absent else ""
        confusion = " ".join(str(list(row)) for row in scores.confusion)
        click.echo(
            f"{name:<{width}}{scores.uf1:>8.4f}{scores.uar:>8.4f}{scores.accuracy:>10.4f}{scores.n_samples:>9}"
            f"   {confusion}{absent}"
        )
    n_samples = slices["full"].n_samples
    if n_samples != FULL_SAMPLES and slices.keys() <= {"full", *FULL_DATABASES}:
        click.echo(f"{FULL_SAMPLES} samples are MEGC2019's full list; this log has {n_samples}")


def _known_databases() -> list[str]:
    """Return the databases that a log may be of: the official ones, and those that an installed protocol names."""
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.samples import DATABASES, ordered_databases

    named = (_databases_of(spec) for spec in load_catalogue().protocols.values())
    return ordered_databases([*DATABASES, *chain.from_iterable(named)])


def _databases_of(spec: ProtocolSpec) -> tuple[str, ...]:
    """Return the databases of a protocol; a broken file must not keep logs of other databases from their score."""
    from mer_bench.errors import MerBenchError
    from mer_bench.protocol import load_protocol

    try:
        return tuple(load_protocol(spec.path, spec.name).databases)
    except MerBenchError as error:
        click.echo(f"note: the databases of protocol {spec.name} are not known: {error}", err=True)
        return ()
