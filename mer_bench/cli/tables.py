"""What the terminal shows: the plan, and the figures."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mer_bench.engine.session import Session
from mer_bench.evaluation.plan import Plan, Row
from mer_bench.marks import is_synthetic, mark_sentence
from mer_bench.results import Result

_UNBOUNDED = 10_000
"""Columns; wider than any table."""


def plan_lines(session: Session) -> list[str]:
    """Return the plan in a few lines: protocol, data, rows, cells stored and to be computed."""
    plan = session.plan
    pending = len(session.pending())
    table = plan.rows[0].table
    lines = [
        f"protocol {plan.protocol.name}@{plan.protocol.version}: {len(table.sample_ids)} samples, "
        f"{len(plan.rows[0].folds)} folds, selection {plan.selection}",
        *([plan.protocol.note] if plan.protocol.note else []),
        *_partial_lines(plan),
        *_unusable_lines(plan),
    ]
    for row in plan.rows:
        params = ", ".join(f"{name}={_short(value)}" for name, value in row.setting.params.items())
        lines.append(f"method {row.record['method']['name']}: {params or 'no parameters'}")
        lines.append(f"  eats {_representation(row)}")
    lines.append(f"cells: {len(plan.cells)} in all, {len(plan.cells) - pending} stored, {pending} to compute")
    return lines


def _representation(row: Row) -> str:
    representation = row.record["representation"]
    params = ", ".join(
        f"{name}={value}" for name, value in representation["params"].items() if name not in row.setting.params
    )
    return f"{representation['name']}" + (f": {params}" if params else ", ready-made")


def _partial_lines(plan: Plan) -> list[str]:
    if is_synthetic(plan.source.marks) and plan.problems:
        return [f"partial: {len(plan.problems)} counts are not the protocol's; those of synthetic data need not be"]
    return [f"partial: {problem}" for problem in plan.problems]


def _unusable_lines(plan: Plan) -> list[str]:
    if not plan.unusable:
        return []
    return [
        f"problems of the data: {len(plan.unusable)} (`mer-bench data check` lists them); the first: {plan.unusable[0]}"
    ]


def results_tables(results: Sequence[Result], plan: Plan, console: Console) -> list[Table]:
    """Return one table, or two: an oracle's figures never stand beside results.

    A table has a row a method and seed, and a mean where there are several seeds. Where that is too wide for the
    console it has a row a slice too.
    """
    slices = list(plan.rows[0].record["protocol"]["slices"])
    tables = []
    for is_oracle in (False, True):
        chosen = [result for result in results if (result.selection == "oracle") == is_oracle]
        if not chosen:
            continue
        wide = _wide_table(chosen, slices)
        unbounded = console.options.update(max_width=_UNBOUNDED)
        fits = Measurement.get(console, unbounded, wide).maximum <= console.width
        table = wide if fits else _long_table(chosen, slices)
        table.title = Text(plan.protocol.title)
        table.caption = Text("\n".join(_caption(chosen, plan)))
        tables.append(table)
    return tables


def _caption(results: Sequence[Result], plan: Plan) -> list[str]:
    rules = ", ".join(sorted({result.selection for result in results}))
    lines = [f"selection: {rules}; UF1 and UAR pooled over all folds"]
    if results[0].selection == "oracle":
        lines.insert(0, "ORACLE: the epoch is chosen on the held-out subject; a diagnostic, not a result")
    for mark in sorted({mark for result in results for mark in result.row["marks"]}):
        marked = dict.fromkeys(r.row["method"]["name"] for r in results if mark in r.row["marks"])
        concerns_all = all(mark in result.row["marks"] for result in results)
        lines.append(("" if concerns_all else f"{', '.join(marked)}: ") + mark_sentence(mark))
    if absent := absent_classes(results):
        lines.append(f"{absent} (rule: {plan.rows[0].record['protocol']['absent_class']})")
    return lines


def _blank_table(headings: Sequence[str]) -> Table:
    table = Table(
        title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    for heading in headings:
        table.add_column(Text(heading), no_wrap=True)
    return table


def _wide_table(results: Sequence[Result], slices: list[str]) -> Table:
    pairs = [f"{name}\nUF1 / UAR" for name in slices]
    table = _blank_table(["method", "seed", "folds", *pairs, f"{slices[0]}\naccuracy"])
    for group in _by_row(results):
        for result in group:
            table.add_row(*_result_cells(result, slices))
        if len(group) > 1:
            table.add_row(*_mean_cells(group, slices), style="bold")
    return table


def _long_table(results: Sequence[Result], slices: list[str]) -> Table:
    table = _blank_table(["method", "seed", "folds", "slice", "UF1", "UAR", "accuracy"])
    for group in _by_row(results):
        for result in group:
            head = [result.row["method"]["name"], str(result.seed), _folds(result)]
            for name in slices:
                table.add_row(*head, name, *_figures([result], name))
                head = ["", "", ""]
        if len(group) > 1:
            for name in slices:
                method = group[0].row["method"]["name"] if name == slices[0] else ""
                table.add_row(method, "mean", "", name, *_figures(group, name), style="bold")
    return table


def _figures(group: list[Result], name: str) -> list[str]:
    """Return UF1, UAR and accuracy of a slice: of one seed, or means; dashes where a fold is missing."""
    scores = [result.slices[name] for result in group if name in result.slices]
    if len(scores) < len(group):
        return ["–"] * 3
    columns = zip(*((s.uf1, s.uar, s.accuracy) for s in scores), strict=True)
    return [_mean(list(column)) if len(group) > 1 else f"{column[0]:.4f}" for column in columns]


def absent_classes(results: Iterable[Result]) -> str:
    """Return which classes have no true sample in which slice, as one text; empty where all are there."""
    found = {
        f"{name}: no true sample of {result.row['protocol']['classes'][label]}"
        for result in results
        for name, scores in result.slices.items()
        for label in scores.absent
    }
    return "; ".join(sorted(found))


def _by_row(results: Sequence[Result]) -> list[list[Result]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.row["row_key"], []).append(result)
    return list(groups.values())


def _folds(result: Result) -> str:
    return f"{result.done}/{result.total}" + (f", {result.failed} failed" if result.failed else "")


def _result_cells(result: Result, slices: list[str]) -> list[str]:
    figures = {name: _figures([result], name) for name in slices}
    pairs = [f"{uf1} {uar}" for uf1, uar, _ in figures.values()]
    return [result.row["method"]["name"], str(result.seed), _folds(result), *pairs, figures[slices[0]][2]]


def _mean_cells(group: list[Result], slices: list[str]) -> list[str]:
    figures = {name: _figures(group, name) for name in slices}
    pairs = [f"{uf1}\n{uar}" for uf1, uar, _ in figures.values()]
    return [group[0].row["method"]["name"], "mean", "", *pairs, figures[slices[0]][2]]


def _mean(values: list[float]) -> str:
    return f"{statistics.mean(values):.4f}±{statistics.stdev(values):.4f}"


def _short(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
