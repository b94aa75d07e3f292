"""The report as Markdown, for issues and pull requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from mer_bench.result_texts import MISSING, seeds_text
from mer_bench.results import RowResults, SeedResult, means
from mer_bench.rules import selection_sentence
from mer_bench_reports import wording
from mer_bench_reports.figures import (
    count_texts,
    diagnosis,
    difference_text,
    figure_text,
    folds_text,
    samples_text,
    shown_seed,
)
from mer_bench_reports.provenance import failure_text, protocol_name, row_facts, row_label
from mer_bench_reports.report_data import CitedTable, Comparison, Entry, Fact, ReportData


def render_markdown(report: ReportData) -> str:
    """Return the report as GitHub-flavoured Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: ReportData) -> Iterator[str]:
    yield "# mer-bench report"
    yield f"\nWritten {report.generated:%Y-%m-%d %H:%M} UTC by mer-bench {report.version}."
    yield f"\n{wording.HOW_TO_READ}"
    for comparison in report.comparisons:
        yield from _comparison(comparison)
    if any(comparison.diagnosed for comparison in report.comparisons):
        yield from _diagnostics(report.comparisons)
    for table in report.cited:
        yield from _cited(table)
    yield "\n## Seeds and confusion matrices"
    yield "\nRows are the truth, columns the prediction; count and share of the row."
    for comparison in report.comparisons:
        for entry in comparison.entries:
            yield from _seeds(entry, comparison)
            yield from _confusions(entry, comparison)
    yield "\n## Provenance"
    for row in report.rows:
        yield from _provenance(row)
    for run in report.runs:
        yield f"\n### Run {_safe(run.run_id)}\n"
        yield from _facts(run.facts)


def _comparison(comparison: Comparison) -> Iterator[str]:
    protocol, selection = comparison.protocol, comparison.selection
    yield f"\n## Comparison {comparison.number}: {_safe(protocol['title'])}"
    yield from (f"\n> **{_safe(banner)}**" for banner in comparison.banners)
    if comparison.apart:
        yield f"\n{_safe(comparison.apart)}"
    yield (
        f"\nProtocol {_safe(protocol_name(protocol))}, hash {_safe(protocol['hash'][:12])}. "
        f"Selection rule **{selection}**: {selection_sentence(selection)}.\n"
    )
    if protocol["note"]:
        yield f"Note: {_safe(protocol['note'])}\n"
    if protocol["reference"]:
        yield f"Defined in: {_safe(protocol['reference'])}\n"
    yield from _table(
        ["Method", "Settings", "Seeds", "Folds", "Samples", *_columns(comparison.slices), "Accuracy"],
        (
            line
            for family in comparison.families
            for line in ([f"**{_safe(family.title)}**"], *(_entry(entry, comparison) for entry in family.entries))
        ),
    )
    notes = [*comparison.notes, *(f"{sign} {text}" for sign, text in comparison.footnotes)]
    if notes:
        yield ""
        yield from (f"- {_safe(note)}" for note in notes)


def _entry(entry: Entry, comparison: Comparison) -> list[str]:
    row = entry.row
    cells = [
        _safe(row.record["method"]["title"]) + entry.signs,
        _safe(entry.settings),
        seeds_text(row.seeds),
        folds_text(row.seeds),
        samples_text(row.seeds, comparison.slices["full"]),
    ]
    for column in [*_pairs(comparison), ("full", "accuracy")]:
        text = figure_text(row.means.get(column))
        cells.append(f"**{text}**" if column in entry.best else text)
    return cells


def _pairs(comparison: Comparison) -> list[tuple[str, str]]:
    return [(name, metric) for name in comparison.slices for metric in ("uf1", "uar")]


def _columns(slices: Iterable[str]) -> list[str]:
    return [f"{_safe(wording.slice_title(name))} {metric}" for name in slices for metric in ("UF1", "UAR")]


def _seeds(entry: Entry, comparison: Comparison) -> Iterator[str]:
    if len(entry.row.seeds) < 2:
        return
    yield f"\n### {_named(entry)}: comparison {comparison.number}, every seed\n"
    yield from _table(
        ["Seed", "Folds", *_columns(comparison.slices)], (_seed(seed, comparison) for seed in entry.row.seeds)
    )


