"""The report: what compares with what, what is said loudly, and that every rendering tells the same scores."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import pytest
from mer_bench_reports.scores import count_texts, diagnosis, shown_seed
from support.rendered import csv_rows, measured, texts, visible
from support.store_factory import (
    SUBJECTS,
    always,
    make_row,
    manifest,
    new_store,
    right,
    samples_of,
    write_seed,
    wrong_for,
)

from mer_bench import MerBenchError
from mer_bench.caveats import Caveat
from mer_bench.result_texts import slice_notes
from mer_bench.rules import ORACLE, SELECTIONS
from mer_bench.scoring.metrics import score
from mer_bench.store import Store
from mer_bench_reports import build_report, write_report
from mer_bench_reports.wording import slice_title

SYNTHETIC_WORDS = Caveat.SYNTHETIC.sentence
ORACLE_WORDS = SELECTIONS[ORACLE]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def test_a_store_without_results_is_refused_in_one_sentence(store: Store) -> None:
    with pytest.raises(MerBenchError, match=r"holds no result to report; measure a method first"):
        build_report(store)


def test_every_rendering_is_written_and_named(store: Store, tmp_path: Path) -> None:
    write_seed(store, make_row(), always(0))
    written = write_report(store, tmp_path / "new" / "folder")
    assert {kind: path.name for kind, path in written.items()} == {
        "html": "report.html",
        "markdown": "report.md",
        "csv": "report.csv",
    }
    assert sorted(path.name for path in (tmp_path / "new" / "folder").iterdir()) == [
        "report.csv",
        "report.html",
        "report.md",
    ]


def test_figures_are_those_of_score_in_every_rendering(store: Store) -> None:
    predict = wrong_for("smic/s1", "samm")
    write_seed(store, make_row("svm-flow", family="handcrafted"), predict)
    samples = samples_of()
    for name, databases in {"full": ("smic", "samm", "casme2"), "smic": ("smic",), "samm": ("samm",)}.items():
        inside = [(label, predict(key, label)) for key, label in samples.items() if key.startswith(databases)]
        expected = score([truth for truth, _ in inside], [label for _, label in inside], 3)
        row = next(row for row in measured(store) if row["slice"] == name)
        assert [float(row[key]) for key in ("uf1", "uar", "accuracy")] == [
            expected.uf1,
            expected.uar,
            expected.accuracy,
        ]
        assert int(row["n_samples"]) == len(inside)
        for text in (texts(store)["markdown"], visible(texts(store)["html"])):
            assert f"{expected.uf1:.4f}" in text


def test_a_row_without_a_complete_seed_shows_its_folds_and_no_mean(store: Store) -> None:
    row = make_row("svm-flow")
    write_seed(store, row, right, seed=0, missing=["casme2-sub02"])
    write_seed(store, row, right, seed=1, missing=["smic-s1"], failed={"samm-006": "no convergence"})
    (only,) = build_report(store).rows
    assert only.means == {}
    both = "seed 0: folds 5/6; seed 1: folds 4/6, 1 failed"
    assert f"{both}: incomplete, no mean" in visible(texts(store)["html"])
    assert f"| 0 of 2 | {both} |" in texts(store)["markdown"]
    mean = [row for row in measured(store) if row["seed"] == "mean"]
    told = {(row["uf1"], row["complete"], row["folds_done"], row["incomplete"]) for row in mean}
    assert told == {("", "false", "4", both)}


def test_several_seeds_give_mean_and_sample_deviation(store: Store) -> None:
    row = make_row("ahmsa", epochs=True)
    for seed, wrong in enumerate(["smic/s1", "samm", "none"]):
        write_seed(store, row, wrong_for(wrong), seed=seed)
    lines = {line["seed"]: line for line in measured(store) if line["slice"] == "full"}
    values = [float(lines[seed]["uf1"]) for seed in "012"]
    assert len(set(values)) == 3
    assert float(lines["mean"]["uf1"]) == pytest.approx(statistics.mean(values))
    assert float(lines["mean"]["uf1_std"]) == pytest.approx(statistics.stdev(values))
    assert lines["mean"]["n_seeds"] == "3"
    printed = f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"
    assert printed in texts(store)["markdown"]
    assert printed in visible(texts(store)["html"])


def test_the_best_of_a_column_is_bold_among_complete_rows_only(store: Store) -> None:
    write_seed(store, make_row("majority"), always(0))
    write_seed(store, make_row("svm-flow", family="handcrafted"), wrong_for("smic/s1"))
    write_seed(store, make_row("perfect", family="deep"), right, missing=["smic-s1"])
    (comparison,) = build_report(store).comparisons
    bold = {entry.row.record["method"]["name"] for entry in comparison.entries if ("full", "uf1") in entry.best}
    assert bold == {"svm-flow"}
    uf1 = next(row["uf1"] for row in measured(store) if row["method"] == "svm-flow" and row["slice"] == "full")
    assert f"<strong>{float(uf1):.4f}</strong>" in texts(store)["html"]
    assert f"**{float(uf1):.4f}**" in texts(store)["markdown"]


def test_a_lone_row_is_not_the_best_of_anything(store: Store) -> None:
    write_seed(store, make_row(), always(0))
    assert build_report(store).comparisons[0].entries[0].best == frozenset()


def test_families_stand_in_the_order_of_the_field(store: Store) -> None:
    for name, family in (("net", "deep"), ("svm", "handcrafted"), ("floor", "baseline")):
        write_seed(store, make_row(name, family=family), right)
    (comparison,) = build_report(store).comparisons
    assert [title for title, _ in comparison.families] == ["Baselines", "Handcrafted", "Deep learning"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data": "other"}, "other data: casme2, samm and smic"),
        ({"protocol": "loso-x"}, "other protocol"),
        ({"absent_class": "zero"}, "other content of the protocol of that name"),
        ({"data": "made", "caveats": ["synthetic"]}, "synthetic data"),
        ({"data": "some", "caveats": ["partial"]}, "partial data"),
    ],
)
def test_rows_that_do_not_compare_stand_apart_with_the_reason(
    store: Store, change: dict[str, Any], reason: str
) -> None:
    write_seed(store, make_row(), always(0))
    write_seed(store, make_row("svm-flow", **change), right)
    report = build_report(store)
    assert [len(comparison.entries) for comparison in report.comparisons] == [1, 1]
    for comparison in report.comparisons:
        assert reason in comparison.apart
        assert not any(entry.best for entry in comparison.entries)
        assert comparison.apart in visible(texts(store)["html"])


def test_data_marked_otherwise_never_shares_a_comparison(store: Store) -> None:
    write_seed(store, make_row(), always(0))
    write_seed(store, make_row("svm-flow", caveats=["synthetic"]), right)
    assert [comparison.caveats for comparison in build_report(store).comparisons] == [(), ("synthetic",)]


def test_selection_rules_stand_apart_and_methods_without_epochs_join_each(store: Store) -> None:
    write_seed(store, make_row("majority"), always(0))
    write_seed(store, make_row("net", epochs=True), right)
    write_seed(store, make_row("net", epochs=True, training="inner"), right)
    last, inner = build_report(store).comparisons
    assert (last.selection, inner.selection) == ("last", "inner")
    for comparison in (last, inner):
        assert [entry.row.record["method"]["name"] for entry in comparison.entries] == ["majority", "net"]
    assert last.apart == "Stands apart from comparison 2 (other selection rule: 'last' here, 'inner' there)."
    assert len(build_report(store).rows) == 3


def test_the_only_comparison_stands_apart_from_nothing(store: Store) -> None:
    write_seed(store, make_row(), always(0))
    (comparison,) = build_report(store).comparisons
    assert (comparison.apart, comparison.selection) == ("", "none")


def test_the_oracle_is_a_diagnostic_apart_from_the_figures(store: Store) -> None:
    write_seed(store, make_row("net", epochs=True, family="deep"), wrong_for("smic"), oracle=right)
    write_seed(store, make_row("majority"), always(0))
    (comparison,) = build_report(store).comparisons
    assert all(entry.row.selection != "oracle" for entry in comparison.entries)
    (diagnosed,) = comparison.diagnosed
    last, oracle = diagnosis(diagnosed.row)
    assert oracle["smic", "uf1"].value - last["smic", "uf1"].value == 1.0
    for text in (texts(store)["markdown"], visible(texts(store)["html"])):
        head, _, tail = text.partition("Diagnostic: oracle selection")
        assert ORACLE_WORDS in tail
        assert "+1.0000" in tail
        assert "+1.0000" not in head
    kinds = {(row["kind"], row["selection"]) for row in csv_rows(store) if row["kind"] != "published"}
    assert kinds == {("measured", "last"), ("measured", "none"), ("diagnostic", "oracle")}


def test_a_partly_stored_oracle_shows_its_folds_and_no_figure(store: Store) -> None:
    write_seed(store, make_row("net", epochs=True), right, oracle=right, missing=["smic-s1"])
    assert "folds 5/6: incomplete, no mean" in visible(texts(store)["html"]).partition("oracle selection")[2]
    assert {row["uf1"] for row in csv_rows(store) if row["kind"] == "diagnostic"} == {""}


def test_the_oracle_s_gain_is_over_the_seeds_that_have_both(store: Store) -> None:
    row = make_row("net", epochs=True)
    write_seed(store, row, wrong_for("smic"), seed=0, oracle=right)
    write_seed(store, row, right, seed=1)
    last, oracle = diagnosis(build_report(store).rows[0])
    assert (last["smic", "uf1"].value, oracle["smic", "uf1"].value) == (0.0, 1.0)
    for text in (texts(store)["markdown"], visible(texts(store)["html"])):
        assert "seed 1: folds 0/6" in text.partition("Diagnostic: oracle selection")[2]


def test_no_diagnostic_section_where_no_epoch_is_stored(store: Store) -> None:
    write_seed(store, make_row("net", epochs=True), right)
    assert "oracle" not in texts(store)["html"].lower()


def test_synthetic_data_is_said_loudly_everywhere(store: Store) -> None:
    write_seed(store, make_row(caveats=["synthetic"]), always(0))
    rendered = texts(store)
    assert SYNTHETIC_WORDS in visible(rendered["html"])
    assert f"> **{SYNTHETIC_WORDS}**" in rendered["markdown"]
    assert {row["synthetic"] for row in measured(store)} == {"true"}
    warning = "All rows measured under this protocol rest on SYNTHETIC data: those cannot be compared"
    assert warning in rendered["markdown"]
    assert warning in visible(rendered["html"])


def test_partial_data_is_said_loudly_with_what_is_missing(store: Store) -> None:
    run_id = store.start_run(manifest(count_problems=["smic: 12 samples, not 164"]))
    write_seed(store, make_row(caveats=["partial"]), always(0), run_id=run_id)
    words = f"{Caveat.PARTIAL.sentence}: smic: 12 samples, not 164"
    rendered = texts(store)
    assert words in visible(rendered["html"])
    assert words in rendered["markdown"]
    assert {row["partial"] for row in measured(store)} == {"true"}


def test_template_landmarks_are_a_footnote_of_their_row(store: Store) -> None:
    write_seed(store, make_row("majority"), always(0))
    write_seed(store, make_row("ahmsa", family="deep", caveats=["template-landmarks"]), right)
    (comparison,) = build_report(store).comparisons
    assert {entry.row.record["method"]["name"]: entry.signs for entry in comparison.entries} == {
        "majority": "",
        "ahmsa": "†",
    }
    note = "† key regions cut at constant template places, not at detected landmarks"
    assert note in visible(texts(store)["html"])
    assert note in texts(store)["markdown"]


def test_params_that_differ_tell_the_rows_of_one_method_apart(store: Store) -> None:
    for penalty, kernel in ((1.0, "linear"), (10.0, "rbf")):
        params = {"C": penalty, "kernel": kernel, "class_weight": "balanced"}
        write_seed(store, make_row("svm-flow", params=params), right)
    write_seed(store, make_row("majority", params={"C": 3.0}), always(0))
    (comparison,) = build_report(store).comparisons
    assert sorted(entry.settings for entry in comparison.entries) == ["", "C=1.0, kernel=linear", "C=10.0, kernel=rbf"]


def test_versions_of_one_method_are_told_apart(store: Store) -> None:
    for version in ("1", "2"):
        write_seed(store, make_row("net", version=version), right)
    (comparison,) = build_report(store).comparisons
    assert sorted(entry.settings for entry in comparison.entries) == ["version 1", "version 2"]


def test_absent_classes_and_empty_slices_are_named_with_the_rule(store: Store) -> None:
    samples = {
        key: label
        for key, label in samples_of().items()
        if not key.startswith("casme2") and not (key.startswith("samm") and label == 2)
    }
    write_seed(store, make_row(samples=samples, caveats=["partial"]), always(0), missing=["smic-s1"])
    (comparison,) = build_report(store).comparisons
    assert list(comparison.notes) == slice_notes(comparison.entries[0].row.record, slice_title)
    assert comparison.notes == (
        "SAMM: no true sample of surprise (rule 'exclude': an absent class is left out of both means)",
        "CASME II: the data holds no sample of this slice",
    )
    assert all(note in visible(texts(store)["html"]) for note in comparison.notes)


def test_confusion_matrices_have_the_truth_in_rows(store: Store) -> None:
    write_seed(store, make_row(), always(2))
    (row,) = build_report(store).rows
    assert row.seeds[0].slices["smic"].confusion == ((0, 0, 4),) * 3
    assert count_texts((0, 1, 3)) == [(0, 0.0, "0.00"), (1, 0.25, "0.25"), (3, 0.75, "0.75")]
    page = visible(texts(store)["html"])
    order = [page.index(f"{title}, seed 0") for title in ("Full", "SMIC", "SAMM", "CASME II")]
    assert order == sorted(order)


def test_confusion_matrices_are_of_the_first_complete_seed(store: Store) -> None:
    row = make_row()
    write_seed(store, row, always(0), seed=0, missing=["smic-s1"])
    write_seed(store, row, always(1), seed=1)
    shown = shown_seed(build_report(store).rows[0])
    assert shown is not None
    assert shown.seed == 1
    assert "Full, seed 1" in visible(texts(store)["html"])


def test_published_figures_stand_apart_with_year_source_and_notes(store: Store) -> None:
    write_seed(store, make_row(), always(0))
    rendered = texts(store)
    for text in (visible(rendered["html"]), rendered["markdown"]):
        head, _, tail = text.partition("Published scores, not measured here")
        assert "Dual-ATME" not in head
        for words in (
            "Dual-ATME",
            "2023",
            "AHMSA-Net, Table 4",
            "repeats the SMIC pair",
            "not ranked with the measured",
        ):
            assert words in tail
        assert "Table 5" not in text
    cited = [row for row in csv_rows(store) if row["kind"] == "published" and row["title"] == "LBP-TOP"]
    assert {(row["year"], row["comparison"]) for row in cited} == {("2015", "")}
    assert next(row["uf1"] for row in cited if row["slice"] == "full") == "0.5882"


def test_published_figures_are_those_of_the_protocols_at_hand(store: Store) -> None:
    samples = samples_of(["casme3/spNO.1", "casme3/spNO.2"])
    write_seed(store, make_row(protocol="loso-casme3", slices={"full": ["casme3"]}, samples=samples), always(0))
    assert [table.source for table in build_report(store).cited] == ["AHMSA-Net, Table 5, arXiv:2501.02539"]


def test_a_broken_cell_is_told_once_and_counts_as_absent(store: Store) -> None:
    write_seed(store, make_row(), right)
    next(store.path.glob("cells/*/*/*/seed-0/smic-s1.json")).write_text("{")
    notices: list[str] = []
    (row,) = build_report(Store.open(store.path, notices.append)).rows
    assert (row.seeds[0].done, row.seeds[0].total) == (5, 6)
    assert len(notices) == 1


def test_samples_of_an_incomplete_row_are_counted(store: Store) -> None:
    write_seed(store, make_row(), right, missing=[SUBJECTS[0].replace("/", "-")])
    assert "| 30/36 |" in texts(store)["markdown"]


def test_a_protocol_s_note_and_reference_stand_beside_its_table(store: Store) -> None:
    write_seed(store, make_row("old"), right)
    write_seed(store, make_row("new", words={"reference": "Li et al., 2023", "note": "687 of <943> samples."}), right)
    rendered = texts(store)
    assert len(build_report(store).comparisons) == 1
    for text in (visible(rendered["html"]), rendered["markdown"].replace("&lt;", "<")):
        assert "687 of <943> samples." in text
        assert "Defined in: Li et al., 2023" in text
        assert text.index("687 of") < text.index("Accuracy")


def test_a_protocol_without_words_says_nothing(store: Store) -> None:
    write_seed(store, make_row(), right)
    for text in texts(store).values():
        assert "Note:" not in text
        assert "Defined in" not in text


def test_a_report_that_cannot_be_written_names_the_option_that_chooses_its_place(store: Store, tmp_path: Path) -> None:
    write_seed(store, make_row(), right)
    (tmp_path / "file").write_text("")
    with pytest.raises(
        MerBenchError, match=r"file/pages/report.html .*choose another folder with `mer-bench report --out`"
    ):
        write_report(store, tmp_path / "file" / "pages")
