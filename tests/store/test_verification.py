"""Which cells were computed again: entries are merged, and count while the stored cell is what was compared."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest
from support.report_case import verify
from support.store_factory import STORED_ROW, always, make_row, new_store, right, write_seed
from support.store_files import read_plain, write_sealed

from mer_bench.result_texts import verification_text
from mer_bench.results import RowResults, read_results, read_row
from mer_bench.store import Store
from mer_bench.store.verification import Verification, read_verification
from mer_bench_reports import build_report

OUTCOMES = {(0, "smic-s1"): "same", (0, "samm-006"): "differs", (1, "smic-s2"): "within-spread"}


@pytest.fixture
def row(tmp_path: Path) -> RowResults:
    """A row with two seeds, of which one lacks a fold and has a failed one."""
    store = new_store(tmp_path)
    write_seed(store, STORED_ROW, right)
    write_seed(store, STORED_ROW, always(1), seed=1, missing=["samm-007"], failed={"samm-006": "boom"})
    return read_row(store, STORED_ROW)


def read_again(row: RowResults) -> RowResults:
    return read_row(Store.open(row.store.path), row.record)


def test_nothing_is_verified_at_first(row: RowResults) -> None:
    assert row.verification == Verification()
    assert verification_text(row) == "not verified"


def test_entries_are_merged_and_counted_by_outcome(row: RowResults) -> None:
    verify(row.store, row.record, {(0, "smic-s1"): "differs", (1, "smic-s2"): "within-spread"})
    verify(row.store, row.record, {(0, "smic-s1"): "same", (0, "samm-006"): "differs"})
    known = read_again(row).verification

    assert {(e["seed"], e["fold"]): e["outcome"] for e in known.entries} == OUTCOMES
    assert [e["fold"] for e in known.differing] == ["samm-006"]
    assert (
        verification_text(read_again(row)) == "verified 2 of 10 cells, 1 of them within the spread of seeds, 1 differs"
    )


def test_an_entry_counts_while_the_stored_cell_is_what_was_compared(row: RowResults) -> None:
    verify(row.store, row.record, {(0, "smic-s1"): "same", (0, "samm-006"): "same"})
    cell = row.store.read_cell(row.record, 0, "smic-s1")
    assert cell is not None
    cell["seconds"] = 17.5
    row.store.write_cell(row.record, cell)
    assert verification_text(read_again(row)) == "verified 2 of 10 cells"
    write_seed(row.store, row.record, always(2), missing=[fold for fold in row.record["folds"] if fold != "smic-s1"])
    assert verification_text(read_again(row)) == "verified 1 of 10 cells"
    relabelled = deepcopy(row.record)
    relabelled["folds"]["samm-006"]["samples"] = dict.fromkeys(relabelled["folds"]["samm-006"]["samples"], 2)
    assert verification_text(read_row(row.store, relabelled)) == "not verified"
    assert len(read_verification(row.store, row.record).entries) == 2


def test_an_entry_counts_no_more_once_an_epoch_is_edited(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    write_seed(store, STORED_ROW, right, oracle=always(0))
    verify(store, STORED_ROW, {(0, "smic-s1"): "same", (0, "samm-006"): "same"})
    before = read_row(store, STORED_ROW).verification.entries
    cell = store.read_cell(STORED_ROW, 0, "smic-s1")
    assert cell is not None
    stored = store.read_epoch_scores(cell["key"], STORED_ROW, cell)
    assert stored is not None
    edited = stored[1].copy()
    edited[0] = edited[0, :, ::-1]
    store.write_epoch_scores(cell["key"], stored[0], edited)
    assert [entry["fold"] for entry in read_row(store, STORED_ROW).verification.entries] == ["samm-006"]
    cell["selected_epoch"] = 1
    store.write_epoch_scores(cell["key"], *stored)
    store.write_cell(STORED_ROW, cell)
    after = read_row(store, STORED_ROW).verification.entries
    assert (len(before), [entry["fold"] for entry in after]) == (2, ["samm-006"])


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("{", "", "cannot be read"),
        ('"outcome": "same"', '"outcome": "good"', "'cells[0].outcome' is missing or wrong"),
        (STORED_ROW["row_key"], "0" * 64, "'row_key' is missing or wrong"),
    ],
)
def test_a_damaged_file_is_reported_and_verifies_nothing(row: RowResults, old: str, new: str, place: str) -> None:
    verify(row.store, row.record, {(0, "smic-s1"): "same"})
    (file,) = row.store.path.glob("cells/*/*/*/verified.json")
    text = json.dumps(read_plain(file))
    assert old in text
    changed = text.replace(old, new, 1)
    if new:
        write_sealed(file, json.loads(changed))
    else:
        file.write_text(changed)
    notices: list[str] = []

    assert read_verification(Store.open(row.store.path, notices.append), row.record) == Verification()
    assert len(notices) == 1
    assert place in notices[0]
    assert "not verified" in notices[0]


def test_each_row_has_its_own(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for name in ("one", "two"):
        write_seed(store, make_row(name, epochs=True), right)
    one, two = read_results(store)
    verify(store, one.record, {(0, "smic-s1"): "differs"})
    (comparison,) = build_report(Store.open(store.path)).comparisons

    assert verification_text(two) == "not verified"
    (warning,) = comparison.warnings
    assert warning.startswith(
        f"One (one-{one.record['row_key'][:4]}): computed again, 1 stored cell gave other predictions"
    )
    assert "seed 0, fold smic-s1" in warning
