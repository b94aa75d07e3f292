"""``mer-bench compare``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from mer_bench.cli.completion import complete_row
from mer_bench.cli.console import show, table_lines
from mer_bench.cli.options import json_option, open_results, results_option
from mer_bench.errors import MerBenchError

if TYPE_CHECKING:
    from mer_bench.results import RowResults
    from mer_bench.statistics.paired import Pair


ONE_PAIR = "p is of this pair alone; tables of the report adjust it for all pairs of rows."


@click.command(name="compare")
@click.argument("a", metavar="A", shell_complete=complete_row)
@click.argument("b", metavar="B", shell_complete=complete_row)
@results_option
@json_option()
def command(a: str, b: str, results: str | None, as_json: bool) -> None:
    """Say whether row A is better than row B, and how certain that is.

    Differences are A less B, with 95 % intervals from resampled subjects. p is the share of
    10,000 random ways to swap the rows' predictions subject by subject (of all ways, if there are fewer) that give such
    a difference. `mer-bench rows list` shows the names of rows.
    """
    from mer_bench.certainty import compare_rows, name_with_seeds, verdict
    from mer_bench.cli.row_texts import warning_lines, warnings_object
    from mer_bench.cli.stored_rows import StoredRows
    from mer_bench.results import read_row

    store = open_results(results)
    stored = StoredRows(store)
    records = [stored.find(text) for text in (a, b)]
    if records[0]["row_key"] == records[1]["row_key"]:
        raise MerBenchError(f"{a!r} and {b!r} mean the same row, {stored.name(records[0])}; name two rows")
    rows = [read_row(store, record) for record in records]
    names = [stored.name(record) for record in records]
    _check(rows, names)
    for name, row in zip(names, rows, strict=True):
        if not row.means:
            raise MerBenchError(f"{name} has no complete seed, so it has no scores; run it again to complete it")
    pairs = compare_rows(rows[0].seeds, rows[1].seeds)
    first, second = (name_with_seeds(name, row.seeds) for name, row in zip(names, rows, strict=True))
    sentence = verdict(first, second, next(iter(pairs.values())))
    answer = {
        "a": names[0],
        "b": names[1],
        "verdict": sentence,
        "slices": {part: asdict(pair) for part, pair in pairs.items()},
        "rows": [{"row": name, **warnings_object(row)} for name, row in zip(names, rows, strict=True)],
    }
    named = {row.record["row_key"]: name for name, row in zip(names, rows, strict=True)}
    show(answer, [*_table(pairs), ONE_PAIR, "", sentence, "", *warning_lines(rows, named)], as_json=as_json)


def _check(rows: list[RowResults], names: list[str]) -> None:
    """Refuse rows that no report would show in one table.

    Raises
    ------
    MerBenchError
        They have other protocols, inputs or selection rules.
    """
    from mer_bench_reports.comparability import difference, group_rows

    groups = group_rows(rows)
    if not any(len(group.rows) == len(rows) for group in groups):
        first, second = (next(group for group in groups if row in group.rows) for row in rows)
        reason = difference(first, second, *(f"of {name}" for name in names))
        raise MerBenchError(f"the rows cannot be compared: {reason}; choose rows of one table of the report")


def _table(pairs: Mapping[str, Pair]) -> list[str]:
    from mer_bench.certainty import LEVEL_TEXT, lead_text, p_text, share_text

    headings = (
        "slice",
        "score",
        f"difference ({LEVEL_TEXT} interval)",
        "A better",
        "p",
        "smallest p",
        "subjects: A, B, neither",
    )
    lines = [
        (
            part,
            metric.upper(),
            lead_text(found),
            share_text(found.probability),
            p_text(found.p),
            f"{pair.smallest_p:.2g}",
            f"{pair.better}, {pair.worse}, {pair.equal}",
        )
        for part, pair in pairs.items()
        for metric, found in pair.differences.items()
    ]
    return table_lines(headings, lines)
