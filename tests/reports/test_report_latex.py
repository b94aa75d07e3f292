"""The LaTeX tables: complete documents, in which LaTeX interprets nothing that others wrote."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.latex import latex_tables, score_tables
from support.protocols_case import write_case as write_protocols_case
from support.report_case import Report
from support.store_factory import always, make_row, new_store, right, write_seed

from mer_bench.store import Store
from mer_bench_reports import build_report
from mer_bench_reports.latex_parts import escaped
from mer_bench_reports.latex_tables import comparison_latex, render_latex

COMPILER = shutil.which("pdflatex") or shutil.which("lualatex")


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
        ("[p] a", "{}[p] a"),
        ("*a", "{}*a"),
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


FIRST = ("[p]", "*", "[2cm]")
"""Beginnings of texts that a line end or a rule would take for its argument."""
HOSTILE = r"\input{x} & 100% _{a}^b~#$ \\ --- ,, '' \"q\" |"


COPIED = (
    r"\documentclass{{article}}\usepackage[a4paper,landscape,margin=15mm]{{geometry}}\usepackage[T1]{{fontenc}}"
    r"\usepackage{{array,booktabs,longtable,textcomp}}\setlength{{\tabcolsep}}{{3pt}}\begin{{document}}"
    "\n{}\n"
    r"\end{{document}}"
)
"""A document of somebody else with the tables that the page's button copies."""


def documents(report: Report, folder: Path) -> dict[str, str]:
    """Return reports of the two cases, and of one whose names are LaTeX."""
    store = new_store(folder)
    for name, first, predict in zip(("one", "other", "third"), FIRST, (right, always(1), always(2)), strict=True):
        row = make_row(
            name,
            title=f"{first}{name} {HOSTILE}",
            family=f"{first} {name}",
            changed={"a": HOSTILE},
            params={"a": HOSTILE},
            input_name=HOSTILE,
        )
        write_seed(store, row, predict)
    many = new_store(folder / "many")
    for number in range(24):
        write_seed(many, make_row("net", title=f"[{number}] Net", params={"lr": number / 10}), always(number % 3))
    protocols = write_protocols_case(folder / "protocols")
    return {
        "case": report.latex,
        "protocols": render_latex(build_report(protocols)),
        "hostile": render_latex(build_report(store)),
        "many": render_latex(build_report(many)),
        "copied": COPIED.format(comparison_latex(build_report(many).comparisons[0])),
    }


@pytest.mark.slow
def test_every_document_is_one_that_the_strict_reader_takes(report: Report, tmp_path: Path) -> None:
    """The reader stands for the compiler where there is none: commands, braces, and cells in each line."""
    tables = {name: latex_tables(document) for name, document in documents(report, tmp_path).items()}
    assert {name: len(own) for name, own in tables.items()} == {
        "case": 9,
        "protocols": 15,
        "hostile": 3,
        "many": 3,
        "copied": 2,
    }
    scores, differences = tables["copied"]
    assert {line["Method"].split(",")[0] for line in scores.lines} == {f"[{number}] Net" for number in range(24)}
    assert len(differences.lines) == 23
    assert "[p]one" in [line["Method"].split()[0] for line in tables["hostile"][0].lines]


@pytest.mark.slow
@pytest.mark.skipif(COMPILER is None, reason="neither pdflatex nor lualatex is installed")
def test_every_document_compiles_and_no_line_is_too_long(report: Report, tmp_path: Path) -> None:
    for name, document in documents(report, tmp_path).items():
        (tmp_path / f"{name}.tex").write_text(document, encoding="utf-8")
        command = [str(COMPILER), "-draftmode", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
        assert done.returncode == 0, done.stdout
        assert "Float too large" not in done.stdout
        assert "Undefined control sequence" not in done.stdout
        too_wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
        assert max(too_wide, default=0) < 20, done.stdout
