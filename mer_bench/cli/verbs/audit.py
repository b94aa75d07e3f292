"""``mer-bench audit``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from mer_bench.cli.console import show
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import json_option, protocol_option
from mer_bench.errors import MerBenchError, unknown

if TYPE_CHECKING:
    from mer_bench.audit.cases import Case, Judged


@click.command(name="audit")
@click.option("--uf1", metavar="SCORE", help="The UF1, as printed: its decimals count.")
@click.option("--uar", metavar="SCORE", help="The UAR, as printed.")
@click.option("--counts", metavar="N,N,...", help="The samples of each class.  [default: those of the protocol's slice]")
@protocol_option(help="The protocol whose class counts apply.  [default: cde]")
@click.option(
    "--slice",
    "slices",
    metavar="NAME[=UF1,UAR]",
    multiple=True,
    help="The slice of --uf1 and --uar [default: full]; or a slice and its scores, repeatable: then all of them are "
    "compared with each other, too.",
)
@click.option("--percent", is_flag=True, help="The scores are in percent; so is a score with the sign %.")
@click.option("--published", is_flag=True, help="Audit every published row that comes with mer-bench.")
@json_option()
def command(
    uf1: str | None,
    uar: str | None,
    counts: str | None,
    protocol: str | None,
    slices: tuple[str, ...],
    percent: bool,
    published: bool,
    as_json: bool,
) -> ExitCode:
    """Say whether published scores are possible: whether any confusion matrix with the class counts gives them.

    All confusion matrices are searched, with the scores rounded or truncated as printed. For an impossible pair, the
    nearest possible ones and reasons are shown. Ends with 1 if a pair is impossible.
    """
    from mer_bench.audit.cases import audit_cases

    cases = _cases(uf1, uar, counts, protocol, slices, percent=percent)
    judged = audit_cases(cases)
    show([_object(each) for each in judged], _lines(judged), as_json=as_json)
    impossible = any(each.verdict.kind == "impossible" for each in judged)
    return ExitCode.FAILED if impossible else ExitCode.DONE
