"""The report's tables in LaTeX: a document with a table for each comparison, to copy from."""

from __future__ import annotations

from collections.abc import Iterator

from mer_bench.certainty import Ranking, number_text
from mer_bench.result_texts import MISSING, mean_text, seeds_text, verification_text
from mer_bench.results import Mean
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench_reports import score_texts, wording
from mer_bench_reports.costs import cost_line
from mer_bench_reports.inputs import NOT_STATED
from mer_bench_reports.latex_parts import cells_line, drawn_table, escaped, spanning_line
from mer_bench_reports.overviews import cells, column_title
from mer_bench_reports.provenance import protocol_name
from mer_bench_reports.report_data import CitedTable, Comparison, Entry, Overview, ReportData, SelectionTable

_PREAMBLE = r"""\documentclass{article}
\usepackage[a4paper,landscape,margin=15mm]{geometry}
\usepackage[T1]{fontenc}
\usepackage{textcomp}
\usepackage{array}
\usepackage{booktabs}
\usepackage{longtable}
\setlength{\tabcolsep}{3pt}
\begin{document}
"""

_NEEDS = (
    r"% Needs \usepackage{array,booktabs,longtable,textcomp}, \usepackage[T1]{fontenc}, \setlength{\tabcolsep}{3pt},"
    "\n% and a page of one column, 26 cm wide: A4 on its side."
)

_TEXT = r">{\raggedright\arraybackslash}p{38mm}"
_NARROW = r">{\raggedleft\arraybackslash}p{22mm}"
"""Columns in which words are wrapped."""


def render_latex(report: ReportData) -> str:
    """Return a LaTeX document with a table for each comparison and more, and below each what its readers must know.

    Names in other scripts than Latin need a compiler with fonts for them, such as LuaLaTeX.
    """
    lines = [f"% Written by mer-bench {escaped(report.version)}."]
    for comparison in report.comparisons:
        lines += ["", comparison_latex(comparison)]
    for table in report.selections:
        lines += ["", *_selection_table(table)]
    for overview in report.overviews:
        lines += ["", *_overview(overview)]
    for cited in report.cited:
        lines += ["", *_published(cited)]
    return _PREAMBLE + "\n".join(lines) + "\n\n\\end{document}\n"


def comparison_latex(comparison: Comparison) -> str:
    """Return the tables of a comparison, as they are in the document."""
    return "\n".join([_NEEDS, *_table(comparison)])


def _table(comparison: Comparison) -> Iterator[str]:
    columns = [*score_texts.columns(comparison.slices), ("full", "accuracy")]
    caption = (
        f"Comparison {comparison.number}: {comparison.protocol['title']} ({protocol_name(comparison.protocol)}), "
        f"selection rule {comparison.selection}, input {comparison.input_name}."
    )
    lines = [_head("Method", *columns, "Seeds")]
    for family, entries in comparison.families:
        lines += [*_rule(lines), spanning_line(len(columns) + 2, rf"\textbf{{{escaped(family)}}}")]
        for entry in entries:
            lines += _row(entry, columns, len(columns) + 2)
    yield from drawn_table(caption, f"{_TEXT}{'r' * len(columns)}l", lines, _texts_below(comparison))
    if comparison.ranking is not None:
        yield from _differences(comparison, comparison.ranking)


def _differences(comparison: Comparison, ranking: Ranking) -> Iterator[str]:
    caption = f"Comparison {comparison.number}: {comparison.leader} less each other row, full set."
    lines = [
        cells_line(["Other row", "UF1", "UAR", "p, UF1", "First better", "Subjects: first, other, neither"]),
    ]
    for entry in comparison.entries:
        key = entry.row.record["row_key"]
        if key in ranking.pairs:
            lines.append(cells_line([_label(entry), *map(_minus, score_texts.pair_texts(ranking, key))]))
    yield from drawn_table(caption, f"{_TEXT}rrrrr", lines, [wording.DIFFERENCE_TEXT])


def _overview(overview: Overview) -> Iterator[str]:
    caption = f"Several protocols, full set, selection rule {overview.selection}."
    columns = [
        f"Comparison {own.number}: {column_title(own)} {metric}"
        for own in overview.comparisons
        for metric in ("UF1", "UAR")
    ]
    lines = [cells_line(["Method", *columns])]
    for row in overview.rows:
        scores = [mean_text(cell.mean, " ± ") for cell in cells(overview, row)]
        lines.append(cells_line([", ".join(filter(None, [row.title, row.settings])), *scores]))
    yield from drawn_table(caption, _TEXT + _NARROW * len(columns), lines, [wording.OVERVIEW_TEXT])


def _published(table: CitedTable) -> Iterator[str]:
    columns = score_texts.columns(table.slices)
    width = len(columns) + 2
    lines = [_head("Method", "Year", *columns)]
    for family, rows in table.families:
        lines += [*_rule(lines), spanning_line(width, rf"\textbf{{{escaped(family)}}}")]
        for row in rows:
            sign = rf"\textsuperscript{{{table.notes[row.remarks]}}}" if row.remarks else ""
            scores = [
                number_text(score) if score is not None else MISSING
                for name in table.slices
                for score in row.slices.get(name, (None, None))
            ]
            lines.append(" & ".join([escaped(row.title) + sign, *map(escaped, (str(row.year), *scores))]) + r" \\")
            facts = "; ".join(filter(None, [row.input or NOT_STATED, row.citation, row.link]))
            lines.append(spanning_line(width, rf"\quad {escaped(facts)}"))
    notes = (f"({number}) {note}" for note, number in table.notes.items())
    caption = f"Published scores, not measured here: {table.source}."
    below = [*filter(None, [table.warning]), wording.CITED_TEXT, *notes]
    yield from drawn_table(caption, f"{_TEXT}{'r' * (len(columns) + 1)}", lines, below)
    if table.remeasured:
        yield from _remeasured(table)


