"""Nothing that a plugin does in a fold reaches another fold, another method or the run, and it finds no test label."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.bench import FOLDS, Bench
from support.hostile import install
from support.isolation_plugin import ENDINGS, modules
from support.store_factory import always, make_row, new_store, write_seed
from support.store_files import read_plain, write_sealed

from mer_bench.engine import session as session_module
from mer_bench.evaluation.cells import FoldResult, FoldTask
from mer_bench.evaluation.records import store_result
from mer_bench.evaluation.rows import Row
from mer_bench.results import read_results
from mer_bench.store import Store

LAST = FOLDS[-1]
TWO_FOLDS = FOLDS[-2:]
SMIC = ("--protocol", "loso-smic")
"""The protocol of these two folds: as good as six where a fold need not find what several before it left."""


@pytest.fixture(autouse=True)
def _plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    install(site, "isolation-plugin", modules(), {"isolation-plugin": "isolation_plugin"})
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)


def methods(*names: str) -> list[str]:
    return [part for name in names for part in ("--method", name)]


def errors_of(bench: Bench) -> dict[tuple[str, str], str]:
    """Return the message of each failed cell, by method and fold."""
    cells = {(file.parts[-4], file.stem): json.loads(file.read_text()) for file in bench.cell_files()}
    return {name: cell["error"]["message"] for name, cell in cells.items() if cell["status"] == "failed"}


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_fold_finds_nothing_that_an_earlier_one_left_in_its_module_or_class(bench: Bench, jobs: int) -> None:
    assert bench.run(*methods("honest", "keeps-model", "keeps-samples"), jobs=jobs).code == 0
    cells = bench.predictions()
    honest = {fold: cells["honest", 0, fold] for fold in FOLDS}

    assert len({str(cell) for cell in honest.values()}) == len(FOLDS)
    for name in ("keeps-model", "keeps-samples"):
        assert {fold: cells[name, 0, fold] for fold in FOLDS} == honest


@pytest.mark.slow
def test_a_process_that_ends_fails_its_own_cells_and_the_command_wherever_it_ends(bench: Bench) -> None:
    names = [f"{end}-{place}" for place in ("in-fit", "in-extract", "at-import") for end in ENDINGS]
    ended = bench.spawn(*bench.run_arguments(*methods("honest", *names), *SMIC, jobs=2))
    errors = errors_of(bench)

    assert ended.code == 1, ended.err
    assert "Traceback" not in ended.err
    assert len(bench.cell_files()) == (1 + len(names)) * len(TWO_FOLDS)
    for name in names:
        folds = [LAST] if name.endswith("fit") else TWO_FOLDS
        (cause,) = [text for end, text in ENDINGS.items() if name.startswith(end)]
        assert [fold for method, fold in errors if method == name] == list(folds)
        assert all(cause in errors[name, fold] for fold in folds)
        assert f"failed: {name}, seed 0, fold {LAST}: MethodError: " in ended.err
    assert not [name for name, _ in errors if name == "honest"]


@pytest.mark.slow
def test_the_last_pending_cell_is_no_exception(bench: Bench) -> None:
    first = bench.run(*methods("exit-0-in-fit"), jobs=2)
    again = bench.spawn(*bench.run_arguments(*methods("exit-0-in-fit"), jobs=2))

    assert (first.code, again.code) == (1, 1)
    assert "5 stored, 1 to compute" in again.out
    assert f"failed: exit-0-in-fit, seed 0, fold {LAST}: MethodError: {ENDINGS['exit-0']}" in again.err


def test_exit_code_0_means_that_every_cell_is_stored(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(store: Store, row: Row, task: FoldTask, result: FoldResult, *, run_id: str) -> str:
        return "" if task.cell.fold == FOLDS[3] else store_result(store, row, task, result, run_id=run_id)

    monkeypatch.setattr(session_module, "store_result", forgetful)
    ended = bench.run(*methods("majority"))
    monkeypatch.undo()

    assert ended.code == 1
    assert "1 of 6 cells are missing in" in ended.out.replace("\n", " ")


@pytest.mark.slow
def test_what_a_method_changes_in_its_process_reaches_no_other_method(bench: Bench, tmp_path: Path) -> None:
    others = (*SMIC, *methods("svm-flow", "ststnet"), "--set", "ststnet.epochs=1", "--set", "svm-flow.tuning=fixed")
    alone, expected = bench.run(*others), bench.predictions()
    bench.results = tmp_path / "mixed"
    mixed, cells = bench.run(*methods("wrecks", "wrecks-at-import"), *others), bench.predictions()

    assert (alone.code, mixed.code) == (0, 1), mixed.err
    assert {name: cell for name, cell in cells.items() if not name[0].startswith("wrecks")} == expected
    assert (len(expected), len(cells)) == (2 * len(TWO_FOLDS), 4 * len(TWO_FOLDS))
    errors = errors_of(bench)
    assert errors.keys() == {(name, fold) for name in ("wrecks", "wrecks-at-import") for fold in TWO_FOLDS}
    assert all("changes variables of the environment that decide" in error for error in errors.values())
    assert all("ATEN_CPU_CAPABILITY" in error and "OMP_NUM" not in error for error in errors.values())


@pytest.mark.slow
def test_a_results_folder_is_closed_to_the_import_and_to_extract_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench.run(*methods("honest"), *SMIC).code == 0
    (secret,) = bench.results.glob("cells/*/honest/*/row.json")
    monkeypatch.setenv("SECRET", str(secret))
    ended = bench.run(*methods("reads-at-import", "reads-in-extract"), *SMIC)
    errors = errors_of(bench)

    assert ended.code == 1
    assert errors.keys() == {(name, fold) for name in ("reads-at-import", "reads-in-extract") for fold in TWO_FOLDS}
    assert all("the method looks into a results folder, at" in error for error in errors.values())


def test_scores_that_json_cannot_hold_fail_their_own_cell(bench: Bench) -> None:
    ended = bench.run(*methods("huge", "objects", "infinite", "close", "honest"), *SMIC)
    close = bench.predictions()["close", 0, LAST]

    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert errors_of(bench) == {
        ("huge", LAST): "scores hold NaN or infinite values",
        ("infinite", LAST): "scores hold NaN or infinite values",
        ("objects", LAST): "scores are of type object, not real numbers",
    }
    assert isinstance(close, tuple)
    assert [(cell["y_pred"], cell["scores"]) for cell in close[1]] == [(0, [1.0, 1.0, 0.0])] * len(close[1])


def test_cells_that_are_edited_to_the_truth_are_damaged(tmp_path: Path) -> None:
    store, row = new_store(tmp_path), make_row("majority")
    write_seed(store, row, always(0))
    for file in store.path.glob("cells/*/*/*/seed-0/*.json"):
        cell = read_plain(file)
        for prediction in cell["predictions"]:
            prediction["y_pred"] = row["folds"][cell["fold"]]["samples"][prediction["sample_id"]]
        write_sealed(file, cell)
    notices: list[str] = []
    (result,) = read_results(Store.open(store.path, notices.append))

    assert [(seed.done, dict(seed.slices)) for seed in result.seeds] == [(0, {})]
    assert len(notices) == len(row["folds"])
    assert all("which does not have the largest score" in notice for notice in notices)


@pytest.mark.slow
@pytest.mark.usefixtures("own_workers")
def test_a_method_that_searches_its_process_finds_no_test_label_no_id_and_no_results_folder(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOUND", str(tmp_path / "found.json"))
    monkeypatch.setenv("MER_BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MER_BENCH_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text(f'results = "{bench.results}"\n')
    ended = bench.run(*methods("honest", "snoops"))
    found = json.loads((tmp_path / "found.json").read_text())
    (row,) = [row for row in Store(bench.results).rows() if row["method"]["name"] == "snoops"]
    clips = [sample_id.split("/")[2] for fold in row["folds"].values() for sample_id in fold["samples"]]

    assert ended.code == 0
    assert "smic/synthetic01" in found["texts"]
    assert set(found["folds"]) == {LAST}
    assert not [text for text in found["texts"] if any(clip in text for clip in clips)]
    everything = json.dumps(found)
    for hidden in (str(bench.results), str(tmp_path / "data"), "config.toml"):
        assert hidden not in everything
    assert found["environment"]["FOUND"] in everything


@pytest.mark.slow
def test_the_process_that_imports_a_plugin_holds_no_fold_and_one_with_threads_runs_none(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOUND", str(tmp_path / "found"))
    ended = bench.run(*methods("honest", "watches", "watches-by-hooks"), *SMIC)
    errors = errors_of(bench)

    assert ended.code == 1
    assert not (tmp_path / "found").exists()
    assert sorted(errors) == [("watches", fold) for fold in sorted(TWO_FOLDS)]
    assert all("isolation_watch starts a thread when it is imported" in error for error in errors.values())
