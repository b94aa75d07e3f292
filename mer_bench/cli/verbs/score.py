"""``mer-bench score``."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mer_bench.cli.console import show
from mer_bench.cli.options import json_option, notice
from mer_bench.rules import ABSENT_CLASS_RULES

if TYPE_CHECKING:
    from mer_bench.scoring.metrics import Scores


@click.command(name="score")
@click.argument("log")
@click.option(
    "--absent-class",
    default="exclude",
    show_default=True,
    type=click.Choice(list(ABSENT_CLASS_RULES)),
    help="What a class without a true sample does: it is left out of both means, or counts as 0.",
)
@json_option()
def command(log: str, absent_class: str, as_json: bool) -> None:
    """Score a MEGC2019 LOG: for each subject a header 'casme2 sub01', then lines 'clip truth prediction'."""
    from mer_bench.scoring.megc_log import FULL_DATABASES, FULL_SAMPLES, read_log, score_log

    slices = score_log(read_log(Path(log), _known_databases()), absent_class=absent_class)
    answer = {name: asdict(scores) for name, scores in slices.items()}
    show(answer, _lines(slices, FULL_SAMPLES, FULL_DATABASES), as_json=as_json)


def _lines(slices: Mapping[str, Scores], full_samples: int, full_databases: Collection[str]) -> Iterator[str]:
    width = max(8, *(len(name) + 1 for name in slices))
    yield f"{'slice':<{width}}{'UF1':>8}{'UAR':>8}{'accuracy':>10}{'samples':>9}   confusion (rows = truth)"
    for name, scores in slices.items():
        absent = f"   no true sample of class {', '.join(map(str, scores.absent))}" if scores.absent else ""
        confusion = " ".join(str(list(row)) for row in scores.confusion)
        yield (
            f"{name:<{width}}{scores.uf1:>8.4f}{scores.uar:>8.4f}{scores.accuracy:>10.4f}{scores.n_samples:>9}"
            f"   {confusion}{absent}"
        )
    n_samples = slices["full"].n_samples
    if n_samples != full_samples and slices.keys() <= {"full", *full_databases}:
        yield f"MEGC2019's full list has {full_samples} samples; this log has {n_samples}"


def _known_databases() -> list[str]:
    """Return the databases that a log may name: the official ones, and those of the installed protocols."""
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.protocol import load_protocols
    from mer_bench.samples import DATABASES, ordered_databases

    protocols = load_protocols(load_catalogue().protocols.values(), notice)
    return ordered_databases([*DATABASES, *(name for protocol in protocols for name in protocol.databases)])