def _remeasured(table: CitedTable) -> Iterator[str]:
    heads = [f"{metric} {what}" for metric in ("UF1", "UAR") for what in ("published", "measured", "difference")]
    lines = [cells_line(["Published row", "Measured row", "Slice", *heads])]
    for found in table.remeasured:
        lines += _rule(lines)
        row = f"{found.entry.name}, comparison {found.comparison}, {found.selection}"
        for part in table.slices[:1] if found.why_not else table.slices:
            name = MISSING if found.why_not else wording.slice_title(part)
            scores = map(_minus, score_texts.published_texts(found, part))
            lines.append(cells_line([found.published.title, row, name, *scores]))
        if found.why_not:
            lines.append(spanning_line(len(heads) + 3, rf"\quad {escaped(f'Not comparable: {found.why_not}')}"))
    caption = f"Measured here, less published in {table.source}."
    yield from drawn_table(caption, f"{_TEXT}{_TEXT}l{'r' * len(heads)}", lines, [wording.REMEASURED_TEXT])


def _selection_table(table: SelectionTable) -> Iterator[str]:
    numbers = wording.joined([str(number) for number in table.numbers])
    heads = ["Row", "Score", *score_texts.SELECTION_HEADINGS, "Epochs", "Seeds"]
    lines = [cells_line(heads)]
    for line in table.lines:
        entry = line.entry
        named = ", ".join(filter(None, [entry.row.record["method"]["title"], entry.distinction]))
        lines += _rule(lines)
        for metric in TABLE_METRICS:
            own = map(_minus, score_texts.selection_texts(line, metric))
            lines.append(cells_line([named, _metric_title(metric), *own, score_texts.epochs_text(line), line.seeds]))
        below = "; ".join(filter(None, [entry.name, entry.badge, entry.settings]))
        lines.append(spanning_line(len(heads), rf"\quad {escaped(below)}"))
    caption = f"Networks of comparison {numbers} under each selection rule, full set: a diagnostic."
    yield from drawn_table(caption, f"{_TEXT}l{'r' * (len(heads) - 3)}{_TEXT}", lines, wording.SELECTION_TEXTS)


def _rule(lines: list[str]) -> list[str]:
    """Return the rule before a group of lines; below the head there is one."""
    return [r"\midrule"] if len(lines) > 1 else []


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _label(entry: Entry) -> str:
    return ", ".join(filter(None, [entry.row.record["method"]["title"], entry.distinction, entry.name, entry.badge]))


def _row(entry: Entry, columns: list[tuple[str, str]], width: int) -> Iterator[str]:
    row = entry.row
    scores = [_score(row.means.get(column), is_bold=column in entry.best) for column in columns]
    signs = rf"\textsuperscript{{{escaped(entry.signs)}}}" if entry.signs else ""
    named = ", ".join(filter(None, [escaped(row.record["method"]["title"]) + signs, escaped(entry.distinction)]))
    yield " & ".join([named, *scores, escaped(seeds_text(row.seeds))]) + r" \\"
    if entry.intervals:
        limits = [score_texts.limits_in_brackets(entry.intervals.get(column)) for column in columns]
        yield " & ".join(["", *(rf"\tiny {text}" if text else "" for text in limits), ""]) + r" \\"
    missing = "" if all(seed.complete for seed in row.seeds) else score_texts.folds_text(row.seeds)
    below = "; ".join(
        filter(None, [entry.name, entry.badge, entry.settings, verification_text(row), cost_line(row), missing])
    )
    yield spanning_line(width, rf"\quad {escaped(below)}")


def _score(mean: Mean | None, *, is_bold: bool) -> str:
    text = escaped(mean_text(mean, " ± "))
    return rf"\textbf{{{text}}}" if is_bold else text


def _head(*titles: str | tuple[str, str]) -> str:
    """Return the line of headings; that of a score has its slice above its metric, which is narrower."""
    cells = [
        escaped(title)
        if isinstance(title, str)
        else rf"\shortstack[r]{{{escaped(wording.slice_title(title[0]))}\\{escaped(_metric_title(title[1]))}}}"
        for title in titles
    ]
    return " & ".join(cells) + r" \\"


def _metric_title(metric: str) -> str:
    return metric.capitalize() if metric == "accuracy" else metric.upper()


def _texts_below(comparison: Comparison) -> Iterator[str]:
    yield from comparison.warnings
    yield from comparison.verdict
    yield "; ".join(f"{label}: {text}" for label, text in comparison.input) + "."
    yield from comparison.notes
    yield from (f"{sign} {text}" for sign, text in comparison.footnotes)
    if comparison.not_comparable:
        yield comparison.not_comparable
