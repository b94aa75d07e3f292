from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.bench import Bench
from support.store_factory import make_row, new_store, right, samples_of, write_seed

from mer_bench.results import best_epoch, read_results, read_row
from mer_bench.store import Store

OLD = Path(__file__).parent / "store" / "data" / "store-schema-3"


def test_a_slice_without_samples_has_no_scores(tmp_path: Path) -> None:
    store, row = new_store(tmp_path), make_row(samples=samples_of(["smic/s1", "smic/s2"]))
    write_seed(store, row, right)
    ((result,),) = (row.seeds for row in read_results(store))

    assert result.complete
    assert sorted(result.slices) == ["full", "smic"]


def test_the_latest_of_equally_good_epochs_is_taken() -> None:
    right_once = np.array([[[0, 1.0], [0, 1.0]], [[1.0, 0], [0, 1.0]], [[0, 1.0], [1.0, 0]]], dtype=np.float32)

    assert best_epoch(right_once, [0, 0]) == 2
    assert best_epoch(right_once, [0, 1]) == 1
    assert best_epoch(right_once, [1, 1]) == 0


def test_an_old_store_still_gives_its_scores() -> None:
    notices: list[str] = []
    rows = read_results(Store.open(OLD, notices.append))
    results = {(r.record["method"]["name"], r.selection): r for row in rows for r in (*row.seeds, *row.oracle)}

    assert not notices
    assert list(results) == [("ahmsa", "last"), ("ahmsa", "oracle"), ("majority", "none")]
    assert results["majority", "none"].slices["full"].uf1 == pytest.approx(2 / 11)
    assert results["majority", "none"].slices["full"].accuracy == 3 / 8
    assert results["ahmsa", "last"].slices["full"].accuracy == 0.0
    assert results["ahmsa", "oracle"].slices["full"].uf1 == pytest.approx(2 / 15)


def test_an_old_store_is_reported_and_takes_new_results(bench: Bench) -> None:
    shutil.copytree(OLD, bench.results)
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
    store.write_epoch_scores(cell["key"], ids, np.zeros((2, len(ids) - 1, 3), dtype=np.float32))
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
    file.write_text(file.read_text().replace('"y_pred": 0', '"y_pred": 7'))
    ended = bench("status", "--results", bench.results)

    assert ended.code == 0
    assert f"note: {file} counts as absent: it predicts the label 7" in ended.err
    assert " 5/6\n" in ended.out
    assert " 6/6\n" in ended.out
