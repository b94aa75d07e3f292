"""What the terminal shows: the plan, and the figures."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from mer_bench.engine.session import Session
from mer_bench.evaluation.plan import Plan
from mer_bench.results import Result

_MARKS = {
    "synthetic": "SYNTHETIC data: these figures say nothing about real micro-expressions",
    "partial": "PARTIAL data: the counts are not the protocol's",
    "template-landmarks": "key regions cut at constant template places, not at detected landmarks",
}


def plan_lines(session: Session) -> list[str]:
    """Return the plan in a few lines: protocol, data, rows, cells stored and to be computed."""
    plan = session.plan
    pending = len(session.pending())
    table = plan.rows[0].table
    lines = [
        f"protocol {plan.protocol.name}@{plan.protocol.version}: {len(table.sample_ids)} samples, "
        f"{len(plan.rows[0].folds)} folds, selection {plan.selection}",
        *(f"partial: {problem}" for problem in plan.problems),
    ]
    for row in plan.rows:
        params = ", ".join(f"{name}={_short(value)}" for name, value in row.params.items())
        lines.append(f"method {row.record['method']['name']}: {params or 'no parameters'}")
    lines.append(f"cells: {len(plan.cells)} in all, {len(plan.cells) - pending} stored, {pending} to compute")
    return lines


def results_table(results: Sequence[Result], plan: Plan) -> Table:
    """Return one row a method and seed, mean and deviation a method of several seeds, a column pair a slice."""
    record = plan.rows[0].record
    slices = list(record["protocol"]["slices"])
    marks = sorted({mark for result in results for mark in result.row["marks"]})
    caption = [f"selection: {plan.selection}; UF1 and UAR pooled over all folds", *(_MARKS.get(m, m) for m in marks)]
    if plan.selection == "oracle":
        caption.insert(0, "ORACLE: the epoch is chosen on the held-out subject; a diagnostic, not a result")
    if absent := absent_classes(results):
        caption.append(f"{absent} (rule: {record['protocol']['absent_class']})")
    table = Table(
        title=Text(plan.protocol.title),
        caption=Text("\n".join(caption)),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE,
    )
    for heading in ("method", "seed", "folds"):
        table.add_column(heading, no_wrap=True)
    for name in slices:
        table.add_column(f"{name}\nUF1 / UAR", no_wrap=True)
    table.add_column("full\naccuracy", no_wrap=True)
    for group in _by_row(results):
        for result in group:
            table.add_row(*_result_cells(result, slices))
        if len(group) > 1:
            table.add_row(*_mean_cells(group, slices), style="bold")
    return table


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


def _result_cells(result: Result, slices: list[str]) -> list[str]:
    folds = f"{result.done}/{result.total}" + (f", {result.failed} failed" if result.failed else "")
    scored = [result.slices.get(name) for name in slices]
    figures = [f"{scores.uf1:.4f} {scores.uar:.4f}" if scores else "–" for scores in scored]
    accuracy = f"{scored[0].accuracy:.4f}" if scored[0] else "–"
    return [result.row["method"]["name"], str(result.seed), folds, *figures, accuracy]


def _mean_cells(group: list[Result], slices: list[str]) -> list[str]:
    method = group[0].row["method"]["name"]
    if not all(result.complete for result in group):
        return [method, "mean", "", *["–"] * (len(slices) + 1)]
    figures = []
    for name in slices:
        scores = [result.slices[name] for result in group if name in result.slices]
        pair = f"{_mean([s.uf1 for s in scores])}\n{_mean([s.uar for s in scores])}" if scores else "–"
        figures.append(pair)
    return [method, "mean", "", *figures, _mean([result.slices[slices[0]].accuracy for result in group])]


def _mean(values: list[float]) -> str:
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def _short(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
