"""``mer-bench audit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mer_bench.cli.console import show, table_lines
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import json_option, notice, protocol_option
from mer_bench.errors import MerBenchError

if TYPE_CHECKING:
    from mer_bench.audit.rates import RatesVerdict
    from mer_bench.audit.slices import Part
    from mer_bench.protocol import Protocol


@click.command(name="audit")
@click.option("--uf1", metavar="SCORE", help="The UF1, as printed: its decimals count.")
@click.option("--uar", metavar="SCORE", help="The UAR, as printed.")
@click.option("--counts", metavar="N,N,...", help="The samples of each class, instead of those of a protocol's slice.")
@protocol_option(help="The protocol whose class counts apply.  [default: cde]")
@click.option(
    "--slice",
    "slices",
    metavar="NAME[=UF1,UAR]",
    multiple=True,
    help="The slice of --uf1 and --uar [default: full]; or a slice with its scores, repeatable: then all of them are "
    "compared with each other, too.",
)
@click.option(
    "--rates", metavar="FILE", help="A CSV of the paper's confusion matrix in shares or percent, or its diagonal."
)
@click.option("--percent", is_flag=True, help="All scores are in percent; so is a single one with the sign %.")
@click.option("--published", is_flag=True, help="Audit every published row that comes with mer-bench.")
@json_option()
def command(
    uf1: str | None,
    uar: str | None,
    counts: str | None,
    protocol: str | None,
    slices: tuple[str, ...],
    rates: str | None,
    percent: bool,
    published: bool,
    as_json: bool,
) -> ExitCode:
    """Say whether published scores are possible: whether any confusion matrix with the class counts gives them.

    All confusion matrices are searched, with the scores rounded or truncated as printed. For an impossible pair, the
    nearest possible pairs and likely reasons are shown. Ends with 1 if a pair is impossible.
    """
    if published:
        if uf1 or uar or counts or protocol or slices or rates or percent:
            raise MerBenchError("--published audits the rows that come with mer-bench; leave the other options out")
        return _published(as_json=as_json)
    from mer_bench.audit.cases import audit, whole_and_members
    from mer_bench.audit.texts import audit_object, joint_line, pair_lines, rates_line, rates_object

    if counts is not None:
        if protocol or slices:
            raise MerBenchError("--counts is for one pair of scores; leave --protocol and --slice out")
        parts = {"": _part(_counts(counts), _given("--uf1", uf1), _given("--uar", uar), percent=percent)}
        found = audit(parts)
    else:
        loaded = _protocol(protocol or "cde")
        parts = _of_slices(loaded, slices, uf1, uar, percent=percent)
        found = audit(parts, *whole_and_members(loaded))
    answer, lines = audit_object(found), [line for pair in found.pairs for line in pair_lines(pair)]
    if found.joint is not None:
        lines.append(joint_line(found.joint))
    impossible = found.is_impossible
    if rates is not None:
        verdict, in_percent = _of_rates(rates, parts, percent=percent)
        answer["rates"] = rates_object(verdict)
        lines.append(rates_line(verdict, in_percent=in_percent))
        impossible = impossible or verdict.fit in ("do not fit", "not of these counts")
    show(answer, lines, as_json=as_json)
    return ExitCode.FAILED if impossible else ExitCode.DONE


def _of_rates(path: str, parts: dict[str, Part], *, percent: bool) -> tuple[RatesVerdict, bool]:
    from mer_bench.audit.rates import judge_rates, read_rates
    from mer_bench.bounded_files import read_bounded

    if len(parts) != 1:
        raise MerBenchError("--rates is for one pair of scores; give one slice only")
    content = read_bounded(Path(path), 1_000_000, "a confusion matrix", "give a CSV of its rates")
    (part,) = parts.values()
    try:
        rates, in_percent = read_rates(content.decode("utf-8-sig"), len(part.counts), percent=percent)
    except UnicodeDecodeError:
        raise MerBenchError(f"{path} is not a text in UTF-8; give a CSV of the rates") from None
    return judge_rates(part, rates), in_percent


def _given(option: str, text: str | None) -> str:
    if text is None:
        raise MerBenchError(f"{option} is missing; give both scores, such as --uf1 .7353 --uar .7605")
    return text


def _part(counts: tuple[int, ...], uf1: str, uar: str, *, percent: bool) -> Part:
    from fractions import Fraction

    from mer_bench.audit.matrices import check_counts
    from mer_bench.audit.printed import read_printed
    from mer_bench.audit.slices import Part

    check_counts(counts)
    scores = [read_printed(text, percent=percent) for text in (uf1, uar)]
    for score in scores:
        if percent and 0 < score.value <= Fraction(1, 100) and not score.text.endswith("%"):
            raise MerBenchError(
                f"--percent is given, but score {score.text!r} is at most 1; write it in percent, such as 73.53, or "
                "leave --percent out"
            )
    return Part(counts, *scores)


def _counts(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
        raise MerBenchError(f"--counts {text[:60]!r} is not a list of whole numbers; write it as 250,109,83")
    return tuple(int(word) for word in words)


def _protocol(name: str) -> Protocol:
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.protocol import load_protocol

    return load_protocol(load_catalogue().protocol(name).path, name)


def _of_slices(
    protocol: Protocol, slices: tuple[str, ...], uf1: str | None, uar: str | None, *, percent: bool
) -> dict[str, Part]:
    """Return the printed pairs by slice: those of ``NAME=UF1,UAR``, or the one of --uf1 and --uar."""
    from mer_bench.audit.cases import slice_counts

    if protocol.absent_class != "exclude":
        raise MerBenchError(f"protocol {protocol.name} counts absent classes as 0; only the rule exclude is audited")
    if not any("=" in text for text in slices):
        if len(slices) > 1:
            raise MerBenchError(f"--slice is given {len(slices)} times; give scores with each: NAME=UF1,UAR")
        name = slices[0] if slices else next(iter(protocol.slices))
        scores = _given("--uf1", uf1), _given("--uar", uar)
        return {name: _part(slice_counts(protocol, name), *scores, percent=percent)}
    if uf1 or uar:
        raise MerBenchError("--uf1 and --uar are for a --slice without scores; leave one of the two forms out")
    parts: dict[str, Part] = {}
    for text in slices:
        name, _, pair = text.partition("=")
        scores_of = pair.split(",")
        if len(scores_of) != 2:
            raise MerBenchError(f"--slice {text[:60]!r} is not of the form NAME=UF1,UAR, such as full=.7353,.7605")
        if name in parts:
            raise MerBenchError(f"--slice {name} is given twice; leave one out")
        parts[name] = _part(slice_counts(protocol, name), *scores_of, percent=percent)
    return parts


def _published(*, as_json: bool) -> ExitCode:
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.protocol import load_protocols
    from mer_bench_reports.audited import HEADINGS, audit_published, audited_object, summary, table_cells
    from mer_bench_reports.published import load_published

    protocols = {each.name: each for each in load_protocols(load_catalogue().protocols.values(), notice)}
    rows = audit_published(load_published(all_tables=True), protocols)
    lines = [*table_lines(HEADINGS, [cells for row in rows for cells in table_cells(row)]), "", summary(rows)]
    show({"summary": summary(rows), "rows": [audited_object(row) for row in rows]}, lines, as_json=as_json)
    return ExitCode.FAILED if any(row.audit is not None and row.audit.is_impossible for row in rows) else ExitCode.DONE
