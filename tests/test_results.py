from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from support.bench import Bench
from support.store_factory import CDE_SLICES, always, make_row, new_store, right, samples_of, write_seed, wrong_for

from mer_bench.results import best_epoch, read_results, read_row
from mer_bench.scoring.metrics import score
from mer_bench.store import Store

OLD = Path(__file__).parent / "store" / "data" / "store-schema-2"


def test_figures_are_pooled_over_the_folds_of_each_slice(tmp_path: Path) -> None:
    store, row = new_store(tmp_path), make_row()
    write_seed(store, row, wrong_for("smic/s1", "samm/006"))
    (found,) = read_results(store)
    (result,) = found.seeds

    truth = samples_of()
    for name, databases in CDE_SLICES.items():
        chosen = {key: label for key, label in truth.items() if key.split("/")[0] in databases}
        predicted = [
            (label + 1) % 3 if key.startswith(("smic/s1", "samm/006")) else label for key, label in chosen.items()
        ]
        assert result.slices[name] == score(list(chosen.values()), predicted, 3)
    assert result.complete
    assert (result.done, result.failed, result.total) == (6, 0, 6)
    assert result.selection == found.selection == "none"
    assert len(found.stored) == 6
    assert len(found.run_ids) == 1


@pytest.mark.parametrize("failed", [{}, {"samm-006": "no"}])
def test_an_incomplete_run_has_folds_and_no_figures(tmp_path: Path, failed: dict[str, str]) -> None:
    store, row = new_store(tmp_path), make_row()
    write_seed(store, row, right, missing=["smic-s1"], failed=failed)
    (found,) = read_results(store)
    (result,) = found.seeds

    assert not result.complete
    assert (result.done, result.failed, result.total) == (5 - len(failed), len(failed), 6)
    assert result.slices == {}
    assert not [key for key in result.predictions if key.startswith("smic/s1/")]
    assert [(cell["fold"], cell["error"]["message"]) for cell in found.failures if cell["error"]] == [*failed.items()]


def test_a_slice_without_samples_has_no_figures(tmp_path: Path) -> None:
    store, row = new_store(tmp_path), make_row(samples=samples_of(["smic/s1", "smic/s2"]))
    write_seed(store, row, right)
    ((result,),) = (row.seeds for row in read_results(store))

    assert result.complete
    assert sorted(result.slices) == ["full", "smic"]


def test_seeds_are_results_of_their_own(tmp_path: Path) -> None:
    store, row = new_store(tmp_path), make_row()
    write_seed(store, row, right, seed=0)
    write_seed(store, row, always(0), seed=1)

    (found,) = read_results(store)
    assert [(result.seed, result.slices["full"].accuracy) for result in found.seeds] == [(0, 1.0), (1, 1 / 3)]


def test_the_oracle_takes_the_best_epoch_of_each_fold(tmp_path: Path) -> None:
    store, row = new_store(tmp_path), make_row("net", epochs=True)
    write_seed(store, row, always(0), oracle=right)
    found = read_row(store, row)
    (last,), (oracle,) = found.seeds, found.oracle

    assert (last.selection, oracle.selection) == ("last", "oracle")
    assert last.slices["full"].accuracy == pytest.approx(1 / 3)
    assert oracle.slices["full"].accuracy == 1.0


def test_an_inner_training_has_no_oracle(tmp_path: Path) -> None:
    store, row = new_store(tmp_path), make_row("net", epochs=True, training="inner")
    write_seed(store, row, right, oracle=right)

    found = read_row(store, row)
    assert ([result.selection for result in found.seeds], found.oracle) == (["inner"], ())


def test_an_oracle_without_all_epochs_has_no_figures(tmp_path: Path) -> None:
    store, row = new_store(tmp_path), make_row("net", epochs=True)
    write_seed(store, row, right, oracle=right)
    shutil.rmtree(next((store.path / "artifacts").iterdir()))
    found = read_row(store, row)
    (last,), (oracle,) = found.seeds, found.oracle

    assert last.complete
    assert (oracle.done, oracle.slices) == (5, {})


def test_the_latest_of_equally_good_epochs_is_taken() -> None:
    right_once = np.array([[[0, 1.0], [0, 1.0]], [[1.0, 0], [0, 1.0]], [[0, 1.0], [1.0, 0]]], dtype=np.float32)

    assert best_epoch(right_once, [0, 0]) == 2
    assert best_epoch(right_once, [0, 1]) == 1
    assert best_epoch(right_once, [1, 1]) == 0