def _seed(seed: SeedResult, comparison: Comparison) -> list[str]:
    found = means([seed])
    return [str(seed.seed), folds_text([seed]), *(figure_text(found.get(column)) for column in _pairs(comparison))]


def _confusions(entry: Entry, comparison: Comparison) -> Iterator[str]:
    seed = shown_seed(entry.row)
    if seed is None:
        return
    for name, scores in seed.slices.items():
        where = f"comparison {comparison.number}, {_safe(wording.slice_title(name))}, seed {seed.seed}"
        yield f"\n### {_named(entry)}: {where}\n"
        yield from _table(
            ["truth ↓ prediction →", *map(_safe, comparison.protocol["classes"])],
            (
                [_safe(truth), *(f"{count} ({share})" for count, _, share in count_texts(counts))]
                for truth, counts in zip(comparison.protocol["classes"], scores.confusion, strict=True)
            ),
        )


def _diagnostics(comparisons: Iterable[Comparison]) -> Iterator[str]:
    yield "\n## Diagnostic: oracle selection"
    yield f"\n{wording.ORACLE_TEXT}"
    for comparison in comparisons:
        if not comparison.diagnosed:
            continue
        yield f"\n### Beside comparison {comparison.number}"
        yield from (f"\n> **{_safe(banner)}**" for banner in comparison.banners)
        yield ""
        headings = [f"{metric} {what}" for metric in ("UF1", "UAR") for what in ("last", "oracle", "difference")]
        yield from _table(
            ["Method", "Settings", "Folds", "Slice", *headings],
            (line for entry in comparison.diagnosed for line in _diagnosed(entry, comparison)),
        )


def _diagnosed(entry: Entry, comparison: Comparison) -> Iterator[list[str]]:
    row = entry.row
    last, oracle = diagnosis(row)
    for name in comparison.slices:
        cells = [_safe(row.record["method"]["title"]), _safe(entry.settings), folds_text(row.oracle)]
        cells.append(_safe(wording.slice_title(name)))
        for metric in ("uf1", "uar"):
            pair = last.get((name, metric)), oracle.get((name, metric))
            cells += [figure_text(pair[0]), figure_text(pair[1]), difference_text(*pair)]
        yield cells


def _cited(table: CitedTable) -> Iterator[str]:
    yield f"\n## Published figures, not measured here: {_safe(table.source)}"
    yield f"\n{wording.CITED_TEXT}"
    if table.warning:
        yield f"\n> **{_safe(table.warning)}**"
    yield ""
    body: list[list[str]] = []
    for family, rows in table.families:
        body.append([f"**{_safe(family)}**"])
        for row in rows:
            pairs = [row.slices.get(name) for name in table.slices]
            figures = [f"{value:.4f}" if pair else MISSING for pair in pairs for value in pair or (0.0, 0.0)]
            sign = f" ({table.notes[row.note]})" if row.note else ""
            body.append([str(row.year), _safe(row.title) + sign, *figures, _safe(row.citation)])
    yield from _table(["Year", "Method", *_columns(table.slices), "Paper"], body)
    yield ""
    yield from (f"- ({number}) {_safe(note)}" for note, number in table.notes.items())


def _provenance(row: RowResults) -> Iterator[str]:
    yield f"\n### {_safe(row_label(row))}\n"
    yield from _facts([*row_facts(row), ("runs", ", ".join(row.run_ids) or "none")])
    if row.failures:
        yield f"\nFailed folds: {len(row.failures)}, of which the first are\n"
        for cell in row.failures[: wording.SHOWN_FAILURES]:
            yield f"- seed {cell['seed']}, fold {_safe(cell['fold'])}: {_safe(failure_text(cell))}"


def _facts(facts: Iterable[Fact]) -> Iterator[str]:
    yield from (f"- {label}: {_safe(text)}" for label, text in facts)


def _named(entry: Entry) -> str:
    title = _safe(entry.row.record["method"]["title"])
    return f"{title} ({_safe(entry.settings)})" if entry.settings else title


def _table(headings: Sequence[str], body: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lay out a table; cells are safe already, and a short row is filled up."""
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for cells in body:
        yield f"| {' | '.join([*cells, *[''] * (len(headings) - len(cells))])} |"


def _safe(text: str) -> str:
    """Keep a text from being read as Markdown or HTML, or from ending its table cell."""
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\|`*\[\]])", r"\\\1", line)
