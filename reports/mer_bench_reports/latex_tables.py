"""The report's tables in LaTeX: a document with a table for each comparison, to copy from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mer_bench.certainty import Ranking
from mer_bench.result_texts import mean_text, seeds_text, verification_text
from mer_bench.results import Mean
from mer_bench_reports import score_texts, wording
from mer_bench_reports.provenance import protocol_name
from mer_bench_reports.report_data import Comparison, Entry, ReportData

_PREAMBLE = r"""\documentclass{article}
\usepackage[a4paper,landscape,margin=15mm]{geometry}
\usepackage[T1]{fontenc}
\usepackage{textcomp}
\usepackage{booktabs}
\begin{document}
\footnotesize
"""

_SPECIAL = {
    **{sign: f"\\{sign}" for sign in "{}$&#_%"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": r"$-$",
    "³": r"$^3$",
    "μ": r"$\mu$",
    "–": r"\textendash{}",
    "…": r"\ldots{}",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "§": r"\S{}",
    "¶": r"\P{}",
}


def render_latex(report: ReportData) -> str:
    """Return a LaTeX document with a table for each comparison, and below it what its readers must know.

    It needs booktabs. Names in other scripts than Latin need a compiler with fonts for them, such as LuaLaTeX.
    """
    lines = [f"% Written by mer-bench {escaped(report.version)}."]
    for comparison in report.comparisons:
        lines += ["", comparison_latex(comparison)]
    return _PREAMBLE + "\n".join(lines) + "\n\n\\end{document}\n"


def comparison_latex(comparison: Comparison) -> str:
    """Return the tables of a comparison, as they are in the document."""
    return "\n".join(_table(comparison))


def escaped(text: object) -> str:
    """Return a text in which LaTeX interprets nothing, on one line."""
    line = " ".join(str(text).split())
    plain = "".join(_SPECIAL.get(sign, sign) for sign in line if sign.isprintable())
    # Two of these would be drawn as one sign.
    return re.sub(r"([-',])(?=\1)", r"\1{}", plain)


def _table(comparison: Comparison) -> Iterator[str]:
    columns = [*score_texts.columns(comparison.slices), ("full", "accuracy")]
    width = len(columns) + 2
    caption = (
        f"Comparison {comparison.number}: {comparison.protocol['title']} ({protocol_name(comparison.protocol)}), "
        f"selection rule {comparison.selection}, input {comparison.input_name}."
    )
    yield r"\begin{table}[p]"
    yield r"\centering"
    yield rf"\caption{{{escaped(caption)}}}"
    yield rf"\begin{{tabular}}{{l{'r' * len(columns)}l}}"
    yield r"\toprule"
    titles = [f"{wording.slice_title(name)} {_metric_title(metric)}" for name, metric in columns]
    yield _line(["Method", *titles, "Seeds"])
    for family, entries in comparison.families:
        yield r"\midrule"
        yield rf"\multicolumn{{{width}}}{{l}}{{\textbf{{{escaped(family)}}}}} \\"
        for entry in entries:
            yield from _row(entry, columns, width)
    yield r"\bottomrule"
    yield r"\end{tabular}"
    for text in _texts_below(comparison):
        yield rf"\par\raggedright {escaped(text)}"
    yield r"\end{table}"
    if comparison.ranking is not None:
        yield from _differences(comparison, comparison.ranking)


def _differences(comparison: Comparison, ranking: Ranking) -> Iterator[str]:
    caption = f"Comparison {comparison.number}: {comparison.leader} less each other row, full set."
    yield r"\begin{table}[p]"
    yield r"\centering"
    yield rf"\caption{{{escaped(caption)}}}"
    yield r"\begin{tabular}{lrrrrr}"
    yield r"\toprule"
    yield _line(["Other row", "UF1", "UAR", "p, UF1", "First better", "Subjects: first, other, neither"])
    yield r"\midrule"
    for entry in comparison.entries:
        key = entry.row.record["row_key"]
        if key in ranking.pairs:
            yield _line([_label(entry), *(text.replace("-", "−") for text in score_texts.pair_texts(ranking, key))])
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield rf"\par\raggedright {escaped(wording.DIFFERENCE_TEXT)}"
    yield r"\end{table}"


def _label(entry: Entry) -> str:
    return ", ".join(filter(None, [entry.row.record["method"]["title"], entry.distinction, entry.name, entry.badge]))


def _row(entry: Entry, columns: list[tuple[str, str]], width: int) -> Iterator[str]:
    row = entry.row
    scores = [_score(row.means.get(column), is_bold=column in entry.best) for column in columns]
    signs = rf"\textsuperscript{{{escaped(entry.signs)}}}" if entry.signs else ""
    named = ", ".join(filter(None, [escaped(row.record["method"]["title"]) + signs, escaped(entry.distinction)]))
    yield " & ".join([named, *scores, escaped(seeds_text(row.seeds))]) + r" \\"
    if entry.intervals:
        limits = [score_texts.interval_text(entry.intervals.get(column)) for column in columns]
        yield " & ".join(["", *(rf"\scriptsize {text}" if text else "" for text in limits), ""]) + r" \\"
    missing = "" if all(seed.complete for seed in row.seeds) else score_texts.folds_text(row.seeds)
    below = "; ".join(filter(None, [entry.name, entry.badge, entry.settings, verification_text(row), missing]))
    yield rf"\multicolumn{{{width}}}{{p{{0.9\linewidth}}}}{{\quad {escaped(below)}}} \\"


def _score(mean: Mean | None, *, is_bold: bool) -> str:
    text = escaped(mean_text(mean, " ± "))
    return rf"\textbf{{{text}}}" if is_bold else text


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


def _line(cells: Iterable[str]) -> str:
    return " & ".join(map(escaped, cells)) + r" \\"
