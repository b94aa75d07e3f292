"""``run --grid`` and ``ablate``: one row for each combination, and tables that say in what they differ."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bench import Bench
from support.hostile import install

from mer_bench.store import Store

SVM = ("--method", "svm-flow", "--set", "tuning=fixed")
GRID = (*SVM, "--grid", "C=0.5,20", "--grid", "gamma=0.125,3")
PLUGIN = """
    from pathlib import Path
    from mer_bench import AblationSpec, hookimpl

    @hookimpl
    def mer_bench_ablations():
        return [AblationSpec(path.stem, path) for path in sorted(Path(__file__).parent.glob("*.toml"))]
"""
ABLATION = """
name = "svm-width"
method = "svm-flow"
place = "Table 12"
title = "Width of the kernel"
source = "Doe 2026, Table 12"
protocols = ["loso-samm", "cde"]
reported = "narrower is worse"
remarks = ["C is not stated"]

[[settings]]
values = { gamma = 0.125, C = 4 }

[[settings]]
values = { gamma = 3.0 }
note = "as in the method's own paper"

[settings.published.cde]
full = [0.6123, 0.5987]
samm = [0.7001, 0.7112]
"""
ABLATE = ("ablate", "svm_flow", "--set", "tuning=fixed", "--data", "synthetic-maps", "--data-option", "size=tiny")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of an installed plugin that ships an ablation of another plugin's method."""
    site = tmp_path / "site"
    install(site, "lab-ablations", {"lab_ablations": PLUGIN})
    (site / "svm-width.toml").write_text(ABLATION, encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    yield site
    sys.modules.pop("lab_ablations", None)


def lines(out: str, beginning: str) -> list[str]:
    return [line for line in out.splitlines() if line.strip().startswith(beginning)]


def score_lines(out: str, label: str) -> list[list[str]]:
    """Return the words of the lines of a table that begin with a label, without what is not a score."""
    words = [line.split() for line in lines(out, label)]
    return [[word for word in each if re.fullmatch(r"\d\.\d{4}", word)] for each in words]


def test_the_plan_counts_rows_and_cells_and_names_each_combination(bench: Bench) -> None:
    ended = bench.run(*GRID, "--method", "majority", "--dry-run", "--baselines")

    assert [line.partition(" (")[0] for line in lines(ended.out, "method ")] == [
        "method svm-flow with C=0.5, gamma=0.125",
        "method svm-flow with C=0.5, gamma=3.0",
        "method svm-flow with C=20.0, gamma=0.125",
        "method svm-flow with C=20.0, gamma=3.0",
        "method majority",
        "method random",
    ]
    assert ended.out.splitlines()[-2:] == [
        "rows: 6 in total, 4 of them combinations of svm-flow's C, gamma",
        "cells: 36 in total, 0 stored, 36 to compute",
    ]
    assert not bench.results.exists()


def test_a_plan_of_many_rows_is_cut_unless_every_setting_is_asked_for(bench: Bench) -> None:
    grid = (*SVM, "--grid", f"C={','.join(map(str, range(1, 24)))}", "--dry-run")
    cut, whole = bench.run(*grid).out, bench.run(*grid, "--verbose").out

    assert len(lines(cut, "method ")) == 21
    assert lines(cut, "method ")[-1] == "method svm-flow: 3 more combinations; --verbose shows them"
    assert len(lines(whole, "method svm-flow with C=")) == 23
    assert (
        lines(cut, "rows: ") == lines(whole, "rows: ") == ["rows: 23 in total, 23 of them combinations of svm-flow's C"]
    )


@pytest.mark.slow
def test_each_combination_is_a_row_of_its_own_and_a_larger_grid_computes_the_new_ones_only(bench: Bench) -> None:
    svm = (*SVM, "--protocol", "loso-smic", "--json")
    first = bench.run(*svm, "--grid", "C=0.5,20")
    more = bench.run(*svm, "--grid", "C=20,0.5,7")

    assert (first.code, more.code) == (0, 0)
    assert [row["params"]["C"] for row in first.objects] == [0.5, 20.0]
    assert [(row["params"]["C"], row["folds_done"]) for row in more.objects] == [(20.0, 2), (0.5, 2), (7.0, 2)]
    assert "cells: 6 in total, 4 stored, 2 to compute" in more.err
    assert len({row["row"] for row in more.objects}) == 3
    single = bench.run(*svm, "--set", "C=20")
    assert single.objects == more.objects[:1] == first.objects[1:]


@pytest.mark.slow
def test_tables_status_and_reports_show_in_what_the_rows_differ_in_the_order_of_the_values(bench: Bench) -> None:
    ended = bench.run(*SVM, "--grid", "C=20,0.5,7,1", "--set", "gamma=3")
    html = (bench.results / "report.html").read_text(encoding="utf-8")
    markdown = (bench.results / "report.md").read_text(encoding="utf-8")
    latex = (bench.results / "report.tex").read_text(encoding="utf-8")
    status = bench("status", "--results", bench.results).out

    assert [line.split()[0] for line in lines(ended.out, "C=")] == ["C=20.0", "C=0.5", "C=7.0", "C=1.0"]
    ordered = ["C=0.5", "C=1.0", "C=7.0", "C=20.0"]
    assert (
        re.findall(r"^\| SVM on flow maps, (\S+) \|", markdown.partition("differences from")[0], re.MULTILINE)
        == ordered
    )
    assert re.findall(r"^SVM on flow maps, (\S+) &", latex, re.MULTILINE) == ordered
    assert [re.findall(r"C=[\d.]+", line) for line in status.splitlines() if "6/6" in line] == [
        ["C=0.5"],
        [],
        ["C=7.0"],
        ["C=20.0"],
    ]
    table = html[html.index("<tbody>") : html.index("</table>")]
    assert re.findall(r'<span class="distinction">(.*?)</span>', table) == ordered


def test_refused_combinations_are_named_before_any_work_and_left_out_on_request(bench: Bench) -> None:
    sweep = ("--method", "ahmsa", "--grid", "width=12,16,18", "--grid", "side=28,36", "--dry-run")
    refused = bench.run(*sweep)
    skipped = bench.run(*sweep, "--skip-unsuitable")
    none_left = bench.run("--method", "ahmsa", "--grid", "width=16,17", "--skip-unsuitable")

    assert refused.errors == [
        "error: 4 combinations of the sweep cannot run; the first: ahmsa with width=12, side=36: ahmsa: patch=7 cuts a "
        "36×36 map into 5.14286 patches a side, but 3 levels (blocks=2,2,8) of factor=2 bring 4 down to one; change "
        "one of them: the paper has side=28, patch=7, factor=2 and three levels, or side=36, patch=4 and factor=3; or "
        "add --skip-unsuitable (skip_unsuitable=True in Python) to run the others"
    ]
    assert refused.code == none_left.code == 2
    assert [line.partition(" is left out: ")[0] for line in skipped.err.splitlines()] == [
        "note: ahmsa with width=12, side=36",
        "note: ahmsa with width=16, side=28",
        "note: ahmsa with width=16, side=36",
        "note: ahmsa with width=18, side=36",
    ]
    assert lines(skipped.out, "rows: ") == ["rows: 2 in total, 2 of them combinations of ahmsa's width, side"]
    assert none_left.errors[0].startswith(
        "error: 2 combinations of the sweep cannot run; the first: ahmsa with width=16"
    )
    assert "--skip-unsuitable" not in none_left.errors[0]
    assert not bench.results.exists()


def test_a_map_that_the_data_cannot_give_is_a_refused_combination_too(bench: Bench) -> None:
    grid = ("--method", "ahmsa", "--set", "patch=4", "--set", "factor=3", "--grid", "side=36")
    ended = bench.run(*grid, "--dry-run")

    assert ended.errors[0].startswith("error: ahmsa with side=36: method ahmsa: side=36, but the maps of this data are")


def test_settings_outside_of_a_sweep_are_refused_as_ever(bench: Bench) -> None:
    arguments = ("--method", "ahmsa", "--method", "svm-flow", "--set", "width=16", "--grid", "svm-flow.C=1,2")
    ended = bench.run(*arguments, "--skip-unsuitable", "--dry-run")

    assert ended.errors == ["error: ahmsa: width=16 is not a multiple of heads=3"]


def test_the_form_of_a_grid_is_explained(bench: Bench) -> None:
    assert bench.run(*SVM, "--grid", "C").errors == ["error: --grid 'C' is not of the form NAME=VALUE,VALUE"]
    twice = bench.run(*SVM, "--grid", "C=1,2", "--grid", "C=3").errors
    assert twice == ["error: --grid names 'C' twice ('1,2' and '3'); keep one"]
    assert "blocks=2,2,8/1,1,4" in bench("run", "--help").out


def test_ablations_are_listed_with_their_numbers(bench: Bench, lab: Path) -> None:
    listed = bench("ablate", "svm-flow").out.splitlines()
    (facts,) = json.loads(bench("ablate", "svm-flow", "--json").out)

    assert " ".join(listed[2].split()) == "Table 12 Width of the kernel 2 loso-samm, cde Doe 2026, Table 12 svm-width"
    assert listed[-1] == "run one: mer-bench ablate svm-flow --figure 12"
    assert facts["settings"] == 2
    names = [row["name"] for row in json.loads(bench("list", "ablations", "--json").out)]
    assert names == ["ahmsa-batch-size", "ahmsa-blocks", "ahmsa-hierarchy", "svm-width"]


def test_options_of_a_run_are_refused_where_ablations_are_listed(bench: Bench, lab: Path) -> None:
    ended = bench(*ABLATE, "-p", "cde", "--dry-run", "--json")

    assert ended.code == 2
    assert ended.errors == [
        "error: --protocol, --data, --data-option, --set, --dry-run: without --figure, the ablations of svm-flow are "
        "only listed; add --figure, or leave out what a run takes"
    ]


def test_a_method_without_ablations_and_a_wrong_number_are_refused_with_what_there_is(bench: Bench, lab: Path) -> None:
    assert bench("ablate", "majority").errors == [
        "error: no ablation of majority is installed; methods with ablations: ahmsa, svm-flow"
    ]
    assert bench("ablate", "svm-flo").errors[0].startswith("error: unknown method 'svm-flo' (did you mean 'svm-flow'?)")
    assert bench("ablate", "svm-flow", "--figure", "1").errors == [
        "error: --figure 1: svm-flow has no such ablation (did you mean '12'?); known: 12 (Table 12)"
    ]


def test_a_broken_ablation_is_told_and_does_not_hide_the_others(bench: Bench, lab: Path) -> None:
    (lab / "svm-broken.toml").write_text(ABLATION.replace("svm-width", "svm-broken").replace("title", "tilte"))

    ended = bench("ablate", "svm-flow")
    assert ended.code == 0
    assert ended.err.startswith("note: ablation svm-broken cannot be used: ablation file ")
    assert len(lines(ended.out, "Table 12")) == 1
    rows = json.loads(bench("list", "ablations", "--json").out)
    assert [row["place"] for row in rows if row["name"].startswith("svm")] == ["?", "Table 12"]


def test_published_scores_of_a_slice_that_the_protocol_lacks_are_refused_before_any_work(
    bench: Bench, lab: Path
) -> None:
    (lab / "svm-width.toml").write_text(ABLATION.replace("samm = ", "sam = "), encoding="utf-8")
    ended = bench(*ABLATE, "--figure", "12", "--protocol", "cde", "--dry-run")

    assert ended.errors == [
        "error: ablation svm-width: it has published scores of the slice 'sam' (did you mean 'samm'?), but protocol "
        "cde has full, smic, samm, casme2"
    ]


@pytest.mark.slow
def test_an_ablation_runs_as_one_sweep_and_shows_what_was_published(bench: Bench, lab: Path) -> None:
    cde = (*ABLATE, "--figure", "12", "--protocol", "cde", "--results", bench.results, "--jobs", "1")
    ended, again = bench(*cde), bench(*cde, "--json")

    assert ended.code == 0
    assert "cells: 12 in total, 0 stored, 12 to compute" in ended.out
    assert "cells: 12 in total, 12 stored, 0 to compute" in again.err
    narrow, wide = again.objects
    assert [row["params"]["gamma"] for row in again.objects] == [0.125, 3.0]
    assert [row["params"]["C"] for row in again.objects] == [4.0, 1.0]
    for row, label in ((narrow, "gamma=0.125, C=4.0"), (wide, "gamma=3.0")):
        scores = [f"{row['slices'][name][metric]:.4f}" for name in row["slices"] for metric in ("uf1", "uar")]
        assert score_lines(ended.out, f"{label} ") == [scores]
    assert score_lines(ended.out, "published  ") == [["0.6123", "0.5987", "0.7001", "0.7112"]]
    order = [line.split()[0] for line in ended.out.splitlines() if line.strip().startswith(("gamma=", "published  "))]
    assert order == ["gamma=0.125,", "gamma=3.0", "published", "gamma=3.0:"]
    assert [row["ablation"]["setting"] for row in again.objects] == [{"gamma": 0.125, "C": 4}, {"gamma": 3.0}]
    assert [row["ablation"]["published"] for row in again.objects] == [
        {},
        {"full": {"uf1": 0.6123, "uar": 0.5987}, "samm": {"uf1": 0.7001, "uar": 0.7112}},
    ]
    told = ("SVM on flow maps: Width of the kernel", "reported: narrower is worse", "remark: C is not stated")
    assert all(sentence in ended.out.splitlines() for sentence in told)
    assert {row["method"]["name"] for row in Store(bench.results).rows()} == {"svm-flow"}


def test_a_published_pair_stands_below_its_own_slice(bench: Bench, lab: Path) -> None:
    """The published SAMM pair stands in the third column of slices, where the second is empty."""
    arguments = ("--figure", "12", "--protocol", "cde", "--results", bench.results, "--jobs", "1")
    out = bench(*ABLATE, *arguments).out.splitlines()
    (heading,) = [line for line in out if re.search(r"full +smic +samm +casme2", line)]
    (published,) = [line for line in out if line.startswith("   published  ")]

    assert published.index("0.6123") == heading.index("full")
    assert published.index("0.7001") == heading.index("samm")


def test_the_first_protocol_of_an_ablation_is_its_default_and_may_have_no_published_scores(
    bench: Bench, lab: Path
) -> None:
    ended = bench(*ABLATE, "--figure", "12", "--results", bench.results, "--jobs", "1")

    assert "protocol loso-samm@1" in ended.out
    assert "the source prints no scores of these settings under this protocol" in ended.out
    assert not score_lines(ended.out, "published")


@pytest.mark.slow
def test_a_terminal_that_is_narrow_has_a_line_for_each_slice(
    bench: Bench, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mer_bench.cli import console

    monkeypatch.setattr(console, "_FILE_WIDTH", 80)
    monkeypatch.setenv("COLUMNS", "80")
    arguments = ("--figure", "12", "--protocol", "cde", "--results", bench.results, "--jobs", "1")
    out = bench(*ABLATE, *arguments).out

    (samm,) = [line.split() for line in out.splitlines() if " samm " in line and "0.7001" in line]
    assert samm[-2:] == ["0.7001", "0.7112"]
    assert len([line for line in out.splitlines() if re.match(r" +(\S+ .*)?(full|smic|samm|casme2) +0", line)]) == 8


@pytest.mark.slow
def test_values_of_an_ablation_may_be_texts_and_name_their_method(bench: Bench, lab: Path) -> None:
    text = ABLATION.replace("gamma = 0.125", '"svm-flow.gamma" = "0.125"').replace("gamma = 3.0", 'gamma = "3"')
    (lab / "svm-width.toml").write_text(text, encoding="utf-8")
    ended = bench(*ABLATE, "--figure", "12", "--protocol", "cde", "--results", bench.results, "--jobs", "1", "--json")

    assert ended.code == 0, ended.err
    assert [run["ablation"]["setting"] for run in ended.objects] == [{"gamma": 0.125, "C": 4.0}, {"gamma": 3.0}]
    assert [bool(run["ablation"]["published"]) for run in ended.objects] == [False, True]


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ('gamma = "wide"', "gamma='wide' is not a number"),
        ("gama = 3.0", "method svm-flow has no parameter 'gama' (did you mean 'gamma'?)"),
        ("ahmsa.lr = 3.0", "method 'ahmsa' is not one of the named methods: svm-flow"),
        ('C = 4, "svm-flow.gamma" = "0.125"', "the setting C=4.0, gamma=0.125 is listed twice"),
    ],
)
def test_an_ablation_that_cannot_be_run_is_refused_before_any_work(
    bench: Bench, lab: Path, new: str, message: str
) -> None:
    text = ABLATION.replace("gamma = 0.125, C = 4", "C = 4, gamma = 0.125").replace("gamma = 3.0", new)
    (lab / "svm-width.toml").write_text(text.replace("ahmsa.lr", '"ahmsa.lr"'), encoding="utf-8")
    ended = bench(*ABLATE, "--figure", "12", "--protocol", "cde", "--dry-run")

    assert ended.code == 2
    (error,) = ended.errors
    assert error.startswith("error: ablation svm-width: ")
    assert message in error


def test_an_ablation_can_be_planned_only_and_its_parameters_cannot_be_set(bench: Bench, lab: Path) -> None:
    planned = bench(*ABLATE, "--figure", "table 12", "--dry-run", "--results", bench.results)
    set_too = bench(*ABLATE, "--figure", "12", "--set", "gamma=1", "--results", bench.results)

    assert lines(planned.out, "rows: ") == ["rows: 2 in total, 2 of them combinations of svm-flow's gamma, C"]
    assert not bench.results.exists()
    assert set_too.errors == [
        "error: --set gamma=1: the sweep gives gamma of svm-flow the values 0.125 and 3.0; name it in one of the two "
        "only"
    ]
