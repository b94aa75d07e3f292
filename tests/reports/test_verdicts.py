"""What a report says of its rows in words, and how it names the row with the highest UF1."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from support.latex import latex_tables, score_tables
from support.rendered import html_tables, markdown_tables, texts, visible
from support.store_factory import Predictor, make_row, right, samples_of, write_seed, wrong_for

from mer_bench.certainty import score_intervals
from mer_bench.results import read_results
from mer_bench.store import Store
from mer_bench.store.schema import RowRecord
from mer_bench_reports import build_report
from mer_bench_reports.report_data import Comparison
from mer_bench_reports.verdicts import verdict

MANY = samples_of([f"{database}/{number}" for database in ("smic", "samm", "casme2") for number in range(8)])
FEW = samples_of(["smic/1", "smic/2", "samm/1", "samm/2", "casme2/1", "casme2/2"])
PARTS = ("full", "smic", "samm")
BAD = wrong_for("smic", "samm")
GOOD = wrong_for("smic/3")


def compared(store: Store, rows: dict[str, Predictor], samples: dict[str, int] = MANY) -> Comparison:
    """Store a row of each title, and return their comparison."""
    for title, predict in rows.items():
        write_seed(store, make_row(f"method-{title.lower()}", title=title, samples=samples), predict)
    (comparison,) = build_report(store).comparisons
    return comparison


def test_of_two_rows_one_is_better(store: Store) -> None:
    comparison = compared(store, {"Bad": BAD, "Right": right})
    assert comparison.leader == "Right"
    assert comparison.verdict == (
        "Right has the highest UF1: 1.0000 (95 % interval 1.0000 to 1.0000).",
        "It is better than Bad (p at most 0.05).",
    )


def test_a_small_p_is_not_printed_as_zero(store: Store) -> None:
    compared(store, {"Bad": BAD, "Right": right})
    written = texts(store)
    tables = html_tables(written["html"]), markdown_tables(written["markdown"]), latex_tables(written["latex"])
    printed = [[line["p, UF1"] for table in each for line in table.lines if "p, UF1" in line] for each in tables]
    assert printed == [["< 0.0005"], ["< 0.0005"], [r"\textless 0.0005"]]


def test_rows_that_are_worse_and_others_are_told_apart(store: Store) -> None:
    comparison = compared(store, {"Worst": wrong_for("s", "c"), "Good": GOOD, "Right": right, "Bad": BAD})
    assert comparison.verdict[1:] == (
        "It is better than Bad and Worst (p at most 0.05, adjusted for 6 pairs of rows).",
        "It is not shown to be better than Good.",
    )


def test_where_no_row_is_shown_to_be_worse_none_is_said_to_be(store: Store) -> None:
    subjects = [f"smic/{number}" for number in range(8)]
    comparison = compared(store, {"Ours": wrong_for(*subjects[:3]), "Theirs": wrong_for(*subjects[4:])})
    assert comparison.verdict[1:] == ("It is not shown to be better than Theirs.",)


TOO_FEW = "The rows differ on so few subjects that no difference can be shown."


def test_rows_that_differ_on_few_subjects_show_nothing(store: Store) -> None:
    comparison = compared(store, {"Good": GOOD, "Right": right, "Other": wrong_for("samm/1", "samm/2")})
    assert comparison.verdict[1:] == (TOO_FEW,)


@pytest.mark.parametrize(("n_others", "said"), [(1, "It is better than Row 1"), (2, TOO_FEW)])
def test_what_can_be_shown_depends_on_the_number_of_rows(store: Store, n_others: int, said: str) -> None:
    """Six subjects give no p below 2 / 64: enough for one comparison, not for two."""
    others: dict[str, Predictor] = {f"Row {n}": wrong_for("s", "c") for n in range(1, n_others + 1)}
    comparison = compared(store, {"Right": right, **others}, FEW)
    assert comparison.verdict[1].startswith(said)
    assert len(comparison.verdict) == 2


@pytest.mark.parametrize("has_incomplete", [False, True])
def test_a_row_alone_is_compared_with_none(store: Store, has_incomplete: bool) -> None:
    if has_incomplete:
        write_seed(store, make_row("other", samples=MANY), right, missing=["smic-3"])
    comparison = compared(store, {"Bad": BAD})
    assert (comparison.ranking, comparison.leader, comparison.verdict) == (None, "", ())
    written = texts(store)
    assert not [kind for kind in ("html", "markdown", "latex") if "highest UF1" in written[kind]]
    assert all(line["lead"] == "" for line in csv.DictReader(written["csv"].splitlines()))


@pytest.mark.parametrize(
    ("n_others", "said"), [(6, "Row 1, Row 2, Row 3, Row 4, Row 5 and Row 6"), (7, "7 other rows")]
)
def test_many_rows_are_a_number(store: Store, n_others: int, said: str) -> None:
    others: dict[str, Predictor] = {f"Row {n}": BAD for n in range(1, n_others + 1)}
    comparison = compared(store, {"Right": right, **others})
    n_pairs = n_others * (n_others + 1) // 2
    assert comparison.verdict[1] == f"It is better than {said} (p at most 0.05, adjusted for {n_pairs} pairs of rows)."


def test_rows_of_one_title_are_told_apart_by_their_short_names(store: Store) -> None:
    rows = [make_row("net", title="Net", params={"lr": lr}, samples=MANY) for lr in (0.1, 0.2)]
    best, other = (f"Net (net-{row['row_key'][:4]})" for row in rows)
    for row, predict in zip(rows, (right, BAD), strict=True):
        write_seed(store, row, predict)
    comparison = compared(store, {"Svm": wrong_for("s")})
    assert comparison.leader == best
    assert comparison.verdict[0].startswith(f"{best} has the highest UF1: 1.0000 (")
    assert comparison.verdict[1] == f"It is better than {other} and Svm (p at most 0.05, adjusted for 3 pairs of rows)."
    assert "Comparison 1: " + best + " less" in latex_tables(texts(store)["latex"])[1].caption


def test_the_first_sentence_gives_mean_and_deviation(store: Store) -> None:
    row = make_row("net", title="Net", samples=MANY)
    write_seed(store, row, right)
    write_seed(store, row, GOOD, seed=1)
    comparison = compared(store, {"Bad": BAD})
    mean = next(entry for entry in comparison.entries if entry.row.record == row).row.means["full", "uf1"]
    assert comparison.verdict[0].startswith(
        f"Net has the highest UF1: {mean.value:.4f} ± {mean.std:.4f} (95 % interval"
    )


def test_the_verdict_stands_in_every_format_of_its_comparison(store: Store) -> None:
    for data, worse in (("one", "Bad"), ("two", "Worst")):
        for title, predict in (("Right", right), (worse, BAD)):
            write_seed(store, make_row(title=title, data=data, input_name=data, samples=MANY), predict)
    sentences = [" ".join(comparison.verdict) for comparison in build_report(store).comparisons]
    written = texts(store)
    pages = {"html": visible(written["html"]), "markdown": written["markdown"]}
    sections = {kind: page.split("Comparison 2: Protocol") for kind, page in pages.items()}
    sections["latex"] = [table.under[1] for table in score_tables(written["latex"])]
    for parts in sections.values():
        assert [part.count(sentence) for part, sentence in zip(parts, sentences, strict=True)] == [1, 1]
        assert not [part for part, sentence in zip(parts, reversed(sentences), strict=True) if sentence in part]


def test_a_slice_with_too_few_subjects_has_a_score_and_no_interval(store: Store) -> None:
    samples = samples_of([*(f"smic/{number}" for number in range(5)), "samm/1", "samm/2", "samm/3", "samm/4"])
    rows: list[RowRecord] = [make_row(name, samples=samples) for name in ("a", "b")]
    for row, predict in zip(rows, (GOOD, BAD), strict=True):
        write_seed(store, row, predict)
    found = [[score_intervals(row.seeds).get((part, "uf1")) for part in PARTS] for row in read_results(store)]
    assert [[own is not None for own in row] for row in found] == [[True, True, False]] * 2
    limits = [["" if own is None else f"{own.low:.4f} to {own.high:.4f}" for own in row] for row in found]
    assert limits[0][0] != limits[0][1]
    written = texts(store)
    tables = html_tables(written["html"]), markdown_tables(written["markdown"]), latex_tables(written["latex"])
    for table, *_ in tables:
        cells = [[line[f"{title} UF1"] for title in ("Full", "SMIC", "SAMM")] for line in table.lines]
        assert [[cell.partition("(")[2].rstrip(")") for cell in line] for line in cells] == limits
    lines = [line for line in csv.DictReader(written["csv"].splitlines()) if line["kind"] == "measured"]
    assert [line["uf1_low"] and f"{float(line['uf1_low']):.4f} to {float(line['uf1_high']):.4f}" for line in lines] == [
        own for row in limits for own in (*row, "")
    ]


def test_a_row_with_incomplete_seeds_is_not_ranked_and_the_verdict_says_so(store: Store) -> None:
    lucky = make_row("lucky", title="Lucky", samples=MANY)
    for seed in range(3):
        write_seed(store, lucky, right, seed=seed, missing=["smic-3"] if seed else [])
    comparison = compared(store, {"Bad": BAD, "Good": GOOD})
    assert comparison.leader == "Good"
    assert comparison.verdict[1:] == (
        "It is better than Bad (p at most 0.05).",
        "Not ranked, because a mean over fewer seeds may be lucky: Lucky (1 of 3 seeds).",
    )
    written = texts(store)
    first, *_ = [table for table in html_tables(written["html"]) if "Good less" in table.caption]
    assert [line["Other row"].split()[0] for line in first.lines] == ["Bad"]


def test_without_two_complete_rows_the_verdict_says_only_which_rows_are_left_out(store: Store) -> None:
    for seed in range(2):
        row = make_row("lucky", title="Lucky", samples=MANY)
        write_seed(store, row, right, seed=seed, missing=["smic-3"] if seed else [])
    comparison = compared(store, {"Bad": BAD})
    assert comparison.ranking is None
    assert comparison.verdict == ("Not ranked, because a mean over fewer seeds may be lucky: Lucky (1 of 2 seeds).",)


def test_rows_that_tie_are_named_together(store: Store) -> None:
    subjects = [f"smic/{number}" for number in range(8)]
    rows = {"One": wrong_for(*subjects[:2]), "Bad": BAD, "Two": wrong_for(*subjects[2:4])}
    said = compared(store, rows).verdict
    assert said[0].startswith("One and Two have the highest UF1: 0.9")
    assert said[1:] == (
        "One is better than Bad (p at most 0.05, adjusted for 3 pairs of rows).",
        "One is not shown to be better than Two.",
    )


def test_rows_that_predict_the_same_are_said_to(store: Store) -> None:
    assert compared(store, {"One": GOOD, "Two": GOOD}).verdict[1:] == (
        "They predict the same: their confusion matrices agree for every subject.",
    )


@pytest.mark.parametrize(("p", "is_better"), [(0.05, True), (0.0501, False)])
def test_p_of_five_percent_is_the_largest_that_shows_a_difference(store: Store, p: float, is_better: bool) -> None:
    comparison = compared(store, {"Bad": BAD, "Right": right})
    assert comparison.ranking is not None
    ranking = replace(comparison.ranking, p=dict.fromkeys(comparison.ranking.p, p))
    shown = "It is better than Bad (p at most 0.05)." if is_better else "It is not shown to be better than Bad."
    assert verdict(ranking, list(comparison.entries))[1] == shown
