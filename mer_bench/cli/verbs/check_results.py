"""``mer-bench check-results``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mer_bench.cli.completion import complete_folder
from mer_bench.cli.console import show
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import json_option, notice
from mer_bench.errors import MerBenchError

if TYPE_CHECKING:
    from mer_bench.checks import Check, Outcome

_SHOWN = 8
"""Findings of one code that are printed for people; `--json` has all."""


@click.command(name="check-results")
@click.argument("folder", required=False, shell_complete=complete_folder)
@click.option("--strict", is_flag=True, help="End with exit code 1 for warnings too.")
@click.option(
    "--explain", metavar="CODE", help="Say what a code means and what to do, such as MER005; reads no folder."
)
@json_option("Print one JSON object on stdout: rows (a number), checks, findings and not_looked_for.")
def command(folder: str | None, strict: bool, explain: str | None, as_json: bool) -> ExitCode:
    """Check the numbers of a results folder before they leave the lab: each fault has a code, MER001 and so on.

    FOLDER is the results folder; by default that of the other commands. An error means that a number is not what it
    says it is, a warning that its readers must know something. Nothing is computed again, and nothing is written. The
    exit code is 1 for an error, and with --strict for a warning.
    """
    from mer_bench.checks import find_check
    from mer_bench_reports.check_texts import check_object, outcomes_object

    if explain is not None:
        if folder is not None:
            raise MerBenchError("--explain says what a code means, and reads no folder; leave one of the two out")
        check = find_check(explain)
        show(check_object(check), _explanation(check), as_json=as_json)
        return ExitCode.DONE
    rows, outcomes = _checked(folder)
    show({"rows": rows, **outcomes_object(outcomes)}, _lines(rows, outcomes), as_json=as_json)
    severities = {outcome.check.severity for outcome in outcomes if outcome.findings}
    return ExitCode.FAILED if (severities if strict else "error" in severities) else ExitCode.DONE


def _checked(folder: str | None) -> tuple[int, tuple[Outcome, ...]]:
    """Return the number of rows in a folder, and what each check says of it."""
    from mer_bench.checks import Material, check_all
    from mer_bench.checks.material import read_rows
    from mer_bench.config import load_config, results_folder
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.protocol import load_protocols
    from mer_bench.store import Store
    from mer_bench_reports.comparability import group_rows

    path = Path(folder) if folder is not None else results_folder(None, load_config())
    if not (path / "store.json").exists():
        raise MerBenchError(f"{path} holds no results (no store.json); name a results folder: check-results FOLDER")
    notices: list[str] = []
    store = Store.open(path, notices.append)
    rows = read_rows(store)
    if not rows and not notices:
        raise MerBenchError(f"{path} holds no row to check; measure a method first with `mer-bench run`")
    groups = group_rows(row for row in rows if row.cells)
    installed = load_protocols(load_catalogue().protocols.values(), notice)
    material = Material(
        store=store,
        rows=rows,
        tables=[group.rows for group in groups],
        protocols={protocol.hash: protocol for protocol in installed},
        has_folder=True,
        notices=notices,
    )
    return len(rows), check_all(material)


def _explanation(check: Check) -> Iterator[str]:
    """Yield what a check means, what it looks at, and what to do."""
    yield f"{check.code} {check.severity}: {check.title}"
    yield ""
    yield check.meaning
    yield ""
    yield f"Looks at: {check.looks_at}"
    yield ""
    yield f"What to do: {check.cure}"


def _lines(rows: int, outcomes: Sequence[Outcome]) -> Iterator[str]:
    from mer_bench_reports.check_texts import finding_text, heading, unknown_text

    for outcome in outcomes:
        if outcome.findings:
            yield heading(outcome)
            for finding in outcome.findings[:_SHOWN]:
                yield f"  {finding_text(finding)}"
            if (more := len(outcome.findings) - _SHOWN) > 0:
                yield f"  and {more} more, which --json lists"
            yield f"  What to do: {outcome.check.cure}"
    for outcome in outcomes:
        for each in outcome.not_looked_for:
            yield f"not looked for: {unknown_text(outcome.check, each)}"
    yield f"{_count(rows, 'row')}: {_counts(outcomes)}"


def _counts(outcomes: Sequence[Outcome]) -> str:
    """Return how many errors and warnings there are, and how to read on."""
    numbers = {
        severity: sum(len(outcome.findings) for outcome in outcomes if outcome.check.severity == severity)
        for severity in ("error", "warning")
    }
    if not any(numbers.values()):
        return f"none of {len(outcomes)} checks finds anything"
    first = next(outcome.check.code for outcome in outcomes if outcome.findings)
    counted = ", ".join(_count(number, severity) for severity, number in numbers.items())
    return f"{counted}; `mer-bench check-results --explain {first}` says what a code means"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