@given(
    scores=arrays(np.float32, (4, 5, 3), elements=st.floats(0, 1, width=16)),
    labels=st.lists(st.integers(0, 2), min_size=5, max_size=5),
)
def test_no_epoch_beats_the_best_one(scores: np.ndarray, labels: list[int]) -> None:  # type: ignore[type-arg]
    right_by_epoch = [(epoch.argmax(axis=1) == labels).sum() for epoch in scores]
    chosen = best_epoch(scores, labels)

    assert right_by_epoch[chosen] == max(right_by_epoch)
    assert max(right_by_epoch) not in right_by_epoch[chosen + 1 :]


def test_an_old_store_still_gives_its_figures() -> None:
    told: list[str] = []
    rows = read_results(Store.open(OLD, told.append))
    found = {(r.record["method"]["name"], r.selection): r for row in rows for r in (*row.seeds, *row.oracle)}

    assert not told
    assert list(found) == [("ahmsa", "last"), ("ahmsa", "oracle"), ("majority", "none")]
    assert found["majority", "none"].slices["full"].uf1 == pytest.approx(2 / 11)
    assert found["majority", "none"].slices["full"].accuracy == 3 / 8
    assert found["ahmsa", "last"].slices["full"].accuracy == 1 / 8
    assert found["ahmsa", "oracle"].complete


@pytest.mark.parametrize("verb", ["status", "report", "export"])
def test_every_verb_still_reads_an_old_store(bench: Bench, tmp_path: Path, verb: str) -> None:
    shutil.copytree(OLD, bench.results)
    arguments = {
        "status": [],
        "report": ["--out", tmp_path / "pages"],
        "export": ["--megc", tmp_path / "log.txt", "--method", "majority", "--protocol", "loso-smic"],
    }
    ended = bench(verb, "--results", bench.results, *arguments[verb])

    assert ended.code == 0
    assert all(line.startswith("warning: ") and "SYNTHETIC" in line for line in ended.err.splitlines())
    assert "0.1818" in (tmp_path / "pages" / "report.md").read_text() if verb == "report" else ended.out


def test_an_old_store_takes_new_results(bench: Bench) -> None:
    shutil.copytree(OLD, bench.results)
    ended = bench.run("--method", "majority", "--protocol", "loso-smic", "--seeds", "2", "--json")

    assert ended.code == 0
    assert [o["folds_done"] for o in ended.objects] == [2, 2]


def test_epoch_scores_that_contradict_their_row_make_a_missing_fold_of_the_oracle(tmp_path: Path) -> None:
    store, row = new_store(tmp_path), make_row("net", epochs=True)
    write_seed(store, row, right, oracle=right)
    cell = store.read_cell(row, 0, "smic-s1")
    assert cell is not None
    ids = list(row["folds"]["smic-s1"]["samples"])
    store.write_epoch_scores(cell["key"], ids, np.zeros((2, len(ids) - 1, 3), dtype=np.float32))
    told: list[str] = []
    found = read_row(Store.open(store.path, told.append), row)
    (last,), (oracle,) = found.seeds, found.oracle

    assert last.complete
    assert (oracle.done, oracle.slices) == (5, {})
    assert f"{cell['key']}/epoch_scores.safetensors" in told[0]


@pytest.mark.parametrize("verb", ["status", "report"])
def test_one_odd_cell_blocks_nothing(bench: Bench, tmp_path: Path, verb: str) -> None:
    store = new_store(tmp_path)
    write_seed(store, make_row("odd"), right)
    write_seed(store, make_row("even"), right)
    (file,) = store.path.glob("cells/*/odd/*/seed-0/smic-s1.json")
    file.write_text(file.read_text().replace('"y_pred": 0', '"y_pred": 7'))
    ended = bench(verb, "--results", bench.results)
    shown = ended.out if verb == "status" else (bench.results / "report.md").read_text()

    assert ended.code == 0
    assert f"note: {file} counts as absent: it predicts the label 7" in ended.err
    assert (" 5/6\n" if verb == "status" else "folds 5/6") in shown
    assert (" 6/6\n" if verb == "status" else "| 1 | 6 | 36 |") in shown
