"""`mer-bench store verify`: whatever byte of a store is changed, its file is named."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.bench import Bench
from support.report_case import verify
from support.store_factory import STORED_ROW as ROW
from support.store_factory import always, make_row, manifest, new_store, right, write_seed, wrong_for
from support.store_files import edit_record, plan, write_sealed

from mer_bench.store import Store, cell_key
from mer_bench.store.check import check_store
from mer_bench.store.near_duplicates import write_near_duplicates
from mer_bench.store.network import write_network
from mer_bench.store.run_plan import write_plan

FOLD = "samm-006"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One of each file: a network with two seeds, a failed cell, scores of epochs, and another row."""
    store = new_store(tmp_path)
    run_id = store.start_run(manifest())
    write_seed(store, ROW, right, oracle=always(0), run_id=run_id)
    write_seed(store, ROW, wrong_for("samm"), seed=3, oracle=always(1), failed={"smic-s1": "boom"}, run_id=run_id)
    write_seed(store, make_row("other"), always(2))
    verify(store, ROW, {(0, FOLD): "same", (3, "smic-s2"): "differs"})
    write_network(store, ROW, trainable=1234, flops=56, not_counted="")
    write_near_duplicates(store, ROW, {"threshold": 0.95, "highest": 0.625, "found": 0, "pairs": []})
    write_plan(store, plan(run_id, [(0, FOLD)]))
    return store


def named(store: Store) -> list[str]:
    return [problem.file for problem in check_store(store.path).problems]


def test_nothing_is_wrong_with_what_was_just_written(store: Store) -> None:
    checked = check_store(store.path)

    assert not checked.problems
    assert (checked.rows, checked.cells) == (2, 18)
    # 11 cells of the network have scores of epochs, one of its 12 failed; two runs, one with a plan.
    assert checked.files == 18 + 11 + 2 + 2 + 4 + 1


def files(store: Store) -> dict[str, Path]:
    """Return one file of each kind."""
    cell = store.cell_file(ROW, 0, FOLD)
    return {
        "cell": cell,
        "failed cell": store.cell_file(ROW, 3, "smic-s1"),
        "row": cell.parent.parent / "row.json",
        "verified": store.verification_file(ROW),
        "network": store.network_file(ROW),
        "near-duplicates": store.near_duplicates_file(ROW),
        "manifest": next(store.path.glob("runs/*/manifest.json")),
        "plan": next(store.path.glob("runs/*/plan.json")),
        "epoch scores": store.epoch_scores_file(cell_key(ROW["row_key"], 0, FOLD)),
    }


KINDS = ("cell", "failed cell", "row", "verified", "network", "near-duplicates", "manifest", "plan", "epoch scores")


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_found_wherever_it_is(store: Store, kind: str) -> None:
    file = files(store)[kind]
    content = file.read_bytes()
    step = max(1, len(content) // 40)
    places = [*range(0, len(content), step), len(content) - 1]
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        file.write_bytes(changed)
        assert str(file.relative_to(store.path)) in named(store), place
    file.write_bytes(content)

    assert len(places) > 40
    assert not named(store)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_was_cut_is_found(store: Store, kind: str) -> None:
    file = files(store)[kind]
    content = file.read_bytes()
    for length in (0, 1, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:length])
        assert str(file.relative_to(store.path)) in named(store), length


def test_a_digit_that_still_parses_makes_a_cell_absent(store: Store) -> None:
    """The largest score stays the largest: only the checksum tells."""
    file = store.cell_file(ROW, 0, FOLD)
    text = file.read_text()
    file.write_text(text.replace("1.0", "1.5", 1))
    notices: list[str] = []

    assert "1.5" in file.read_text()
    assert Store.open(store.path, notices.append).read_cell(ROW, 0, FOLD) is None
    (notice,) = notices
    assert "its checksum does not fit: it was damaged or edited" in notice


def lose_row(store: Store) -> str:
    (store.cell_file(ROW, 0, FOLD).parent.parent / "row.json").unlink()
    return "15 files in it belong to no usable row"


def lose_epochs(store: Store) -> str:
    files(store)["epoch scores"].unlink()
    return "is missing, and its cell is"


def lose_cell(store: Store) -> str:
    store.cell_file(ROW, 0, FOLD).unlink()
    return "belongs to no stored cell; `mer-bench store gc` removes it"


def lose_manifest(store: Store) -> str:
    (first, *_) = sorted(store.path.glob("runs/*/manifest.json"), key=lambda file: len(list(file.parent.iterdir())))
    first.unlink()
    return "is missing; how 6 cells were computed is not known"


def leave_temporary(store: Store) -> str:
    (store.path / "cells" / f".row.json.{'0' * 24}.tmp").write_text("{")
    return "is what a process writes, or has left"


def add_fold(store: Store) -> str:
    file = store.cell_file(ROW, 0, FOLD)
    file.with_name("smic-s9.json").write_bytes(file.read_bytes())
    return "its row has no such fold"


def add_file(store: Store) -> str:
    (store.cell_file(ROW, 0, FOLD).parent / "notes.txt").write_text("mine")
    return "1 files in it are none of a row; delete them"


def swap_manifests(store: Store) -> str:
    first, second = store.path.glob("runs/*/manifest.json")
    second.write_bytes(first.read_bytes())
    return "it is the manifest of another run"


def contradict(store: Store) -> str:
    edit_record(store.cell_file(ROW, 0, FOLD), lambda cell: cell["predictions"][0].update(y_pred=7))
    return "it predicts the label 7"


def misplan(store: Store) -> str:
    file = next(store.path.glob("runs/*/plan.json"))
    write_sealed(file, {"run_id": "x"})
    return "is missing or wrong; delete it, and plan the run again"


@pytest.mark.parametrize(
    "damage",
    [
        *(lose_row, lose_epochs, lose_cell, lose_manifest, leave_temporary, add_fold, add_file, swap_manifests),
        *(contradict, misplan),
    ],
)
def test_what_does_not_fit_together_is_named(bench: Bench, store: Store, damage: Callable[[Store], str]) -> None:
    clean = bench("store", "verify", "--results", store.path)
    reason = damage(store)
    shown = bench("store", "verify", "--results", store.path)
    (answer,) = bench("store", "verify", "--results", store.path, "--json").objects

    assert clean.code == 0
    assert clean.out.splitlines() == ["38 files with 2 rows and 18 cells: nothing is wrong"]
    assert shown.code == 1
    assert reason in shown.out
    assert any(reason in problem["problem"] for problem in answer["problems"])
    assert shown.out.splitlines()[-1].endswith(f": {len(answer['problems'])} problems")


def test_checking_writes_nothing(store: Store) -> None:
    before = {path: os.lstat(path).st_mtime_ns for path in store.path.rglob("*")}
    check_store(store.path)
    assert {path: os.lstat(path).st_mtime_ns for path in store.path.rglob("*")} == before


def test_a_record_has_its_checksum_last(store: Store) -> None:
    file = store.cell_file(ROW, 0, FOLD)
    before = file.read_bytes()
    assert list(json.loads(before))[-1] == "sha256"
    edit_record(file, lambda cell: None)
    assert file.read_bytes() == before
