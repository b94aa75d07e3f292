"""The LaTeX tables: complete documents, in which LaTeX interprets nothing that others wrote."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from support.latex import latex_tables, score_tables
from support.report_case import Report
from support.store_factory import always, make_row, right, write_seed

from mer_bench.store import Store
from mer_bench_reports import build_report
from mer_bench_reports.latex_tables import escaped, render_latex


def test_warnings_are_below_their_table(report: Report) -> None:
    one, two, three = (table.under[1] for table in score_tables(report.latex))
    assert "1 stored cell gave other predictions: seed 2, fold samm-007" in one
    assert "gave other predictions" not in two + three
    assert "SYNTHETIC data" in three
    assert "SYNTHETIC" not in one + two


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"a_b & 50% of #1 {x} $y$", r"a\_b \& 50\% of \#1 \{x\} \$y\$"),
        ("\\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        (
            'a^b~c <d> |e| "f" `g`',
            r"a\textasciicircum{}b\textasciitilde{}c \textless{}d\textgreater{} "
            r"\textbar{}e\textbar{} \textquotedbl{}f\textquotedbl{} \textasciigrave{}g\textasciigrave{}",
        ),
        ("--preset ,,x'' --- y", r"-{}-preset ,{},x'{}' -{}-{}- y"),
        ("two\n\nlines\x07", "two lines"),
        ("CAS(ME)³ μ ± −1", r"CAS(ME)$^3$ $\mu$ $\pm$ $-$1"),
    ],
)
def test_nothing_is_interpreted(text: str, expected: str) -> None:
    assert escaped(text) == expected


def test_a_hostile_title_is_escaped(store: Store) -> None:
    title = r"\input{x} & 100% _{a}^b~#$ \\"
    for name, predict in (("one", right), ("other", always(1))):
        write_seed(store, make_row(name, title=f"{name} {title}", changed={"a": title}, input_name=title), predict)
    scores, differences, _ = latex_tables(render_latex(build_report(store)))
    shown = r"\textbackslashinput{x} & 100% _{a}"
    assert scores.lines[0]["Method"].startswith(f"one {shown}")
    assert f"one {shown}" in scores.under[1].partition("has the highest UF1")[0]
    assert differences.caption.startswith(f"Comparison 1: one {shown}")
    assert differences.lines[0]["Other row"].startswith(f"other {shown}")


@pytest.mark.parametrize("damage", [("{}", "{"), (r"\_", "_"), (r"\toprule", r"\toprul"), (r"\end{tabular}", "")])
def test_the_reader_of_these_tests_is_strict(store: Store, damage: tuple[str, str]) -> None:
    write_seed(store, make_row(title="~a_b"), always(0))
    document = render_latex(build_report(store))
    assert damage[0] in document
    with pytest.raises((AssertionError, IndexError)):
        latex_tables(document.replace(*damage, 1))


def test_it_compiles_where_latex_is_installed(report: Report, tmp_path: Path) -> None:
    """Elsewhere the strict reader of the other tests stands for the compiler."""
    compiler = shutil.which("pdflatex")
    if compiler is None:
        assert latex_tables(report.latex)
        return
    (tmp_path / "report.tex").write_text(report.latex, encoding="utf-8")
    command = [compiler, "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
