"""The report: which rows compare, what it warns of, and what it says where something is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.rendered import texts, visible
from support.report_case import Report
from support.store_factory import always, make_row, right, samples_of, write_seed

from mer_bench import MerBenchError
from mer_bench.caveats import Caveat
from mer_bench.result_texts import slice_notes
from mer_bench.rules import ORACLE, SELECTIONS
from mer_bench.store import Store
from mer_bench_reports import build_report, write_report
from mer_bench_reports.wording import (
    CITED_TEXT,
    HOW_TO_READ,
    SEVERAL_DEVICES,
    SEVERAL_PROCESSORS,
    cited_warning,
    slice_title,
)


def test_a_store_without_results_is_refused(store: Store) -> None:
    with pytest.raises(MerBenchError, match=r"holds no result to report; measure a method first"):
        build_report(store)


def test_every_format_is_written_into_a_folder(store: Store, tmp_path: Path) -> None:
    write_seed(store, make_row(), always(0))
    folder = tmp_path / "new" / "folder"
    ends = {"html": "html", "markdown": "md", "csv": "csv", "latex": "tex", "json": "json", "bibtex": "bib"}
    files = {kind: folder / f"report.{end}" for kind, end in ends.items()}
    assert write_report(store, folder) == files
    assert set(folder.iterdir()) == set(files.values())
    with pytest.raises(MerBenchError, match=r"html/pages/report.html .*another folder with `mer-bench report --out`"):
        write_report(store, files["html"] / "pages")


def test_the_only_row_has_nothing_to_be_compared_with(store: Store) -> None:
    write_seed(store, make_row("net", epochs=True), always(0))
    (comparison,) = build_report(store).comparisons
    assert (comparison.not_comparable, comparison.selection) == ("", "last")
    assert comparison.entries[0].best == frozenset()
    assert "oracle" not in texts(store)["html"].lower()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data": "other"}, "other data: casme2, samm and smic"),
        ({"absent_class": "zero"}, "other version of the same protocol"),
        ({"data": "some", "caveats": ["partial"]}, "partial data"),
    ],
)
def test_rows_that_do_not_compare_are_apart_with_the_reason(store: Store, change: dict[str, Any], reason: str) -> None:
    write_seed(store, make_row("svm-flow", **change), right)
    write_seed(store, make_row(), always(0))
    report = build_report(store)
    assert [len(comparison.entries) for comparison in report.comparisons] == [1, 1]
    assert all(reason in comparison.not_comparable for comparison in report.comparisons)


def test_comparisons_say_why_they_are_apart(report: Report) -> None:
    from_composite = "other protocol; synthetic data there; partial data there"
    sentences = [
        f"comparison 2 (other selection rule: 'last' here, 'inner' there) and comparison 3 ({from_composite}).",
        f"comparison 1 (other selection rule: 'inner' here, 'last' there) and comparison 3 ({from_composite}).",
        "comparisons 1 and 2 (other protocol; synthetic data here; partial data here).",
    ]
    for text in (visible(report.html), report.markdown):
        parts = text.split("Not comparable with ")
        assert [part[: len(s)] for part, s in zip(parts[1:], sentences, strict=True)] == sentences
        # Each sentence is below the heading of its comparison.
        assert all(f"Comparison {number}: " in parts[number - 1] for number in (1, 2, 3))


def test_comparisons_come_in_order(store: Store) -> None:
    both = ["partial", "synthetic"]
    orders = [("cde", []), ("loso-a", []), *(("cde", caveats) for caveats in (both[:1], both[1:], both))]
    for protocol, caveats in reversed(orders):
        write_seed(store, make_row(protocol=protocol, caveats=caveats), right)
    comparisons = build_report(store).comparisons
    assert [(c.protocol["name"], sorted(c.caveats)) for c in comparisons] == orders


def test_the_data_is_warned_of_above_its_table(report: Report) -> None:
    warnings = (
        Caveat.SYNTHETIC.sentence,
        f"{Caveat.PARTIAL.sentence}: casme3: 64 samples, not 943",
        cited_warning(1, 1),
    )
    for text, bold in ((visible(report.html), ""), (report.markdown, "**")):
        before, _, after = text.partition("Comparison 3: ")
        for warning in warnings:
            assert after.count(f"{bold}{warning}{bold}") == 1
            assert warning not in before
        assert after.index(warnings[1]) < after.index("Guess") < after.index("Table 4") < after.index(warnings[2])


def test_synthetic_rows_beside_published_ones_are_warned_of() -> None:
    assert cited_warning(0, 2) == ""
    assert cited_warning(1, 2).startswith("Some rows measured under this protocol use SYNTHETIC data")
    assert cited_warning(2, 2).startswith("All rows measured")


def test_every_format_explains_its_sections(report: Report) -> None:
    page, markdown = visible(report.html), report.markdown
    assert all(text.count(HOW_TO_READ) == 1 and text.count(CITED_TEXT) >= 1 for text in (page, markdown))
    assert all(SELECTIONS[ORACLE] in text.partition("Diagnostic")[2] for text in (page, markdown))
    assert all(text.count(SELECTIONS["inner"]) == 2 for text in (page, markdown))


@pytest.mark.parametrize(
    ("changes", "settings"),
    [
        (({"params": {"C": 1.0}}, {"params": {"C": 2.0}, "changed": {"C": 2.0}}), ["defaults", "defaults, C=2.0"]),
        (({"version": "1"}, {"version": "2"}), ["defaults; version 1", "defaults; version 2"]),
    ],
)
def test_rows_of_one_method_are_distinguished(store: Store, changes: Any, settings: list[str]) -> None:
    for change in changes:
        write_seed(store, make_row("svm-flow", **change), right)
    (comparison,) = build_report(store).comparisons
    assert sorted(entry.settings for entry in comparison.entries) == settings


def test_rows_of_another_representation_are_distinguished_by_its_hash(store: Store) -> None:
    for name in ("frames", "flow"):
        row = make_row()
        row["representation"] = {"name": name, "params": {"length": 3}, "hash": name * 4}
        row["row_key"] = name * 16
        write_seed(store, row, right)
    (comparison,) = build_report(store).comparisons
    assert [entry.settings for entry in comparison.entries] == ["defaults; flow flowflow", "defaults; frames framesfr"]
    assert "representation: frames (length=3), hash framesframes" in texts(store)["markdown"]


def test_slices_without_samples_are_named() -> None:
    row = make_row(samples=samples_of(["smic/s1", "samm/006"]))
    assert slice_notes(row, slice_title) == ["CASME II: the data has no sample in this slice"]


def test_a_protocol_s_note_and_reference_are_above_its_table(store: Store) -> None:
    write_seed(store, make_row("old"), right)
    assert all("Note:" not in text and "Defined in" not in text for text in texts(store).values())
    write_seed(store, make_row("new", words={"reference": "Li et al., 2023", "note": "687 of <943> samples."}), right)
    rendered = texts(store)
    assert len(build_report(store).comparisons) == 1
    for text in (visible(rendered["html"]), rendered["markdown"].replace("&lt;", "<")):
        assert text.index("Note") < text.index("687 of <943> samples.") < text.index("Defined in: Li et al., 2023")
        assert text.index("Defined in") < text.index("Accuracy")


@pytest.mark.parametrize(
    ("arithmetic", "machines", "note"),
    [
        ("native", [("One", "cpu"), ("Two", "cpu")], SEVERAL_PROCESSORS),
        ("avx2", [("One", "cpu"), ("Two", "cpu")], ""),
        ("native", [("One", "cpu"), ("One", "cpu")], ""),
        ("avx2", [("One", "cpu"), ("One", "cuda")], SEVERAL_DEVICES),
    ],
)
def test_a_row_computed_on_unlike_machines_is_marked(
    store: Store, arithmetic: str, machines: list[tuple[str, str]], note: str
) -> None:
    row = make_row(title="Mixed", arithmetic=arithmetic)
    write_seed(store, row, right, seed=2, processor="Failed", device="tpu", failed=dict.fromkeys(row["folds"], "boom"))
    for seed, (processor, device) in enumerate(machines):
        write_seed(store, row, right, seed=seed, processor=processor, device=device)
    (comparison,) = build_report(store).comparisons

    assert comparison.footnotes == ((("†", note),) if note else ())
    assert comparison.entries[0].signs == ("†" if note else "")
    assert ("Mixed†" in texts(store)["markdown"]) == bool(note)


def test_a_badge_stands_wherever_its_row_does(store: Store) -> None:
    settings = {"preset": "quick", "changed": {"epochs": 5}, "reference": "paper", "differs": {"epochs": 5, "lr": 0.5}}
    real = {"preset": "paper", "reference": "paper"}
    for name, options, predict in (("toy", settings, always(2)), ("real", real, right)):
        write_seed(store, make_row(name, epochs=True, **options), predict, oracle=always(1))  # type: ignore[arg-type]
    rendered = texts(store)
    badge = "quick, epochs=5, not the paper's training"
    page = visible(rendered["html"])
    parts = (
        "Comparison 1: ",
        "Confusion matrices",
        "Diagnostic: ",
        "Published scores, not measured",
        "Checks",
        "Provenance",
    )
    places = [page.rindex(part) for part in parts]
    counts = [page[i:j].count(badge) for i, j in zip(places, [*places[1:], len(page)], strict=True)]

    assert counts == [2, 1, 1, 0, 1, 2]
    assert rendered["markdown"].count(badge) == 2 + 2 + 4 + 1 + 1
    assert rendered["csv"].count(f'"{badge}"') == 8
    assert rendered["latex"].count(badge) == 2 + 1
    assert all(rendered[kind].count("not the paper's training") == rendered[kind].count(badge) for kind in rendered)
