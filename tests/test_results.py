from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from support.bench import Bench
from support.store_factory import Predictor, make_row, new_store, right, samples_of, scattered, write_seed
from support.store_files import edit_record

from mer_bench.result_texts import seeds_text
from mer_bench.results import best, read_results, read_row
from mer_bench.store import Store
from mer_bench.store.upgrade import upgrade

OLD = Path(__file__).parent / "store" / "data" / "store-schema-4"


def test_a_slice_without_samples_has_no_scores(tmp_path: Path) -> None:
    store, row = new_store(tmp_path), make_row(samples=samples_of(["smic/s1", "smic/s2"]))
    write_seed(store, row, right)
    ((result,),) = (row.seeds for row in read_results(store))

    assert result.complete
    assert sorted(result.slices) == ["full", "smic"]


WORST, MIDDLE, NEAR, BEST = (scattered("a", 0), scattered("g", 1), scattered("c", 4), right)
"""Predictions of rising UF1."""


@pytest.mark.parametrize(
    ("rows", "leader"),
    [
        # name: whether it is deterministic, and its predictions for each seed
        ({"a": (False, [MIDDLE, WORST]), "b": (False, [BEST, BEST])}, "b"),
        ({"a": (False, [BEST, BEST]), "b": (False, [BEST, BEST])}, None),
        ({"a": (False, [BEST, NEAR])}, None),
        # Within the deviation of the row below, of the row itself, of both together, and of a third row.
        ({"a": (False, [WORST, BEST]), "b": (False, [BEST, BEST])}, None),
        ({"a": (False, [NEAR, NEAR]), "b": (False, [BEST, NEAR])}, None),
        ({"a": (False, [WORST, NEAR]), "b": (False, [NEAR, BEST])}, None),
        ({"a": (False, [NEAR, NEAR]), "b": (False, [BEST, BEST]), "c": (False, [BEST, WORST])}, None),
        # The deviation of a row with one score is not known, whether its method draws random numbers or not.
        ({"a": (True, [MIDDLE]), "b": (True, [BEST])}, None),
        ({"a": (True, [WORST]), "b": (False, [BEST, BEST])}, None),
        ({"a": (False, [MIDDLE, MIDDLE]), "b": (True, [BEST])}, None),
        ({"a": (True, [MIDDLE]), "b": (False, [BEST])}, None),
        ({"a": (False, [MIDDLE]), "b": (True, [BEST])}, None),
        ({"a": (False, [WORST]), "b": (True, [BEST]), "c": (True, [MIDDLE])}, None),
    ],
)
def test_a_row_is_best_if_its_lead_is_larger_than_both_deviations(
    tmp_path: Path, rows: Mapping[str, tuple[bool, list[Predictor]]], leader: str | None
) -> None:
    store = new_store(tmp_path)
    for name, (deterministic, predictions) in rows.items():
        for seed, predict in enumerate(predictions):
            write_seed(store, make_row(name, deterministic=deterministic), predict, seed=seed)
    results = read_results(store)
    leaders = [
        row.record["method"]["name"]
        for row, columns in zip(results, best(results), strict=True)
        if ("full", "uf1") in columns
    ]
    assert leaders == ([] if leader is None else [leader])


def test_an_incomplete_row_is_not_compared(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for seed in (0, 1):
        write_seed(store, make_row("a"), MIDDLE, seed=seed)
        write_seed(store, make_row("b"), NEAR, seed=seed)
    write_seed(store, make_row("c"), right, missing=["smic-s1"])
    a, b, c = best(read_results(store))
    assert ("full", "uf1") in b
    assert not a & b
    assert not c


def test_a_deterministic_row_has_one_score_and_says_so(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    write_seed(store, make_row("fixed", deterministic=True), MIDDLE)
    for seed in (0, 1):
        write_seed(store, make_row("random"), scattered(str(seed), 2), seed=seed)
    fixed, random = read_results(store)

    assert seeds_text(fixed.seeds) == "deterministic"
    assert fixed.means["full", "uf1"].std is None
    assert seeds_text(random.seeds) == "2"


def test_an_old_store_still_gives_its_scores(tmp_path: Path) -> None:
    notices: list[str] = []
    shutil.copytree(OLD, tmp_path / "old")
    upgrade(tmp_path / "old")
    rows = read_results(Store.open(tmp_path / "old", notices.append))
    results = {(r.record["method"]["name"], r.selection): r for row in rows for r in (*row.seeds, *row.oracle)}

    assert not notices
    assert list(results) == [("ahmsa", "last"), ("ahmsa", "oracle"), ("majority", "none")]
    assert results["majority", "none"].slices["full"].uf1 == pytest.approx(2 / 11)
    assert results["majority", "none"].slices["full"].accuracy == 3 / 8
    assert results["ahmsa", "last"].slices["full"].uf1 == pytest.approx(2 / 9)
    assert results["ahmsa", "oracle"].slices["full"].uf1 == pytest.approx(2 / 7)


def test_an_old_store_is_reported_and_takes_new_results(bench: Bench) -> None:
    shutil.copytree(OLD, bench.results)
    upgrade(bench.results)
    reported = bench("report", "--results", bench.results)
    text = (bench.results / "report.md").read_text()
    ended = bench.run("--method", "random", "--protocol", "loso-smic", "--seeds", "2", "--json")

    assert (reported.code, reported.err.count("warning: ")) == (0, len(reported.err.splitlines()))
    assert "0.1818" in text
    assert "- requested selection rule: " in text
    assert (ended.code, [o["folds_done"] for o in ended.objects]) == (0, [2, 2])


def test_epoch_scores_that_contradict_their_row_make_a_missing_fold_of_the_oracle(tmp_path: Path) -> None:
    store, row = new_store(tmp_path), make_row("net", epochs=True)
    write_seed(store, row, right, oracle=right)
    cell = store.read_cell(row, 0, "smic-s1")
    assert cell is not None
    ids = list(row["folds"]["smic-s1"]["samples"])
    cell["epoch_scores"] = store.write_epoch_scores(cell["key"], ids, np.zeros((2, len(ids) - 1, 3), dtype=np.float32))
    store.write_cell(row, cell)
    notices: list[str] = []
    results = read_row(Store.open(store.path, notices.append), row)
    (last,), (oracle,) = results.seeds, results.oracle

    assert last.complete
    assert (oracle.done, oracle.slices) == (5, {})
    assert f"{cell['key']}/epoch_scores.safetensors" in notices[0]


def test_one_odd_cell_blocks_nothing(bench: Bench, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    write_seed(store, make_row("odd"), right)
    write_seed(store, make_row("even"), right)
    (file,) = store.path.glob("cells/*/odd/*/seed-0/smic-s1.json")
    edit_record(file, lambda cell: cell["predictions"][0].update(y_pred=7))
    ended = bench("status", "--results", bench.results)

    assert ended.code == 0
    assert f"note: {file} counts as absent: it predicts the label 7" in ended.err
    assert " 5/6 " in ended.out
    assert " 6/6 " in ended.out
