"""Renders a `ReportData` as HTML, Markdown, CSV, LaTeX, JSON and BibTeX files."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mer_bench import result_texts, results, rules
from mer_bench.atomic import write_in_folders
from mer_bench.errors import MerBenchError
from mer_bench.printable import one_line, printable
from mer_bench.results import RowResults
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench.store import Store
from mer_bench.store.files import unwritable_cure
from mer_bench.version import __version__
from mer_bench_reports import check_texts, costs, inputs, overviews, provenance, remeasured, score_texts, svg, wording
from mer_bench_reports.bibtex import render_bibtex
from mer_bench_reports.builder import build_report
from mer_bench_reports.csv_table import render_csv
from mer_bench_reports.json_report import render_json
from mer_bench_reports.latex_tables import comparison_latex, render_latex
from mer_bench_reports.plots import plots, selection_plots
from mer_bench_reports.report_data import ReportData
from mer_bench_reports.row_facts import row_facts
from mer_bench_reports.settings_texts import row_badge
from mer_bench_reports.site.pages import Site, file_stem, leaderboard

_MARKDOWN = re.compile(r"[\\|`*\[\]~$]|(?<!\w)_|_(?!\w)")
_LIVE = re.compile(r"@(?!\d+\b)|(?<!\w)@|#(?=\w)|\bGH-(?=\d)|:(?=//)|\bwww(?=\.)", re.IGNORECASE)
"""The beginnings of mentions, of links to issues, and of addresses; the version in ``cde@1`` is none."""


def write_report(
    store: Store, folder: Path, rows: Sequence[RowResults] | None = None, *, formats: Collection[str] | None = None
) -> dict[str, Path]:
    """Write the report of a store into ``folder``, each file atomically.

    Parameters
    ----------
    store : Store
    folder : Path
    rows : sequence of RowResults, optional
        What is reported; all that the store contains by default.
    formats : collection of str, optional
        Of `FORMATS`; all by default.

    Returns
    -------
    dict of str to Path
        The files, by format.

    Raises
    ------
    MerBenchError
        There is no result, or the folder cannot be written.
    """
    report = build_report(store, rows)
    written = {}
    for name, (file, render) in FORMATS.items():
        if formats is None or name in formats:
            written[name] = folder / file
            _write(written[name], render(report))
    return written


def render_html(report: ReportData, site: Site | None = None) -> str:
    """Return the report as one HTML page with its own script and the files to download, without network access.

    Parameters
    ----------
    report : ReportData
    site : Site, optional
        The site to which the page belongs; it then has links to the site's other pages.
    """
    return render_page("report.html.j2", report=report, site=site, files=_files(report))


def render_page(template: str, *, files: Markup | None = None, **content: object) -> str:
    """Return an HTML page with the style and the script of all pages.

    Parameters
    ----------
    template : str
        The name of one that extends ``page.html.j2``.
    files : Markup, optional
        What the script offers to copy and to download; nothing by default.
    **content : object
        What the template shows.
    """
    offered = _as_json({"downloads": {}, "latex": {}}) if files is None else files
    return _environment(_html).get_template(template).render(version=__version__, files=offered, **content)


def render_markdown(report: ReportData) -> str:
    """Return the report as GitHub-flavoured Markdown, for issues and pull requests."""
    return _environment(_markdown).get_template("report.md.j2").render(report=report)


FORMATS: Mapping[str, tuple[str, Callable[[ReportData], str]]] = {
    "html": ("report.html", render_html),
    "markdown": ("report.md", render_markdown),
    "csv": ("report.csv", render_csv),
    "latex": ("report.tex", render_latex),
    "json": ("report.json", render_json),
    "bibtex": ("report.bib", render_bibtex),
}
"""The name of each format, its file and what renders it."""


def _files(report: ReportData) -> Markup:
    """Return what the page's script offers to copy and to download, as JSON that cannot end its script element."""
    downloads = {file: render(report) for file, render in map(FORMATS.__getitem__, ("csv", "json", "bibtex"))}
    latex = {str(comparison.number): comparison_latex(comparison) for comparison in report.comparisons}
    content = {
        "downloads": {name: encoded(text).decode() for name, text in downloads.items()},
        "latex": {number: encoded(text).decode() for number, text in latex.items()},
    }
    return _as_json(content)


def _as_json(content: object) -> Markup:
    return Markup(json.dumps(content).replace("<", r"\u003c"))


def _csp_hash(content: str) -> str:
    """Return how a Content-Security-Policy names the only inline script or style that it allows."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def _markdown(value: object) -> Markup:
    """Escape what Markdown or HTML would interpret, or would end a table cell; the output of macros is kept.

    Nobody is notified and nothing is linked by a text of others: a comment, which is not shown, parts such signs.
    """
    if isinstance(value, Markup):
        return value
    line = one_line(value).replace("&", "&amp;").replace("<", "&lt;")
    return Markup(_LIVE.sub("\\g<0><!-- -->", _MARKDOWN.sub(r"\\\g<0>", line)))


def _with_code(escape: Callable[[object], object], text: str) -> Markup:
    """Return sentences of mer-bench's own, in which backticks mark code, as Markdown or as HTML."""
    if escape is not _html:
        return Markup(text)
    parts = [f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(str(Markup.escape(text)).split("`"))]
    return Markup("".join(parts))


def _html(value: object) -> object:
    """Take from a text what a browser would obey; Jinja escapes it."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _write(path: Path, text: str) -> None:
    try:
        write_in_folders(path, encoded(text))
    except OSError as error:
        cure = unwritable_cure(error, "choose another folder with `mer-bench report --out`")
        raise MerBenchError(f"cannot write the report {path} ({error.strerror}); {cure}") from error


def encoded(text: str) -> bytes:
    """Return the bytes of a report's file; what UTF-8 does not have is escaped."""
    return text.encode(errors="backslashreplace")


@cache
def _environment(escape: Callable[[object], object]) -> Environment:
    # Kept with its compiled templates: compiling them takes longer than rendering a report.
    # select_autoescape() looks at the last suffix only, and would leave .html.j2 unescaped.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["csp_hash"] = _csp_hash
    environment.filters["with_code"] = partial(_with_code, escape)
    environment.globals.update(
        TABLE_METRICS=TABLE_METRICS,
        plots=plots,
        selection_plots=selection_plots,
        svg=svg,
        check_texts=check_texts,
        costs=costs,
        inputs=inputs,
        overviews=overviews,
        remeasured=remeasured,
        file_stem=file_stem,
        leaderboard=leaderboard,
        row_badge=row_badge,
        row_facts=row_facts,
        score_texts=score_texts,
        provenance=provenance,
        results=results,
        rules=rules,
        texts=result_texts,
        wording=wording,
    )
    return environment
